"""Fields that several of Stripe's documents about orders have. Any of them may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webstore.shop.models import Money

from .checkout import part
from .client import amount

#: An object in Stripe's answer. Any of its fields may be missing.
Found = Mapping[str, Any]


def presented(found: Found) -> Money | None:
    """What the shopper paid in their own currency; None unless Stripe converted it.

    Source: https://docs.stripe.com/payments/currencies/localize-prices/adaptive-pricing
    """
    details = part(found, "presentment_details")
    currency = some_text(details.get("presentment_currency"))
    if currency is None or currency.lower() == currency_of(found):
        return None
    return Money(amount(details.get("presentment_amount")), currency.lower())


def sum_of(found: object, name: str = "amount") -> int:
    """The sum of the amounts with this name in a list of objects."""
    return sum(amount(item.get(name)) for item in objects({"data": found}))


def objects(listed: Found) -> list[Found]:
    """The objects of an embedded list. They may be only the first ones."""
    data = listed.get("data")
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def currency_of(found: Found) -> str:
    """The currency of a document, in lower case; empty if it has none."""
    return str(found.get("currency") or "").lower()


def some_text(value: object) -> str | None:
    """A text; None if it is missing or empty."""
    return value if isinstance(value, str) and value else None


def user_id_of(found: Found) -> str | None:
    """The user's ID in the document's metadata, which the store wrote; None without one."""
    return some_text(part(found, "metadata").get("auth0_user_id"))


def page(value: object) -> str | None:
    """The address of a page at Stripe; None unless it is http or https."""
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else None
