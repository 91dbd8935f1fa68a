"""Reads the products and prices for sale from Stripe."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import stripe

from webstore.addresses import is_loopback
from webstore.errors import PaymentsUnavailable
from webstore.shop.models import Catalogue, Money, Price, Product, Recurrence

from . import product_metadata
from .client import amount, moment, text, translated
from .listing import smaller

if TYPE_CHECKING:
    # Large modules, of types alone.
    from stripe.params import PriceListParams

log = logging.getLogger(__name__)

#: Maximum number of prices that are read.
MAX_PRICES = 20_000
#: Prices read in one call. Products with much metadata make a page too large; then fewer are asked for.
PRICES_AT_A_TIME = (100, 25, 5, 1)
#: Maximum number of seconds for reading the whole list.
MAX_READ_S = 60.0
#: Days of each billing interval, for sorting.
_INTERVAL_DAYS = {"day": 1, "week": 7, "month": 30, "year": 365}


class StripeCatalogue:
    """The active products of the API key's account, in the key's mode (live or test)."""

    def __init__(self, client: stripe.StripeClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock

    def read_catalogue(self) -> Catalogue:
        """Every product that can be bought, the newest first, each with its default price first.

        Archived and deleted products are left out, and so are prices without a fixed amount for one piece:
        tiered, metered, "customers choose what to pay", packages, fractions of the minor unit.
        Raises `PaymentsError`. Source: https://docs.stripe.com/api/prices/list
        """
        started, read_at = self._clock(), time.time()
        products: dict[str, stripe.Product] = {}
        prices: dict[str, dict[str, Price]] = {}
        for page in self._pages():
            translated(partial(_add_prices, page, products, prices))
            if self._clock() - started > MAX_READ_S:
                raise PaymentsUnavailable("the list of prices took too long to read")
        sellable = translated(lambda: [_product(products[key], found) for key, found in prices.items()])
        return Catalogue(tuple(sorted(sellable, key=lambda it: (-it.created, it.id))), read_at)

    def _pages(self) -> Iterator[list[stripe.Price]]:
        """The pages of the list of prices, up to `MAX_PRICES` prices.

        A page that is too large is asked for again with fewer prices, and so are the pages after it.
        """
        after: str | None = None
        sizes: Sequence[int] = PRICES_AT_A_TIME
        count = 0
        while count < MAX_PRICES:
            size, (page, after) = smaller(sizes, partial(self._translated_page, after))
            sizes, count = tuple(it for it in sizes if it <= size), count + len(page)
            yield page
            if after is None:
                return
        log.error("there are more than %d prices; the shop shows only products of the newest", MAX_PRICES)

    def _translated_page(
        self, after: str | None, size: int
    ) -> tuple[int, tuple[list[stripe.Price], str | None]]:
        return size, translated(lambda: self._page(after, size))

    def _page(self, after: str | None, size: int) -> tuple[list[stripe.Price], str | None]:
        """One page of `size` prices at most, and the cursor of the next page; None after the last page.

        Source: https://docs.stripe.com/api/pagination
        """
        params: PriceListParams = {"active": True, "expand": ["data.product"], "limit": size}
        if after:
            params["starting_after"] = after
        found = self._client.v1.prices.list(params)
        # The SDK does not check answers against its annotations, so that is done here.
        has_more: object = found.has_more
        items: object = found.data
        if not isinstance(items, list) or not isinstance(has_more, bool):
            raise TypeError("the answer is not a page of a list")
        last = text(items[-1].id) if items and has_more else None
        if last is not None and last == after:
            raise ValueError("Stripe sent the same page twice")
        return items, last


def _add_prices(
    page: list[stripe.Price], products: dict[str, stripe.Product], prices: dict[str, dict[str, Price]]
) -> None:
    """Add the prices for sale on this page, and their products, to `prices` and `products`."""
    for found in page:
        product = found.product
        if isinstance(product, stripe.Product) and _is_sold(product) and _has_fixed_amount(found):
            key = text(product.id)
            products.setdefault(key, product)
            prices.setdefault(key, {})[text(found.id)] = _price(found, key)


def _is_sold(product: stripe.Product) -> bool:
    return getattr(product, "active", True) is not False and not getattr(product, "deleted", False)


def _has_fixed_amount(found: stripe.Price) -> bool:
    """Whether one piece costs a fixed amount, so that the total is the quantity times this amount.

    Source: https://docs.stripe.com/products-prices/pricing-models
    """
    amount = getattr(found, "unit_amount", None)
    recurring = getattr(found, "recurring", None)
    return (
        getattr(found, "active", True) is not False
        and getattr(found, "billing_scheme", "per_unit") == "per_unit"
        and getattr(found, "custom_unit_amount", None) is None
        and getattr(found, "transform_quantity", None) is None
        and isinstance(amount, int)
        and not isinstance(amount, bool)
        and amount >= 0
        and (
            recurring is None
            or (
                getattr(recurring, "usage_type", "licensed") == "licensed"
                and getattr(recurring, "interval", None) in _INTERVAL_DAYS
            )
        )
    )


def _price(found: stripe.Price, product_id: str) -> Price:
    """Convert Stripe's price to the store's `Price`.

    Source: https://docs.stripe.com/api/prices/object
    """
    recurring = getattr(found, "recurring", None)
    recurrence = None
    if recurring is not None:
        recurrence = Recurrence(recurring.interval, amount(getattr(recurring, "interval_count", None)) or 1)
    money = Money(amount(found.unit_amount), text(found.currency).lower())
    return Price(text(found.id), product_id, money, recurrence, getattr(found, "nickname", None) or None)


def _product(found: stripe.Product, prices: dict[str, Price]) -> Product:
    """Convert Stripe's product to the store's `Product`, with its prices in the order of the shop's pages.

    Source: https://docs.stripe.com/api/products/object
    """
    metadata: dict[str, str] = found.metadata.to_dict() if getattr(found, "metadata", None) else {}
    default = getattr(found, "default_price", None)
    default_id = default if isinstance(default, str) else getattr(default, "id", None)
    ordered = sorted(prices.values(), key=lambda price: (price.id != default_id, *_sort_key(price)))
    created = moment(getattr(found, "created", 0) or 0)
    shippable = getattr(found, "shippable", None)
    return Product(
        id=text(found.id),
        name=text(found.name),
        prices=tuple(ordered),
        description=getattr(found, "description", None) or None,
        images=tuple(address for address in getattr(found, "images", None) or () if _may_be_loaded(address)),
        in_stock=product_metadata.in_stock(metadata),
        shippable=shippable if isinstance(shippable, bool) else None,
        category=product_metadata.category(metadata),
        featured=product_metadata.featured(metadata),
        option=product_metadata.option(metadata),
        facts=product_metadata.facts(metadata),
        created=created,
        updated=moment(getattr(found, "updated", 0) or created),
    )


def _sort_key(price: Price) -> tuple[int, str, int, str]:
    """The sort key of a price: one-time before recurring, short intervals first, low amounts first."""
    recurrence = price.recurrence
    days = _INTERVAL_DAYS[recurrence.interval] * recurrence.count if recurrence else 0
    return days, price.money.currency, price.money.amount, price.id


def _may_be_loaded(address: object) -> bool:
    """Whether pages may load the image: over https, or over http from this machine."""
    if not isinstance(address, str):
        return False
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
