"""Products and prices at Stripe."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urlsplit

import stripe
from stripe.params import PriceListParams

from webstore.addresses import is_loopback
from webstore.errors import PaymentsUnavailable
from webstore.shop.models import Catalogue, Money, Price, Product, Recurrence

from .client import amount, moment, text, translated

log = logging.getLogger(__name__)

#: How far the list is read, in pages of 100 prices.
MAX_PAGES = 200
#: Seconds that one reading of the whole list may take.
MAX_READ_S = 60.0
_INTERVALS = {"day": 1, "week": 7, "month": 30, "year": 365}


class StripeCatalogue:
    """The active products of the account, in the mode of the key."""

    def __init__(self, client: stripe.StripeClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock

    def read_catalogue(self) -> Catalogue:
        """Every product that can be bought, the newest first, each with its default price first.

        Left out: archived and deleted products, and prices that do not say what one piece costs: tiered,
        metered, "customers choose what to pay", packages, fractions of the minor unit.
        Source: https://docs.stripe.com/api/prices/list
        """
        started, read_at = self._clock(), time.time()
        products: dict[str, stripe.Product] = {}
        prices: dict[str, dict[str, Price]] = {}
        for page in self._pages():
            translated(partial(_sort_in, page, products, prices))
            if self._clock() - started > MAX_READ_S:
                raise PaymentsUnavailable("the list of prices took too long to read")
        sellable = translated(lambda: [_product(products[key], found) for key, found in prices.items()])
        return Catalogue(tuple(sorted(sellable, key=lambda it: (-it.created, it.id))), read_at)

    def _pages(self) -> Iterator[list[stripe.Price]]:
        after: str | None = None
        for _ in range(MAX_PAGES):
            page, after = translated(partial(self._page, after))
            yield page
            if after is None:
                return
        log.error("there are more than %d prices; the shop shows the products of the newest", MAX_PAGES * 100)

    def _page(self, after: str | None) -> tuple[list[stripe.Price], str | None]:
        """A page, and where the next one begins if there is one. https://docs.stripe.com/api/pagination"""
        params: PriceListParams = {"active": True, "expand": ["data.product"], "limit": 100}
        if after:
            params["starting_after"] = after
        found = self._client.v1.prices.list(params)
        # What is annotated is not what has been checked: the SDK takes whatever the answer holds.
        has_more: object = found.has_more
        items: object = found.data
        if not isinstance(items, list) or not isinstance(has_more, bool):
            raise TypeError("no page of a list")
        last = text(items[-1].id) if items and has_more else None
        if last is not None and last == after:
            raise ValueError("the same page twice")
        return items, last


def _sort_in(
    page: list[stripe.Price], products: dict[str, stripe.Product], prices: dict[str, dict[str, Price]]
) -> None:
    for found in page:
        product = found.product
        if isinstance(product, stripe.Product) and _is_sold(product) and _has_one_price(found):
            key = text(product.id)
            products.setdefault(key, product)
            prices.setdefault(key, {})[text(found.id)] = _price(found, key)


def _is_sold(product: stripe.Product) -> bool:
    return getattr(product, "active", True) is not False and not getattr(product, "deleted", False)


def _has_one_price(found: stripe.Price) -> bool:
    """Whether one piece has a price that is known beforehand, so that quantity times price is what is paid.

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
                and getattr(recurring, "interval", None) in _INTERVALS
            )
        )
    )


def _price(found: stripe.Price, product_id: str) -> Price:
    """https://docs.stripe.com/api/prices/object"""
    recurring = getattr(found, "recurring", None)
    recurrence = None
    if recurring is not None:
        recurrence = Recurrence(recurring.interval, amount(getattr(recurring, "interval_count", None)) or 1)
    money = Money(amount(found.unit_amount), text(found.currency).lower())
    return Price(text(found.id), product_id, money, recurrence, getattr(found, "nickname", None) or None)


def _product(found: stripe.Product, prices: dict[str, Price]) -> Product:
    """https://docs.stripe.com/api/products/object"""
    metadata: dict[str, str] = found.metadata.to_dict() if getattr(found, "metadata", None) else {}
    default = getattr(found, "default_price", None)
    default_id = default if isinstance(default, str) else getattr(default, "id", None)
    ordered = sorted(prices.values(), key=lambda price: (price.id != default_id, *_place(price)))
    created = moment(getattr(found, "created", 0) or 0)
    shippable = getattr(found, "shippable", None)
    return Product(
        id=text(found.id),
        name=text(found.name),
        prices=tuple(ordered),
        description=getattr(found, "description", None) or None,
        images=tuple(address for address in getattr(found, "images", None) or () if _can_be_shown(address)),
        in_stock=metadata.get("stock", "").strip() != "0",
        shippable=shippable if isinstance(shippable, bool) else None,
        created=created,
        updated=moment(getattr(found, "updated", 0) or created),
    )


def _place(price: Price) -> tuple[int, str, int, str]:
    """Bought once before recurring, short intervals before long ones, cheap before dear."""
    recurrence = price.recurrence
    days = _INTERVALS[recurrence.interval] * recurrence.count if recurrence else 0
    return days, price.money.currency, price.money.amount, price.id


def _can_be_shown(address: object) -> bool:
    """Pages load pictures over https, and from this machine itself."""
    if not isinstance(address, str):
        return False
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
