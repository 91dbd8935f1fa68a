"""Tenant settings, custom domains, connections and logs in the Management API, called with Auth0's SDK."""

from typing import Any

import httpx
import pytest
from auth0.management.client import Auth0 as ManagementClient

from tests.sandbox.auth0 import ADA, CALLBACK, Browser, Tenant, query, undeclared


def test_settings_are_replaced_one_by_one_and_flags_merged(tenant: Tenant, admin: ManagementClient) -> None:
    settings = admin.tenants.settings.get()
    assert undeclared(settings) == []
    assert (settings.friendly_name, settings.session_lifetime) == ("Sandbox", 168)
    flags: Any = {"enable_client_connections": False}
    changed = admin.tenants.settings.update(friendly_name="Shop", support_email="a@shop.example", flags=flags)
    assert (changed.friendly_name, changed.support_email, changed.session_lifetime) == (
        "Shop",
        "a@shop.example",
        168,
    )
    assert changed.flags is not None
    assert (changed.flags.enable_client_connections, changed.flags.enable_sso) == (False, True)
    headers = {"Authorization": f"Bearer {tenant.explorer_token()}"}
    some = tenant.management("GET", "/tenants/settings?fields=friendly_name", headers=headers).json()
    assert some == {"friendly_name": "Shop"}
    for sent in (
        {"colour": "red"},
        {"session_lifetime": 0},
        {"flags": {"colour": True}},
        {"friendly_name": 1},
    ):
        answer = tenant.management("PATCH", "/tenants/settings", json=sent, headers=headers)
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_body")
    reading = {"Authorization": f"Bearer {tenant.explorer_token('read:tenant_settings')}"}
    assert tenant.management("PATCH", "/tenants/settings", json={}, headers=reading).status_code == 403


def test_settings_take_effect(tenant: Tenant, admin: ManagementClient, browser: Browser) -> None:
    admin.tenants.settings.update(
        session_lifetime=10,
        idle_session_lifetime=2,
        allowed_logout_urls=["https://shop.example/"],
        authorization_response_iss_parameter_supported=True,
    )
    assert browser.log_in().answer["iss"] == tenant.config.issuer
    tenant.advance(2 * 3600 - 60)
    assert browser.authorize(prompt="none").next_request is not None
    tenant.advance(2 * 3600 + 60)
    refused = browser.arrived(browser.authorize(prompt="none"))
    assert refused.answer["error"] == "login_required"
    left = tenant.http.get("/v2/logout?returnTo=https://shop.example/")
    assert left.headers["Location"] == "https://shop.example/"


def test_custom_domains_are_listed_and_no_audience(tenant: Tenant, admin: ManagementClient) -> None:
    assert admin.custom_domains.list() == []
    port = tenant.config.domain.rpartition(":")[2]
    own = f"localhost:{port}"
    tenant.settings(custom_domains=[own])
    (domain,) = admin.custom_domains.list()
    assert undeclared(domain) == []
    assert (domain.domain, domain.status, domain.primary) == (own, "ready", True)
    headers = {"Authorization": f"Bearer {tenant.explorer_token()}"}
    paged = tenant.management("GET", "/custom-domains?take=10", headers=headers).json()
    assert [it["domain"] for it in paged["custom_domains"]] == [own]
    # https://auth0.com/docs/customize/custom-domains/configure-features-to-use-custom-domains
    with pytest.raises(httpx.HTTPStatusError) as caught:
        tenant.management_token(audience=f"https://{own}/api/v2/")
    assert caught.value.response.status_code == 403
    assert caught.value.response.json()["error_description"] == f"Service not found: https://{own}/api/v2/"


def test_a_custom_domain_issues_tokens_in_its_name(tenant: Tenant, browser: Browser) -> None:
    own = f"localhost:{tenant.config.domain.rpartition(':')[2]}"
    assert (
        tenant.http.get(f"http://{own}/.well-known/openid-configuration").json()["issuer"]
        == tenant.config.issuer
    )
    tenant.settings(custom_domains=[own])

    known = tenant.http.get(f"http://{own}/.well-known/openid-configuration").json()
    assert (known["issuer"], known["token_endpoint"]) == (f"http://{own}/", f"http://{own}/oauth/token")
    login = browser.log_in()
    form = {
        "grant_type": "authorization_code",
        "client_id": tenant.config.client_id,
        "client_secret": tenant.config.client_secret,
        "code": login.answer["code"],
        "redirect_uri": CALLBACK,
        "code_verifier": login.verifier,
    }
    token = tenant.http.post(known["token_endpoint"], data=form).json()["id_token"]
    assert tenant.claims(token)["iss"] == f"http://{own}/"
    left = tenant.http.get("/oidc/logout", params={"id_token_hint": token})
    assert left.status_code == 200
    assert browser.id_token()["iss"] == tenant.config.issuer


def test_connections_name_the_applications_that_have_them(tenant: Tenant, admin: ManagementClient) -> None:
    connections = list(admin.connections.list())
    assert [it.name for it in connections] == ["Username-Password-Authentication", "google-oauth2"]
    assert [it.name for it in admin.connections.list(strategy="auth0")] == [connections[0].name]
    enabled = {it.client_id for it in admin.connections.clients.get(str(connections[0].id))}
    assert enabled == {tenant.config.client_id, tenant.config.mgmt_client_id}


def test_logins_and_changes_are_logged(tenant: Tenant, admin: ManagementClient, browser: Browser) -> None:
    browser.submit(browser.authorize(), email="ada@example.com", password="wrong")
    browser.tokens()
    browser.authorize(prompt="none")
    browser.http.get("/v2/logout")
    browser.authorize(prompt="none")
    admin.clients.update(tenant.config.client_id, description="The shop")

    entries = list(admin.logs.list())
    assert undeclared(entries, "_id") == []
    assert [it.type for it in entries] == ["sapi", "fsa", "slo", "ssa", "seacft", "s", "fp"]
    login = entries[5]
    assert (login.user_id, login.client_id, login.connection) == (
        ADA,
        tenant.config.client_id,
        "Username-Password-Authentication",
    )
    assert (login.client_name, login.user_name) == ("Web store", "ada@example.com")
    assert admin.logs.get(str(login.log_id)).type == "s"

    headers = {"Authorization": f"Bearer {tenant.explorer_token('read:logs')}"}

    def types(parameters: dict[str, str]) -> list[str]:
        answer = tenant.management("GET", "/logs", params=parameters, headers=headers)
        assert answer.status_code == 200, answer.text
        return [entry["type"] for entry in answer.json()]

    assert types({"q": 'type:"fp"'}) == ["fp"]
    assert types({"q": f'user_id:"{ADA}" AND type:s'}) == ["s"]
    assert types({"per_page": "2", "page": "1"}) == ["slo", "ssa"]
    assert types({"sort": "date:1", "per_page": "1"}) == ["fp"]
    assert types({"from": str(login.log_id), "take": "2"}) == ["seacft", "ssa"]
    for wrong, status in (({"q": "type:(s OR f)"}, 501), ({"per_page": "101"}, 400), ({"type": "s"}, 400)):
        assert tenant.management("GET", "/logs", params=wrong, headers=headers).status_code == status


def test_what_a_failed_login_leaves_in_the_log(admin: ManagementClient, browser: Browser) -> None:
    refused = browser.authorize(audience="https://nowhere.example")
    assert query(str(refused.next_request.url if refused.next_request else ""))["error"] == "access_denied"
    (entry,) = admin.logs.list()
    assert (entry.type, entry.description) == ("f", "Service not found: https://nowhere.example")
