"""What the store reads from a Checkout Session: number, variants, state of the payment, all lines."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from webstore.errors import NoSuchObject
from webstore.gateways.stripe import StripeCheckouts, stripe_client
from webstore.gateways.stripe.checkout import checkout_session
from webstore.gateways.wire import Answer, Wire
from webstore.shop.numbers import session_number
from webstore.shop.ports import Availability

INVOICE = "https://invoice.stripe.com/i/acct_1/test_1"
OPEN_INVOICE = {"id": "in_1", "status": "open", "attempted": True, "hosted_invoice_url": INVOICE}
UNPAID: dict[str, Any] = {
    "id": "cs_1",
    "object": "checkout.session",
    "status": "complete",
    "payment_status": "unpaid",
    "mode": "payment",
    "created": 1_790_000_000,
    "currency": "eur",
    "amount_total": 2500,
    "url": None,
}

MISSING = {
    "error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such session"}
}


def line(number: int, **more: Any) -> dict[str, Any]:
    return {"id": f"li_{number}", "description": f"Mug {number}", "quantity": 1, "amount_total": 100, **more}


@dataclass
class Replies:
    """A wire on which Stripe gives these answers in turn."""

    bodies: list[Any]
    status: int = 200
    asked: list[str] = field(default_factory=list)

    def send(self, method: str, url: str, *_: object) -> Answer:
        self.asked.append(f"{method} {url}")
        return Answer(self.status, httpx.Headers(), json.dumps(self.bodies.pop(0)).encode())

    def checkouts(self) -> StripeCheckouts:
        wire = cast(Wire, self)
        return StripeCheckouts(stripe_client(wire, api_key="sk_test_x", api_base="http://127.0.0.1:1"))


# Number


def test_the_number_is_that_of_the_metadata() -> None:
    found = checkout_session({**UNPAID, "metadata": {"order_number": "261126-7K3QMX"}})
    assert found.number == "261126-7K3QMX"


@pytest.mark.parametrize("metadata", [None, {}, {"order_number": ""}, {"order_number": 7}, "x"])
def test_a_session_of_another_program_has_a_number_as_well(metadata: object) -> None:
    found = checkout_session({**UNPAID, "metadata": metadata})
    assert found.number == session_number("cs_1", 1_790_000_000)


# Variants


@pytest.mark.parametrize(
    ("more", "variant"),
    [
        ({"metadata": {"variant": "250 g"}, "price": {"id": "price_1", "nickname": "8 oz"}}, "250 g"),
        ({"price": {"id": "price_1", "nickname": "250 g"}}, "250 g"),
        ({"price": {"id": "price_1", "nickname": None}}, None),
        ({"price": "price_1", "metadata": None}, None),
        ({"price": {"id": "price_1", "nickname": ["250 g"]}, "metadata": {"variant": " "}}, None),
    ],
)
def test_the_variant_is_what_the_shopper_chose(more: dict[str, Any], variant: str | None) -> None:
    found = checkout_session({**UNPAID, "line_items": {"data": [line(1, **more)], "has_more": False}})
    assert [it.variant for it in found.lines] == [variant]


# The payment


@pytest.mark.parametrize(
    ("more", "failed"),
    [
        ({"payment_intent": {"status": "processing"}}, False),
        ({"payment_intent": {"status": "requires_payment_method"}}, True),
        ({"payment_intent": {"status": "canceled"}}, True),
        ({"payment_intent": "pi_1"}, False),
        ({}, False),
        # While a bank debit is under way the invoice is open and attempted.
        ({"invoice": OPEN_INVOICE, "subscription": {"status": "active"}}, False),
        ({"invoice": OPEN_INVOICE, "subscription": {"status": "incomplete"}}, False),
        ({"invoice": OPEN_INVOICE, "subscription": {"status": "past_due"}}, True),
        ({"invoice": OPEN_INVOICE, "subscription": {"status": "incomplete_expired"}}, True),
        ({"invoice": OPEN_INVOICE, "subscription": "sub_1"}, False),
        ({"invoice": {"status": "void"}, "subscription": {"status": "canceled"}}, True),
        ({"invoice": {"status": "uncollectible"}}, True),
    ],
)
def test_a_payment_that_failed_is_told_from_one_under_way(more: dict[str, Any], failed: bool) -> None:
    found = checkout_session({**UNPAID, **more})
    assert (found.failed, found.paid) == (failed, False)


@pytest.mark.parametrize(
    "more",
    [
        {"payment_intent": {"status": "succeeded"}},
        {"invoice": {"status": "paid"}},
        # The first invoice was paid after all, and a renewal failed.
        {"invoice": {"status": "paid"}, "subscription": {"status": "past_due"}},
    ],
)
def test_a_payment_that_succeeded_since_is_paid(more: dict[str, Any]) -> None:
    found = checkout_session({**UNPAID, **more})
    assert (found.failed, found.paid) == (False, True)


@pytest.mark.parametrize("status", ["open", "expired"])
def test_a_session_that_was_not_completed_is_neither_failed_nor_paid(status: str) -> None:
    for payment in ("canceled", "succeeded"):
        found = checkout_session({**UNPAID, "status": status, "payment_intent": {"status": payment}})
        assert (found.failed, found.paid, found.payment_status) == (False, False, "unpaid")


@pytest.mark.parametrize(
    ("invoice", "url"),
    [
        (OPEN_INVOICE, INVOICE),
        ({**OPEN_INVOICE, "status": "paid"}, None),
        ({**OPEN_INVOICE, "hosted_invoice_url": None}, None),
        ({**OPEN_INVOICE, "hosted_invoice_url": "javascript:alert(1)"}, None),
        ({**OPEN_INVOICE, "hosted_invoice_url": ["x"]}, None),
        ("in_1", None),
    ],
)
def test_an_open_invoice_can_be_paid_at_its_address(invoice: object, url: str | None) -> None:
    assert checkout_session({**UNPAID, "invoice": invoice}).invoice_url == url


# Lines


def test_all_lines_of_a_session_are_read() -> None:
    lines = [line(number) for number in range(250)]
    stripe = Replies(
        [
            {**UNPAID, "line_items": {"object": "list", "data": lines[:10], "has_more": True}},
            {"object": "list", "data": lines[10:110], "has_more": True},
            {"object": "list", "data": lines[110:210], "has_more": True},
            {"object": "list", "data": lines[210:], "has_more": False},
        ]
    )
    found = stripe.checkouts().get_session("cs_1")
    assert [it.description for it in found.lines] == [f"Mug {number}" for number in range(250)]
    cursors = [parse_qs(urlsplit(url).query).get("starting_after") for url in stripe.asked]
    assert cursors == [None, ["li_9"], ["li_109"], ["li_209"]]


def test_a_session_with_few_lines_is_one_call() -> None:
    stripe = Replies([{**UNPAID, "line_items": {"object": "list", "data": [line(1)], "has_more": False}}])
    assert len(stripe.checkouts().get_session("cs_1").lines) == 1
    assert len(stripe.asked) == 1


# Archived prices


@pytest.mark.parametrize(
    ("price", "archived"),
    [
        ({"id": "price_1", "active": False}, {"price_1"}),
        ({"id": "price_1", "deleted": True}, {"price_1"}),
        ({"id": "price_1", "active": True}, set()),
        ({"id": "price_1"}, set()),
        ({"active": False}, set()),
        ("price_1", set()),
        (None, set()),
    ],
)
def test_the_lines_of_a_session_say_which_prices_are_archived(price: object, archived: set[str]) -> None:
    lines = {"object": "list", "data": [line(1, price=price), line(2)], "has_more": False}
    found = Replies([{**UNPAID, "line_items": lines}]).checkouts().get_offer("cs_1")
    assert (found.session.id, set(found.archived)) == ("cs_1", archived)


def test_the_archived_price_of_a_later_line_is_found() -> None:
    last = line(11, price={"id": "price_11", "active": False})
    stripe = Replies(
        [
            {**UNPAID, "line_items": {"object": "list", "data": [line(1)], "has_more": True}},
            {"object": "list", "data": [last], "has_more": False},
        ]
    )
    assert stripe.checkouts().get_offer("cs_1").archived == {"price_11"}


def test_the_open_sessions_of_a_customer_are_one_call() -> None:
    lines = {"object": "list", "data": [line(1, price={"id": "price_1", "active": False})], "has_more": False}
    session = {**UNPAID, "status": "open", "line_items": lines}
    stripe = Replies([{"object": "list", "data": [session], "has_more": True}])
    (found,) = stripe.checkouts().list_offers("cus_1")
    assert (found.session.id, set(found.archived)) == ("cs_1", {"price_1"})
    (asked,) = stripe.asked
    query = parse_qs(urlsplit(asked.partition(" ")[2]).query)
    assert (query["customer"], query["status"]) == (["cus_1"], ["open"])


def test_a_session_that_does_not_exist_cannot_be_expired() -> None:
    with pytest.raises(NoSuchObject):
        Replies([MISSING], status=404).checkouts().expire_session("cs_1")


# Products


@pytest.mark.parametrize(
    ("product", "availability"),
    [
        ({"active": True, "metadata": {}}, Availability.FOR_SALE),
        ({"active": True}, Availability.FOR_SALE),
        ({"active": True, "metadata": {"stock": "3"}}, Availability.FOR_SALE),
        ({"active": True, "metadata": {"stock": "0"}}, Availability.OUT_OF_STOCK),
        ({"active": True, "metadata": {"stock": " 0 "}}, Availability.OUT_OF_STOCK),
        ({"active": False, "metadata": {"stock": "0"}}, Availability.GONE),
        ({"deleted": True}, Availability.GONE),
    ],
)
def test_a_product_is_for_sale_in_stock_and_active(
    product: dict[str, Any], availability: Availability
) -> None:
    listed = {"object": "list", "data": [{"id": "prod_1", "object": "product", **product}], "has_more": False}
    found = Replies([listed]).checkouts().availability(["prod_1", "prod_gone"])
    assert found == {"prod_1": availability, "prod_gone": Availability.GONE}


def test_products_are_one_call() -> None:
    stripe = Replies([{"object": "list", "data": [], "has_more": False}])
    stripe.checkouts().availability(["prod_1", "prod_2", "prod_1"])
    (asked,) = stripe.asked
    query = parse_qs(urlsplit(asked.partition(" ")[2]).query)
    assert query == {"ids[0]": ["prod_1"], "ids[1]": ["prod_2"], "limit": ["100"]}
