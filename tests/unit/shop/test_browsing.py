"""Search, order and pages of products."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import pytest

from webstore.shop import browsing
from webstore.shop.browsing import (
    ORDERS,
    PAGE_SIZE,
    Collection,
    browse,
    collections,
    leading_price,
    other_rhythms,
    related,
)
from webstore.shop.models import Catalogue, Money, Price, Product, Recurrence


def product(name: str, *amounts: int, currency: str = "eur", created: float = 0.0, text: str = "") -> Product:
    prices = tuple(
        Price(f"price_{name}_{at}", f"prod_{name}", Money(amount, currency))
        for at, amount in enumerate(amounts or (100,))
    )
    return Product(f"prod_{name}", name, prices, description=text or None, created=created)


def catalogue(*products: Product) -> Catalogue:
    return Catalogue(products, read_at=0.0)


def names(found: Catalogue, query: str = "", order: str = "", page: int = 1) -> list[str]:
    return [it.name for it in browse(found, query, order, page).products]


MUG = product("Mug", 1200, created=3, text="Holds coffee.")
CAFE = product("Café sign", 300, created=1)
TEA = product("Tea", 900, 700, created=2, text="Green as a mug")
SHOP = catalogue(MUG, CAFE, TEA)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Mug", "Tea", "Café sign"]),
        ("mug", ["Mug", "Tea"]),
        ("  MUG\tholds ", ["Mug"]),
        ("cafe", ["Café sign"]),
        ("CAFÉ", ["Café sign"]),
        ("prod_Tea", ["Tea"]),
        ("mug%", []),
        ("(", []),
        ("mug" * 1000, []),
        ("\x00", []),
    ],
)
def test_a_product_is_found_if_it_has_every_word(query: str, found: list[str]) -> None:
    assert names(SHOP, query) == found


@pytest.mark.parametrize(
    ("order", "sorted_names"),
    [
        ("newest", ["Mug", "Tea", "Café sign"]),
        ("name", ["Café sign", "Mug", "Tea"]),
        ("price", ["Café sign", "Tea", "Mug"]),
        ("-price", ["Mug", "Tea", "Café sign"]),
        ("", ["Mug", "Tea", "Café sign"]),
        ("nonsense", ["Mug", "Tea", "Café sign"]),
    ],
)
def test_products_are_sorted_as_asked(order: str, sorted_names: list[str]) -> None:
    assert names(SHOP, order=order) == sorted_names


def test_amounts_of_different_currencies_are_not_compared() -> None:
    shop = catalogue(
        product("Yen", 500, currency="jpy"),
        product("Dear", 900),
        product("Cheap", 100),
        product("Dinar", 5120, currency="kwd"),
    )
    assert names(shop, order="price") == ["Cheap", "Dear", "Yen", "Dinar"]
    assert names(shop, order="-price") == ["Dear", "Cheap", "Yen", "Dinar"]


@pytest.mark.parametrize("order", ORDERS)
def test_the_pages_together_hold_every_product_once(order: str) -> None:
    shop = catalogue(*(product(f"{n % 7}", 100 * (n % 5), created=n % 3) for n in range(2 * PAGE_SIZE + 1)))
    shop = catalogue(
        *(Product(f"prod_{n}", it.name, it.prices, created=it.created) for n, it in enumerate(shop.products))
    )
    pages = [browse(shop, order=order, page=page) for page in (1, 2, 3, 4)]
    assert [len(page.products) for page in pages] == [PAGE_SIZE, PAGE_SIZE, 1, 0]
    assert {(page.pages, page.found) for page in pages} == {(3, 2 * PAGE_SIZE + 1)}
    seen = [it.id for page in pages for it in page.products]
    assert sorted(seen) == sorted(it.id for it in shop.products)


def test_an_empty_shop_has_one_page() -> None:
    shelf = browse(catalogue())
    assert (shelf.pages, shelf.found, shelf.products) == (1, 0, ())


def test_the_price_on_a_card_is_the_cheapest_of_its_kind() -> None:
    lead, more = leading_price(TEA)
    assert (lead.money.amount, more) == (700, True)
    assert leading_price(MUG) == (MUG.prices[0], False)


def test_a_monthly_price_is_not_compared_with_the_price_of_one_piece() -> None:
    once = Price("a", "p", Money(10_000, "eur"))
    monthly = Price("b", "p", Money(900, "eur"), Recurrence("month"))
    dollars = Price("c", "p", Money(500, "usd"))
    assert leading_price(Product("p", "Both", (once, monthly, dollars))) == (once, False)


# Collections, featured and related products


def in_category(category: str | None, *names: str, **fields: Any) -> list[Product]:
    return [
        replace(product(name, created=at), category=category, **fields) for at, name in enumerate(names, 1)
    ]


MONTH, YEAR = Recurrence("month"), Recurrence("year")
TEAS, WARE = in_category("Tea", "Sencha", "Assam"), in_category("Tea & ware", "Pot")
STOCKED = catalogue(*TEAS, *WARE, *in_category(None, "Voucher"))


def members(shop: Catalogue, collection: Collection) -> int:
    """How many products the collection has."""
    return len(browse(shop, collection=collection.slug).products)


def test_collections_are_listed_by_name_with_their_products() -> None:
    found = collections(STOCKED)
    assert [(it.slug, it.name, members(STOCKED, it)) for it in found] == [
        ("tea", "Tea", 2),
        ("tea-ware", "Tea & ware", 1),
    ]
    shelf = browse(STOCKED, collection="tea-ware")
    assert ([it.name for it in shelf.products], shelf.collection) == (["Pot"], found[1])
    assert shelf.collections == found


def test_spellings_of_a_category_are_one_collection_under_its_oldest_name() -> None:
    newest, oldest = in_category(" TÉA", "New"), in_category("Tea", "Old")
    shop = catalogue(*newest, *oldest)
    (found,) = collections(shop)
    assert (found.slug, found.name, members(shop, found)) == ("tea", "Tea", 2)


def test_a_category_that_no_address_can_have_is_no_collection() -> None:
    assert collections(catalogue(*in_category("!?", "Thing"))) == ()


@pytest.mark.parametrize("slug", ["", "nothing", "Tea"])
def test_an_unknown_collection_has_no_products(slug: str) -> None:
    shelf = browse(catalogue(*TEAS), collection=slug)
    assert (shelf.collection, shelf.products) == (None, ())


def test_a_search_stays_in_its_collection() -> None:
    assert [it.name for it in browse(STOCKED, "sencha", collection="tea").products] == ["Sencha"]
    assert browse(STOCKED, "sencha", collection="tea-ware").products == ()


def test_featured_products_are_on_the_front_page_alone_and_not_too_many() -> None:
    shop = catalogue(*in_category("Tea", *"ABCDE", featured=True), *WARE)
    assert [it.name for it in browse(shop).featured] == list("ABCD")
    for elsewhere in (browse(shop, "a"), browse(shop, page=2), browse(shop, collection="tea")):
        assert (elsewhere.featured, elsewhere.is_front) == ((), False)


def test_related_products_are_of_the_same_collection_first_and_can_be_bought() -> None:
    sold_out = in_category("Tea", "Gone", in_stock=False)
    shop = catalogue(*TEAS, *WARE, *sold_out)
    assert [it.name for it in related(shop, TEAS[0])] == ["Assam", "Pot"]
    assert [it.name for it in related(shop, WARE[0])] == ["Assam", "Sencha"]


@pytest.mark.parametrize(
    ("recurrences", "words"),
    [
        ([None], ""),
        ([MONTH], ""),
        ([MONTH, YEAR], "or yearly"),
        ([MONTH, None, YEAR], "or once or yearly"),
        ([None, Recurrence("month", 3)], "or every 3 months"),
    ],
)
def test_the_other_ways_to_pay(recurrences: list[Recurrence | None], words: str) -> None:
    prices = tuple(
        Price(f"price_{at}", "prod_box", Money(100, "eur"), it) for at, it in enumerate(recurrences)
    )
    assert other_rhythms(Product("prod_box", "Box", prices)) == words


def test_searches_leave_nothing_in_memory() -> None:
    """Anybody can make up thousands of them."""
    shop = catalogue(MUG, CAFE, TEA)
    browse(shop, "first")
    before = browsing._plain.cache_info().currsize  # noqa: SLF001 (no public way)
    for number in range(50):
        browse(shop, f"made up {number}")
    assert browsing._plain.cache_info().currsize == before  # noqa: SLF001


def test_products_that_are_not_sold_any_more_leave_the_memory() -> None:
    sold = product("Sold yesterday", 1200)
    references = sys.getrefcount(sold)
    for query in ("", "sold"):
        for order in ORDERS:
            assert browse(catalogue(sold), query, order).found == 1
    assert sys.getrefcount(sold) == references
