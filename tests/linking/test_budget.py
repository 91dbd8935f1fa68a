"""Linking never holds up a login: hanging and slow vendors, rate limits and busy threads, over real HTTP.

A vendor that "hangs" here holds a request until the test releases it. So a login that is answered while the
request is still held has not waited for the vendor. How long a login takes is measured in tests/benchmarks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.linking.steps import EVE, clear_faults, control_of, log_in, set_budget, unanswered
from tests.support import (
    ADA,
    Shop,
    held,
    in_background,
    link_status,
    running_shop,
    shown_customer,
    the_customer,
    until,
)
from webstore.linking.models import LinkStatus
from webstore.sandbox.auth0.user import User

BUDGET_S = 0.3
#: More seconds than a login with healthy vendors needs on a busy machine.
AMPLE_S = 20.0
#: The budget of a linked user's login: longer than its wait for the account of the store's key (seconds).
LINKED_S = 5.0
MANAGEMENT, STRIPE = ("auth0", "/api/v2/.*"), ("stripe", "/v1/.*")
#: A request is held until the test releases it. The browser would give up after 30 s.
HANGS: dict[str, Any] = {"action": "latency", "seconds": 60}
#: The answer comes byte by byte, each soon enough for any time-out between two bytes.
TRICKLES: dict[str, Any] = {"action": "trickle", "seconds": 0.1}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A store whose logins wait only a moment for the link."""
    with running_shop(tmp_path / "state", LINK_BUDGET_S=str(BUDGET_S)) as running:
        yield running


def stored(shop: Shop, user_id: str) -> User:
    """The user as the tenant has them now, without a request."""
    user = shop.sandbox.auth0.state.users.get(user_id)
    assert user is not None
    return user


def add_fault(shop: Shop, vendor: str, path: str, **fault: Any) -> None:
    control_of(shop, vendor).add_fault(**{"path": path, "times": None, **fault})


def assert_the_next_login_links(shop: Shop, user_id: str) -> None:
    """With healthy vendors, and with time for a busy machine."""
    clear_faults(shop)
    set_budget(shop, AMPLE_S)
    assert shown_customer(log_in(shop)) == the_customer(shop, user_id)["id"]


OUTAGES = {
    "Stripe": [STRIPE],
    "the Management API": [MANAGEMENT],
    "both": [STRIPE, MANAGEMENT],
}


@pytest.mark.parametrize("vendors", OUTAGES.values(), ids=OUTAGES)
def test_login_is_answered_while_a_vendor_hangs(shop: Shop, vendors: list[tuple[str, str]]) -> None:
    eve = shop.add_user(EVE)
    for vendor, path in vendors:
        add_fault(shop, vendor, path, **HANGS)
    page = log_in(shop)
    assert link_status(page) == "pending"
    holding = unanswered(shop)
    assert holding != []
    clear_faults(shop)
    # The release answers them, so they were held when the login was answered.
    until(lambda: all(request.status is not None for request in holding))
    assert_the_next_login_links(shop, eve)


@pytest.mark.parametrize("vendors", OUTAGES.values(), ids=OUTAGES)
def test_login_is_answered_while_a_vendor_sends_its_answer_byte_by_byte(
    shop: Shop, vendors: list[tuple[str, str]]
) -> None:
    eve = shop.add_user(EVE)
    for vendor, path in vendors:
        add_fault(shop, vendor, path, **TRICKLES)
    page = log_in(shop)
    assert link_status(page) == "pending"
    assert unanswered(shop) != []
    assert_the_next_login_links(shop, eve)


def test_login_is_answered_while_the_management_token_hangs(shop: Shop) -> None:
    eve = shop.add_user(EVE)
    # The first request is the exchange of the login's own code.
    add_fault(shop, "auth0", "/oauth/token", method="POST", skip=1, **HANGS)
    page = log_in(shop)
    assert link_status(page) == "pending"
    (token_request,) = unanswered(shop)
    assert token_request.path == "/oauth/token"
    clear_faults(shop)
    until(lambda: token_request.status is not None)
    assert_the_next_login_links(shop, eve)


def test_login_is_answered_while_many_calls_are_slow_one_by_one(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """No single call is over the budget. The attempt is completed in the background."""
    caplog.set_level(logging.INFO, "webstore")
    eve = shop.add_user(EVE)
    set_budget(shop, 0.9)
    for vendor, path in (STRIPE, MANAGEMENT):
        add_fault(shop, vendor, path, action="latency", seconds=0.3)
    page = log_in(shop)
    assert link_status(page) == "pending"
    until(lambda: "stripe_customer_id" in (stored(shop, eve).app_metadata or {}))
    # The attempt ended after the login had been answered.
    until(lambda: f"link user={eve} ended late: outcome=created" in caplog.text)
    assert_the_next_login_links(shop, eve)


def test_account_page_is_answered_while_a_vendor_hangs(shop: Shop) -> None:
    shop.add_user(EVE)
    add_fault(shop, *STRIPE, **HANGS)
    page = shop.browser().log_in(EVE, path="/account")
    assert link_status(page) == "pending"
    holding = unanswered(shop)
    assert holding != []
    clear_faults(shop)
    until(lambda: all(request.status is not None for request in holding))


def linked_ada(shop: Shop) -> str | None:
    """Link Ada; gives her customer's ID."""
    set_budget(shop, AMPLE_S)
    first = shop.use(ADA).customer_id
    assert first is not None
    set_budget(shop, LINKED_S)
    return first


@pytest.mark.parametrize("claimed", [False, True], ids=["by a user read", "by the claim"])
def test_linked_shopper_is_shown_as_linked_while_stripe_hangs(shop: Shop, claimed: bool) -> None:
    first = linked_ada(shop)
    shop.sandbox.auth0.control.change_settings({"claim_action": claimed})
    add_fault(shop, *STRIPE, **HANGS)
    assert shown_customer(log_in(shop, "ada@example.com")) == first


def test_linked_shopper_is_shown_as_linked_by_a_process_that_starts_while_stripe_hangs(shop: Shop) -> None:
    first = linked_ada(shop)
    shop.lose_state()
    set_budget(shop, LINKED_S)
    add_fault(shop, *STRIPE, **HANGS)
    assert shown_customer(log_in(shop, "ada@example.com")) == first
    assert [request.path for request in unanswered(shop)] == ["/v1/account"]


def test_linked_shopper_is_shown_as_linked_by_the_claim_while_the_management_api_hangs(shop: Shop) -> None:
    first = linked_ada(shop)
    shop.sandbox.auth0.control.change_settings({"claim_action": True})
    add_fault(shop, *MANAGEMENT, **HANGS)
    assert shown_customer(log_in(shop, "ada@example.com")) == first


# Nothing is tried again inside a login

STRIPE_BUSY = {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Slow down."}}
AUTH0_BUSY = {"statusCode": 429, "error": "Too Many Requests", "errorCode": "too_many_requests"}
FAR_OFF = {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "4102444800"}
ONCE: dict[str, dict[str, Any]] = {
    "Management API 429": {
        "vendor": "auth0",
        "path": "/api/v2/.*",
        "status": 429,
        "body": AUTH0_BUSY,
        "headers": FAR_OFF,
    },
    "Management API 503": {"vendor": "auth0", "path": "/api/v2/.*", "status": 503},
    "Stripe 429": {
        "vendor": "stripe",
        "path": "/v1/customers",
        "status": 429,
        "body": STRIPE_BUSY,
        "headers": {"Retry-After": "30"},
    },
    "Stripe 500": {
        "vendor": "stripe",
        "path": "/v1/customers",
        "status": 500,
        "headers": {"Stripe-Should-Retry": "true"},
    },
}


@pytest.mark.parametrize("fault", ONCE.values(), ids=ONCE)
def test_refused_call_is_made_once_and_the_login_goes_on(
    shop: Shop, caplog: pytest.LogCaptureFixture, fault: dict[str, Any]
) -> None:
    caplog.set_level(logging.INFO, "webstore")
    eve = shop.add_user(EVE)
    set_budget(shop, AMPLE_S)
    add_fault(shop, action="status", **fault)
    page = log_in(shop)
    assert link_status(page) == "pending"
    # The answer ended the attempt, not the budget: nothing waited for the time that a header asks for.
    assert f"answered {fault['status']}" in caplog.text
    assert "OverBudget" not in caplog.text
    struck = [*shop.sandbox.auth0.control.faults(), *shop.sandbox.stripe.control.faults()]
    assert [fault["hits"] for fault in struck] == [1]
    assert_the_next_login_links(shop, eve)


def test_rate_limits_of_both_vendors_only_delay_the_link(shop: Shop) -> None:
    eve = shop.add_user(EVE)
    set_budget(shop, AMPLE_S)
    shop.sandbox.auth0.control.change_settings({"rate_limit_burst": 0, "rate_limit_per_s": 0})
    assert link_status(log_in(shop)) == "pending"
    shop.sandbox.auth0.control.change_settings({"rate_limit_burst": 1000, "rate_limit_per_s": 1000})
    shop.sandbox.stripe.control.change_settings({"rate_limit_per_s": 1})
    assert link_status(log_in(shop)) == "pending"
    shop.sandbox.stripe.control.change_settings({"rate_limit_per_s": 0})
    assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]


# Threads


def test_login_beyond_the_threads_for_linking_does_not_wait_for_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "webstore")
    with running_shop(tmp_path / "state", LINK_BUDGET_S=str(AMPLE_S), WEB_THREADS="8") as shop:
        eve = shop.add_user(EVE)
        shop.use(ADA)
        shop.forget_requests()
        add_fault(shop, *STRIPE, action="hang")
        busy = [in_background(lambda: shop.use(ADA)) for _ in range(4)]
        until(lambda: len(shop.stripe_requests()) == 4)
        page = log_in(shop)
        # All the threads were still busy when the login was answered.
        assert [use.done() for use in busy] == [False] * 4
        assert link_status(page) == "pending"
        assert "every thread is busy" in caplog.text
        clear_faults(shop)
        assert [use.result().customer_id for use in busy] == [None] * 4
        assert shown_customer(log_in(shop)) == shop.app_metadata(eve)["stripe_customer_id"]


def test_vendor_that_keeps_hanging_is_left_alone_for_a_while(tmp_path: Path) -> None:
    with running_shop(tmp_path / "state", LINK_BUDGET_S="0.2") as shop:
        shop.add_user(EVE)
        until(lambda: shop.use(ADA).customer_id is not None)
        add_fault(shop, *STRIPE, action="hang")

        def asked_stripe() -> bool:
            shop.forget_requests()
            assert shop.use(ADA).customer_id is None
            return shop.stripe_requests() != []

        until(lambda: not asked_stripe())
        assert link_status(log_in(shop)) == "pending"
        # One try in three seconds may be among these, to see whether Stripe is back.
        assert [asked_stripe() for _ in range(5)].count(True) <= 1
        assert shop.management_requests() != []


def test_attempt_that_was_suspended_for_a_minute_makes_no_further_call(shop: Shop) -> None:
    eve = shop.add_user(EVE)
    set_budget(shop, AMPLE_S)
    shop.advance(0)
    with held(shop.sandbox.auth0.control, "GET", r"/api/v2/users/.*") as has_come:
        suspended = in_background(lambda: shop.use(eve))
        until(has_come)
        shop.ahead_s += 61
    assert suspended.result().status is LinkStatus.PENDING
    assert shop.stripe_requests() == []
    assert shop.use(eve).customer_id == the_customer(shop, eve)["id"]
