"""The controls that make a new tenant, or one with other people's things in it."""

from typing import Any

import httpx
import pytest
from auth0.management.client import Auth0 as ManagementClient

from tests.sandbox.auth0 import ADA, Browser, Tenant


def seed(tenant: Tenant, **spec: Any) -> httpx.Response:
    return tenant.http.post("/_sandbox/seed", json=spec)


def test_an_empty_tenant_has_the_default_app_only(tenant: Tenant, admin: ManagementClient) -> None:
    seed(tenant, clients=3, actions=2, grants=1).raise_for_status()
    tenant.http.post("/_sandbox/reset", json={"empty": True}).raise_for_status()

    assert [client.name for client in admin.clients.list(is_global=False)] == ["Default App"]
    assert [api.name for api in admin.resource_servers.list()] == ["Auth0 Management API"]
    assert list(admin.client_grants.list()) == []
    assert list(admin.actions.list()) == []
    assert list(admin.actions.triggers.bindings.list("post-login")) == []
    assert list(admin.users.list()) == []
    assert tenant.http.post("/oauth/token", data={"grant_type": "client_credentials"}).status_code == 401

    tenant.http.post("/_sandbox/reset").raise_for_status()
    assert admin.users.get(ADA).email == "ada@example.com"
    assert len(list(admin.clients.list(is_global=False))) == 2


def test_a_new_tenant_is_set_up_by_calls_alone(tenant: Tenant, admin: ManagementClient) -> None:
    tenant.http.post("/_sandbox/reset", json={"empty": True}).raise_for_status()
    jwt: Any = {"alg": "RS256", "lifetime_in_seconds": 36_000}
    callback = "http://127.0.0.1:9/callback"
    store = admin.clients.create(
        name="Web store",
        app_type="regular_web",
        oidc_conformant=True,
        callbacks=[callback],
        jwt_configuration=jwt,
    )
    machine = admin.clients.create(
        name="Links", app_type="non_interactive", grant_types=["client_credentials"]
    )
    audience = tenant.config.management_audience
    admin.client_grants.create(client_id=machine.client_id, audience=audience, scope=["read:users"])

    with Browser(tenant) as browser:
        page = browser.authorize(client_id=store.client_id, screen_hint="signup")
        login = browser.arrived(browser.submit(page, email="new@example.com", password="Password1!"))
    tokens = tenant.exchange(
        login, client_id=str(store.client_id), client_secret=str(store.client_secret)
    ).json()
    assert tenant.claims(tokens["id_token"])["aud"] == store.client_id
    token = tenant.management_token(
        client_id=str(machine.client_id), client_secret=str(machine.client_secret)
    )
    assert tenant.claims(token)["scope"] == "read:users"


def test_tokens_of_the_api_explorer(tenant: Tenant) -> None:
    claims = tenant.claims(tenant.explorer_token("read:users", "create:actions"))
    assert (claims["aud"], claims["scope"]) == (
        tenant.config.management_audience,
        "read:users create:actions",
    )
    assert "update:tenant_settings" in tenant.claims(tenant.explorer_token())["scope"].split()
    for wrong in ({"scopes": ["fly:away"]}, {"scopes": "read:users"}, ["read:users"]):
        assert tenant.http.post("/_sandbox/auth0/token", json=wrong).status_code == 400


def test_a_tenant_with_things_of_others(tenant: Tenant, admin: ManagementClient) -> None:
    assert seed(tenant, clients=60, actions=3, grants=1).json() == {"clients": 60, "actions": 3, "grants": 1}
    names = [client.name for client in admin.clients.list(is_global=False)]
    assert len(names) == 63
    assert names.count("Web store") == 2
    flow = list(admin.actions.triggers.bindings.list("post-login"))
    assert [it.display_name for it in flow] == ["Step 0", "Step 1", "Step 2"]
    assert [action.all_changes_deployed for action in admin.actions.list()] == [False, True, True]
    (grant,) = admin.client_grants.list(audience="https://api0.others.example/")
    assert grant.scope == ["read:things"]
    assert admin.users.get(ADA).email == "ada@example.com"
    for wrong in ({"clients": -1}, {"clients": 1, "users": 1}, {"apps": 1}):
        assert seed(tenant, **wrong).status_code == 400


def test_the_index_describes_every_control(tenant: Tenant) -> None:
    listed = tenant.http.get("/_sandbox/").json()["endpoints"]
    there = {
        f"{method} {rule.rule}"
        for rule in tenant.auth0.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/_sandbox/") and rule.rule != "/_sandbox/"
    }
    described = {
        f"{method} {path}"
        for methods, path in (entry.rsplit(" ", 1) for entry in listed)
        for method in methods.split(", ")
    }
    assert described == there
    assert "Default App" in listed["POST /_sandbox/reset"]


@pytest.mark.parametrize("wrong", [{"empty": 1}, {"clean": True}, [True]])
def test_a_reset_that_makes_no_sense_is_refused(tenant: Tenant, wrong: object) -> None:
    assert tenant.http.post("/_sandbox/reset", json=wrong).status_code == 400
