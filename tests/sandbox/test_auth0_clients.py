"""Applications in the Management API, called with Auth0's SDK, and what their settings do at a login."""

from typing import Any

import pytest
from auth0.management.client import Auth0 as ManagementClient
from auth0.management.errors import BadRequestError, ForbiddenError, NotFoundError
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.sandbox.auth0 import CALLBACK, Browser, Tenant, sdk_with, undeclared

OURS = "sandboxStoreClient0000000000000a"
# Auth0 sends the deprecated field, too; the SDK's model of an answer lacks it.
FORMER = "oidc_backchannel_logout"


def test_an_application_has_the_declared_fields(admin: ManagementClient) -> None:
    client = admin.clients.get(OURS)

    assert undeclared(client, FORMER) == []
    assert (client.name, client.app_type, client.callbacks) == (
        "Web store",
        "regular_web",
        [CALLBACK, f"{CALLBACK}?from=query"],
    )
    assert client.jwt_configuration is not None
    assert (client.jwt_configuration.alg, client.jwt_configuration.lifetime_in_seconds) == ("RS256", 36_000)
    assert client.oidc_conformant is True


def test_a_new_application_gets_an_id_a_secret_and_defaults(admin: ManagementClient) -> None:
    client = admin.clients.create(name="Shop", app_type="regular_web", callbacks=["https://shop.example/cb"])

    assert undeclared(client) == []
    assert client.client_id is not None
    assert client.client_secret is not None
    assert (len(client.client_id), len(client.client_secret)) == (32, 64)
    assert client.grant_types == ["authorization_code", "implicit", "refresh_token", "client_credentials"]
    assert client.jwt_configuration is not None
    # The dashboard would choose RS256: https://auth0.com/docs/get-started/applications/signing-algorithms
    assert client.jwt_configuration.alg is None
    assert client.client_metadata is None
    assert admin.clients.get(client.client_id).callbacks == ["https://shop.example/cb"]


def test_lists_have_pages_filters_and_fields(tenant: Tenant, admin: ManagementClient) -> None:
    tenant.http.post("/_sandbox/seed", json={"clients": 120}).raise_for_status()

    everybody = list(admin.clients.list(per_page=50))
    assert len(everybody) == 123
    assert [client.name for client in everybody if client.global_] == ["All Applications"]
    assert len(list(admin.clients.list(is_global=False))) == 122
    machines = list(admin.clients.list(app_type="non_interactive", per_page=100))
    assert {client.app_type for client in machines} == {"non_interactive"}
    token = {"Authorization": f"Bearer {tenant.explorer_token()}"}
    page = tenant.management("GET", "/clients?page=1&per_page=100&include_totals=true", headers=token).json()
    assert {name: page[name] for name in ("start", "limit", "total", "length")} == {
        "start": 100,
        "limit": 100,
        "total": 123,
        "length": 23,
    }
    plain = tenant.management("GET", "/clients?per_page=2&fields=name,client_id", headers=token).json()
    assert [set(client) for client in plain] == [{"name", "client_id"}] * 2
    for query, part in (("per_page=101", "greater than maximum 100"), ("nmae=x", "not allowed: nmae")):
        refused = tenant.management("GET", f"/clients?{query}", headers=token)
        assert (refused.status_code, refused.json()["errorCode"]) == (400, "invalid_query_string")
        assert part in refused.json()["message"]


def test_a_patch_replaces_root_keys_and_merges_client_metadata(admin: ManagementClient) -> None:
    made = admin.clients.create(
        name="Shop",
        callbacks=["https://a.example", "https://b.example"],
        client_metadata={"a": "1", "b": "2"},
    )
    changed = admin.clients.update(
        str(made.client_id),
        callbacks=["https://c.example"],
        client_metadata={"a": None, "c": "3"},
        jwt_configuration={"alg": "RS256"},
    )

    assert undeclared(changed) == []
    assert (changed.name, changed.callbacks) == ("Shop", ["https://c.example"])
    assert changed.client_metadata == {"b": "2", "c": "3"}
    assert changed.jwt_configuration is not None
    # Replaced as a whole: the lifetime that it had before is gone.
    assert changed.jwt_configuration.lifetime_in_seconds is None
    assert changed.client_secret == made.client_secret


@pytest.mark.parametrize(
    ("sent", "part"),
    [
        ({"client_id": "x"}, "Additional properties not allowed: client_id"),
        ({"colour": "red", "size": 1}, "Additional properties not allowed: colour,size"),
        ({"callbacks": "https://x.example"}, "Expected type array but found type string"),
        ({"callbacks": ["https://x.example"] * 2}, "Array items are not unique (indexes 0 and 1)"),
        ({"name": ""}, "String does not match pattern"),
        ({"name": None}, "Expected type string but found type null"),
        ({"is_first_party": None}, "Expected type boolean but found type null"),
        ({"app_type": "website"}, "No enum match for: website"),
        ({"jwt_configuration": {"alg": "none"}}, "No enum match for: none"),
        ({"jwt_configuration": {"algorithm": "RS256"}}, "not allowed: algorithm"),
        ({"initiate_login_uri": "http://127.0.0.1/login"}, "absolute-https-uri"),
        (
            {"oidc_logout": {"backchannel_logout_urls": ["https://a.example", "https://b.example"]}},
            "Array is too long (2), maximum 1",
        ),
    ],
)
def test_a_body_that_is_refused_changes_nothing(tenant: Tenant, sent: dict[str, Any], part: str) -> None:
    headers = {"Authorization": f"Bearer {tenant.explorer_token()}"}
    before = tenant.management("GET", f"/clients/{OURS}", headers=headers).json()
    answer = tenant.management("PATCH", f"/clients/{OURS}", json=sent, headers=headers)

    assert answer.status_code == 400
    assert (answer.json()["error"], answer.json()["errorCode"]) == ("Bad Request", "invalid_body")
    assert part in answer.json()["message"]
    assert tenant.management("GET", f"/clients/{OURS}", headers=headers).json() == before


def test_the_secret_is_shown_with_its_scope_only(tenant: Tenant) -> None:
    secret = tenant.config.client_secret
    for scopes, fields in (
        (("read:clients",), {"callbacks"}),
        (("read:client_keys",), {"callbacks", "client_secret"}),
        (("read:client_summary",), set()),
    ):
        headers = {"Authorization": f"Bearer {tenant.explorer_token(*scopes)}"}
        client = tenant.management("GET", f"/clients/{OURS}", headers=headers).json()
        assert set(client) & {"callbacks", "client_secret"} == fields
        assert client["name"] == "Web store"
        assert client.get("client_secret", secret) == secret
    with sdk_with(tenant, tenant.explorer_token("create:clients")) as sdk:
        assert sdk.clients.create(name="Shop").client_secret is None


ENDPOINTS = """
GET /clients read:clients
POST /clients create:clients
PATCH /clients/x update:clients
DELETE /clients/x delete:clients
GET /client-grants read:client_grants
POST /client-grants create:client_grants
GET /client-grants/x read:client_grants
PATCH /client-grants/x update:client_grants
DELETE /client-grants/x delete:client_grants
GET /resource-servers read:resource_servers
POST /resource-servers create:resource_servers
GET /resource-servers/x read:resource_servers
PATCH /resource-servers/x update:resource_servers
DELETE /resource-servers/x delete:resource_servers
GET /actions/actions read:actions
POST /actions/actions create:actions
GET /actions/actions/x read:actions
PATCH /actions/actions/x update:actions
DELETE /actions/actions/x delete:actions
POST /actions/actions/x/deploy create:actions
GET /actions/actions/x/versions read:actions
POST /actions/actions/x/versions/x/deploy create:actions
GET /actions/triggers read:actions
GET /actions/triggers/post-login/bindings read:actions
PATCH /actions/triggers/post-login/bindings update:actions
POST /jobs/users-exports read:users
GET /jobs/x read:users
GET /tenants/settings read:tenant_settings
PATCH /tenants/settings update:tenant_settings
GET /custom-domains read:custom_domains
GET /connections read:connections
GET /logs read:logs
"""


def test_each_endpoint_needs_its_scope(tenant: Tenant) -> None:
    without = {"Authorization": f"Bearer {tenant.explorer_token('read:stats')}"}
    for line in ENDPOINTS.strip().splitlines():
        method, path, scope = line.split()
        refused = tenant.management(method, path, headers=without, json={})
        assert (refused.status_code, refused.json()["errorCode"]) == (403, "insufficient_scope"), line
        assert scope in refused.json()["message"]
        enough = {"Authorization": f"Bearer {tenant.explorer_token(scope)}"}
        answer = tenant.management(method, path, headers=enough, json={})
        assert answer.status_code in (200, 204, 400, 404), line


def test_what_auth0_has_and_the_sandbox_lacks_is_501(tenant: Tenant) -> None:
    headers = {"Authorization": f"Bearer {tenant.explorer_token()}"}
    for method, path, sent in (
        ("PATCH", f"/clients/{OURS}", {"fedcm_login": {}}),
        ("PATCH", f"/clients/{OURS}", {"jwt_configuration": {"alg": "PS256"}}),
        ("PATCH", "/tenants/settings", {"country_codes": {}}),
        ("GET", "/clients?q=x", None),
        ("GET", "/custom-domains?q=x", None),
        ("POST", f"/clients/{OURS}/rotate-secret", {}),
    ):
        answer = tenant.management(method, path, json=sent, headers=headers)
        assert (answer.status_code, answer.json()["errorCode"]) == (501, "sandbox_not_implemented")


def test_an_application_may_require_an_organization(admin: ManagementClient, browser: Browser) -> None:
    admin.clients.update(OURS, organization_usage="require")
    assert browser.arrived(browser.authorize()).answer["error"] == "invalid_request"
    assert browser.authorize(organization="org_sandbox000000001").status_code == 200


def test_unknown_applications(admin: ManagementClient) -> None:
    for call in (admin.clients.get, admin.clients.update):
        with pytest.raises(NotFoundError) as caught:
            call("nobody")
        body: Any = caught.value.body
        assert (body["message"], body["errorCode"]) == ("The client does not exist", "inexistent_client")
    admin.clients.delete("nobody")


def test_a_deleted_application_is_gone_with_its_grants(tenant: Tenant, admin: ManagementClient) -> None:
    admin.clients.delete(tenant.config.mgmt_client_id)
    assert list(admin.client_grants.list()) == []
    answer = tenant.http.post(
        "/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_id": tenant.config.mgmt_client_id,
            "client_secret": tenant.config.mgmt_client_secret,
            "audience": tenant.config.management_audience,
        },
    )
    assert answer.status_code == 401
    glob = next(client for client in admin.clients.list() if client.global_)
    with pytest.raises(BadRequestError):
        admin.clients.delete(str(glob.client_id))


def test_a_token_without_any_scope_of_clients_is_refused(tenant: Tenant) -> None:
    with sdk_with(tenant, tenant.explorer_token("read:users")) as sdk, pytest.raises(ForbiddenError):
        sdk.clients.get(OURS)


def test_registered_urls_count_at_once(tenant: Tenant, admin: ManagementClient, browser: Browser) -> None:
    elsewhere = f"{CALLBACK}/new"
    assert browser.authorize(redirect_uri=elsewhere).status_code == 400
    admin.clients.update(OURS, callbacks=[elsewhere], allowed_logout_urls=["http://127.0.0.1:9/bye"])

    assert browser.authorize(redirect_uri=elsewhere).status_code == 200
    assert browser.authorize().status_code == 400
    asked = {"client_id": OURS, "returnTo": "http://127.0.0.1:9/bye"}
    left = tenant.http.get("/v2/logout", params=asked)
    assert left.headers["Location"] == "http://127.0.0.1:9/bye"
    asked["returnTo"] = "http://127.0.0.1:9/logged-out"
    assert tenant.http.get("/v2/logout", params=asked).status_code == 400


def test_the_grant_types_count_at_once(tenant: Tenant, admin: ManagementClient, browser: Browser) -> None:
    login = browser.log_in()
    admin.clients.update(OURS, grant_types=["client_credentials"])
    refused = tenant.exchange(login)
    assert (refused.status_code, refused.json()["error"]) == (403, "unauthorized_client")


def test_an_application_on_hs256_signs_with_its_secret(
    tenant: Tenant, admin: ManagementClient, browser: Browser
) -> None:
    admin.clients.update(
        OURS,
        jwt_configuration={"alg": "HS256", "lifetime_in_seconds": 600},
    )
    token = jwt.decode(
        browser.tokens()["id_token"], OctKey.import_key(tenant.config.client_secret), algorithms=["HS256"]
    )
    assert token.header["alg"] == "HS256"
    assert token.claims["exp"] - token.claims["iat"] == 600
