"""Deliveries over HTTP: what a shopper does at Stripe, and what the store makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.callers import user_token
from tests.goods import Good, sell
from tests.support import ADA, Shop, running_shop, the_customer, until
from webstore.routes import Services, attach
from webstore.shop.models import CheckoutSession

CARD = {
    "paymentMethod": "card",
    "cardNumber": "4242 4242 4242 4242",
    "cardExpiry": "12 / 40",
    "cardCvc": "123",
    "billingName": "Ada",
}
DEBIT = {"paymentMethod": "debit"}


@dataclass
class Counter:
    """A store to which Stripe delivers events, and what the store has fulfilled."""

    shop: Shop
    mug: Good
    fulfilled: list[CheckoutSession] = field(default_factory=list)
    failures: int = 0

    @property
    def token(self) -> str:
        """An access token of Ada's."""
        return user_token(self.shop)

    def fulfil(self, session: CheckoutSession) -> None:
        """The hook."""
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the warehouse is closed")
        self.fulfilled.append(session)

    def settings(self, **changes: Any) -> None:
        """Turn switches of the sandbox's Stripe."""
        url = f"{self.shop.environment['STRIPE_API_BASE']}/_sandbox/settings"
        self.shop.http.patch(url, json=changes).raise_for_status()

    def buy(self, **paid_with: str) -> str:
        """Order a mug through the API and pay for it on Stripe's page; gives the session's ID."""
        lines = {"lines": [{"price": self.mug.price, "quantity": 2}]}
        headers = {"Authorization": f"Bearer {self.token}"}
        begun = self.shop.http.post(f"{self.shop.url}/api/checkout", json=lines, headers=headers)
        assert begun.status_code == 201, begun.text
        self.pay(begun.json()["url"], **(paid_with or CARD))
        return str(begun.json()["id"])

    def pay(self, page: str, **form: str) -> None:
        """Send the form of Stripe's payment page, and follow no redirect."""
        found = self.shop.http.get(page)
        assert 'id="payment"' in found.text
        self.shop.http.post(found.url, data=form, follow_redirects=False)

    def events(self, *types: str) -> list[dict[str, Any]]:
        """The events of these types, the newest last."""
        found = self.shop.stripe("GET", "/events", limit="100")["data"]
        return [event for event in found[::-1] if event["type"] in types]

    def delivered(self, *types: str) -> bool:
        """Whether the store has taken all events of these types, and there are some of each."""
        events = self.events(*types)
        return {event["type"] for event in events} == set(types) and not any(
            event["pending_webhooks"] for event in events
        )


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    with running_shop(tmp_path / "state") as shop:
        counter = Counter(shop, sell(shop, "Mug", 1200))
        services: Services = shop.app.extensions["webstore"]
        attach(shop.app, replace(services, webhooks=replace(services.webhooks, fulfil=(counter.fulfil,))))
        shop.sandbox.send_webhooks()
        yield counter


COMPLETED = "checkout.session.completed"
SUCCEEDED = "checkout.session.async_payment_succeeded"
FAILED = "checkout.session.async_payment_failed"


def test_a_purchase_is_fulfilled_for_the_linked_customer(counter: Counter) -> None:
    session_id = counter.buy()

    until(lambda: counter.delivered(COMPLETED))

    (session,) = counter.fulfilled
    assert (session.id, session.owner) == (session_id, ADA)
    assert session.customer_id == the_customer(counter.shop, ADA)["id"]
    assert (session.total.amount, session.total.currency) == (2400, "eur")
    assert [(line.quantity, line.price_id) for line in session.lines] == [(2, counter.mug.price)]


def test_duplicates_out_of_order_have_one_effect(counter: Counter) -> None:
    counter.settings(webhook_copies=3, webhook_order="shuffled", webhook_retries_s=[0.05] * 20)
    counter.buy()
    until(lambda: counter.delivered(COMPLETED))
    for event in counter.events(COMPLETED):
        counter.shop.sandbox.stripe.redeliver(event["id"])
    until(lambda: counter.delivered(COMPLETED))

    assert len(counter.fulfilled) == 1


@pytest.mark.parametrize(("succeeded", "kind", "handed_over"), [(True, SUCCEEDED, 1), (False, FAILED, 0)])
def test_a_payment_that_takes_days_is_fulfilled_once_it_is_there(
    counter: Counter, succeeded: bool, kind: str, handed_over: int
) -> None:
    session_id = counter.buy(**DEBIT)
    until(lambda: counter.delivered(COMPLETED))
    assert counter.fulfilled == []

    intent = counter.shop.stripe("GET", f"/checkout/sessions/{session_id}")["payment_intent"]
    counter.shop.sandbox.stripe.settle(intent, succeeded=succeeded)

    until(lambda: counter.delivered(kind))
    assert len(counter.fulfilled) == handed_over


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
