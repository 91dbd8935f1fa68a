"""New invoices and their lines. Source: https://docs.stripe.com/api/invoices/object"""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from webstore.sandbox.stripe.amounts import shown
from webstore.sandbox.stripe.customer import Customer
from webstore.sandbox.stripe.customer_json import to_json
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.changes import happened
from webstore.sandbox.stripe.payments.invoice_parts import NO_COUNTS, line_parent
from webstore.sandbox.stripe.payments.money import (
    NOTHING,
    Amounts,
    Money,
    breakdown,
    invoice_discounts,
    invoice_taxes,
    taxed,
    work_out,
)
from webstore.sandbox.stripe.recording import differences, record
from webstore.sandbox.stripe.routing import Call


@dataclass(frozen=True)
class Line:
    """One line of a new invoice. `amount` is in minor units, before discounts and exclusive tax.

    `price` and the subscription's `item` are None for a line with a text only. `period` is in Unix seconds.
    A proration names the invoice and the lines that it gives `credited` money back for.
    """

    description: str
    amount: int
    currency: str
    quantity: int = 1
    price: Document | None = None
    item: Document | None = None
    period: tuple[int, int] | None = None
    proration: bool = False
    credited: tuple[str, list[str]] | None = None


def session_lines(lines: Sequence[Document], items: Mapping[str, Document]) -> list[Line]:
    """The lines of a Checkout Session as an invoice has them. `items` are by price ID."""
    made = []
    for line in lines:
        item = items.get(line["price"]["id"])
        period = None if item is None else (item["current_period_start"], item["current_period_end"])
        made.append(
            Line(
                description=description(line["price"], line["description"], line["quantity"], line),
                amount=line["amount_subtotal"],
                currency=line["currency"],
                quantity=line["quantity"],
                price=line["price"],
                item=item,
                period=period,
            )
        )
    return made


def description(price: Document, name: str, quantity: int, line: Mapping[str, int] | None = None) -> str:
    """A line's text, as Stripe writes it: `1 × Tea (at 12.00 EUR / month)`."""  # noqa: RUF002 (Stripe's sign)
    recurring = price["recurring"]
    if recurring is None:
        return name
    free = line is not None and line["amount_subtotal"] == 0
    if free and Decimal(price["unit_amount_decimal"]) != 0:
        return f"Trial period for {name}"
    count = recurring["interval_count"]
    every = recurring["interval"] if count == 1 else f"{count} {recurring['interval']}s"
    each = shown(price["unit_amount"] or 0, price["currency"])
    return f"{quantity} × {name} (at {each} / {every})"  # noqa: RUF001 (as above)


def add(
    call: Call,
    customer_id: str,
    lines: Sequence[Line],
    *,
    reason: str,
    subscription: Document | None = None,
    automatic_tax: bool = False,
    money: Money = NOTHING,
    shipping: Document | None = None,
    with_balance: bool = False,
    draft: bool = False,
    fields: Mapping[str, object] | None = None,
) -> Document:
    """Create an open invoice, or a draft. `shipping` is a session's `shipping_cost`.

    `with_balance` says whether the customer's credit pays a part of it. `fields` replace fields of the
    invoice.
    """
    world, now = call.world, int(call.now)
    customer = world.customers.get(customer_id)
    if customer is None:
        raise LookupError(customer_id)
    id = new_id("in_", 24)
    amounts = work_out([line.amount for line in lines], money)
    shown_lines = [_line(call, id, line, subscription, one) for line, one in zip(lines, amounts, strict=True)]
    sent = None if shipping is None else taxed(shipping["amount_subtotal"], money)
    sums = _sums(amounts, sent)
    before = customer.balance if with_balance else 0
    due = max(sums["total"] + before, 0) if before or sums["total"] < 0 else sums["total"]
    after = min(sums["total"] + before, 0) if before or sums["total"] < 0 else 0
    token = new_id("", 32)
    everything = amounts if sent is None else [*amounts, sent]
    invoice: Document = {
        "id": id,
        "object": "invoice",
        **copy.deepcopy(NO_COUNTS),
        "amount_due": due,
        "amount_remaining": due,
        "amount_shipping": 0 if sent is None else sent.subtotal,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": automatic_tax,
            "liability": {"type": "self"} if automatic_tax else None,
            "provider": "stripe" if automatic_tax else None,
            "status": "complete" if automatic_tax else None,
        },
        "billing_reason": reason,
        "created": now,
        "currency": lines[0].currency,
        "customer": customer_id,
        "customer_address": customer.address,
        "customer_email": customer.email,
        "customer_name": customer.name,
        "customer_phone": customer.phone,
        "customer_shipping": customer.shipping,
        "customer_tax_exempt": customer.tax_exempt,
        "discounts": [] if money.discount is None else [money.discount["id"]],
        "effective_at": None if draft else now,
        "ending_balance": None if draft else after,
        "hosted_invoice_url": None if draft else f"{call.state.origin}/i/{id}/{token}",
        "invoice_pdf": None if draft else f"{call.state.origin}/i/{id}/{token}/pdf",
        "lines": {
            "object": "list",
            "data": shown_lines,
            "has_more": False,
            "url": f"/v1/invoices/{id}/lines",
        },
        "livemode": world.livemode,
        "number": None if draft else _number(call, customer),
        "parent": None
        if subscription is None
        else {
            "quote_details": None,
            "subscription_details": {
                "metadata": dict(subscription["metadata"]),
                "subscription": subscription["id"],
            },
            "type": "subscription_details",
        },
        "period_end": now,
        "period_start": now,
        "shipping_cost": None
        if shipping is None or sent is None
        else {**shipping, "taxes": breakdown([sent])["taxes"]},
        "starting_balance": before,
        "status": "draft" if draft else "open",
        "status_transitions": {
            "finalized_at": None if draft else now,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        **sums,
        "total_discount_amounts": invoice_discounts(amounts),
        "total_taxes": invoice_taxes(everything),
        "webhooks_delivered_at": None if draft else now,
        **(fields or {}),
    }
    world.payments.invoices.add(invoice)
    happened(call, "invoice.created", {**invoice, "status": "draft"})
    if not draft:
        if after != before:
            _set_balance(call, customer, after)
        happened(call, "invoice.finalized", invoice)
    return invoice


def _sums(amounts: Sequence[Amounts], sent: Amounts | None) -> dict[str, int]:
    subtotal = sum(one.subtotal for one in amounts)
    everything = amounts if sent is None else [*amounts, sent]
    total = sum(one.total for one in everything)
    return {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - sum(one.inclusive for one in amounts),
        "total": total,
        "total_excluding_tax": total - sum(one.tax for one in everything),
    }


def _number(call: Call, customer: Customer) -> str:
    earlier = len(call.world.payments.invoices.having("customer", customer.id))
    return f"{customer.invoice_prefix}-{customer.next_invoice_sequence + earlier:04d}"


def _set_balance(call: Call, before: Customer, balance: int) -> None:
    """Keep the rest of the customer's credit: https://docs.stripe.com/billing/customer/balance"""
    after = dataclasses.replace(before, balance=balance)
    call.world.customers.change(after, call.now)
    shown_after = to_json(after, call.world)
    record(call, "customer.updated", shown_after, differences(to_json(before, call.world), shown_after))


def _line(
    call: Call, invoice_id: str, line: Line, subscription: Document | None, amounts: Amounts
) -> Document:
    now = int(call.now)
    start, end = line.period or (now, now)
    price = line.price
    each = str(line.amount) if price is None or line.proration else price["unit_amount_decimal"]
    return {
        "id": new_id("il_", 24),
        "object": "line_item",
        "amount": line.amount,
        "currency": line.currency,
        "description": line.description,
        "discount_amounts": invoice_discounts([amounts]),
        "discountable": not line.proration,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": call.world.livemode,
        "metadata": {} if subscription is None else dict(subscription["metadata"]),
        "parent": line_parent(line.item, subscription, proration=line.proration, credited=line.credited),
        "period": {"end": end, "start": start},
        "pretax_credit_amounts": [],
        "pricing": None
        if price is None
        else {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": each,
        },
        "quantity": line.quantity,
        "quantity_decimal": str(line.quantity),
        "subscription": subscription and subscription["id"],
        "subtotal": line.amount,
        "taxes": invoice_taxes([amounts]),
    }
