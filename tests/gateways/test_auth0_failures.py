"""What each failure of the Management API becomes."""

from __future__ import annotations

import time

import pytest

from tests.gateways.raw_server import AMPLE_S, SHORT_S
from tests.gateways.tenant import ADA, EVERY_CALL, TOKEN, USER, Act, Tenant
from webstore.errors import DirectoryRefused, DirectoryUnavailable, UserGone
from webstore.gateways.auth0 import Auth0Directory

# Failures


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_user_that_does_not_exist_is_gone(tenant: Tenant, directory: Auth0Directory, act: Act) -> None:
    tenant.auth0.state.delete_user(ADA)
    with pytest.raises(UserGone):
        act(directory)


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_missing_scope_is_the_set_ups_fault(tenant: Tenant, directory: Auth0Directory, act: Act) -> None:
    tenant.auth0.control.change_settings({"management_scopes": ["delete:users"]})
    with pytest.raises(DirectoryRefused, match="403 insufficient_scope"):
        act(directory)


def test_a_404_about_no_user_proves_nothing_about_one(tenant: Tenant, directory: Auth0Directory) -> None:
    for body in (
        "<h1>Not here</h1>",
        {"statusCode": 404, "errorCode": "inexistent_tenant"},
        ["inexistent_user"],
    ):
        tenant.fault(action="status", path=USER, status=404, body=body)
        with pytest.raises((DirectoryRefused, DirectoryUnavailable)):
            directory.read_user(ADA)


def test_a_request_that_is_refused_is_the_set_ups_fault(tenant: Tenant, directory: Auth0Directory) -> None:
    body = {"statusCode": 400, "error": "Bad Request", "message": "hush", "errorCode": "invalid_body"}
    tenant.fault(action="status", path=USER, status=400, body=body)
    with pytest.raises(DirectoryRefused, match="400 invalid_body"):
        directory.read_user(ADA)


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_rate_limit_is_unavailable_at_once_however_far_off_its_end(
    tenant: Tenant, directory: Auth0Directory, sleeps: list[float], act: Act
) -> None:
    headers = {"x-ratelimit-reset": str(int(time.time()) + 3600), "Retry-After": "3600"}
    body = {"statusCode": 429, "error": "Too Many Requests", "errorCode": "too_many_requests"}
    tenant.fault(action="status", path=USER, status=429, times=None, body=body, headers=headers)
    with pytest.raises(DirectoryUnavailable, match="429"):
        act(directory)
    assert sleeps == []
    assert len(tenant.asked()) == 2, "it was asked again"


def test_the_tenants_own_rate_limit_is_unavailable(tenant: Tenant, directory: Auth0Directory) -> None:
    directory.read_user(ADA)
    tenant.auth0.control.change_settings({"rate_limit_burst": 0, "rate_limit_per_s": 0})
    with pytest.raises(DirectoryUnavailable, match="429"):
        directory.read_user(ADA)


NO_ANSWER = [
    pytest.param({"action": "status", "status": 500, "body": {"statusCode": 500}}, id="500"),
    pytest.param({"action": "status", "status": 502, "body": "<h1>Bad gateway</h1>"}, id="502"),
    pytest.param({"action": "status", "status": 503, "body": ""}, id="503"),
    pytest.param({"action": "status", "status": 408, "body": ""}, id="408"),
    pytest.param({"action": "status", "status": 302, "headers": {"Location": "/api/v2/x"}}, id="redirect"),
    pytest.param({"action": "truncate"}, id="truncated"),
    pytest.param({"action": "reset"}, id="reset"),
]
ODD = [
    pytest.param({"action": "status", "status": 200, "body": "<h1>Welcome to our Wi-Fi</h1>"}, id="HTML"),
    pytest.param({"action": "status", "status": 200, "body": ""}, id="empty"),
    pytest.param({"action": "status", "status": 200, "body": ["no object"]}, id="list"),
    pytest.param({"action": "status", "status": 200, "body": "null"}, id="null"),
]
UNUSABLE = [*NO_ANSWER, *ODD]


@pytest.mark.parametrize("fault", ODD)
def test_an_odd_answer_to_a_read_proves_nothing(
    tenant: Tenant, directory: Auth0Directory, fault: dict[str, object]
) -> None:
    tenant.fault(path=USER, times=None, **fault)
    with pytest.raises(DirectoryUnavailable):
        directory.read_user(ADA)


@pytest.mark.parametrize(
    "fault",
    [
        *ODD,
        {"action": "status", "status": 200, "body": {"user_id": ADA, "multifactor": [{"type": "otp"}]}},
        {"action": "status", "status": 200, "body": {"user_id": ADA, "email": ["a@example.com"]}},
        {"action": "status", "status": 201, "body": "{}"},
    ],
)
def test_a_write_is_judged_by_its_status(
    tenant: Tenant, directory: Auth0Directory, fault: dict[str, object]
) -> None:
    tenant.fault(path=USER, times=None, **fault)
    directory.write_records(ADA, {"stripe_customer_id": "cus_1"})
    assert len(tenant.asked()) == 2, "it was asked again"


@pytest.mark.parametrize("act", EVERY_CALL)
@pytest.mark.parametrize("fault", NO_ANSWER)
def test_an_unusable_answer_proves_nothing(
    tenant: Tenant, directory: Auth0Directory, act: Act, fault: dict[str, object]
) -> None:
    tenant.fault(path=USER, times=None, **fault)
    with pytest.raises(DirectoryUnavailable):
        act(directory)
    assert len(tenant.asked()) == 2, "it was asked again"


@pytest.mark.parametrize("fault", UNUSABLE)
def test_an_unusable_answer_to_a_token_request_proves_nothing(
    tenant: Tenant, fault: dict[str, object]
) -> None:
    tenant.fault(path=TOKEN, times=None, **fault)
    with pytest.raises(DirectoryUnavailable, match="no Management API token"):
        tenant.directory().read_user(ADA)
    assert tenant.asked() == [f"POST {TOKEN}"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access_token": "t"},
        {"access_token": "t", "expires_in": "soon"},
        {"access_token": "t", "expires_in": None},
        {"expires_in": 86400},
    ],
)
def test_a_token_answer_that_lacks_something_proves_nothing(tenant: Tenant, body: dict[str, object]) -> None:
    tenant.fault(action="status", path=TOKEN, status=200, body=body)
    with pytest.raises(DirectoryUnavailable, match="no Management API token"):
        tenant.directory().read_user(ADA)


@pytest.mark.parametrize(
    "body",
    [
        {"user_id": "auth0|somebody-else", "email": "eve@example.com"},
        {"email": "ada@example.com"},
        {"user_id": [ADA]},
        {"user_id": ADA, "app_metadata": ["cus_1"]},
        {"user_id": ADA, "app_metadata": "cus_1"},
        {"user_id": 42},
    ],
)
def test_an_answer_about_something_else_proves_nothing(
    tenant: Tenant, directory: Auth0Directory, body: dict[str, object]
) -> None:
    tenant.fault(action="status", path=USER, status=200, body=body)
    with pytest.raises(DirectoryUnavailable):
        directory.read_user(ADA)


@pytest.mark.parametrize("path", [USER, TOKEN])
def test_a_tenant_that_hangs_is_unavailable_in_time(tenant: Tenant, path: str) -> None:
    # It would go on longer than a test may take, and end without an answer.
    tenant.fault(action="hang", path=path, times=None, seconds=AMPLE_S)
    with pytest.raises(DirectoryUnavailable, match="did not answer in time"):
        tenant.directory(total_s=SHORT_S).read_user(ADA)


def test_a_tenant_that_is_down_is_unavailable(tenant: Tenant, directory: Auth0Directory) -> None:
    directory.read_user(ADA)
    tenant.server.stop()
    with pytest.raises(DirectoryUnavailable, match="cannot be reached"):
        directory.read_user(ADA)
    with pytest.raises(DirectoryUnavailable, match="no Management API token"):
        tenant.directory(client_id="a worker without a token").read_user(ADA)


def test_a_tenant_that_comes_back_is_used_again(tenant: Tenant, directory: Auth0Directory) -> None:
    directory.read_user(ADA)
    tenant.server.stop()
    with pytest.raises(DirectoryUnavailable):
        directory.read_user(ADA)
    tenant.server.start()
    assert directory.read_user(ADA).user_id == ADA


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500])
def test_no_message_names_a_secret_or_what_the_answer_says(tenant: Tenant, status: int) -> None:
    body = {"statusCode": status, "message": "hush", "error": "an_error", "error_description": "hush"}
    for path in (USER, TOKEN):
        tenant.fault(action="status", path=path, status=status, times=None, body=body)
        with pytest.raises((DirectoryRefused, DirectoryUnavailable, UserGone)) as failed:
            tenant.directory().read_user(ADA)
        shown = str(failed.value)
        assert "hush" not in shown
        assert tenant.auth0.state.config.mgmt_client_secret not in shown
