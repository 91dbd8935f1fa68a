"""Browsing the catalogue: collections, search, sort, pages of products."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache

from .models import Catalogue, Price, Product
from .money import decimal_amount, rhythm

PAGE_SIZE = 24
#: Products that the home page shows first, and products beside another one.
FEATURED = RELATED = 4
#: The orders to choose from, the first one by default, in the shopper's words.
ORDERS = {
    "newest": "Newest first",
    "name": "Name, A to Z",
    "price": "Price, low to high",
    "-price": "Price, high to low",
}
_MAX_QUERY = 100


@dataclass(frozen=True, slots=True)
class Collection:
    """The products of one category."""

    #: Its part of the page's address.
    slug: str
    name: str


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
    #: All collections of the shop, by name.
    collections: tuple[Collection, ...] = ()
    #: The one whose products these are; None: all products.
    collection: Collection | None = None
    #: The products to show first, on the first page of all products.
    featured: tuple[Product, ...] = ()

    @property
    def is_front(self) -> bool:
        """Whether this is the first page of all products."""
        return self.page == 1 and not self.query and self.collection is None


def browse(
    catalogue: Catalogue, query: str = "", order: str = "", page: int = 1, collection: str | None = None
) -> Shelf:
    """The products that have every word of `query` in name, description or ID; `page` counts from 1.

    `collection`: the slug of the collection to look in. Without such a collection, or on a page beyond the
    last one, there are no products.
    """
    query = " ".join(query[:_MAX_QUERY].split())
    order = order if order in ORDERS else next(iter(ORDERS))
    words = _without_accents(query).split()
    shop = collections(catalogue)
    found = [
        it
        for it in catalogue.products
        if (collection is None or slug(it.category) == collection)
        and all(word in _searched(it) for word in words)
    ]
    found.sort(key=_sort_key(order, found))
    first = (page - 1) * PAGE_SIZE
    pages = max(1, -(-len(found) // PAGE_SIZE))
    shelf = Shelf(
        tuple(found[first : first + PAGE_SIZE]),
        query,
        order,
        page,
        pages,
        len(found),
        collections=shop,
        collection=next((it for it in shop if it.slug == collection), None),
    )
    if not shelf.is_front:
        return shelf
    return replace(shelf, featured=tuple(it for it in catalogue.products if it.featured)[:FEATURED])


def collections(catalogue: Catalogue) -> tuple[Collection, ...]:
    """The collections by name. Categories that differ only in case, accents or spaces are one."""
    members: dict[str, list[Product]] = {}
    for product in catalogue.products:
        if where := slug(product.category):
            members.setdefault(where, []).append(product)
    found = [
        # The oldest product's spelling: a slip in a new product does not rename the collection.
        Collection(where, its[-1].category or "")
        for where, its in members.items()
    ]
    return tuple(sorted(found, key=lambda it: (_plain(it.name), it.slug)))


@lru_cache(maxsize=1024)
def slug(category: str | None) -> str:
    """A category's part of an address: "Tea & ware" is "tea-ware". Empty if nothing in it can be written."""
    return "-".join(re.findall(r"[^\W_]+", _plain(category or "")))


def related(catalogue: Catalogue, product: Product) -> tuple[Product, ...]:
    """Other products to look at: those of its collection, then the newest; nothing that is out of stock."""
    others = [it for it in catalogue.products if it.id != product.id and it.in_stock]
    own = slug(product.category)
    others.sort(key=lambda it: (not own or slug(it.category) != own, -it.created, it.id))
    return tuple(others[:RELATED])


def other_rhythms(product: Product) -> str:
    """The other ways to pay for a product, beside those of its leading price: "or yearly"; else empty."""
    shown = leading_price(product)[0].recurrence
    others = dict.fromkeys(rhythm(it.recurrence) for it in product.prices if it.recurrence != shown)
    return "".join(f"or {it} " for it in others).rstrip()


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


@lru_cache(maxsize=40_000)
def _plain(text: str) -> str:
    """A text of the catalogue without case and accents, kept in memory. Searches are too many to keep."""
    return _without_accents(text)


def _without_accents(text: str) -> str:
    """The text without case and accents, so that "cafe" finds "Café"."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _searched(product: Product) -> str:
    """The text that a search looks through. `_plain` keeps this text, not the product."""
    return _plain(f"{product.name}\n{product.description or ''}\n{product.id}")
