"""Account linking in the Management API, called with Auth0's SDK or with plain HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from auth0.management.client import Auth0 as ManagementClient
from auth0.management.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError

from tests.sandbox.auth0 import ADA, GRACE, PASSWORD, Browser, Tenant, running_tenant, sdk_of

ADAS, GRACES = ADA.partition("|")[2], GRACE.partition("|")[2]


@pytest.fixture
def sdk(tenant: Tenant) -> Iterator[ManagementClient]:
    with sdk_of(tenant) as sdk:
        yield sdk


def merge(sdk: ManagementClient) -> list[Any]:
    """Merge Grace's account into Ada's."""
    return list(sdk.users.identities.link(ADA, provider="auth0", user_id=GRACES))


def test_a_merged_user_is_an_identity_and_no_user_any_more(tenant: Tenant, sdk: ManagementClient) -> None:
    sdk.users.update(ADA, app_metadata={"stripe_customer_id": "cus_1"})
    sdk.users.update(GRACE, app_metadata={"stripe_customer_id": "cus_2", "plan": "gold"})

    assert [it.user_id for it in merge(sdk)] == [ADAS, GRACES]

    user = tenant.management("GET", f"/users/{ADA}").json()
    assert [(it["provider"], it["user_id"]) for it in user["identities"]] == [
        ("auth0", ADAS),
        ("auth0", GRACES),
    ]
    # The profile stays the primary's; the secondary's is kept beside its identity, without its metadata.
    assert (user["email"], user["app_metadata"]) == ("ada@example.com", {"stripe_customer_id": "cus_1"})
    assert "profileData" not in user["identities"][0]
    assert user["identities"][1]["profileData"]["email"] == "grace@example.com"
    assert tenant.management("GET", f"/users/{GRACE}").status_code == 404
    assert tenant.management("GET", "/users-by-email", params={"email": "grace@example.com"}).json() == []
    found = tenant.management("GET", "/users", params={"q": f'identities.user_id:"{GRACES}"'}).json()
    assert [it["user_id"] for it in found] == [ADA]


def test_the_merged_account_logs_in_as_the_primary(tenant: Tenant, sdk: ManagementClient) -> None:
    with Browser(tenant) as graces:
        assert graces.id_token(email="grace@example.com")["sub"] == GRACE
        merge(sdk)
        # Her session has ended with her record.
        assert "login_required" in str(graces.authorize(prompt="none").next_request.url)  # type: ignore[union-attr]
        token = graces.id_token(email="grace@example.com", password=PASSWORD)
    assert (token["sub"], token["email"]) == (ADA, "ada@example.com")


def test_a_split_account_is_a_new_user_with_its_old_id(tenant: Tenant, sdk: ManagementClient) -> None:
    sdk.users.update(GRACE, app_metadata={"stripe_customer_id": "cus_2"})
    before = tenant.management("GET", f"/users/{GRACE}").json()
    merge(sdk)
    tenant.advance(1000)

    left = sdk.users.identities.delete(ADA, "auth0", GRACES)

    assert [it.user_id for it in left] == [ADAS]
    fresh = tenant.management("GET", f"/users/{GRACE}").json()
    assert (fresh["user_id"], fresh["email"]) == (GRACE, "grace@example.com")
    assert fresh["created_at"] > before["created_at"]
    assert "app_metadata" not in fresh
    with Browser(tenant) as browser:
        assert browser.id_token(email="grace@example.com", password=PASSWORD)["sub"] == GRACE


def test_a_social_account_can_be_merged_and_split(tenant: Tenant, sdk: ManagementClient) -> None:
    with Browser(tenant) as browser:
        page = browser.authorize(connection="google-oauth2")
        code = browser.arrived(browser.submit(page, email="ada@gmail.example", name="Ada"))
        social = tenant.claims(tenant.exchange(code).json()["id_token"])["sub"]
    provider, _, account = social.partition("|")
    sdk.users.identities.link(ADA, provider=provider, user_id=account)
    with Browser(tenant) as browser:
        page = browser.authorize(connection="google-oauth2")
        code = browser.arrived(browser.submit(page, email="ada@gmail.example"))
        assert tenant.claims(tenant.exchange(code).json()["id_token"])["sub"] == ADA
    sdk.users.identities.delete(ADA, provider, account)
    assert tenant.management("GET", f"/users/{social}").status_code == 200


def test_accounts_that_were_merged_before_move_along(tenant: Tenant, sdk: ManagementClient) -> None:
    with Browser(tenant) as browser:
        page = browser.authorize(screen_hint="signup")
        code = browser.arrived(browser.submit(page, email="eve@example.com", password=PASSWORD))
        eve = tenant.claims(tenant.exchange(code).json()["id_token"])["sub"]
    merge(sdk)
    merged = sdk.users.identities.link(eve, provider="auth0", user_id=ADAS)
    assert [it.user_id for it in merged] == [eve.partition("|")[2], ADAS, GRACES]
    with Browser(tenant) as browser:
        assert browser.id_token(email="grace@example.com")["sub"] == eve


def test_an_id_token_names_the_account_to_merge() -> None:
    both = {"client_id": "one-application", "client_secret": "one-secret"}
    managing = {f"mgmt_{name}": value for name, value in both.items()}
    with running_tenant(**both, **managing) as tenant, Browser(tenant) as browser:
        graces = browser.tokens(email="grace@example.com")["id_token"]
        broken = tenant.management("POST", f"/users/{ADA}/identities", json={"link_with": f"{graces}x"})
        assert broken.status_code == 400
        answer = tenant.management("POST", f"/users/{ADA}/identities", json={"link_with": graces})
        assert (answer.status_code, [it["user_id"] for it in answer.json()]) == (201, [ADAS, GRACES])


def test_an_id_token_of_another_application_is_refused(tenant: Tenant) -> None:
    with Browser(tenant) as browser:
        graces = browser.tokens(email="grace@example.com")["id_token"]
    answer = tenant.management("POST", f"/users/{ADA}/identities", json={"link_with": graces})
    assert (answer.status_code, answer.json()["error"]) == (400, "Bad Request")
    assert tenant.management("GET", f"/users/{GRACE}").status_code == 200


def test_merging_twice_is_a_conflict(sdk: ManagementClient) -> None:
    merge(sdk)
    with pytest.raises(ConflictError) as refused:
        merge(sdk)
    assert refused.value.body["statusCode"] == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"provider": "auth0"},
        {"user_id": GRACES},
        {"provider": "auth0", "user_id": ADAS},
        {"provider": "auth0", "user_id": "000000000000000000000099"},
        {"provider": "auth0", "user_id": GRACES, "link_with": "a.b.c"},
        {"provider": 7, "user_id": GRACES},
        {"link_with": 7},
        {"provider": "auth0", "user_id": GRACES, "more": 1},
    ],
)
def test_what_cannot_be_merged_is_refused_and_nothing_changes(tenant: Tenant, body: Any) -> None:
    answer = tenant.management("POST", f"/users/{ADA}/identities", json=body)
    assert (answer.status_code, answer.json()["statusCode"]) == (400, 400)
    assert len(tenant.management("GET", f"/users/{ADA}").json()["identities"]) == 1
    assert tenant.management("GET", f"/users/{GRACE}").status_code == 200


@pytest.mark.parametrize(
    ("provider", "account"), [("auth0", ADAS), ("auth0", GRACES), ("google-oauth2", "1")]
)
def test_only_a_merged_identity_can_be_split_off(sdk: ManagementClient, provider: Any, account: str) -> None:
    with pytest.raises(BadRequestError):
        sdk.users.identities.delete(ADA, provider, account)
    assert sdk.users.get(ADA).user_id == ADA


def test_linking_needs_its_scope(tenant: Tenant) -> None:
    tenant.settings(management_scopes=["read:users", "update:users_app_metadata"])
    with sdk_of(tenant) as sdk:
        with pytest.raises(ForbiddenError) as refused:
            merge(sdk)
        with pytest.raises(ForbiddenError):
            sdk.users.identities.delete(ADA, "auth0", GRACES)
    assert refused.value.body["errorCode"] == "insufficient_scope"


def test_a_deleted_user_takes_merged_accounts_along(tenant: Tenant, sdk: ManagementClient) -> None:
    merge(sdk)
    sdk.users.delete(ADA)
    with pytest.raises(NotFoundError):
        sdk.users.get(GRACE)
    with Browser(tenant) as browser:
        page = browser.submit(browser.authorize(), email="grace@example.com", password=PASSWORD)
    assert "Wrong email or password" in page.text


def test_the_address_of_a_merged_account_stays_taken(tenant: Tenant, sdk: ManagementClient) -> None:
    merge(sdk)
    with Browser(tenant) as browser:
        page = browser.authorize(screen_hint="signup")
        again = browser.submit(page, email="grace@example.com", password=PASSWORD)
    assert "The user already exists" in again.text
