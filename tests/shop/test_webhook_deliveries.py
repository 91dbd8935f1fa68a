"""Deliveries over HTTP: what a shopper does at Stripe, and what the store makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.goods import sell
from tests.shop.counter import CARD, DEBIT, Counter
from tests.support import (
    ADA,
    NO_AUTHORITIES,
    Shop,
    held,
    in_background,
    running_shop,
    the_customer,
    until,
)
from tests.unit.webhook_deliveries import signature
from webstore.shop.models import Money
from webstore.shop.order_events import Kind


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    with running_shop(tmp_path / "state") as shop:
        counter = Counter(shop, sell(shop, "Mug", 1200))
        shop.sandbox.send_webhooks()
        yield counter


COMPLETED = "checkout.session.completed"
SUCCEEDED = "checkout.session.async_payment_succeeded"
FAILED = "checkout.session.async_payment_failed"


def test_a_purchase_is_fulfilled_for_the_linked_customer(counter: Counter) -> None:
    session_id = counter.buy()

    until(lambda: counter.delivered(COMPLETED))

    (event,) = counter.fulfilled
    assert (event.session_id, event.user_id) == (session_id, ADA)
    assert event.customer_id == the_customer(counter.shop, ADA)["id"]
    assert event.money == Money(2400, "eur")
    assert [(line.quantity, line.price_id) for line in event.lines] == [(2, counter.mug.price)]


def test_duplicates_out_of_order_have_one_effect(counter: Counter) -> None:
    counter.settings(webhook_copies=3, webhook_order="shuffled", webhook_retries_s=[0.05] * 20)
    counter.buy()
    until(lambda: counter.delivered(COMPLETED))
    for event in counter.events(COMPLETED):
        counter.shop.sandbox.stripe.redeliver(event["id"])
    until(lambda: counter.delivered(COMPLETED))

    assert len(counter.fulfilled) == 1


@pytest.mark.parametrize(
    ("succeeded", "kind", "said"), [(True, SUCCEEDED, Kind.PAID), (False, FAILED, Kind.PAYMENT_FAILED)]
)
def test_a_payment_that_takes_days_is_told_once_it_arrives_or_fails(
    counter: Counter, succeeded: bool, kind: str, said: Kind
) -> None:
    session_id = counter.buy(**DEBIT)
    until(lambda: counter.delivered(COMPLETED))
    assert counter.told == []

    intent = counter.shop.stripe("GET", f"/checkout/sessions/{session_id}")["payment_intent"]
    counter.shop.sandbox.stripe.settle(intent, succeeded=succeeded)

    until(lambda: counter.delivered(kind))
    assert [(event.kind, event.session_id) for event in counter.told] == [(said, session_id)]


def test_an_event_that_failed_is_delivered_again_later(counter: Counter) -> None:
    counter.settings(webhook_retries_s=[0.05] * 100)
    counter.shop.sandbox.stripe.control.add_fault(
        action="status", status=500, method="GET", path="/v1/checkout/sessions/.*"
    )
    counter.buy()
    assert not counter.fulfilled
    counter.shop.sandbox.stripe.control.clear_faults()

    until(lambda: counter.delivered(COMPLETED), within_s=20)

    assert len(counter.fulfilled) == 1


def test_a_hook_that_failed_is_called_again(counter: Counter) -> None:
    counter.settings(webhook_retries_s=[0.05] * 20)
    counter.failures = 2
    counter.buy()

    until(lambda: counter.delivered(COMPLETED))

    assert (len(counter.fulfilled), counter.failures) == (1, 0)


def test_a_declined_card_and_an_expired_session_fulfil_nothing(counter: Counter) -> None:
    session_id = counter.buy(**{**CARD, "cardNumber": "4000 0000 0000 0002"})
    counter.shop.stripe("POST", f"/checkout/sessions/{session_id}/expire")

    until(lambda: counter.delivered("checkout.session.expired"))

    assert counter.fulfilled == []


def test_sales_of_others_with_the_same_account_are_ignored(counter: Counter) -> None:
    form = {
        "mode": "payment",
        "success_url": "https://other.example/",
        "line_items[0][price]": counter.mug.price,
        "line_items[0][quantity]": "1",
    }
    session = counter.shop.stripe("POST", "/checkout/sessions", **form)
    counter.pay(session["url"], email="eve@example.com", **CARD)

    until(lambda: counter.delivered(COMPLETED))

    assert counter.fulfilled == []


def test_a_customer_deleted_at_stripe_is_not_shown_a_minute_longer(counter: Counter) -> None:
    shop, headers = counter.shop, {"Authorization": f"Bearer {counter.token}"}
    before = shop.http.get(f"{shop.url}/api/me", headers=headers).json()["customer_id"]
    shop.stripe("DELETE", f"/customers/{before}")
    until(lambda: counter.delivered("customer.deleted"))

    after = shop.http.get(f"{shop.url}/api/me", headers=headers).json()["customer_id"]

    assert after == the_customer(shop, ADA)["id"] != before


def test_a_changed_product_is_seen_before_the_catalogue_is_old(counter: Counter) -> None:
    shop, headers = counter.shop, {"Authorization": f"Bearer {counter.token}"}
    shop.stripe("POST", f"/products/{counter.mug.product}", name="A better mug")

    def name() -> str:
        found = shop.http.get(f"{shop.url}/api/products/{counter.mug.product}", headers=headers)
        return str(found.json()["name"])

    until(lambda: name() == "A better mug", within_s=20)


def test_deliveries_with_another_secret_are_refused(counter: Counter) -> None:
    counter.shop.restart(STRIPE_WEBHOOK_SECRET="whsec_of_another_endpoint")
    counter.buy()
    until(lambda: bool(counter.events(COMPLETED)))

    event = counter.events(COMPLETED)[0]

    assert event["pending_webhooks"] == 1
    assert counter.fulfilled == []


def test_webhooks_leave_calls_to_shoppers_while_stripe_is_slow(tmp_path: Path) -> None:
    # Of eight threads, two may be in calls to Stripe for requests, one of them for webhooks.
    with running_shop(tmp_path / "state", WEB_THREADS="8") as shop:
        counter = Counter(shop, sell(shop, "Mug", 1200))
        counter.buy()
        counter.buy()
        first, second = counter.events(COMPLETED)
        ada = shop.browser()
        ada.log_in()
        with held(shop.sandbox.stripe.control, "GET", "/v1/checkout/sessions/.*") as came:
            slow = in_background(lambda: deliver(shop, first))
            until(came)
            assert deliver(shop, second).status_code == 503
            assert ada.open("/orders").status_code == 200
            assert not slow.done()
        assert slow.result(30).status_code == 200
        assert deliver(shop, second).status_code == 200
        assert len(counter.fulfilled) == 2


def deliver(shop: Shop, event: dict[str, Any]) -> httpx.Response:
    """Deliver the event as Stripe does."""
    body = json.dumps(event).encode()
    signed = signature(body, shop.environment["STRIPE_WEBHOOK_SECRET"])
    return httpx.post(
        f"{shop.url}/webhooks/stripe",
        content=body,
        headers={"Stripe-Signature": signed},
        timeout=30,
        verify=NO_AUTHORITIES,
    )
