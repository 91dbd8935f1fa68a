"""Whatever Stripe answers, the gateways return values or raise errors of the store's own tree."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import httpx
import pytest
import stripe

from tests.fakes import Memory
from webstore.errors import WebstoreError
from webstore.gateways.stripe import (
    StripeCatalogue,
    StripeCheckouts,
    StripeOrders,
    StripePayments,
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
INVOICE = {
    "id": "in_1",
    "object": "invoice",
    "created": 1,
    "status": "paid",
    "currency": "eur",
    "total": 5,
    "billing_reason": "subscription_cycle",
    "payments": {"data": [{"id": "inpay_1", "payment": {"payment_intent": "pi_1"}}]},
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
    "amount_total": 100,
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
    "invoice": INVOICE,
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


Ask = Callable[[stripe.StripeClient], object]
ASKS: dict[str, tuple[Ask, object]] = {
    "a session": (lambda client: StripeCheckouts(client).get_session("cs_1"), SESSION),
    "purchases": (lambda client: StripeOrders(client).list_purchases("cus_1", None), a_list(SESSION)),
    "renewals": (lambda client: StripeOrders(client).list_renewals("cus_1", None), a_list(INVOICE)),
    "the portal": (
        lambda client: StripeCheckouts(client).portal_url("cus_1", "https://shop.example/"),
        {"id": "bps_1", "object": "billing_portal.session", "url": "https://billing.stripe.com/x"},
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


def with_value(found: Any, path: tuple[Any, ...], value: object) -> object:
    if not path:
        return value
    changed = copy.deepcopy(found)
    within = changed
    for key in path[:-1]:
        within = within[key]
    within[path[-1]] = value
    return changed


def use(given: object) -> None:
    """What the pages do with amounts and times."""
    for order in getattr(given, "orders", ()):
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
    for path in places(document):
        for value in WRONG:
            wire.body = json.dumps(with_value(document, path, value)).encode()
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
    for wire.status in (200, 400, 402, 404, 409, 429, 500, 302, 100):
        for wire.body in BODIES:
            with pytest.raises(WebstoreError):
                ask(client)


def test_a_customer_of_whom_little_is_said_is_one_all_the_same() -> None:
    wire = Parrot()
    client = wire.client
    wire.body = b'{"id": "cus_1", "object": "customer", "created": 5, "metadata": {}}'
    ask, _ = ASKS["a customer"]
    assert ask(client) == Customer("cus_1", created=5.0)


def test_a_customer_without_metadata_does_not_count_as_unowned() -> None:
    wire = Parrot()
    client = wire.client
    wire.body = b'{"id": "cus_1", "object": "customer", "created": 5}'
    ask, _ = ASKS["a customer"]
    with pytest.raises(WebstoreError):
        ask(client)
