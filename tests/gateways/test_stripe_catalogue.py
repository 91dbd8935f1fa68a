"""Products and prices on the sandbox's Stripe: the requests, and which products can be bought."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from tests.support import NO_AUTHORITIES
from webstore.errors import PaymentsError, PaymentsRefused, PaymentsUnavailable
from webstore.gateways.stripe import StripeCatalogue, stripe_client
from webstore.gateways.stripe import catalogue as gateway
from webstore.gateways.wire import Wire
from webstore.sandbox.server import Server
from webstore.sandbox.stripe import TEST_KEY, Stripe
from webstore.shop.models import Catalogue, Money, Product, Recurrence

PICTURE = "https://cdn.example/mug.png"


@dataclass
class Office:
    """The sandbox's Stripe as a shopkeeper and as the store see it."""

    stripe: Stripe
    url: str
    wire: Wire

    def read(self, **clock: Any) -> Catalogue:
        client = stripe_client(self.wire, api_key=TEST_KEY, api_base=self.url)
        return StripeCatalogue(client, **clock).read_catalogue()

    def post(self, path: str, **form: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {TEST_KEY}"}
        with httpx.Client(verify=NO_AUTHORITIES, trust_env=False) as http:
            answer = http.post(f"{self.url}/v1{path}", data=form, headers=headers)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def product(self, name: str = "Mug", **form: str) -> str:
        """Make a product, and give its ID."""
        return str(self.post("/products", name=name, **form)["id"])

    def price(self, product: str, amount: int | str = 1000, currency: str = "eur", **form: str) -> str:
        """Add a price to a product and return its ID."""
        made = self.post("/prices", product=product, unit_amount=str(amount), currency=currency, **form)
        return str(made["id"])

    def answer(self, *prices: object, has_more: object = False) -> None:
        """Let Stripe answer with this list, which the sandbox itself would not make."""
        body = {"object": "list", "url": "/v1/prices", "has_more": has_more, "data": list(prices)}
        self.stripe.control.add_fault(action="status", status=200, times=None, body=body)


@pytest.fixture
def office(running_stripe: tuple[Stripe, Server]) -> Iterator[Office]:
    stripe, server = running_stripe
    server.start()
    stripe.control.reset()
    wire = Wire("Stripe", total_s=20)
    yield Office(stripe, server.url, wire)
    wire.close()


def the_product(catalogue: Catalogue) -> Product:
    (product,) = catalogue.products
    return product


def test_a_shop_without_products_is_an_empty_catalogue(office: Office) -> None:
    assert office.read().products == ()


def test_a_product_is_read_with_all_that_a_page_shows(office: Office) -> None:
    product = office.product(
        "Mug",
        id="mug/large #1",
        description="Holds coffee.",
        shippable="true",
        **{"images[0]": PICTURE, "images[1]": "http://127.0.0.1:9/local.png"},
    )
    price = office.price(product, 1250, nickname="for friends")
    found = the_product(office.read())
    assert (found.id, found.name, found.description) == ("mug/large #1", "Mug", "Holds coffee.")
    assert found.images == (PICTURE, "http://127.0.0.1:9/local.png")
    assert (found.in_stock, found.shippable) == (True, True)
    assert found.created > 0
    assert found.updated >= found.created
    (only,) = found.prices
    assert (only.id, only.product_id, only.money) == (price, product, Money(1250, "eur"))
    assert (only.recurrence, only.nickname) == (None, "for friends")


def test_a_recurring_price_says_how_often(office: Office) -> None:
    product = office.product()
    office.price(product, 900, **{"recurring[interval]": "month", "recurring[interval_count]": "3"})
    assert the_product(office.read()).prices[0].recurrence == Recurrence("month", 3)


def test_the_default_price_comes_first_the_others_in_an_order_that_stays(office: Office) -> None:
    product = office.product()
    yearly = office.price(product, 5000, **{"recurring[interval]": "year"})
    dear = office.price(product, 2000)
    default = office.price(product, 9000, **{"recurring[interval]": "month"})
    cheap = office.price(product, 1000)
    weekly = office.price(product, 300, **{"recurring[interval]": "week"})
    dollars = office.price(product, 500, "usd")
    office.post(f"/products/{product}", default_price=default)
    ids = [price.id for price in the_product(office.read()).prices]
    assert ids == [default, cheap, dear, dollars, weekly, yearly]


def test_the_newest_product_comes_first(office: Office) -> None:
    for name in ("old", "new"):
        office.price(office.product(name))
        office.stripe.control.clock.advance(10)
    assert [product.name for product in office.read().products] == ["new", "old"]


def test_what_is_archived_is_not_sold(office: Office) -> None:
    archived = office.product("archived")
    office.price(archived)
    office.post(f"/products/{archived}", active="false")
    old = office.product("with an archived price only")
    office.post(f"/prices/{office.price(old)}", active="false")
    office.product("without a price")
    kept = office.product("kept")
    office.post(f"/prices/{office.price(kept, 100)}", active="false")
    price = office.price(kept, 200)
    found = the_product(office.read())
    assert (found.name, [it.id for it in found.prices]) == ("kept", [price])


@pytest.mark.parametrize(
    ("stock", "in_stock"), [("0", False), (" 0 ", False), ("1", True), ("00", True), ("no", True)]
)
def test_stock_zero_in_the_metadata_means_out_of_stock(office: Office, stock: str, in_stock: bool) -> None:
    product = office.product(**{"metadata[stock]": stock})
    office.price(product)
    assert the_product(office.read()).in_stock is in_stock


def test_prices_that_do_not_say_what_a_piece_costs_are_left_out(office: Office) -> None:
    product = office.product()
    office.price(product, 700)
    office.post("/prices", product=product, currency="eur", unit_amount_decimal="0.5")
    office.post("/prices", product=product, currency="eur", **{"custom_unit_amount[enabled]": "true"})
    assert [price.money.amount for price in the_product(office.read()).prices] == [700]


GOOD: dict[str, Any] = {
    "object": "price",
    "id": "price_1",
    "active": True,
    "billing_scheme": "per_unit",
    "currency": "eur",
    "custom_unit_amount": None,
    "recurring": None,
    "transform_quantity": None,
    "unit_amount": 700,
    "product": {
        "object": "product",
        "id": "prod_1",
        "active": True,
        "name": "Mug",
        "images": [],
        "metadata": {},
    },
}
MONTHLY = {"interval": "month", "interval_count": 1, "usage_type": "licensed"}
LEFT_OUT = {
    "tiered": {"billing_scheme": "tiered", "unit_amount": None, "tiers_mode": "volume"},
    "metered": {"recurring": {**MONTHLY, "usage_type": "metered"}},
    "chosen by the customer": {"custom_unit_amount": {"minimum": 100}, "unit_amount": None},
    "a fraction of a cent": {"unit_amount": None, "unit_amount_decimal": "0.5"},
    "in packages": {"transform_quantity": {"divide_by": 10, "round": "up"}},
    "an unknown rhythm": {"recurring": {**MONTHLY, "interval": "fortnight"}},
    "archived": {"active": False},
    "below zero": {"unit_amount": -1},
    "a truth for an amount": {"unit_amount": True},
    "of an archived product": {"product": {**GOOD["product"], "active": False}},
    "of a deleted product": {"product": {"object": "product", "id": "prod_1", "deleted": True}},
    "of a product that was not expanded": {"product": "prod_1"},
    "of no product": {"product": None},
}


@pytest.mark.parametrize("changes", LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_what_cannot_simply_be_bought_is_left_out(office: Office, changes: dict[str, Any]) -> None:
    office.answer({**GOOD, **changes})
    assert office.read().products == ()


def test_optional_fields_may_be_missing(office: Office) -> None:
    bare = {"object": "product", "id": "prod_1", "name": "Mug"}
    office.answer(
        {"object": "price", "id": "price_1", "currency": "EUR", "unit_amount": 0, "product": bare},
        {**GOOD, "id": "price_2", "product": bare, "recurring": {"interval": "month"}},
    )
    found = the_product(office.read())
    assert (found.description, found.images, found.in_stock, found.shippable) == (None, (), True, None)
    assert [price.money for price in found.prices] == [Money(0, "eur"), Money(700, "eur")]
    assert found.prices[1].recurrence == Recurrence("month")


@pytest.mark.parametrize(
    "address",
    ["http://cdn.example/a.png", "ftp://x/a", "//x/a", "a.png", "javascript:x", "https://[", "", 7, None],
)
def test_pictures_that_the_pages_may_not_load_are_left_out(office: Office, address: object) -> None:
    office.answer({**GOOD, "product": {**GOOD["product"], "images": [address, PICTURE]}})
    assert the_product(office.read()).images == (PICTURE,)


def test_every_page_of_the_list_is_read_and_its_products_expanded(office: Office) -> None:
    seeded = count()
    for _ in range(3):
        product = office.product()
        for _ in range(70):
            office.price(product, 100 + next(seeded))
    office.stripe.control.clear_requests()
    found = office.read()
    assert sorted(len(product.prices) for product in found.products) == [70, 70, 70]
    asked = [parse_qs(seen.query) for seen in office.stripe.control.requests()]
    assert len(asked) == 3
    assert all(it["active"] == ["true"] and it["limit"] == ["100"] for it in asked)
    assert all(it["expand[0]"] == ["data.product"] for it in asked)
    assert ["starting_after" in it for it in asked] == [False, True, True]


def test_a_list_without_end_is_read_to_a_bound(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gateway, "MAX_PRICES", 200)
    product = office.product()
    for amount in range(250):
        office.price(product, amount + 100)
    assert len(the_product(office.read()).prices) == 200
    assert "more than 200 prices" in caplog.text


def test_pages_that_are_too_large_are_read_in_smaller_pieces(office: Office) -> None:
    # Fifty fields of 500 characters each are Stripe's limit: a hundred prices make five megabytes.
    metadata = {f"metadata[field {number}]": "x" * 500 for number in range(50)}
    product = office.product(**metadata)
    for amount in range(110):
        office.price(product, amount + 100, **metadata)
    office.stripe.control.clear_requests()
    assert len(the_product(office.read()).prices) == 110
    asked = [parse_qs(seen.query) for seen in office.stripe.control.requests()]
    assert [it["limit"] for it in asked] == [["100"], *[["25"]] * 5]


def test_a_list_that_repeats_itself_proves_nothing(office: Office) -> None:
    office.answer(GOOD, has_more=True)
    with pytest.raises(PaymentsUnavailable):
        office.read()
    assert len(office.stripe.control.requests()) == 2


def test_a_reading_that_takes_too_long_proves_nothing(office: Office) -> None:
    office.price(office.product())
    ticks = count(step=gateway.MAX_READ_S + 1)
    with pytest.raises(PaymentsUnavailable, match="too long"):
        office.read(clock=lambda: next(ticks))


@pytest.mark.parametrize(
    "body",
    [
        "<h1>Welcome to our Wi-Fi</h1>",
        [],
        {},
        {"object": "list", "has_more": False},
        {"object": "list", "has_more": False, "data": None},
        {"object": "list", "has_more": None, "data": []},
        {"object": "list", "data": []},
        {"object": "list", "has_more": False, "data": ["price_1"]},
        {"object": "list", "has_more": False, "data": [{**GOOD, "id": None}]},
        {"object": "list", "has_more": False, "data": [{**GOOD, "currency": None}]},
        {"object": "list", "has_more": True, "data": [{**GOOD, "id": 42}]},
        {"object": "list", "has_more": False, "data": [{**GOOD, "recurring": "monthly"}]},
        {
            "object": "list",
            "has_more": False,
            "data": [{**GOOD, "product": {"object": "product", "id": "p"}}],
        },
    ],
)
def test_an_answer_that_makes_no_sense_sells_nothing(office: Office, body: object) -> None:
    office.stripe.control.add_fault(action="status", status=200, times=None, body=body)
    try:
        assert office.read().products == ()
    except PaymentsUnavailable:
        return


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, PaymentsRefused), (403, PaymentsRefused), (429, PaymentsUnavailable), (500, PaymentsUnavailable)],
)
def test_a_refusal_is_one_of_the_tree(office: Office, status: int, error: type[PaymentsError]) -> None:
    body = {"error": {"type": "api_error", "message": "no"}}
    office.stripe.control.add_fault(action="status", status=status, times=None, body=body)
    with pytest.raises(error):
        office.read()
