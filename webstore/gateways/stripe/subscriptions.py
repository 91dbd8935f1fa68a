"""Lists a customer's subscriptions, and ends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import stripe

from webstore.addresses import is_loopback
from webstore.errors import NoSuchCustomer
from webstore.shop.models import Money, Recurrence, Subscription, SubscriptionItem

from .checkout import id_of, part
from .client import amount, moment, text, translated
from .embedded import Item, complete, page_of
from .listing import read_page

if TYPE_CHECKING:
    # Large modules, of types alone.
    from stripe.params import SubscriptionCancelParams, SubscriptionItemListParams

#: Statuses of subscriptions that are over: https://docs.stripe.com/billing/subscriptions/overview
_OVER = ("canceled", "incomplete_expired")
#: Subscriptions read in one call; if an answer is too large, the next smaller number is tried.
_READ_AT_A_TIME = (100, 10)
_INTERVALS = ("day", "week", "month", "year")


class StripeSubscriptions:
    """The subscriptions of the customers of the API key's account."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def list_subscriptions(self, customer_id: str) -> tuple[Subscription, ...]:
        """All of the customer's subscriptions that have not ended, the newest first.

        Raises `NoSuchCustomer` and other `PaymentsError`s.
        Source: https://docs.stripe.com/api/subscriptions/list
        """

        def page(after: str | None) -> tuple[list[Item], bool]:
            # Any: a TypedDict cannot be made of parts.
            params: dict[str, Any] = {"customer": customer_id, "expand": ["data.latest_invoice"]}
            if after:
                params["starting_after"] = after
            return read_page(self._client.v1.subscriptions.list, params, _READ_AT_A_TIME)

        def listed() -> tuple[Subscription, ...]:
            found = complete({"has_more": True}, page)
            return tuple(_subscription(it, self._items(it)) for it in found if it.get("status") not in _OVER)

        return translated(listed)

    def cancel_subscription(self, subscription_id: str) -> None:
        """End a subscription at once. Nothing happens if it has ended or does not exist.

        Stripe makes no further invoice, refunds nothing, and stops collecting the open ones.
        Raises `PaymentsError`. Source: https://docs.stripe.com/api/subscriptions/cancel
        """
        params: SubscriptionCancelParams = {"invoice_now": False, "prorate": False}
        try:
            translated(lambda: self._client.v1.subscriptions.cancel(subscription_id, params))
        except NoSuchCustomer:
            # `resource_missing` about the subscription: Stripe knows no running one with this ID.
            return

    def _items(self, found: Mapping[str, Any]) -> list[Item]:
        """All items of a subscription.

        Source: https://docs.stripe.com/api/subscription_items/list
        """
        subscription_id = text(found.get("id"))

        def page(after: str | None) -> tuple[list[Item], bool]:
            params: SubscriptionItemListParams = {"subscription": subscription_id, "limit": 100}
            if after:
                params["starting_after"] = after
            return page_of(self._client.v1.subscription_items.list(params))

        return complete(found.get("items"), page)


def _subscription(found: Mapping[str, Any], items: list[Item]) -> Subscription:
    """Convert Stripe's subscription to the store's `Subscription`.

    Source: https://docs.stripe.com/api/subscriptions/object
    """
    ends = [end for end in (_moment(item.get("current_period_end")) for item in items) if end]
    # Items with several intervals have periods of their own. The next charge is that of the first to end.
    period_end = min(ends, default=None)
    ends_at = _moment(found.get("cancel_at"))
    if ends_at is None and found.get("cancel_at_period_end") is True:
        ends_at = max(ends, default=None)
    paused = part(found, "pause_collection")
    return Subscription(
        id=text(found.get("id")),
        status=text(found.get("status")),
        created=moment(found.get("created")),
        items=tuple(_item(item) for item in items),
        period_end=period_end,
        ends_at=ends_at,
        invoice_url=_payable(part(found, "latest_invoice")),
        description=_words(found.get("description")),
        collection_paused=bool(paused),
        resumes_at=_moment(paused.get("resumes_at")),
        adjusted=_is_adjusted(found, items),
    )


def _item(found: Mapping[str, Any]) -> SubscriptionItem:
    """Convert an item of a subscription.

    Source: https://docs.stripe.com/api/subscription_items/object
    """
    price = part(found, "price")
    recurring = part(price, "recurring")
    quantity = _count(found.get("quantity"))
    return SubscriptionItem(
        price_id=id_of(found.get("price")) or "",
        product_id=id_of(price.get("product")),
        quantity=1 if quantity is None else quantity,
        money=_fixed_amount(price),
        recurrence=_recurrence(recurring),
        variant=_words(price.get("nickname")),
    )


def _fixed_amount(price: Mapping[str, Any]) -> Money | None:
    """The amount of a price for one piece; None if it depends on usage or quantity.

    Source: https://docs.stripe.com/products-prices/pricing-models
    """
    each, currency = _count(price.get("unit_amount")), price.get("currency")
    fixed = (
        price.get("billing_scheme") == "per_unit"
        and price.get("transform_quantity") is None
        and part(price, "recurring").get("usage_type") == "licensed"
    )
    if not fixed or each is None or not isinstance(currency, str) or not currency:
        return None
    return Money(each, currency.lower())


def _recurrence(recurring: Mapping[str, Any]) -> Recurrence | None:
    """Convert how often a price is due; None if that is missing or unknown to the store."""
    interval = recurring.get("interval")
    if interval not in _INTERVALS:
        return None
    return Recurrence(str(interval), _count(recurring.get("interval_count")) or 1)


def _is_adjusted(found: Mapping[str, Any], items: list[Item]) -> bool:
    """Whether invoices differ from the sum of the prices, because of discounts or tax on top."""
    taxed = part(found, "automatic_tax").get("enabled") is True or bool(found.get("default_tax_rates"))
    return (
        bool(found.get("discounts"))
        or any(item.get("discounts") or item.get("tax_rates") for item in items)
        or (taxed and any(part(item, "price").get("tax_behavior") != "inclusive" for item in items))
    )


def _payable(invoice: Mapping[str, Any]) -> str | None:
    """Stripe's page for paying an open invoice; None if it is not open.

    Source: https://docs.stripe.com/api/invoices/object#invoice_object-hosted_invoice_url
    """
    address = invoice.get("hosted_invoice_url")
    if invoice.get("status") != "open" or not isinstance(address, str):
        return None
    try:
        parts = urlsplit(address)
        local = parts.scheme == "http" and is_loopback(parts.hostname or "")
    except ValueError:
        return None
    return address if parts.scheme == "https" or local else None


def _moment(value: object) -> float | None:
    """A Unix time; None if it is missing or is none."""
    try:
        return moment(value) or None
    except TypeError:
        return None


def _count(value: object) -> int | None:
    """A number of pieces or of minor units; None if it is missing, negative or none."""
    try:
        found = None if value is None else amount(value)
    except TypeError:
        return None
    return found if found is None or found >= 0 else None


def _words(value: object) -> str | None:
    """A text for shoppers on one line; None if it is missing or empty."""
    return (" ".join(value.split()) or None) if isinstance(value, str) else None
