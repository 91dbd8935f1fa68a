"""Whatever Stripe answers, the gateways return values or raise errors of the store's own tree."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import httpx
import pytest
import stripe

from tests.fakes import Memory
from tests.unit.samples import sample
from webstore.errors import WebstoreError
from webstore.gateways.stripe import (
    StripeCatalogue,
    StripeCheckouts,
    StripeOpenSessions,
    StripeOrders,
    StripePayments,
    StripePortals,
    StripeSubscriptions,
    stripe_client,
)
from webstore.gateways.wire import Answer, Wire
from webstore.linking.models import Customer
from webstore.routes.orders import iso_day
from webstore.shop.money import format_money

WRONG: list[Any] = [None, [], {}, "x", -1, True, 1e999, ["x"], {"a": 1}, float("nan"), 10**30, [None], 5]
DEEP = b'{"id":' + b'{"a":' * 900 + b"1" + b"}" * 901
BODIES = [
    *(b"", b"null", b"[]", b'"x"', b"1", b"<html>", b"\xff\xfe", b"[" * 100_000, DEEP),
    *(b'{"error":"x"}', b'{"error":null}', b'{"error":[]}'),
    b'{"error":{"type":1,"code":{},"message":[],"param":5}}',
]
CHARGE = {
    "id": "ch_1",
    "object": "charge",
    "status": "succeeded",
    "created": 1,
    "amount": 5,
    "amount_captured": 5,
    "amount_refunded": 0,
    "disputed": False,
    "currency": "eur",
    "payment_intent": "pi_1",
    "receipt_url": "https://pay.stripe.com/r",
    "receipt_number": "1234-5678",
    "presentment_details": {"presentment_amount": 6, "presentment_currency": "usd"},
}
INVOICE = {
    "id": "in_1",
    "object": "invoice",
    "created": 1,
    "status": "paid",
    "currency": "eur",
    "subtotal": 5,
    "total": 5,
    "amount_paid": 5,
    "amount_remaining": 0,
    "post_payment_credit_notes_amount": 0,
    "total_discount_amounts": [{"amount": 0}],
    "total_taxes": [{"amount": 1}],
    "shipping_cost": {"amount_subtotal": 0},
    "attempted": True,
    "hosted_invoice_url": "https://invoice.stripe.com/i",
    "number": "A-1",
    "parent": {"subscription_details": {"metadata": {"auth0_user_id": "auth0|a"}}},
    "billing_reason": "subscription_cycle",
    "payments": {
        "has_more": False,
        "data": [
            {
                "id": "inpay_1",
                "status": "paid",
                "created": 1,
                "amount_paid": 5,
                "amount_requested": 5,
                "status_transitions": {"paid_at": 2},
                "payment": {"payment_intent": "pi_1"},
            }
        ],
    },
    "lines": {"data": [{"amount": 5, "quantity": 1}]},
}
SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "status": "complete",
    "payment_status": "paid",
    "mode": "payment",
    "created": 1,
    "expires_at": 2,
    "amount_subtotal": 100,
    "amount_total": 100,
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
    "currency": "eur",
    "url": None,
    "customer": "cus_1",
    "metadata": {"auth0_user_id": "auth0|a"},
    "line_items": {
        "object": "list",
        "has_more": False,
        "data": [
            {
                "id": "li_1",
                "object": "item",
                "description": "Mug",
                "quantity": 1,
                "amount_total": 100,
                "currency": "eur",
                "price": {"id": "price_1", "object": "price", "product": "prod_1"},
            }
        ],
    },
    # The same code reads the other fields of invoices and charges, which have documents of their own.
    "invoice": {"id": "in_1", "object": "invoice", "status": "paid", "hosted_invoice_url": None},
    "payment_intent": {
        "id": "pi_1",
        "object": "payment_intent",
        "status": "succeeded",
        "latest_charge": {"id": "ch_1", "object": "charge", "amount": 5, "amount_refunded": 0},
    },
}
PRICE = {
    "id": "price_1",
    "object": "price",
    "active": True,
    "unit_amount": 5,
    "currency": "eur",
    "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
    "product": {
        "id": "prod_1",
        "object": "product",
        "name": "Mug",
        "created": 1,
        "updated": 1,
        "metadata": {"stock": "1"},
        "images": ["https://cdn.example/mug.png"],
        "shippable": True,
        "default_price": "price_1",
    },
}
CUSTOMER = {
    "id": "cus_1",
    "object": "customer",
    "created": 1,
    "email": "a@example.com",
    "metadata": {"auth0_user_id": "auth0|a", "link_generation": "0"},
}

SUBSCRIPTION = {
    "id": "sub_1",
    "object": "subscription",
    "status": "past_due",
    "created": 1,
    "cancel_at": 5,
    "cancel_at_period_end": True,
    "pause_collection": {"behavior": "void", "resumes_at": 5},
    "discounts": [],
    "description": "Tea",
    "items": {
        "object": "list",
        "has_more": False,
        "data": [{"id": "si_1", "current_period_end": 5, "quantity": 1, "price": {**PRICE, "product": "p"}}],
    },
    "latest_invoice": {"id": "in_1", "status": "open", "hosted_invoice_url": "https://invoice.stripe.com/x"},
}


def a_list(item: object) -> dict[str, object]:
    return {"object": "list", "data": [item], "has_more": False}


class Parrot:
    """A wire on which Stripe answers the same to everything."""

    status, body = 200, b""

    @property
    def client(self) -> stripe.StripeClient:
        return stripe_client(cast(Wire, self), api_key="sk_test_x", api_base="http://127.0.0.1:1")

    def send(self, *_: object) -> Answer:
        return Answer(self.status, httpx.Headers({"content-type": "application/json"}), self.body)


def portals(client: stripe.StripeClient) -> StripePortals:
    """The portal of a store that knows its configuration already."""
    state = Memory()
    state.set("portal", "bpc_1", 60)
    return StripePortals(client, state, state_key="portal", base_url="https://shop.example")


Ask = Callable[[stripe.StripeClient], object]
ASKS: dict[str, tuple[Ask, object]] = {
    "a session": (lambda client: StripeCheckouts(client).get_session("cs_1"), SESSION),
    "purchases": (lambda client: StripeOrders(client).list_purchases("cus_1", None), a_list(SESSION)),
    "invoices": (lambda client: StripeOrders(client).list_invoices("cus_1", None), a_list(INVOICE)),
    "charges": (lambda client: StripeOrders(client).read_charges("cus_1", 0, None), a_list(CHARGE)),
    "the portal": (
        lambda client: portals(client).portal_url("cus_1", "https://shop.example/"),
        {"id": "bps_1", "object": "billing_portal.session", "url": "https://billing.stripe.com/x"},
    ),
    "subscriptions": (
        lambda client: StripeSubscriptions(client).list_subscriptions("cus_1"),
        a_list(SUBSCRIPTION),
    ),
    "open sessions": (
        lambda client: StripeOpenSessions(client).list_open_sessions("cus_1"),
        a_list({**SESSION, "status": "open"}),
    ),
    "the catalogue": (lambda client: StripeCatalogue(client).read_catalogue(), a_list(PRICE)),
    "a customer": (
        lambda client: StripePayments(client, Memory(), livemode=False, account_key="a").get_customer(
            "cus_1"
        ),
        CUSTOMER,
    ),
}
each_call = pytest.mark.parametrize("call", ASKS)


def places(found: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value of a JSON document."""
    yield path
    if isinstance(found, dict):
        for key, value in found.items():
            yield from places(value, (*path, key))
    elif isinstance(found, list):
        for number, value in enumerate(found):
            yield from places(value, (*path, number))


@contextmanager
def with_value(found: Any, path: tuple[Any, ...], value: object) -> Iterator[bytes]:
    """The document with another value at this place, as Stripe would send it."""
    if not path:
        yield json.dumps(value).encode()
        return
    within = found
    for key in path[:-1]:
        within = within[key]
    former, within[path[-1]] = within[path[-1]], value
    yield json.dumps(found).encode()
    within[path[-1]] = former


def use(given: object) -> None:
    """What the pages do with amounts and times."""
    for order in getattr(given, "orders", ()):
        assert order.status
        assert order.number
        assert all(format_money(money) for _, money in order.parts)
        for value in (order.subtotal, order.paid, order.due, order.refunded, order.credited, order.balance):
            assert format_money(order.as_money(value))
        assert format_money(order.total)
        assert iso_day(order.created)
    if hasattr(given, "total"):
        assert format_money(given.total)


@each_call
def test_a_value_of_the_wrong_kind_is_an_error_or_left_out(call: str) -> None:
    ask, document = ASKS[call]
    wire = Parrot()
    client = wire.client
    wire.body = json.dumps(document).encode()
    ask(client)
    for number, path in enumerate(list(places(document))):
        for value in sample(WRONG, 4, number):
            with with_value(document, path, value) as wire.body:
                pass
            try:
                use(ask(client))
            except WebstoreError:
                continue
            except Exception as exc:  # noqa: BLE001 (any other error is a mistake)
                pytest.fail(f"{type(exc).__name__} ({exc}) for {value!r} at {path}")


@each_call
def test_a_body_that_is_none_of_stripes_is_an_error(call: str) -> None:
    ask, _ = ASKS[call]
    wire = Parrot()
    client = wire.client
    for number, wire.status in enumerate((200, 400, 402, 404, 409, 429, 500, 302, 100)):
        for wire.body in sample(BODIES, 3, number):
            with pytest.raises(WebstoreError):
                ask(client)


@pytest.mark.parametrize(("told", "created"), [({"created": 5}, 5.0), ({}, 0.0)], ids=["a time", "no time"])
def test_a_customer_of_whom_little_is_said_is_one_all_the_same(
    told: dict[str, object], created: float
) -> None:
    wire = Parrot()
    client = wire.client
    wire.body = json.dumps({"id": "cus_1", "object": "customer", "metadata": {}, **told}).encode()
    ask, _ = ASKS["a customer"]
    assert ask(client) == Customer("cus_1", created=created)


def test_a_customer_without_metadata_does_not_count_as_unowned() -> None:
    wire = Parrot()
    client = wire.client
    wire.body = b'{"id": "cus_1", "object": "customer", "created": 5}'
    ask, _ = ASKS["a customer"]
    with pytest.raises(WebstoreError):
        ask(client)
