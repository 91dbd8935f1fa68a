"""Lists inside objects hold ten items: https://docs.stripe.com/api/invoices/object#invoice_object-lines"""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.checkout import CARD, again, monthly, page_of, pay, price, session
from tests.sandbox.conftest import RunningStripe

_LIST_FIELDS = {"object", "data", "has_more", "url"}


@pytest.fixture
def many(client: stripe.StripeClient, http: httpx.Client) -> stripe.checkout.Session:
    """A completed session with twelve monthly lines."""
    prices = [monthly(client, 100 + number) for number in range(12)]
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    made = session(client, *prices, mode="subscription", customer=customer)
    assert pay(http, made).status_code == 303
    return again(client, made, "line_items")


def _ids(items: Any) -> list[str]:  # Any: a list of the SDK
    return [item.id for item in items]


def test_an_invoice_shows_ten_of_its_lines(
    client: stripe.StripeClient, many: stripe.checkout.Session
) -> None:
    invoice = client.v1.invoices.retrieve(str(many.invoice))
    assert (len(invoice.lines.data), invoice.lines.has_more) == (10, True)
    assert set(invoice.lines.to_dict()) == _LIST_FIELDS
    assert invoice.total == sum(100 + number for number in range(12))
    whole = client.v1.invoices.line_items.list(str(many.invoice), {"limit": 100})
    assert (len(whole.data), whole.has_more) == (12, False)
    assert _ids(whole)[:10] == _ids(invoice.lines)
    assert _ids(invoice.lines.auto_paging_iter()) == _ids(whole)
    listed = client.v1.invoices.list({"customer": str(many.customer)}).data[0]
    assert (len(listed.lines.data), listed.lines.has_more) == (10, True)
    expanded = again(client, many, "invoice").invoice
    assert isinstance(expanded, stripe.Invoice)
    assert len(expanded.lines.data) == 10


def test_a_subscription_shows_ten_of_its_items(
    client: stripe.StripeClient, many: stripe.checkout.Session
) -> None:
    bought = client.v1.subscriptions.retrieve(str(many.subscription))
    assert (len(bought["items"].data), bought["items"].has_more) == (10, True)
    assert set(bought["items"].to_dict()) == _LIST_FIELDS
    first = client.v1.subscription_items.list({"subscription": bought.id, "limit": 7})
    rest = client.v1.subscription_items.list(
        {"subscription": bought.id, "limit": 7, "starting_after": first.data[-1].id}
    )
    assert (len(first.data), first.has_more, len(rest.data), rest.has_more) == (7, True, 5, False)
    assert _ids(first)[:7] == _ids(bought["items"])[:7]
    assert client.v1.subscription_items.retrieve(rest.data[0].id).price.id == rest.data[0].price.id
    owned = client.v1.customers.retrieve(str(many.customer), {"expand": ["subscriptions"]}).subscriptions
    assert owned is not None
    assert (len(owned.data[0]["items"].data), set(owned.to_dict())) == (10, _LIST_FIELDS)


def test_subscription_items_belong_to_a_subscription(client: stripe.StripeClient, http: httpx.Client) -> None:
    assert http.get("/v1/subscription_items").json()["error"]["param"] == "subscription"
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        client.v1.subscription_items.list({"subscription": "sub_none"})
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription_item"):
        client.v1.subscription_items.retrieve("si_none")


def test_a_session_shows_ten_of_its_lines(many: stripe.checkout.Session) -> None:
    assert many.line_items is not None
    assert (len(many.line_items.data), many.line_items.has_more) == (10, True)
    assert len(_ids(many.line_items.auto_paging_iter())) == 12


def test_a_charge_shows_ten_of_its_refunds(client: stripe.StripeClient, http: httpx.Client) -> None:
    made = session(client, price(client), customer_creation="always")
    pay(http, made)
    intent = again(client, made, "payment_intent").payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    for _ in range(12):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 10})
    charge = client.v1.charges.retrieve(str(intent.latest_charge), {"expand": ["refunds"]})
    assert charge.refunds is not None
    assert (len(charge.refunds.data), charge.refunds.has_more) == (10, True)
    whole = client.v1.refunds.list({"charge": charge.id, "limit": 100})
    assert _ids(charge.refunds.auto_paging_iter()) == _ids(whole)
    assert len(whole.data) == 12


@pytest.mark.usefixtures("many")
def test_events_show_ten(client: stripe.StripeClient) -> None:
    for type_, field in (("invoice.paid", "lines"), ("customer.subscription.created", "items")):
        (event,) = client.v1.events.list({"type": type_}).data
        shown: Mapping[str, Any] = event.data.object[field]
        assert (len(shown["data"]), shown["has_more"]) == (10, True)


def test_the_pages_show_all_of_them(
    client: stripe.StripeClient, http: httpx.Client, many: stripe.checkout.Session
) -> None:
    invoice = client.v1.invoices.retrieve(str(many.invoice))
    assert http.get(str(invoice.hosted_invoice_url)).text.count("Mug (at") == 12
    prices = [monthly(client, 100 + number) for number in range(12)]
    unpaid = session(client, *prices, mode="subscription")
    assert http.get(page_of(unpaid)).text.count("Mug") >= 12
    assert http.post(page_of(unpaid), data={"email": "ada@example.com", **CARD}).status_code == 303


def test_a_renewal_has_all_of_them(
    running: RunningStripe, client: stripe.StripeClient, many: stripe.checkout.Session
) -> None:
    running.control.clock.advance(32 * 86_400)
    renewal = client.v1.invoices.list({"subscription": str(many.subscription), "limit": 1}).data[0]
    assert len(client.v1.invoices.line_items.list(str(renewal.id), {"limit": 100}).data) == 12
    (change, *_) = client.v1.events.list({"type": "customer.subscription.updated"}).data
    previous: Any = change.data.previous_attributes
    assert len(previous["items"]["data"]) == 10
