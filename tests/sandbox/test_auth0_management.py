"""The Management API, called with Auth0's SDK or with plain HTTP."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from auth0.management.client import Auth0 as ManagementClient
from auth0.management.errors import (
    BadRequestError,
    ForbiddenError,
    NotFoundError,
    TooManyRequestsError,
    UnauthorizedError,
)

from tests.sandbox.auth0 import ADA, PASSWORD, Browser, Tenant, sdk_of

DOCUMENTED = {
    *("user_id", "email", "email_verified", "name", "nickname", "picture", "created_at", "updated_at"),
    *("identities", "app_metadata", "user_metadata", "last_login", "last_ip", "logins_count"),
}


@pytest.fixture
def sdk(tenant: Tenant) -> Iterator[ManagementClient]:
    with sdk_of(tenant) as sdk:
        yield sdk


def body(error: Any) -> dict[str, Any]:
    found: dict[str, Any] = error.body
    return found


def test_a_user_has_the_documented_fields(tenant: Tenant, sdk: ManagementClient) -> None:
    user = sdk.users.get(ADA)

    assert user.user_id == ADA
    assert (user.email, user.email_verified) == ("ada@example.com", True)
    assert user.name == "Ada Example"
    assert user.created_at is not None
    assert user.created_at < user.created_at.now(user.created_at.tzinfo)
    assert user.identities is not None
    assert user.identities[0].connection == "Username-Password-Authentication"
    assert user.identities[0].provider == "auth0"
    assert user.identities[0].user_id == ADA.partition("|")[2]
    assert user.identities[0].is_social is False
    assert user.app_metadata is None
    raw = tenant.management("GET", f"/users/{ADA}").json()
    assert raw.keys() <= DOCUMENTED
    assert "app_metadata" not in raw
    assert len(raw["created_at"]) == len("2026-01-01T00:00:00.000Z")
    assert raw["created_at"].endswith("Z")


def test_every_documented_field_is_there_once_it_was_set(tenant: Tenant, sdk: ManagementClient) -> None:
    with Browser(tenant) as browser:
        browser.log_in()
    sdk.users.update(ADA, app_metadata={"a": 1}, user_metadata={"b": 2})
    assert tenant.management("GET", f"/users/{ADA}").json().keys() == DOCUMENTED


def test_fields_can_be_chosen_or_left_out(sdk: ManagementClient) -> None:
    chosen = sdk.users.get(ADA, fields="user_id,email", include_fields=True)
    assert chosen.model_dump(exclude_none=True) == {"user_id": ADA, "email": "ada@example.com"}
    rest = sdk.users.get(ADA, fields="email", include_fields=False)
    assert rest.email is None
    assert rest.user_id == ADA


def test_nobody_there_is_404(sdk: ManagementClient) -> None:
    for call in (sdk.users.get, sdk.users.update):
        with pytest.raises(NotFoundError) as caught:
            call("auth0|nobody")
        assert body(caught.value) == {
            "statusCode": 404,
            "error": "Not Found",
            "message": "The user does not exist.",
            "errorCode": "inexistent_user",
        }


def test_something_that_is_no_user_id_is_400(sdk: ManagementClient) -> None:
    with pytest.raises(BadRequestError) as caught:
        sdk.users.get("nonsense")
    assert body(caught.value)["errorCode"] == "invalid_uri"


def test_ids_with_any_character_in_them(tenant: Tenant) -> None:
    with Browser(tenant) as browser:
        done = browser.submit(browser.authorize(connection="google-oauth2"), name="x")
        social = tenant.claims(tenant.exchange(browser.arrived(done)).json()["id_token"])["sub"]
    assert tenant.management("GET", f"/users/{social.replace('|', '%7C')}").json()["user_id"] == social
    assert tenant.management("GET", "/users/auth0%7Ca%2Fb%22%5C%C3%A9").status_code == 404
    assert tenant.management("GET", f"/users/{social}/roles").status_code == 501


def test_root_keys_merge_nested_objects_are_replaced_null_deletes(sdk: ManagementClient) -> None:
    def app_metadata(**patch: object) -> dict[str, Any] | None:
        user = sdk.users.update(ADA, app_metadata=patch)
        assert user.app_metadata == sdk.users.get(ADA).app_metadata
        return None if user.app_metadata is None else dict(user.app_metadata)

    assert app_metadata(plan="gold", address={"city": "Paris", "zip": "1"}) == {
        "plan": "gold",
        "address": {"city": "Paris", "zip": "1"},
    }
    assert app_metadata(stripe_customer_id="cus_1") == {
        "plan": "gold",
        "address": {"city": "Paris", "zip": "1"},
        "stripe_customer_id": "cus_1",
    }
    assert app_metadata(address={"city": "Rome"}, plan=None, unknown=None) == {
        "address": {"city": "Rome"},
        "stripe_customer_id": "cus_1",
    }
    assert app_metadata() == {}


def test_a_patch_answers_with_the_whole_user_and_a_new_time(tenant: Tenant, sdk: ManagementClient) -> None:
    before = sdk.users.get(ADA)
    tenant.advance(10)
    user = sdk.users.update(ADA, user_metadata={"colour": "red"})

    assert user.email == "ada@example.com"
    assert user.user_metadata == {"colour": "red"}
    assert user.updated_at is not None
    assert before.updated_at is not None
    assert user.updated_at > before.updated_at
    assert user.created_at == before.created_at


def test_patches_at_once_lose_nothing(tenant: Tenant) -> None:
    token = tenant.management_token()

    def patch(number: int) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        sent = {"app_metadata": {f"key{number}": number}}
        tenant.management("PATCH", f"/users/{ADA}", json=sent, headers=headers).raise_for_status()

    threads = [threading.Thread(target=patch, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tenant.management("GET", f"/users/{ADA}").json()["app_metadata"]) == 20


@pytest.mark.parametrize(
    ("sent", "part"),
    [
        ({"nonsense": 1}, "Additional properties not allowed: nonsense"),
        ({"user_id": "auth0|x"}, "Additional properties not allowed: user_id"),
        ({"app_metadata": "x"}, "Expected type object but found type string"),
        ({"app_metadata": None}, "Expected type object but found type null"),
        ({"email": 1}, "Expected type string but found type integer"),
        ({"email": "nonsense"}, "format email"),
        ({"email": None}, "Expected type string but found type null"),
        ({"blocked": "yes"}, "Expected type boolean but found type string"),
        ({"app_metadata": {"a.b": 1}}, "must not contain"),
        ({"app_metadata": {"email": "x"}}, "must not have the property email"),
        ([], "Expected type object but found type array"),
    ],
)
def test_a_body_that_the_api_refuses(tenant: Tenant, sent: object, part: str) -> None:
    before = tenant.management("GET", f"/users/{ADA}").json()
    answer = tenant.management("PATCH", f"/users/{ADA}", json=sent)

    assert answer.status_code == 400
    assert answer.json().keys() == {"statusCode", "error", "message", "errorCode"}
    assert (answer.json()["error"], answer.json()["errorCode"]) == ("Bad Request", "invalid_body")
    assert "Payload validation error" in answer.json()["message"]
    assert part in answer.json()["message"]
    assert tenant.management("GET", f"/users/{ADA}").json() == before


def test_unsupported_endpoints_are_501(tenant: Tenant) -> None:
    assert tenant.management("PATCH", f"/users/{ADA}", json={"phone_number": "+1"}).status_code == 501
    for method, path in (
        ("GET", "/organizations"),
        ("POST", "/users"),
        ("POST", "/jobs/users-imports"),
        ("GET", "/"),
    ):
        answer = tenant.management(method, path)
        assert answer.status_code == 501
        assert "The sandbox does not implement" in answer.json()["message"]


def test_a_changed_email_is_lower_cased_unverified_and_the_one_to_log_in_with(
    tenant: Tenant, sdk: ManagementClient
) -> None:
    user = sdk.users.update(ADA, email="New@Example.com")
    assert (user.email, user.email_verified) == ("new@example.com", False)
    with Browser(tenant) as browser:
        assert browser.id_token(email="new@example.com")["sub"] == ADA
    with Browser(tenant) as browser:
        assert (
            browser.submit(browser.authorize(), email="ada@example.com", password=PASSWORD).status_code == 400
        )

    assert sdk.users.update(ADA, email="third@example.com", email_verified=True).email_verified is True
    with pytest.raises(BadRequestError) as caught:
        sdk.users.update(ADA, email="Grace@example.com")
    assert body(caught.value)["message"] == "The specified new email already exists"
    with pytest.raises(BadRequestError):
        sdk.users.update(ADA, email="fourth@example.com", password="Password2!")


def test_a_new_password_has_its_time_and_lifts_a_block(tenant: Tenant) -> None:
    assert "last_password_reset" not in tenant.management("GET", f"/users/{ADA}").json()
    tenant.management("PATCH", f"/users/{ADA}", json={"blocked": True}).raise_for_status()
    changed = tenant.management("PATCH", f"/users/{ADA}", json={"password": "Password2!"}).json()
    assert changed["last_password_reset"] == changed["updated_at"]
    assert changed["blocked"] is False


def test_a_password_and_root_attributes(tenant: Tenant, sdk: ManagementClient) -> None:
    user = sdk.users.update(ADA, password="Password2!", given_name="Ada", family_name="Example", nickname="a")
    assert (user.given_name, user.family_name, user.nickname) == ("Ada", "Example", "a")
    with Browser(tenant) as browser:
        claims = browser.id_token(password="Password2!")
    assert (claims["given_name"], claims["family_name"]) == ("Ada", "Example")
    assert tenant.management("PATCH", f"/users/{ADA}", json={"nickname": None}).json().get("nickname") is None


def test_a_social_users_own_attributes_belong_to_the_provider(tenant: Tenant, sdk: ManagementClient) -> None:
    with Browser(tenant) as browser:
        browser.submit(browser.authorize(connection="google-oauth2"), email="s@example.com")
    social = str(sdk.users.list_users_by_email(email="s@example.com")[0].user_id)

    with pytest.raises(BadRequestError) as caught:
        sdk.users.update(social, email="t@example.com")
    assert body(caught.value)["errorCode"] == "operation_not_supported"
    assert sdk.users.update(social, app_metadata={"a": 1}).app_metadata == {"a": 1}


def test_delete_takes_the_user_and_the_sessions_away(tenant: Tenant, sdk: ManagementClient) -> None:
    with Browser(tenant) as browser:
        browser.log_in()
        sdk.users.delete(ADA)
        assert browser.authorize().next_request is None
    with pytest.raises(NotFoundError):
        sdk.users.get(ADA)
    assert tenant.management("DELETE", f"/users/{ADA}").status_code == 204
    assert sdk.users.list_users_by_email(email="ada@example.com") == []


def test_users_by_email_is_exact(tenant: Tenant, sdk: ManagementClient) -> None:
    assert [user.user_id for user in sdk.users.list_users_by_email(email="ada@example.com")] == [ADA]
    assert sdk.users.list_users_by_email(email="Ada@example.com") == []
    assert tenant.management("GET", "/users-by-email").status_code == 400
    with Browser(tenant) as browser:
        browser.submit(browser.authorize(connection="google-oauth2"), email="ada@example.com")
    assert len(sdk.users.list_users_by_email(email="ada@example.com")) == 2


def test_scopes_are_enforced(tenant: Tenant) -> None:
    headers = {"Authorization": f"Bearer {tenant.management_token(scope='update:users_app_metadata')}"}

    for method, path, scopes in (
        ("GET", f"/users/{ADA}", "read:users"),
        ("GET", "/users", "read:users"),
        ("GET", "/users-by-email?email=x", "read:users"),
        ("DELETE", f"/users/{ADA}", "delete:users"),
    ):
        answer = tenant.management(method, path, headers=headers)
        assert answer.status_code == 403
        assert answer.json() == {
            "statusCode": 403,
            "error": "Forbidden",
            "message": f"Insufficient scope, expected any of: {scopes}",
            "errorCode": "insufficient_scope",
        }
    allowed = tenant.management("PATCH", f"/users/{ADA}", json={"app_metadata": {"a": 1}}, headers=headers)
    assert allowed.status_code == 200
    refused = tenant.management("PATCH", f"/users/{ADA}", json={"name": "x"}, headers=headers)
    assert (refused.status_code, refused.json()["errorCode"]) == (403, "insufficient_scope")
    reading = {"Authorization": f"Bearer {tenant.management_token(scope='read:users')}"}
    assert tenant.management("PATCH", f"/users/{ADA}", json={}, headers=reading).status_code == 403


def test_the_scopes_granted_can_be_changed(tenant: Tenant, sdk: ManagementClient) -> None:
    tenant.settings(management_scopes=["read:users"])
    assert tenant.management("DELETE", f"/users/{ADA}").status_code == 403
    assert sdk.users.get(ADA).user_id == ADA


def test_tokens_that_are_missing_foreign_or_expired(tenant: Tenant, sdk: ManagementClient) -> None:
    with Browser(tenant) as browser:
        tokens = browser.tokens()
    for authorization, message in (
        ("", "Missing authentication"),
        ("Basic eDp5", "Missing authentication"),
        ("Bearer nonsense", "Invalid token"),
        (f"Bearer {tokens['access_token']}", "Invalid token"),
        (f"Bearer {tokens['id_token']}", "Bad audience"),
    ):
        answer = tenant.management("GET", f"/users/{ADA}", headers={"Authorization": authorization})
        assert answer.status_code == 401
        assert answer.json()["error"] == "Unauthorized"
        assert message in answer.json()["message"]

    tenant.advance(86_401)
    with pytest.raises(UnauthorizedError) as caught:
        sdk.users.get(ADA)
    assert body(caught.value)["message"] == "Expired token received for JSON Web Token validation"


def test_each_answer_says_how_the_rate_limit_stands(tenant: Tenant) -> None:
    first, second = (tenant.management("GET", f"/users/{ADA}").headers for _ in range(2))
    assert first["x-ratelimit-limit"] == "1000"
    assert int(second["x-ratelimit-remaining"]) in range(int(first["x-ratelimit-remaining"]) - 1, 1000)
    assert 0 < int(second["x-ratelimit-reset"]) - time.time() + 1 <= 2
    assert "x-ratelimit-limit" in tenant.management("GET", "/users/auth0%7Cnobody").headers


def test_beyond_the_rate_limit_is_429(tenant: Tenant, sdk: ManagementClient) -> None:
    tenant.settings(rate_limit_burst=3, rate_limit_per_s=0)
    for left in (2, 1, 0):
        answer = tenant.management("GET", f"/users/{ADA}")
        assert answer.headers["x-ratelimit-remaining"] == str(left)
    with pytest.raises(TooManyRequestsError) as caught:
        sdk.users.get(ADA)
    assert body(caught.value)["statusCode"] == 429
    assert body(caught.value)["errorCode"] == "too_many_requests"

    tenant.settings(rate_limit_per_s=1000)
    time.sleep(1.01)
    assert sdk.users.get(ADA).user_id == ADA


def test_a_forbidden_error_is_one_for_the_sdk_too(tenant: Tenant) -> None:
    with sdk_of(tenant, scope="delete:users") as sdk, pytest.raises(ForbiddenError):
        sdk.users.get(ADA)
