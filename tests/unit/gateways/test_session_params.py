"""A Checkout Session at Stripe: its parameters, and the reading of the answer. Without a socket."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, cast

import httpx
import pytest

from tests.fakes import USER
from tests.unit.purchases import ALL_OPTIONS, DRAFT, MONTHLY, MUG, PRICE
from webstore.errors import CurrencyRefused, NoSuchObject, PaymentsUnavailable
from webstore.gateways.stripe import StripeCheckouts, stripe_client
from webstore.gateways.stripe.checkout import checkout_session
from webstore.gateways.stripe.session_params import description, session_params
from webstore.gateways.wire import Answer, Wire
from webstore.shop.models import Product, Purchase

NUMBERED = replace(DRAFT, number="261126-7K3QMX", expires_at=1_800_000_000)

# Parameters


def test_a_payment() -> None:
    assert session_params(NUMBERED) == {
        "mode": "payment",
        "customer": "cus_1",
        "currency": "eur",
        "line_items": [{"price": "price_mug", "quantity": 2}],
        "client_reference_id": USER,
        "metadata": {"auth0_user_id": USER, "order_number": "261126-7K3QMX"},
        "payment_intent_data": {
            "metadata": {"auth0_user_id": USER, "order_number": "261126-7K3QMX"},
            "description": "Order 261126-7K3QMX: Mug x 2",
        },
        "expires_at": 1_800_000_000,
        "success_url": DRAFT.success_url,
        "cancel_url": DRAFT.cancel_url,
    }


def test_a_subscription_with_something_bought_once() -> None:
    box = Purchase(Product("prod_box", "Box", (MONTHLY,)), MONTHLY, 1)
    params = session_params(
        replace(NUMBERED, lines=(*DRAFT.lines, box), options=ALL_OPTIONS, email="a@example.com")
    )
    assert params["mode"] == "subscription"
    assert params["subscription_data"] == {
        "metadata": {"auth0_user_id": USER, "order_number": "261126-7K3QMX"},
        "description": "Order 261126-7K3QMX: Mug x 2; Box",
    }
    assert "payment_intent_data" not in params
    # Stripe has shipping rates for payments alone.
    assert "shipping_options" not in params
    assert params["shipping_address_collection"] == {"allowed_countries": ["DE", "FR"]}


def test_everything_that_an_operator_can_turn_on() -> None:
    params = session_params(replace(DRAFT, options=ALL_OPTIONS, email="a@example.com"))
    wanted: dict[str, Any] = {
        "automatic_tax": {"enabled": True},
        "customer_update": {"address": "auto", "shipping": "auto"},
        "shipping_address_collection": {"allowed_countries": ["DE", "FR"]},
        "shipping_options": [{"shipping_rate": "shr_1"}],
        "allow_promotion_codes": True,
        "phone_number_collection": {"enabled": True},
        "consent_collection": {"terms_of_service": "required"},
    }
    assert {name: value for name, value in params.items() if name in wanted} == wanted
    assert params["payment_intent_data"]["receipt_email"] == "a@example.com"


def test_goods_that_are_not_shipped_need_no_address() -> None:
    download = (Purchase(replace(MUG, shippable=False), PRICE, 1),)
    params = session_params(replace(DRAFT, lines=download, options=ALL_OPTIONS))
    assert "shipping_address_collection" not in params
    assert "shipping_options" not in params
    assert params["customer_update"] == {"address": "auto"}
    both = session_params(replace(DRAFT, lines=(*download, *DRAFT.lines), options=ALL_OPTIONS))
    assert "shipping_address_collection" in both


def test_a_user_id_that_is_too_long_for_a_reference_is_in_the_metadata_alone() -> None:
    params = session_params(replace(DRAFT, user_id=f"auth0|{'x' * 195}"))
    assert "client_reference_id" not in params
    assert "client_reference_id" in session_params(replace(DRAFT, user_id=f"auth0|{'x' * 194}"))


# Variants and descriptions

TEA = Product("prod_tea", "Earl Grey, loose leaf", (PRICE,))
LOOSE = Purchase(TEA, replace(PRICE, id="price_tea", nickname="250 g"), 2)


def test_the_variant_is_kept_with_the_line_and_in_the_description() -> None:
    params = session_params(replace(NUMBERED, lines=(LOOSE, *DRAFT.lines)))
    assert params["line_items"] == [
        {"price": "price_tea", "quantity": 2, "metadata": {"variant": "250 g"}},
        {"price": "price_mug", "quantity": 2},
    ]
    assert params["payment_intent_data"]["description"] == (
        "Order 261126-7K3QMX: Earl Grey, loose leaf (250 g) x 2; Mug x 2"
    )


@pytest.mark.parametrize(
    ("name", "variant", "said"),
    [
        ("Large Mug", "L", "Large Mug (L)"),
        ("Large Mug", "M", "Large Mug (M)"),
        ("Large Mug", "Mug", "Large Mug (Mug)"),
        ("Earl Grey 250 g", "250 g", "Earl Grey 250 g (250 g)"),
        ("Earl Grey (250 g)", "250 g", "Earl Grey (250 g)"),
        ("Earl Grey (1250 g)", "250 g", "Earl Grey (1250 g) (250 g)"),
        ("Earl Grey (250 g) tin", "250 g", "Earl Grey (250 g) tin (250 g)"),
        ("Earl Grey", " ", "Earl Grey"),
        ("Earl Grey", None, "Earl Grey"),
    ],
)
def test_the_description_has_the_variant_unless_the_name_ends_with_it(
    name: str, variant: str | None, said: str
) -> None:
    line = Purchase(replace(MUG, name=name), replace(PRICE, nickname=variant), 1)
    assert description(replace(NUMBERED, lines=(line,)), 500) == f"Order 261126-7K3QMX: {said}"


def test_a_subscription_keeps_the_variants_of_what_recurs_for_its_invoices() -> None:
    small = replace(MONTHLY, id="price_1MoBy5LkdIwHu7ixZhnattbh", nickname="250 g")
    lines = (
        Purchase(TEA, small, 1),
        Purchase(TEA, replace(small, id="short", nickname="x" * 600), 1),
        Purchase(TEA, replace(small, id="price_plain", nickname=None), 1),
        LOOSE,
    )
    params = session_params(replace(NUMBERED, lines=lines))
    own = {"auth0_user_id": USER, "order_number": "261126-7K3QMX"}
    assert params["metadata"] == own
    assert params["subscription_data"]["metadata"] == {
        **own,
        "variant_u7ixZhnattbh": "250 g",
        "variant_short": "x" * 499 + "…",
    }


def test_the_names_of_twenty_variants_fit_into_the_metadata() -> None:
    prices = [replace(MONTHLY, id=f"price_{number:024}", nickname="250 g") for number in range(20)]
    params = session_params(replace(NUMBERED, lines=tuple(Purchase(TEA, it, 1) for it in prices)))
    kept = cast(dict[str, str], params["subscription_data"]["metadata"])
    assert len(kept) == 22
    assert max(map(len, kept)) <= 40


def test_a_description_that_is_too_long_says_how_many_items_are_left_out() -> None:
    many = tuple(Purchase(replace(MUG, name=f"Mug {number:02}"), PRICE, 1) for number in range(20))
    draft = replace(NUMBERED, lines=many)
    assert description(draft, 60) == "Order 261126-7K3QMX: Mug 00; Mug 01; Mug 02; and 17 more"
    assert description(draft, 1000).endswith("; Mug 18; Mug 19")


WOMAN_COOKING = "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{COOKING}"


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("a" * 1000, "a" * 28 + "…"),
        ("e\N{COMBINING ACUTE ACCENT}" * 500, "e\N{COMBINING ACUTE ACCENT}" * 14 + "…"),
        ("a" + "e\N{COMBINING ACUTE ACCENT}" * 500, "a" + "e\N{COMBINING ACUTE ACCENT}" * 13 + "…"),
        (WOMAN_COOKING * 300, WOMAN_COOKING * 9 + "…"),
        ("<&>" * 400, "<&>" * 9 + "<…"),
    ],
)
def test_a_long_name_is_cut_between_characters(name: str, cut: str) -> None:
    draft = replace(NUMBERED, lines=(Purchase(replace(MUG, name=name), PRICE, 1),))
    found = description(draft, 50)
    assert found == f"Order 261126-7K3QMX: {cut}"
    assert len(found) <= 50


def test_a_long_variant_fits_into_the_metadata() -> None:
    price = replace(PRICE, nickname="x" * 600)
    (line,) = session_params(replace(NUMBERED, lines=(Purchase(MUG, price, 1),)))["line_items"]
    assert line["metadata"] == {"variant": "x" * 499 + "…"}


# Answers

ANSWER: dict[str, Any] = {
    "id": "cs_1",
    "object": "checkout.session",
    "status": "open",
    "payment_status": "unpaid",
    "mode": "payment",
    "created": 1,
    "url": "https://checkout.stripe.com/c/pay/cs_1",
}


@dataclass
class Says:
    """A wire on which Stripe answers one thing."""

    status: int
    body: object

    def send(self, *_: object) -> Answer:
        return Answer(self.status, httpx.Headers(), json.dumps(self.body).encode())


def answered(status: int, body: object) -> StripeCheckouts:
    """The gateway to a Stripe that answers this."""
    wire = cast(Wire, Says(status, body))
    return StripeCheckouts(stripe_client(wire, api_key="sk_test_x", api_base="http://127.0.0.1:1"))


@pytest.mark.parametrize(
    "url", [None, "https://pay.shop.example/x", "http://127.0.0.1:9/x", "http://localhost/x"]
)
def test_a_shopper_may_be_sent_over_https_or_within_this_machine(url: str | None) -> None:
    assert checkout_session({**ANSWER, "url": url}).url == url


@pytest.mark.parametrize(
    "url", ["http://evil.example/", "javascript:alert(1)", "//evil.example", "/x", "", 5, "https", [], {}]
)
def test_a_shopper_is_sent_nowhere_else(url: object) -> None:
    with pytest.raises(PaymentsUnavailable):
        answered(200, {**ANSWER, "url": url}).get_session("cs_1")


def test_a_currency_that_the_price_has_lost_is_like_a_price_that_is_gone() -> None:
    said = "The price specified supports currencies of `usd` which doesn't include the expected currency of"
    error = {"error": {"type": "invalid_request_error", "message": said}}
    with pytest.raises(NoSuchObject):
        answered(400, error).create_session(DRAFT, "key")


@pytest.mark.parametrize(
    "said",
    [
        "You cannot combine currencies on a single customer. This customer has had a subscription, coupon, "
        "or invoice item with currency eur",
        "The currency of the selected prices (usd) does not match the customer currency (eur).",
    ],
)
def test_a_second_currency_is_recognised(said: str) -> None:
    error = {"error": {"type": "invalid_request_error", "message": said}}
    with pytest.raises(CurrencyRefused):
        answered(400, error).create_session(DRAFT, "key")
