"""What happens to an order after its purchase, and events that never arrived."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.goods import sell
from tests.shop.counter import Counter
from tests.support import ADA, OTHER_KEY, running_shop, until
from webstore.shop.models import Money
from webstore.shop.order_events import Kind
from webstore.shop.webhooks import LAST_DELIVERY


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    """A store that Stripe does not deliver to."""
    with running_shop(tmp_path / "state") as shop:
        yield Counter(shop, sell(shop, "Mug", 1200))


def told(counter: Counter) -> list[Kind]:
    return [event.kind for event in counter.told]


def replay(counter: Counter, *arguments: str) -> str:
    """Run the command, which has to succeed."""
    runner = counter.shop.app.test_cli_runner()
    done = runner.invoke(args=["events", "replay", "--since", "1d", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_refund_is_told_with_its_order(counter: Counter) -> None:
    counter.shop.sandbox.send_webhooks()
    session_id = counter.buy()
    intent = counter.shop.stripe("GET", f"/checkout/sessions/{session_id}")["payment_intent"]
    counter.shop.stripe("POST", "/refunds", payment_intent=intent, amount="500")
    counter.shop.stripe("POST", "/refunds", payment_intent=intent, amount="700")
    until(lambda: counter.delivered("refund.created", "charge.refunded"))

    refunds = [event for event in counter.told if event.kind is Kind.REFUNDED]
    (bought,) = counter.fulfilled
    assert [event.money for event in refunds] == [Money(500, "eur"), Money(700, "eur")]
    assert {(event.order_number, event.session_id, event.user_id) for event in refunds} == {
        (bought.order_number, session_id, ADA)
    }


def test_a_renewal_is_told_and_so_is_the_end(counter: Counter) -> None:
    counter.shop.sandbox.send_webhooks()
    counter.mug, counter.quantity = sell(counter.shop, "Tea of the month", 1900, every="month"), 1
    session_id = counter.buy()
    subscription = counter.shop.stripe("GET", f"/checkout/sessions/{session_id}")["subscription"]
    counter.shop.sandbox.stripe.renew(subscription)
    counter.shop.stripe("POST", f"/subscriptions/{subscription}", cancel_at_period_end="true")
    until(lambda: Kind.CANCELLATION_SCHEDULED in told(counter))
    counter.shop.stripe("POST", f"/subscriptions/{subscription}", cancel_at_period_end="false")
    until(lambda: Kind.CANCELLATION_UNDONE in told(counter))
    counter.shop.stripe("DELETE", f"/subscriptions/{subscription}")
    until(lambda: Kind.SUBSCRIPTION_ENDED in told(counter))

    assert sorted(told(counter)) == sorted(
        [
            Kind.PAID,
            Kind.RENEWED,
            Kind.CANCELLATION_SCHEDULED,
            Kind.CANCELLATION_UNDONE,
            Kind.SUBSCRIPTION_ENDED,
        ]
    )
    events = {event.kind: event for event in counter.told}
    renewal = events.pop(Kind.RENEWED)
    assert (renewal.money, renewal.user_id) == (Money(1900, "eur"), ADA)
    assert renewal.subscription_id == subscription
    (order_number,) = {event.order_number for event in events.values()}
    assert renewal.order_number != order_number


def test_missed_events_are_replayed_once(counter: Counter) -> None:
    session_id = counter.buy()
    assert counter.told == []

    assert "missed" in replay(counter, "--dry-run")
    assert counter.told == []
    found = json.loads(replay(counter, "--json"))

    assert [event.session_id for event in counter.fulfilled] == [session_id]
    assert session_id in {event["object"] for event in found["events"] if event["outcome"] == "done"}
    replay(counter)
    assert len(counter.told) == 1


def test_after_a_long_absence_a_start_handles_what_was_missed(counter: Counter) -> None:
    session_id = counter.buy()
    services = counter.shop.app.extensions["webstore"]
    services.state.set(LAST_DELIVERY, str(time.time() - 2 * 3600), 3600)
    counter.shop.restart()
    counter.listen()

    counter.shop.browser().open("/")

    until(lambda: [event.session_id for event in counter.fulfilled] == [session_id])


def test_an_open_session_ends_when_its_product_is_withdrawn(counter: Counter) -> None:
    counter.shop.sandbox.send_webhooks()
    kept = counter.begin()
    counter.mug, mug = sell(counter.shop, "Cup", 500), counter.mug
    other = counter.begin()
    counter.shop.stripe("POST", f"/products/{mug.product}", **{"metadata[stock]": "0"})

    def status(session_id: str) -> str:
        return str(counter.shop.stripe("GET", f"/checkout/sessions/{session_id}")["status"])

    until(lambda: status(kept["id"]) == "expired")
    assert status(other["id"]) == "open"


def test_a_dispute_is_told_from_its_beginning_to_its_end(counter: Counter) -> None:
    counter.shop.sandbox.send_webhooks()
    session_id = counter.buy()
    until(lambda: bool(counter.fulfilled))
    intent = counter.shop.stripe("GET", f"/checkout/sessions/{session_id}")["payment_intent"]
    (charge,) = counter.shop.stripe("GET", "/charges", payment_intent=intent)["data"]
    dispute = counter.shop.sandbox.stripe.dispute(charge["id"])
    until(lambda: Kind.DISPUTE_OPENED in told(counter))
    counter.shop.sandbox.stripe.close_dispute(dispute["id"], won=False)
    until(lambda: Kind.DISPUTE_LOST in told(counter))

    _, *about_it = counter.told
    assert [event.kind for event in about_it] == [Kind.DISPUTE_OPENED, Kind.DISPUTE_LOST]
    assert {(event.session_id, event.object_id, event.charge_id, event.money) for event in about_it} == {
        (session_id, dispute["id"], charge["id"], Money(2400, "eur"))
    }


def test_a_refund_of_a_renewal_has_the_renewals_number(counter: Counter) -> None:
    counter.shop.sandbox.send_webhooks()
    counter.mug, counter.quantity = sell(counter.shop, "Tea of the month", 1900, every="month"), 1
    session_id = counter.buy()
    subscription = counter.shop.stripe("GET", f"/checkout/sessions/{session_id}")["subscription"]
    counter.shop.sandbox.stripe.renew(subscription)
    until(lambda: Kind.RENEWED in told(counter))
    newest = counter.shop.stripe("GET", "/charges", limit="1")["data"][0]
    counter.shop.stripe("POST", "/refunds", charge=newest["id"])
    until(lambda: Kind.REFUNDED in told(counter))

    renewal = next(event for event in counter.told if event.kind is Kind.RENEWED)
    refund = counter.told[-1]
    assert (refund.order_number, refund.invoice_id) == (renewal.order_number, renewal.invoice_id)
    assert (refund.user_id, refund.money) == (ADA, Money(1900, "eur"))


def test_a_store_that_gets_thin_events_is_told_the_same(counter: Counter) -> None:
    shop = counter.shop
    secret = shop.environment["STRIPE_WEBHOOK_SECRET"]
    shop.sandbox.stripe.listen(f"{shop.url}/webhooks/stripe", secret, thin=True)
    session_id = counter.buy()
    intent = shop.stripe("GET", f"/checkout/sessions/{session_id}")["payment_intent"]
    shop.stripe("POST", "/refunds", payment_intent=intent)
    until(lambda: counter.delivered("checkout.session.completed", "charge.refunded", "refund.created"))

    assert sorted(told(counter)) == [Kind.PAID, Kind.REFUNDED]
    assert {event.session_id for event in counter.told} == {session_id}


def test_a_key_of_another_account_is_told_and_nothing_is_lost(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    shop, key = counter.shop, counter.shop.environment["STRIPE_SECRET_KEY"]
    session_id = counter.buy()
    (event,) = counter.events("checkout.session.completed")
    shop.restart(STRIPE_SECRET_KEY=OTHER_KEY)
    shop.sandbox.send_webhooks()
    shop.sandbox.stripe.redeliver(event["id"])
    until(lambda: "belongs to an endpoint of another account or mode" in caplog.text)

    shop.restart(STRIPE_SECRET_KEY=key)
    counter.listen()
    assert counter.events("checkout.session.completed")[0]["pending_webhooks"] == 1
    replay(counter)
    assert [event.session_id for event in counter.fulfilled] == [session_id]
