"""Linking is never in the way of a login: hangs, trickles, rate limits and full threads, over real HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

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

BUDGET_S = 1.0
ROOM_S = 0.5
EVE = "eve@example.com"
MANAGEMENT, STRIPE = ("auth0", "/api/v2/.*"), ("stripe", "/v1/.*")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A store whose logins wait at most a second for the link."""
    with running_shop(tmp_path / "state", LINK_BUDGET_S=str(BUDGET_S)) as running:
        yield running


def log_in(shop: Shop, email: str = EVE) -> httpx.Response:
    """Log in with another browser; the page shows what the login itself came to."""
    return shop.browser().log_in(email, path="/")


def waited(page: httpx.Response) -> float:
    """How long the callback of the login that led to this page took, in seconds."""
    (callback,) = [answer for answer in page.history if answer.url.path == "/callback"]
    return callback.elapsed.total_seconds()


def stored(shop: Shop, user_id: str) -> User:
    """The user as the tenant has them now, without a request."""
    user = shop.sandbox.auth0.state.users.get(user_id)
    assert user is not None
    return user


def add_fault(shop: Shop, vendor: str, path: str, **fault: Any) -> None:
    control = shop.sandbox.auth0.control if vendor == "auth0" else shop.sandbox.stripe.control
    control.add_fault(**{"path": path, "times": None, **fault})


def clear_faults(shop: Shop) -> None:
    shop.sandbox.auth0.control.clear_faults()
    shop.sandbox.stripe.control.clear_faults()


OUTAGES = {
    "Stripe": [STRIPE],
    "the Management API": [MANAGEMENT],
    "both": [STRIPE, MANAGEMENT],
}


@pytest.mark.parametrize("hanging", OUTAGES.values(), ids=OUTAGES)
@pytest.mark.parametrize("action", ["hang", "trickle"])
def test_login_is_done_within_the_budget_while_a_vendor_hangs_or_trickles(
    shop: Shop, action: str, hanging: list[tuple[str, str]]
) -> None:
    eve = shop.add_user(EVE)
    for vendor, path in hanging:
        add_fault(shop, vendor, path, action=action, seconds=0.2 if action == "trickle" else 60)
    page = log_in(shop)
    assert link_status(page) == "pending"
    assert waited(page) < BUDGET_S + ROOM_S
    clear_faults(shop)
    assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]


def test_login_is_done_within_the_budget_while_the_management_token_hangs(shop: Shop) -> None:
    eve = shop.add_user(EVE)
    # The first request is the exchange of the login's own code.
    add_fault(shop, "auth0", "/oauth/token", method="POST", action="hang", skip=1)
    page = log_in(shop)
    assert link_status(page) == "pending"
    assert waited(page) < BUDGET_S + ROOM_S
    clear_faults(shop)
    assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]


def test_login_is_done_within_the_budget_while_many_calls_are_slow_one_by_one(shop: Shop) -> None:
    """No single call is over the budget, and what is under way is finished behind the shopper's back."""
    eve = shop.add_user(EVE)
    for vendor, path in (STRIPE, MANAGEMENT):
        add_fault(shop, vendor, path, action="latency", seconds=0.4)
    page = log_in(shop)
    assert link_status(page) == "pending"
    assert waited(page) < BUDGET_S + ROOM_S
    assert "stripe_customer_id" not in (stored(shop, eve).app_metadata or {})
    until(lambda: "stripe_customer_id" in (stored(shop, eve).app_metadata or {}))
    clear_faults(shop)
    assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]


def test_account_page_is_there_within_the_budget_while_a_vendor_hangs(shop: Shop) -> None:
    shop.add_user(EVE)
    add_fault(shop, *STRIPE, action="hang")
    page = shop.browser().log_in(EVE, path="/account")
    assert link_status(page) == "pending"
    assert page.elapsed.total_seconds() < BUDGET_S + ROOM_S


@pytest.mark.parametrize("claimed", [False, True], ids=["by a user read", "by the claim"])
def test_linked_shopper_is_shown_as_linked_while_stripe_hangs(shop: Shop, claimed: bool) -> None:
    first = shop.use(ADA).customer_id
    shop.sandbox.auth0.control.change_settings({"claim_action": claimed})
    add_fault(shop, *STRIPE, action="hang")
    assert shown_customer(log_in(shop, "ada@example.com")) == first


def test_linked_shopper_is_shown_as_linked_by_a_process_that_starts_while_stripe_hangs(shop: Shop) -> None:
    first = shop.use(ADA).customer_id
    shop.lose_state()
    add_fault(shop, *STRIPE, action="hang")
    assert shown_customer(log_in(shop, "ada@example.com")) == first


def test_linked_shopper_is_shown_as_linked_by_the_claim_while_the_management_api_hangs(shop: Shop) -> None:
    first = shop.use(ADA).customer_id
    shop.sandbox.auth0.control.change_settings({"claim_action": True})
    add_fault(shop, *MANAGEMENT, action="hang")
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
    add_fault(shop, action="status", **fault)
    page = log_in(shop)
    assert link_status(page) == "pending"
    assert waited(page) < BUDGET_S + ROOM_S
    # What ended the attempt was the answer, not the clock.
    assert f"answered {fault['status']}" in caplog.text
    assert "OverBudget" not in caplog.text
    struck = [*shop.sandbox.auth0.control.faults(), *shop.sandbox.stripe.control.faults()]
    assert [fault["hits"] for fault in struck] == [1]
    clear_faults(shop)
    assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]


def test_rate_limits_of_both_vendors_only_delay_the_link(shop: Shop) -> None:
    eve = shop.add_user(EVE)
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
    with running_shop(tmp_path / "state", LINK_BUDGET_S="10", WEB_THREADS="8") as shop:
        eve = shop.add_user(EVE)
        shop.use(ADA)
        shop.forget_requests()
        add_fault(shop, *STRIPE, action="hang")
        busy = [in_background(lambda: shop.use(ADA)) for _ in range(4)]
        until(lambda: len(shop.stripe_requests()) == 4)
        page = log_in(shop)
        assert link_status(page) == "pending"
        assert "every thread is busy" in caplog.text
        assert waited(page) < 5
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
    shop.advance(0)
    with held(shop.sandbox.auth0.control, "GET", r"/api/v2/users/.*") as has_come:
        suspended = in_background(lambda: shop.use(eve))
        until(has_come)
        shop.ahead_s += 61
    assert suspended.result().status is LinkStatus.PENDING
    assert shop.stripe_requests() == []
    assert shop.use(eve).customer_id == the_customer(shop, eve)["id"]
