"""The lines of an order: which variant they name, and which of them can be bought again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.shop.test_orders import order
from webstore.shop import orders
from webstore.shop.models import BoughtLine, Catalogue, Money, Price, Product
from webstore.shop.order import InvoiceLine, OrderKind

PRICE = Price("price_1", "prod_1", Money(100, "eur"), nickname="250 g")


def catalogue(nickname: str = "250 g", *, in_stock: bool = True) -> Catalogue:
    price = replace(PRICE, nickname=nickname)
    return Catalogue((Product("prod_1", "Earl Grey", (price,), in_stock=in_stock),), 0.0)


def variants(*lines: BoughtLine, nickname: str = "250 g") -> list[str | None]:
    found = orders.with_variants(replace(order("in_1", 1), lines=lines), catalogue(nickname))
    return [line.variant for line in found.lines]


def test_an_invoices_lines_get_the_variants_of_the_catalogue() -> None:
    lines = (
        InvoiceLine("1 × Earl Grey", 1, Money(100, "eur"), "price_1"),  # noqa: RUF001  # Stripe's sign
        InvoiceLine("Earl Grey", 1, Money(100, "eur"), "price_1", variant="100 g"),
        InvoiceLine("Shipping", 1, Money(100, "eur")),
    )
    assert variants(*lines) == ["250 g", "100 g", None]


@pytest.mark.parametrize(
    ("words", "variant", "shown"),
    [
        ("1 x T-Shirt (at 15.00 / month)", "S", True),
        ("T-Shirt", "T", True),
        ("Large Mug", "L", True),
        ("Tea 1250 g", "250 g", True),
        ("Earl Grey (250 g)", "250 g", False),
        ("Earl Grey · 250 g", "250 g", False),
        ("Mug, large", "large", False),
        ("C", "C++", True),
    ],
)
def test_a_variant_is_left_out_only_if_the_words_of_an_invoice_name_it(
    words: str, variant: str, shown: bool
) -> None:
    of_invoice = InvoiceLine(words, 1, Money(100, "eur"), "price_1")
    assert variants(of_invoice, nickname=variant) == [variant if shown else None]
    assert variants(replace(of_invoice, price_id=None, variant=variant)) == [variant if shown else None]


def test_the_words_of_a_purchase_never_hide_its_variant() -> None:
    assert variants(BoughtLine("Mug, large", 1, Money(100, "eur"), variant="large")) == ["large"]


def again(*lines: BoughtLine, kind: OrderKind = OrderKind.CHANGE, in_stock: bool = True) -> list[int]:
    """The quantities that are offered again."""
    found = replace(order("in_1", 1), kind=kind, lines=lines)
    return [line.quantity for line in orders.bought_again(found, catalogue(in_stock=in_stock))]


def line(quantity: int, cents: int = 100, price: str = "price_1") -> InvoiceLine:
    return InvoiceLine("Tea", quantity, Money(cents, "eur"), price)


def test_only_what_was_bought_is_bought_again() -> None:
    unused, remaining = line(5, -100), replace(line(4), proration=True)
    assert again(unused, remaining, line(2)) == [2]
    # Each price once, and only what is for sale in that quantity.
    assert again(line(2), line(3)) == [2]
    assert again(line(2, price="price_gone"), line(1000)) == []
    assert again(line(2), in_stock=False) == []


def test_a_free_item_is_bought_again_only_from_a_purchase() -> None:
    assert again(line(1, 0), kind=OrderKind.PURCHASE) == [1]
    assert again(line(1, 0), kind=OrderKind.RENEWAL) == []
