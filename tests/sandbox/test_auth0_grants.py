"""Client grants and APIs in the Management API, and the tokens that they lead to."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest
from auth0.management.client import Auth0 as ManagementClient
from auth0.management.errors import BadRequestError, ConflictError, NotFoundError
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.sandbox.auth0 import API, Browser, Tenant, undeclared

SHOP_API = "https://shop-api.example/"
SHARED = "a secret of sixteen characters at least"


def body(error: Any) -> dict[str, Any]:
    found: dict[str, Any] = error.body
    return found


def shop_api(admin: ManagementClient, **changes: Any) -> str:
    """Create an API with two permissions. Returns its ID."""
    scopes: Any = [{"value": "read:me", "description": "Read"}, {"value": "create:checkout"}]
    made = admin.resource_servers.create(name="Shop", identifier=SHOP_API, scopes=scopes, **changes)
    assert undeclared(made, "token_lifetime_for_web") == []
    return str(made.id)


def test_an_api_is_found_by_its_id_and_by_its_identifier(admin: ManagementClient) -> None:
    api_id = shop_api(admin)
    for name in (api_id, SHOP_API):
        api = admin.resource_servers.get(name)
        assert (api.id, api.identifier, api.token_lifetime) == (api_id, SHOP_API, 86_400)
        assert api.scopes is not None
        assert [scope.value for scope in api.scopes] == ["read:me", "create:checkout"]
        assert (api.signing_alg, api.is_system) == ("RS256", None)
    with pytest.raises(NotFoundError) as caught:
        admin.resource_servers.get("https://nowhere.example/")
    assert body(caught.value)["errorCode"] == "inexistent_resource_server"


def test_an_identifier_is_unique_and_stays(tenant: Tenant, admin: ManagementClient) -> None:
    api_id = shop_api(admin)
    with pytest.raises(ConflictError) as caught:
        admin.resource_servers.create(identifier=SHOP_API)
    assert body(caught.value)["statusCode"] == 409
    headers = {"Authorization": f"Bearer {tenant.explorer_token()}"}
    answer = tenant.management(
        "PATCH", f"/resource-servers/{api_id}", json={"identifier": "https://other.example/"}, headers=headers
    )
    assert "Additional properties not allowed: identifier" in answer.json()["message"]


def test_a_patch_replaces_all_scopes(admin: ManagementClient) -> None:
    shop_api(admin)
    scopes: Any = [{"value": "read:me"}]
    changed = admin.resource_servers.update(SHOP_API, scopes=scopes, token_lifetime=600)
    assert changed.scopes is not None
    assert [scope.value for scope in changed.scopes] == ["read:me"]
    assert (changed.name, changed.token_lifetime) == ("Shop", 600)
    listed = {str(api.identifier) for api in admin.resource_servers.list()}
    assert listed == {"https://shop-api.example/", API, *(it for it in listed if it.endswith("/api/v2/"))}
    only = list(admin.resource_servers.list(identifiers=[SHOP_API]))
    assert [api.identifier for api in only] == [SHOP_API]


def test_the_management_api_is_a_system_api(tenant: Tenant, admin: ManagementClient) -> None:
    audience = tenant.config.management_audience
    api = admin.resource_servers.get(audience)
    assert (api.name, api.is_system) == ("Auth0 Management API", True)
    assert api.scopes is not None
    assert "update:users_app_metadata" in {scope.value for scope in api.scopes}
    with pytest.raises(BadRequestError) as caught:
        admin.resource_servers.update(audience, name="Ours")
    assert "Additional properties not allowed: name" in body(caught.value)["message"]
    with pytest.raises(BadRequestError):
        admin.resource_servers.delete(audience)
    assert admin.resource_servers.update(audience, token_lifetime=600).token_lifetime == 600
    assert tenant.http.get(f"/api/v2/resource-servers/{quote(audience, safe='')}").status_code == 401


def test_a_new_api_is_one_to_log_in_for(tenant: Tenant, admin: ManagementClient, browser: Browser) -> None:
    shop_api(admin, token_lifetime=600)
    tokens = browser.tokens(audience=SHOP_API, scope="openid read:me nonsense")
    claims = tenant.claims(tokens["access_token"])
    assert claims["aud"][0] == SHOP_API
    assert (tokens["expires_in"], claims["exp"] - claims["iat"]) == (600, 600)
    assert claims["scope"] == "openid read:me"
    assert "permissions" not in claims

    admin.resource_servers.update(SHOP_API, enforce_policies=True, token_dialect="access_token_authz")
    claims = tenant.claims(browser.tokens(audience=SHOP_API, scope="openid read:me")["access_token"])
    assert (claims["scope"], claims["permissions"]) == ("openid", [])

    admin.resource_servers.update(SHOP_API, signing_alg="HS256", signing_secret=SHARED)
    token = browser.tokens(audience=SHOP_API)["access_token"]
    key = OctKey.import_key(SHARED)
    assert jwt.decode(token, key, algorithms=["HS256"]).header["alg"] == "HS256"

    admin.resource_servers.delete(SHOP_API)
    assert browser.arrived(browser.authorize(audience=SHOP_API)).answer["error"] == "access_denied"


def test_a_grant_is_what_a_machine_gets(tenant: Tenant, admin: ManagementClient) -> None:
    shop_api(admin)
    machine = tenant.config.mgmt_client_id
    with pytest.raises(httpx.HTTPStatusError) as denied:
        tenant.management_token(audience=SHOP_API)
    assert denied.value.response.status_code == 403
    assert "not authorized to access" in denied.value.response.json()["error_description"]

    grant = admin.client_grants.create(client_id=machine, audience=SHOP_API, scope=["read:me"])
    assert undeclared(grant) == []
    assert (grant.client_id, grant.audience, grant.scope, grant.subject_type) == (
        machine,
        SHOP_API,
        ["read:me"],
        "client",
    )
    assert tenant.claims(tenant.management_token(audience=SHOP_API))["scope"] == "read:me"
    with pytest.raises(ConflictError):
        admin.client_grants.create(client_id=machine, audience=SHOP_API, scope=[])

    admin.client_grants.update(str(grant.id), scope=["read:me", "create:checkout"])
    assert tenant.claims(tenant.management_token(audience=SHOP_API))["scope"] == "read:me create:checkout"
    every = admin.client_grants.update(str(grant.id), allow_all_scopes=True)
    assert (every.scope, every.allow_all_scopes) == (None, True)
    assert tenant.claims(tenant.management_token(audience=SHOP_API))["scope"] == "read:me create:checkout"

    admin.client_grants.delete(str(grant.id))
    with pytest.raises(httpx.HTTPStatusError):
        tenant.management_token(audience=SHOP_API)
    with pytest.raises(NotFoundError):
        admin.client_grants.get(str(grant.id))


def test_the_own_grant_of_the_management_api_can_be_changed(tenant: Tenant, admin: ManagementClient) -> None:
    audience, machine = tenant.config.management_audience, tenant.config.mgmt_client_id
    (grant,) = admin.client_grants.list(client_id=machine, audience=audience)
    assert grant.scope == tenant.auth0.state.settings.management_scopes

    admin.client_grants.update(str(grant.id), scope=["read:users"])
    assert tenant.claims(tenant.management_token())["scope"] == "read:users"
    tenant.settings(management_scopes=["read:users", "update:users"])
    assert admin.client_grants.get(str(grant.id)).scope == ["read:users", "update:users"]
    tenant.http.post("/_sandbox/reset").raise_for_status()
    assert len(tenant.claims(tenant.management_token())["scope"].split()) == 6


@pytest.mark.parametrize(
    ("sent", "status", "part"),
    [
        ({"client_id": "nobody", "scope": []}, 404, "The client does not exist"),
        (
            {"audience": "https://nowhere.example", "scope": []},
            404,
            "No resource with identifier https://nowhere",
        ),
        ({"scope": ["read:me", "fly"]}, 400, "not defined in the resource server: fly"),
        ({}, 400, "Missing required property: scope"),
        ({"scope": [], "scopes": []}, 400, "Additional properties not allowed: scopes"),
    ],
)
def test_a_grant_that_is_refused(
    tenant: Tenant, admin: ManagementClient, sent: dict[str, Any], status: int, part: str
) -> None:
    shop_api(admin)
    grant = {"client_id": tenant.config.mgmt_client_id, "audience": SHOP_API, **sent}
    headers = {"Authorization": f"Bearer {tenant.explorer_token()}"}
    answer = tenant.management("POST", "/client-grants", json=grant, headers=headers)
    assert (answer.status_code, answer.json()["statusCode"]) == (status, status)
    assert part in answer.json()["message"]


def test_grants_are_listed_by_numbers_and_by_checkpoints(tenant: Tenant, admin: ManagementClient) -> None:
    tenant.http.post("/_sandbox/seed", json={"grants": 5}).raise_for_status()
    assert len(list(admin.client_grants.list(take=2))) == 6
    headers = {"Authorization": f"Bearer {tenant.explorer_token()}"}
    first = tenant.management("GET", "/client-grants?take=4", headers=headers).json()
    rest = tenant.management("GET", f"/client-grants?take=4&from={first['next']}", headers=headers).json()
    assert (len(first["client_grants"]), len(rest["client_grants"]), "next" in rest) == (4, 2, False)
    page = tenant.management("GET", "/client-grants?per_page=4&include_totals=true", headers=headers).json()
    assert (page["total"], page["limit"], len(page["client_grants"])) == (6, 4, 4)
    assert len(tenant.management("GET", "/client-grants?page=1&per_page=4", headers=headers).json()) == 2
    assert tenant.management("GET", "/client-grants?take=101", headers=headers).status_code == 400
