"""Subscription items. Source: https://docs.stripe.com/api/subscription_items/object"""

from decimal import Decimal

from webstore.sandbox.stripe.amounts import line_total
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.invoice_documents import Line, description
from webstore.sandbox.stripe.routing import Call


def new_item(
    call: Call, subscription_id: str, price: Document, quantity: int, period: tuple[int, int]
) -> Document:
    """A new item. `period` is in Unix seconds."""
    recurring = price["recurring"]
    return {
        "id": new_id("si_", 14),
        "object": "subscription_item",
        "billed_until": period[1],
        "billing_thresholds": None,
        "created": int(call.now),
        "current_period_end": period[1],
        "current_period_start": period[0],
        "current_trial": None,
        "discounts": [],
        "metadata": {},
        "plan": {
            "id": price["id"],
            "object": "plan",
            "active": price["active"],
            "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"],
            "billing_scheme": "per_unit",
            "created": price["created"],
            "currency": price["currency"],
            "interval": recurring["interval"],
            "interval_count": recurring["interval_count"],
            "livemode": price["livemode"],
            "metadata": price["metadata"],
            "meter": None,
            "nickname": price["nickname"],
            "product": price["product"],
            "tiers_mode": None,
            "transform_usage": None,
            "trial_period_days": recurring["trial_period_days"],
            "usage_type": "licensed",
        },
        "price": price,
        "quantity": quantity,
        "subscription": subscription_id,
        "tax_rates": [],
    }


def with_price(
    call: Call, item: Document, price: Document, quantity: int, period: tuple[int, int]
) -> Document:
    """The item with another price or quantity. It keeps its ID."""
    after = new_item(call, item["subscription"], price, quantity, period)
    return {**after, "created": item["created"], "id": item["id"], "metadata": item["metadata"]}


def product_name(call: Call, price: Document) -> str:
    """The name of the price's product."""
    product = call.world.products.get(price["product"])
    return str(price["product"]) if product is None else product.name


def cost(price: Document, quantity: int) -> int:
    """The cost of a whole period in minor units."""
    return line_total(Decimal(price["unit_amount_decimal"]), quantity)


def period_line(call: Call, item: Document) -> Line:
    """The invoice's line for the item's current period."""
    price, quantity = item["price"], item["quantity"]
    return Line(
        description=description(price, product_name(call, price), quantity),
        amount=cost(price, quantity),
        currency=price["currency"],
        quantity=quantity,
        price=price,
        item=item,
        period=(item["current_period_start"], item["current_period_end"]),
    )
