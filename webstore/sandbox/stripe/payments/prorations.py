"""Changes of a subscription's plan within a period, and the prorations that they cause.

Source: https://docs.stripe.com/billing/subscriptions/prorations
"""

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.payments import invoices, renewals
from webstore.sandbox.stripe.payments.changes import changed
from webstore.sandbox.stripe.payments.invoice_documents import Line
from webstore.sandbox.stripe.payments.money import NOTHING
from webstore.sandbox.stripe.payments.periods import period_end
from webstore.sandbox.stripe.payments.subscription_items import (
    cost,
    period_line,
    product_name,
    with_price,
)
from webstore.sandbox.stripe.payments.subscriptions import current_end, invoice_for
from webstore.sandbox.stripe.routing import Call


def change_plan(call: Call, subscription: Document, price: Document, quantity: int) -> Document | None:
    """Give the first item another price or quantity, and invoice the difference at once.

    This is an update with `proration_behavior=always_invoice`. Another interval begins a new period.
    Returns the invoice, or None in a trial, which costs nothing.
    """
    payments, now = call.world.payments, int(call.now)
    item, *others = subscription["items"]["data"]
    end = current_end(subscription)
    same_cycle = all(
        item["price"]["recurring"][name] == price["recurring"][name]
        for name in ("interval", "interval_count")
    )
    trialing = subscription["status"] == "trialing"
    anchor = subscription["billing_cycle_anchor"] if same_cycle or trialing else now
    began, ends = (
        (item["current_period_start"], end)
        if same_cycle or trialing
        else (now, period_end(price, anchor, now))
    )
    after = with_price(call, item, price, quantity, (began, ends))
    credit = unused(call, subscription, item)
    changed(
        call,
        "customer.subscription.updated",
        payments.subscriptions,
        subscription,
        billing_cycle_anchor=anchor,
        items={**subscription["items"], "data": [after, *others]},
    )
    if not same_cycle and not trialing:
        renewals.plan(call, subscription)
    if trialing:
        return None
    charge = _remaining(call, after) if same_cycle else period_line(call, after)
    lines = [credit, charge]
    money = payments.money.get(subscription["id"], NOTHING)
    invoice = invoice_for(call, subscription, lines, "subscription_update", money, with_balance=True)
    renewals.collect(call, subscription, invoice)
    return invoice


def credit_unused(call: Call, subscription: Document) -> None:
    """Invoice the unused time of a subscription that ends now. The customer's balance gets the credit.

    Source: https://docs.stripe.com/api/subscriptions/cancel#cancel_subscription-prorate
    """
    money = call.world.payments.money.get(subscription["id"], NOTHING)
    lines = [unused(call, subscription, item) for item in subscription["items"]["data"]]
    invoice = invoice_for(call, subscription, lines, "subscription_update", money, with_balance=True)
    invoices.paid(call, invoice, None)


def unused(call: Call, subscription: Document, item: Document) -> Line:
    """The negative line for the rest of the item's period."""
    name = product_name(call, item["price"])
    return Line(
        description=f"Unused time on {_counted(item['quantity'], name)} after {_day(call)}",
        amount=-_rest(call, item) if subscription["status"] != "trialing" else 0,
        currency=item["price"]["currency"],
        quantity=item["quantity"],
        price=item["price"],
        item=item,
        period=(int(call.now), item["current_period_end"]),
        proration=True,
        credited=_credited(call, subscription, item),
    )


def _remaining(call: Call, item: Document) -> Line:
    name = product_name(call, item["price"])
    return Line(
        description=f"Remaining time on {_counted(item['quantity'], name)} after {_day(call)}",
        amount=_rest(call, item),
        currency=item["price"]["currency"],
        quantity=item["quantity"],
        price=item["price"],
        item=item,
        period=(int(call.now), item["current_period_end"]),
        proration=True,
    )


def _rest(call: Call, item: Document) -> int:
    """The cost of the rest of the item's period in minor units."""
    start, end = item["current_period_start"], item["current_period_end"]
    part = Decimal(max(end - int(call.now), 0)) / Decimal(end - start)
    return int((cost(item["price"], item["quantity"]) * part).quantize(Decimal(1), ROUND_HALF_UP))


def _credited(call: Call, subscription: Document, item: Document) -> tuple[str, list[str]] | None:
    """The latest invoice with a line for the item, and that line."""
    for invoice in reversed(call.world.payments.invoices.having("customer", subscription["customer"])):
        ids = [
            line["id"]
            for line in invoice["lines"]["data"]
            if line["amount"] > 0
            and (line["parent"]["subscription_item_details"] or {}).get("subscription_item") == item["id"]
        ]
        if ids:
            return invoice["id"], ids
    return None


def _counted(quantity: int, name: str) -> str:
    return name if quantity == 1 else f"{quantity} × {name}"  # noqa: RUF001 (the sign that Stripe writes)


def _day(call: Call) -> str:
    return datetime.fromtimestamp(call.now, UTC).strftime("%d %b %Y")
