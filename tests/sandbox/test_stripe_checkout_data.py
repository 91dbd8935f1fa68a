"""What a store attaches to a session, and where it is found afterwards."""

from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.checkout import again, monthly, params, pay, price, session
from tests.sandbox.conftest import RunningStripe


def test_the_lines_keep_their_metadata(client: stripe.StripeClient) -> None:
    line = {"price": price(client), "quantity": 2, "metadata": {"note": "blue"}}
    made = client.v1.checkout.sessions.create(params(line_items=[line], expand=["line_items"]))
    assert made.line_items is not None
    assert made.line_items.data[0].to_dict()["metadata"] == {"note": "blue"}
    (listed,) = client.v1.checkout.sessions.line_items.list(made.id).data
    assert listed.to_dict()["metadata"] == {"note": "blue"}


def test_the_payment_and_the_subscription_keep_their_texts(
    client: stripe.StripeClient, http: httpx.Client
) -> None:
    data: dict[str, Any] = {"description": "Order 7", "metadata": {"order": "7"}}
    once = session(client, price(client), payment_intent_data=data, customer_creation="always")
    pay(http, once)
    intent = again(client, once, "payment_intent.latest_charge").payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    charge = intent.latest_charge
    assert isinstance(charge, stripe.Charge)
    for paid in (intent, charge):
        assert (paid.description, paid.to_dict()["metadata"]) == ("Order 7", {"order": "7"})
    often = session(client, monthly(client), mode="subscription", subscription_data=data)
    pay(http, often)
    bought = again(client, often, "subscription").subscription
    assert isinstance(bought, stripe.Subscription)
    assert (bought.description, bought.to_dict()["metadata"]) == ("Order 7", {"order": "7"})


def test_a_session_ends_at_the_time_that_was_set(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client
) -> None:
    now = int(running.control.clock.now())
    early = session(client, price(client), expires_at=now + 1900)
    late = session(client, price(client), expires_at=now + 86_000)
    paid = session(client, price(client))
    pay(http, paid)
    running.control.clock.advance(1960)
    found = {
        status: [one.id for one in client.v1.checkout.sessions.list({"status": status}).data]
        for status in ("open", "complete", "expired")
    }
    assert found == {"open": [late.id], "complete": [paid.id], "expired": [early.id]}
    assert pay(http, early).status_code == 410


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1700, "at least 30 minutes"), (86_700, "less than 24 hours")],
)
def test_a_time_that_is_refused(
    running: RunningStripe, client: stripe.StripeClient, seconds: int, words: str
) -> None:
    at = int(running.control.clock.now()) + seconds
    with pytest.raises(stripe.InvalidRequestError, match=words) as refused:
        session(client, price(client), expires_at=at)
    assert refused.value.param == "expires_at"
