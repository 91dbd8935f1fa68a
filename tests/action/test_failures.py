"""Failures at Stripe while the Action links a user: nothing is set, and the store makes it one customer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.action.steps import assert_linked_by_the_store, new_user
from tests.action.under_node import Runner, Tenant, under_node
from tests.support import Shop, until
from webstore.cli.auth0_action import linking_action
from webstore.gateways.stripe import API_VERSION
from webstore.linking import ensure_customer

CREATE = {"method": "POST", "path": "/v1/customers"}

FAULTS: dict[str, dict[str, Any]] = {
    "too many requests": {"action": "status", "status": 429},
    "unauthorized": {"action": "status", "status": 401},
    "bad gateway": {"action": "status", "status": 502},
    "a page of a proxy": {"action": "status", "status": 200, "body": "<html>"},
    "an empty object": {"action": "status", "status": 200, "body": "{}"},
    "a list": {"action": "status", "status": 200, "body": "[]"},
    "another customer's shape": {"action": "status", "status": 200, "body": '{"id": "sub_1"}'},
    "a deleted customer": {"action": "status", "status": 200, "body": '{"id": "cus_1", "deleted": true}'},
    "connection reset": {"action": "reset"},
    "connection reset after the effect": {"action": "reset", "when": "after"},
    "answer cut off": {"action": "truncate"},
    "no answer": {"action": "hang"},
    "no answer after the effect": {"action": "hang", "when": "after"},
    "a byte at a time": {"action": "trickle", "seconds": 0.2},
}


@pytest.fixture(scope="module")
def hasty(shared: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """The store's Action with half a second for Stripe."""
    printed = linking_action(
        shared.linker.policy,
        shared.linker.payments.account(),
        namespace=shared.url,
        time_limit_s=0.5,
        stripe_api_version=API_VERSION,
    )
    with under_node(
        printed, tmp_path_factory.mktemp("hasty"), shared.environment["STRIPE_API_BASE"]
    ) as action:
        yield action


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_nothing_is_set_and_the_store_makes_it_one(
    tenant: Tenant, hasty: Runner, fault: dict[str, Any]
) -> None:
    control, eve = tenant.shop.sandbox.stripe.control, new_user(tenant)
    # Every create fails, for one of an earlier test may still be on its way.
    control.add_fault(**CREATE, **{**fault, "times": None})
    asked = hasty.log_in(tenant.event(eve))
    assert asked.nothing, asked
    assert len(asked.log) == 1
    assert control.faults()[0]["hits"] != 0
    control.clear_faults()
    until(lambda: ensure_customer(tenant.shop.linker, eve).customer_id is not None)
    assert_linked_by_the_store(tenant, eve)


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_sdk_does_not_repeat_the_create(tenant: Tenant, status: int) -> None:
    tenant.shop.sandbox.stripe.control.add_fault(**CREATE, action="status", status=status)
    assert tenant.log_in(new_user(tenant)).nothing
    assert tenant.shop.stripe_requests() == ["POST /v1/customers"]


@pytest.mark.parametrize("effect", ["none", "now"])
def test_stored_500_is_left_to_the_store(alone: Tenant, effect: str) -> None:
    shop, eve = alone.shop, new_user(alone)
    shop.sandbox.stripe.fail(path="/v1/customers", effect=effect)
    assert alone.log_in(eve).nothing
    assert alone.log_in(eve).nothing  # replayed
    assert ensure_customer(shop.linker, eve).customer_id is None  # and notes the failure
    shop.forget_requests()
    assert alone.log_in(eve).nothing
    assert shop.stripe_requests() == []
    shop.advance(700)
    assert_linked_by_the_store(alone, eve)


def test_refused_address_is_left_to_the_store(tenant: Tenant) -> None:
    eve = tenant.shop.add_user("eve@localhost")
    assert tenant.log_in(eve).nothing
    assert_linked_by_the_store(tenant, eve)


def test_replayed_answer_is_left_to_the_store(tenant: Tenant) -> None:
    eve = new_user(tenant)
    tenant.action.log_in(tenant.event(eve))  # and the flow ends before Auth0 writes
    again = tenant.log_in(eve)
    assert again.nothing
    assert again.log == ["webstore: not linked here: an earlier attempt exists"]
    assert_linked_by_the_store(tenant, eve)


def test_deleted_customer_of_an_earlier_attempt_is_left_to_the_store(tenant: Tenant) -> None:
    shop, eve = tenant.shop, new_user(tenant)
    lost = tenant.action.log_in(tenant.event(eve)).metadata["stripe_customer_id"]
    shop.stripe("DELETE", f"/customers/{lost}")
    assert tenant.log_in(eve).nothing
    assert assert_linked_by_the_store(tenant, eve) != lost


def test_address_that_changed_between_two_attempts_is_left_to_the_store(alone: Tenant) -> None:
    shop, eve = alone.shop, new_user(alone)
    alone.action.log_in(alone.event(eve))
    shop.management("PATCH", eve, {"email": "eve.new@example.com"})
    changed = alone.log_in(eve)
    assert changed.nothing
    assert "idempotency" in changed.log[0].lower()
    shop.advance(120)
    assert_linked_by_the_store(alone, eve)


def test_log_names_no_user_and_no_secret(tenant: Tenant) -> None:
    shop, eve = tenant.shop, new_user(tenant)
    shop.sandbox.stripe.control.add_fault(**CREATE, action="status", status=401)
    (line,) = tenant.log_in(eve).log
    assert tenant.secret_key not in line
    assert eve not in line
    assert "@" not in line
    assert len(line) < 256
