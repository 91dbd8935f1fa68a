"""Browsing the catalogue: search, sort, pages of products."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from .models import Catalogue, Price, Product
from .money import decimal_amount

PAGE_SIZE = 24
#: The orders to choose from, the first one by default, in the shopper's words.
ORDERS = {
    "newest": "Newest first",
    "name": "Name, A to Z",
    "price": "Price, low to high",
    "-price": "Price, high to low",
}
_MAX_QUERY = 100


@dataclass(frozen=True, slots=True)
class Shelf:
    """One page of the products that were found."""

    products: tuple[Product, ...]
    #: The search words, without surplus spaces.
    query: str
    order: str
    page: int
    pages: int
    #: The number of products on all pages.
    found: int


def browse(catalogue: Catalogue, query: str = "", order: str = "", page: int = 1) -> Shelf:
    """The products that have every word of `query` in name, description or ID; `page` counts from 1.

    A page beyond the last one is empty.
    """
    query = " ".join(query[:_MAX_QUERY].split())
    order = order if order in ORDERS else next(iter(ORDERS))
    words = _plain(query).split()
    found = [it for it in catalogue.products if all(word in _searched(it) for word in words)]
    found.sort(key=_sort_key(order, found))
    first = (page - 1) * PAGE_SIZE
    pages = max(1, -(-len(found) // PAGE_SIZE))
    return Shelf(tuple(found[first : first + PAGE_SIZE]), query, order, page, pages, len(found))


def leading_price(product: Product) -> tuple[Price, bool]:
    """The price to show first, and whether to write "from": others of its currency and interval cost more."""
    default = product.prices[0]
    alike = [
        price
        for price in product.prices
        if (price.money.currency, price.recurrence) == (default.money.currency, default.recurrence)
    ]
    cheapest = min(alike, key=lambda price: price.money.amount)
    return cheapest, any(price.money.amount > cheapest.money.amount for price in alike)


def _sort_key(order: str, found: Sequence[Product]) -> Callable[[Product], tuple[object, ...]]:
    """Every order ends with name and ID, so that pages never overlap."""
    if order == "name":
        return lambda it: (_plain(it.name), it.id)
    if order == "newest":
        return lambda it: (-it.created, _plain(it.name), it.id)
    # Amounts of different currencies cannot be compared: the shop's most common currency comes first.
    common = Counter(it.prices[0].money.currency for it in found)
    sign = -1 if order == "-price" else 1

    def by_price(it: Product) -> tuple[object, ...]:
        money = leading_price(it)[0].money
        amount: Decimal = sign * decimal_amount(money)
        return -common[money.currency], money.currency, amount, _plain(it.name), it.id

    return by_price


@lru_cache(maxsize=20_000)
def _plain(text: str) -> str:
    """The text without case and accents, so that "cafe" finds "Café"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


@lru_cache(maxsize=20_000)
def _searched(product: Product) -> str:
    return _plain(f"{product.name}\n{product.description or ''}\n{product.id}")
