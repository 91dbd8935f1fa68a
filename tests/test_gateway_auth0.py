"""The user directory on the Management API: what is read and written, and what each failure becomes."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from webstore.errors import DirectoryRefused, DirectoryUnavailable, StateUnavailable, UserGone
from webstore.gateways.auth0 import Auth0Directory
from webstore.gateways.state import FileState
from webstore.gateways.wire import Wire
from webstore.sandbox.auth0 import Auth0, Auth0Config, create_auth0
from webstore.sandbox.auth0.user import database_user, social_user
from webstore.sandbox.server import Server
from webstore.state import State

ADA = "auth0|000000000000000000000001"
USER = f"/api/v2/users/{quote(ADA, safe='')}"
TOKEN = "/oauth/token"

Act = Callable[[Auth0Directory], object]
EVERY_CALL = [
    pytest.param(lambda directory: directory.read_user(ADA), id="read"),
    pytest.param(lambda directory: directory.record_link(ADA, "cus_1", "acct_1 test"), id="record"),
    pytest.param(lambda directory: directory.note_failure(ADA, 1_800_000_000.9, "0"), id="note"),
]


@dataclass
class Tenant:
    """The sandbox's tenant, and directories on it as several workers have them."""

    auth0: Auth0
    server: Server
    state: State
    held: ExitStack

    def directory(self, *, state: State | None = None, total_s: float = 20, **changes: str) -> Auth0Directory:
        """A directory as one worker has it."""
        config = self.auth0.state.config
        wire = Wire("the Management API", connect_s=total_s, total_s=total_s)
        self.held.callback(wire.close)
        given = {
            "base_url": self.server.url,
            "domain": config.domain,
            "client_id": config.mgmt_client_id,
            "client_secret": config.mgmt_client_secret,
            **changes,
        }
        return Auth0Directory(wire, state or self.state, **given)

    def asked(self) -> list[str]:
        """Method and path of what was asked since the last time, in order."""
        asked = [f"{seen.method} {seen.path}" for seen in self.auth0.control.requests()]
        self.auth0.control.clear_requests()
        return asked

    def fault(self, **spec: object) -> None:
        self.auth0.control.add_fault(**spec)

    def metadata(self, user_id: str = ADA) -> Mapping[str, Any] | None:
        """What the tenant keeps about the user."""
        user = self.auth0.state.users.get(user_id)
        assert user is not None
        return user.app_metadata

    def keep(self, metadata: Mapping[str, Any] | None) -> None:
        """Put something into the user's record, as another application would."""
        self.auth0.state.users.change(ADA, lambda user: replace(user, app_metadata=metadata))


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Auth0, Server]]:
    server = Server()
    auth0 = create_auth0(Auth0Config(domain=server.url.removeprefix("http://")))
    server.app = auth0.app
    with server:
        yield auth0, server


@pytest.fixture
def tenant(running: tuple[Auth0, Server], tmp_path: Path) -> Iterator[Tenant]:
    auth0, server = running
    server.start()
    auth0.control.reset()
    with ExitStack() as held:
        yield Tenant(auth0, server, FileState(tmp_path / "state"), held)
    auth0.control.clear_faults()


@pytest.fixture
def directory(tenant: Tenant) -> Auth0Directory:
    return tenant.directory()


# Reading


def test_a_user_is_read_with_everything_that_linking_needs(tenant: Tenant, directory: Auth0Directory) -> None:
    tenant.keep(
        {
            "stripe_customer_id": "cus_1",
            "stripe_account": "acct_1 test",
            "stripe_link_failed_at": 1_800_000_000,
            "plan": {"of": "another application"},
        }
    )
    kept = tenant.auth0.state.users.get(ADA)
    assert kept is not None
    user = directory.read_user(ADA)
    assert (user.user_id, user.email, user.email_verified) == (ADA, "ada@example.com", True)
    assert (user.name, user.picture) == ("Ada Example", kept.picture)
    assert user.created_at == pytest.approx(kept.created_at, abs=0.001)
    assert (user.customer_id, user.account) == ("cus_1", "acct_1 test")
    assert user.link_failed_at == 1_800_000_000.0


def test_a_user_with_an_empty_record_has_nothing_recorded(tenant: Tenant, directory: Auth0Directory) -> None:
    tenant.keep({})
    user = directory.read_user(ADA)
    assert (user.customer_id, user.account, user.link_failed_at) == (None, None, None)
    tenant.keep(None)
    assert directory.read_user(ADA) == user


def test_a_user_without_an_email_has_none(tenant: Tenant, directory: Auth0Directory) -> None:
    nameless = social_user("an account", None, None, time.time())
    tenant.auth0.state.users.add(nameless)
    user = directory.read_user(nameless.user_id)
    assert (user.email, user.email_verified, user.name) == (None, False, None)


AWKWARD = [
    "google-oauth2|103547991597142817347",
    "samlp|corp|ada@corp.example",
    'auth0|it\'s "quoted"',
    "auth0|back\\slash",
    "auth0|käthe-日本語-🦜",
    "oidc|corp|a/b/c",
    "auth0|../../clients",
    "auth0|a?b=c&d#e",
    "auth0|100% + more",
    "auth0|a%7Cb",
    "waad|Ab_c-D.e~f",
]


@pytest.mark.parametrize("user_id", AWKWARD)
def test_a_user_with_an_awkward_id_is_read_and_linked(
    tenant: Tenant, directory: Auth0Directory, user_id: str
) -> None:
    tenant.auth0.state.users.add(database_user("awkward@example.com", "", time.time(), user_id=user_id))
    assert directory.read_user(user_id).user_id == user_id
    directory.record_link(user_id, "cus_1", None)
    assert directory.read_user(user_id).customer_id == "cus_1"
    assert tenant.metadata() is None, "the link went into somebody else's record"


@pytest.mark.parametrize(
    ("metadata", "read"),
    [
        ({"stripe_customer_id": 42}, ("42", None, None)),
        ({"stripe_customer_id": {"id": "cus_1"}}, ('{"id": "cus_1"}', None, None)),
        ({"stripe_customer_id": ["cus_1"]}, ('["cus_1"]', None, None)),
        ({"stripe_customer_id": False}, ("false", None, None)),
        ({"stripe_customer_id": ""}, ("", None, None)),
        ({"stripe_customer_id": "cus_1", "stripe_account": 7}, ("cus_1", "7", None)),
        ({"stripe_link_failed_at": "yesterday"}, (None, None, None)),
        ({"stripe_link_failed_at": True}, (None, None, None)),
        ({"stripe_link_failed_at": {"at": 1}}, (None, None, None)),
        ({"stripe_link_failed_at": 1.5}, (None, None, 1.5)),
        ({"stripe_link_failed_at": 10**400}, (None, None, None)),
    ],
)
def test_garbage_in_the_record_is_read_as_recorded_garbage(
    tenant: Tenant, directory: Auth0Directory, metadata: dict[str, Any], read: tuple[object, ...]
) -> None:
    """Garbage under the customer's name is not the same as nothing: it must not be overwritten."""
    tenant.keep(metadata)
    user = directory.read_user(ADA)
    assert (user.customer_id, user.account, user.link_failed_at) == read


# Writing


def test_a_link_is_recorded_beside_what_others_keep_and_clears_the_failure_note(
    tenant: Tenant, directory: Auth0Directory
) -> None:
    tenant.keep({"plan": {"name": "gold"}, "stripe_link_failed_at": 1_700_000_000})
    directory.read_user(ADA)
    tenant.asked()
    directory.record_link(ADA, "cus_1", "acct_1 test")
    assert tenant.asked() == [f"PATCH {USER}"]
    assert tenant.metadata() == {
        "plan": {"name": "gold"},
        "stripe_customer_id": "cus_1",
        "stripe_account": "acct_1 test",
    }


def test_dead_predecessors_are_recorded_in_order_and_kept_by_later_links(
    tenant: Tenant, directory: Auth0Directory
) -> None:
    directory.record_link(ADA, "cus_3", None, ("cus_1", "cus_2"))
    directory.record_link(ADA, "cus_4", None)
    assert tenant.metadata() == {"stripe_customer_id": "cus_4", "stripe_replaced": "cus_1 cus_2"}
    assert directory.read_user(ADA).replaced == ("cus_1", "cus_2")


def test_a_user_is_deleted_for_good_and_deleting_them_again_is_no_error(
    tenant: Tenant, directory: Auth0Directory
) -> None:
    for _ in range(2):
        directory.delete_user(ADA)
    assert tenant.asked() == [f"POST {TOKEN}", f"DELETE {USER}", f"DELETE {USER}"]
    with pytest.raises(UserGone):
        directory.read_user(ADA)


def test_a_link_to_an_unknown_account_leaves_the_account_as_it_is(
    tenant: Tenant, directory: Auth0Directory
) -> None:
    tenant.keep({"stripe_account": "acct_1 test"})
    directory.record_link(ADA, "cus_2", None)
    assert tenant.metadata() == {"stripe_customer_id": "cus_2", "stripe_account": "acct_1 test"}


def test_a_failure_is_noted_beside_everything_else(tenant: Tenant, directory: Auth0Directory) -> None:
    tenant.keep({"plan": "gold", "stripe_customer_id": "cus_1"})
    directory.note_failure(ADA, 1_800_000_000.9, "0")
    assert tenant.metadata() == {
        "plan": "gold",
        "stripe_customer_id": "cus_1",
        "stripe_link_failed_at": 1_800_000_000,
        "stripe_link_failed_try": "0",
    }
    assert directory.read_user(ADA).link_failed_at == 1_800_000_000.0


# Tokens


def test_one_token_serves_many_calls(tenant: Tenant, directory: Auth0Directory) -> None:
    for _ in range(3):
        directory.read_user(ADA)
        directory.note_failure(ADA, 1.0, "0")
    assert tenant.asked() == [f"POST {TOKEN}", *[f"GET {USER}", f"PATCH {USER}"] * 3]


def test_workers_share_a_token_through_the_state(tenant: Tenant) -> None:
    for worker in (tenant.directory(), tenant.directory()):
        worker.read_user(ADA)
    assert tenant.asked() == [f"POST {TOKEN}", f"GET {USER}", f"GET {USER}"]


def test_different_applications_do_not_share_tokens(tenant: Tenant, directory: Auth0Directory) -> None:
    directory.read_user(ADA)
    with pytest.raises(DirectoryRefused):
        tenant.directory(client_id="another application").read_user(ADA)


def test_the_token_is_asked_for_as_documented(tenant: Tenant) -> None:
    with pytest.raises(DirectoryRefused, match="no Management API token: 40"):
        tenant.directory(domain="another-tenant.example").read_user(ADA)
    with pytest.raises(DirectoryRefused, match="no Management API token: 401 access_denied"):
        tenant.directory(client_secret="wrong").read_user(ADA)


def test_a_token_is_renewed_before_it_expires(tenant: Tenant) -> None:
    short = {"access_token": "of the past", "token_type": "Bearer", "expires_in": 0}
    tenant.fault(action="status", method="POST", path=TOKEN, status=200, body=short)
    worker = tenant.directory()
    worker.read_user(ADA)
    worker.read_user(ADA)
    assert tenant.asked() == [f"POST {TOKEN}", f"GET {USER}", f"POST {TOKEN}", f"GET {USER}", f"GET {USER}"]


def test_a_token_of_a_withdrawn_key_is_renewed_within_the_same_call(tenant: Tenant) -> None:
    workers = [tenant.directory(), tenant.directory()]
    for worker in workers:
        worker.read_user(ADA)
    tenant.auth0.state.keys.rotate()
    tenant.auth0.state.keys.revoke()
    tenant.asked()
    assert workers[0].read_user(ADA).user_id == ADA
    assert tenant.asked() == [f"GET {USER}", f"POST {TOKEN}", f"GET {USER}"]
    # The other worker finds the new one in the state.
    assert workers[1].read_user(ADA).user_id == ADA
    assert tenant.asked() == [f"GET {USER}", f"GET {USER}"]
    assert tenant.directory().read_user(ADA).user_id == ADA
    assert tenant.asked() == [f"GET {USER}"]


def test_a_token_that_expired_on_the_tenants_clock_is_renewed_within_the_same_call(
    tenant: Tenant, directory: Auth0Directory
) -> None:
    directory.read_user(ADA)
    tenant.auth0.control.clock.advance(90_000)
    tenant.asked()
    directory.record_link(ADA, "cus_1", None)
    assert tenant.asked() == [f"PATCH {USER}", f"POST {TOKEN}", f"PATCH {USER}"]


def test_a_new_token_refused_too_is_the_set_ups_fault(tenant: Tenant, directory: Auth0Directory) -> None:
    tenant.fault(action="status", path=USER, status=401, times=None, body={"statusCode": 401})
    with pytest.raises(DirectoryRefused, match="401"):
        directory.read_user(ADA)
    assert tenant.asked() == [f"POST {TOKEN}", f"GET {USER}", f"POST {TOKEN}", f"GET {USER}"]


def test_without_the_state_a_worker_keeps_its_own_token(tenant: Tenant, tmp_path: Path) -> None:
    (tmp_path / "in the way").touch()
    state = FileState(tmp_path / "in the way")
    with pytest.raises(StateUnavailable):
        state.get("anything")
    worker = tenant.directory(state=state)
    for _ in range(2):
        worker.read_user(ADA)
    tenant.auth0.state.keys.rotate()
    tenant.auth0.state.keys.revoke()
    worker.read_user(ADA)
    assert tenant.asked() == [
        *[f"POST {TOKEN}", f"GET {USER}", f"GET {USER}"],
        *[f"GET {USER}", f"POST {TOKEN}", f"GET {USER}"],
    ]


GARBAGE = [
    "",
    "no JSON",
    "null",
    "[]",
    "42",
    '"text"',
    "{}",
    '{"token": "t"}',
    '{"token": "t", "renew_at": "soon"}',
    '{"token": "t", "renew_at": null}',
    '{"renew_at": 9999999999}',
]


def state_key(tenant: Tenant) -> str:
    config = tenant.auth0.state.config
    return f"auth0-management-token:{config.domain}:{config.mgmt_client_id}"


@pytest.mark.parametrize("stored", GARBAGE)
def test_garbage_in_the_state_counts_as_no_token(tenant: Tenant, stored: str) -> None:
    tenant.state.set(state_key(tenant), stored, 60)
    assert tenant.directory().read_user(ADA).user_id == ADA
    assert tenant.asked()[0] == f"POST {TOKEN}"
    tenant.directory().read_user(ADA)
    assert tenant.asked() == [f"GET {USER}"]


@pytest.mark.parametrize("stored", GARBAGE)
def test_garbage_in_the_state_does_not_keep_a_refused_token_alive(
    tenant: Tenant, directory: Auth0Directory, stored: str
) -> None:
    directory.read_user(ADA)
    tenant.auth0.state.keys.rotate()
    tenant.auth0.state.keys.revoke()
    tenant.state.set(state_key(tenant), stored, 60)
    assert directory.read_user(ADA).user_id == ADA


def test_a_stored_token_that_was_never_any_good_is_dropped(tenant: Tenant) -> None:
    tenant.state.set(state_key(tenant), json.dumps({"token": "junk", "renew_at": time.time() + 9999}), 60)
    assert tenant.directory().read_user(ADA).user_id == ADA
    assert tenant.asked() == [f"GET {USER}", f"POST {TOKEN}", f"GET {USER}"]


def test_several_threads_that_find_the_token_refused_all_end_well(
    tenant: Tenant, directory: Auth0Directory
) -> None:
    directory.read_user(ADA)
    tenant.auth0.state.keys.rotate()
    tenant.auth0.state.keys.revoke()
    everybody = threading.Barrier(8)

    def read(_: int) -> str:
        everybody.wait(20)
        return directory.read_user(ADA).user_id

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(read, range(8))) == {ADA}


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
def test_a_rate_limit_is_told_at_once_however_far_off_its_end(
    tenant: Tenant, directory: Auth0Directory, act: Act
) -> None:
    headers = {"x-ratelimit-reset": str(int(time.time()) + 3600), "Retry-After": "3600"}
    body = {"statusCode": 429, "error": "Too Many Requests", "errorCode": "too_many_requests"}
    tenant.fault(action="status", path=USER, status=429, times=None, body=body, headers=headers)
    started = time.monotonic()
    with pytest.raises(DirectoryUnavailable, match="429"):
        act(directory)
    assert time.monotonic() - started < 5
    assert len(tenant.asked()) == 2, "it was asked again"


def test_the_tenants_own_rate_limit_is_unavailable(tenant: Tenant, directory: Auth0Directory) -> None:
    directory.read_user(ADA)
    tenant.auth0.control.change_settings({"rate_limit_burst": 0, "rate_limit_per_s": 0})
    with pytest.raises(DirectoryUnavailable, match="429"):
        directory.read_user(ADA)


NO_USE = [
    pytest.param({"action": "status", "status": 500, "body": {"statusCode": 500}}, id="500"),
    pytest.param({"action": "status", "status": 502, "body": "<h1>Bad gateway</h1>"}, id="502"),
    pytest.param({"action": "status", "status": 503, "body": ""}, id="503"),
    pytest.param({"action": "status", "status": 408, "body": ""}, id="408"),
    pytest.param({"action": "status", "status": 302, "headers": {"Location": "/api/v2/x"}}, id="redirect"),
    pytest.param({"action": "status", "status": 200, "body": "<h1>Welcome to our Wi-Fi</h1>"}, id="HTML"),
    pytest.param({"action": "status", "status": 200, "body": ""}, id="empty"),
    pytest.param({"action": "status", "status": 200, "body": ["no object"]}, id="list"),
    pytest.param({"action": "status", "status": 200, "body": "null"}, id="null"),
    pytest.param({"action": "truncate"}, id="truncated"),
    pytest.param({"action": "reset"}, id="reset"),
]


@pytest.mark.parametrize("act", EVERY_CALL)
@pytest.mark.parametrize("fault", NO_USE)
def test_an_answer_of_no_use_proves_nothing(
    tenant: Tenant, directory: Auth0Directory, act: Act, fault: dict[str, object]
) -> None:
    tenant.fault(path=USER, times=None, **fault)
    with pytest.raises(DirectoryUnavailable):
        act(directory)
    assert len(tenant.asked()) == 2, "it was asked again"


@pytest.mark.parametrize("fault", NO_USE)
def test_an_answer_of_no_use_for_a_token_proves_nothing(tenant: Tenant, fault: dict[str, object]) -> None:
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
        {"user_id": ADA, "created_at": "once upon a time"},
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
    tenant.fault(action="hang", path=path, times=None)
    started = time.monotonic()
    with pytest.raises(DirectoryUnavailable, match="did not answer in time"):
        tenant.directory(total_s=0.3).read_user(ADA)
    assert time.monotonic() - started < 5


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
        told = str(failed.value)
        assert "hush" not in told
        assert tenant.auth0.state.config.mgmt_client_secret not in told
