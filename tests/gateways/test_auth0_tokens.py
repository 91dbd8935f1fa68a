"""Tokens for the Management API: shared, renewed in time, and replaced when they are refused."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.gateways.tenant import ADA, TOKEN, USER, Tenant
from webstore.errors import DirectoryRefused, StateUnavailable
from webstore.gateways.auth0 import Auth0Directory
from webstore.gateways.state import FileState

# Tokens


def test_one_token_serves_many_calls(tenant: Tenant, directory: Auth0Directory) -> None:
    for _ in range(3):
        directory.read_user(ADA)
        directory.write_records(ADA, {"stripe_link_failed_at": 1})
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


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        (
            {"domain": "login.shop.example"},
            r"403 access_denied; check AUTH0_MGMT_DOMAIN, which is the tenant's own domain",
        ),
        (
            {"client_secret": "wrong"},
            "401 access_denied; check AUTH0_MGMT_CLIENT_ID and AUTH0_MGMT_CLIENT_SECRET",
        ),
        ({"client_id": "the store's"}, "401 access_denied; check AUTH0_MGMT_CLIENT_ID and"),
    ],
    ids=["the custom domain", "the secret", "the application"],
)
def test_a_refused_token_names_the_setting_that_is_likely_wrong(
    tenant: Tenant, changes: dict[str, Any], setting: str
) -> None:
    with pytest.raises(DirectoryRefused, match=setting) as refused:
        tenant.directory(**changes).read_user(ADA)
    assert "wrong" not in str(refused.value)


def test_an_application_without_the_grant_type_is_named(tenant: Tenant) -> None:
    config = tenant.auth0.state.config
    with pytest.raises(DirectoryRefused, match="unauthorized_client; check the grant types"):
        tenant.directory(client_id=config.client_id, client_secret=config.client_secret).read_user(ADA)


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


def test_a_worker_that_missed_two_withdrawn_keys_gets_a_token_within_the_same_call(tenant: Tenant) -> None:
    late, other = tenant.directory(), tenant.directory()
    late.read_user(ADA)
    for _ in range(2):
        other.read_user(ADA)
        tenant.auth0.state.keys.rotate()
        tenant.auth0.state.keys.revoke()
    tenant.asked()
    assert late.read_user(ADA).user_id == ADA
    # With its own token, with the one that the other worker stored, and with a new one.
    assert tenant.asked() == [f"GET {USER}", f"GET {USER}", f"POST {TOKEN}", f"GET {USER}"]


def test_a_token_that_expired_on_the_tenants_clock_is_renewed_within_the_same_call(
    tenant: Tenant, directory: Auth0Directory
) -> None:
    directory.read_user(ADA)
    tenant.auth0.control.clock.advance(90_000)
    tenant.asked()
    directory.write_records(ADA, {"stripe_customer_id": "cus_1"})
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
