"""Converts Checkout Sessions and invoices into orders."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields, replace

from webstore.shop.models import BoughtLine, Money
from webstore.shop.numbers import invoice_number, session_number, where_to_look
from webstore.shop.order import InvoiceLine, Order, OrderKind

from .checkout import id_of, part, session_lines
from .client import amount, moment, text
from .order_fields import Found, currency_of, objects, page, presented, some_text, user_id_of
from .order_payments import payment_of_session, payments_of, was_released
from .order_sums import carried, invoice_sums, session_sums
from .session_params import variant_key

_KINDS = {
    "subscription_create": OrderKind.SUBSCRIPTION,
    "subscription_cycle": OrderKind.RENEWAL,
    "subscription_update": OrderKind.CHANGE,
}
_PRICED = re.compile(r"(?P<quantity>\d+) × (?P<name>.+) \(at .+ / .+\)")  # noqa: RUF001 (Stripe's sign)


def purchase(found: Found) -> Order | None:
    """Convert a completed Checkout Session; None if nothing was sold in it (mode "setup").

    Source: https://docs.stripe.com/api/checkout/sessions/object
    """
    if found.get("mode") == "setup":
        return None
    currency = currency_of(found)
    total, created = amount(found.get("amount_total")), moment(found["created"])
    intent, invoice = part(found, "payment_intent"), part(found, "invoice")
    parts, included = session_sums(found)
    order = Order(
        id=text(found["id"]),
        number=_noted_number(found, created) or session_number(text(found["id"]), created),
        created=created,
        kind=OrderKind.PURCHASE,
        lines=purchase_lines(objects(part(found, "line_items")), currency),
        total=Money(total, currency),
        parts=parts,
        included_tax=included,
        attempted=True,
        complete=part(found, "line_items").get("has_more") is not True,
        presented=presented(found),
        owner=user_id_of(found),
    )
    own = payment_of_session(found, intent, total)
    if invoice:
        order = _with_invoice(order, invoice)
        if own is not None and own.id not in {payment.id for payment in order.payments}:
            order = replace(order, payments=(*order.payments, own))
        return order
    if own is not None and own.charge is not None and was_released(intent, own.charge):
        return replace(order, payments=(own,), void=True)
    is_open = found.get("payment_status") == "unpaid" and intent.get("status") != "succeeded"
    return replace(
        order,
        payments=() if own is None else (own,),
        paid=0 if is_open or found.get("payment_status") == "no_payment_required" else total,
        due=total if is_open else 0,
        invoice_id=id_of(found.get("invoice")),
    )


def invoice_order(found: Found) -> Order | None:
    """Convert an invoice; None for a draft, and for one that belongs to a Checkout Session of the store.

    The first invoice of a subscription that was begun in the store has the order's number in the
    subscription's metadata. Older ones have the buyer only, as those that were made at Stripe may have.
    Source: https://docs.stripe.com/api/invoices/object
    """
    reason = str(found.get("billing_reason") or "")
    subscription = part(part(found, "parent"), "subscription_details")
    noted = some_text(part(subscription, "metadata").get("order_number"))
    owner, is_first = user_id_of(subscription), reason == "subscription_create"
    if found.get("status") == "draft" or (is_first and noted):
        return None
    currency, created = currency_of(found), moment(found["created"])
    total = amount(found.get("total"))
    parts, included = invoice_sums(found)
    listed = part(found, "lines")
    order = Order(
        id=text(found["id"]),
        number=invoice_number(text(found["id"]), created),
        created=created,
        kind=_KINDS.get(reason, OrderKind.INVOICE),
        lines=tuple(order_line(line, currency) for line in objects(listed)),
        total=Money(total, currency),
        parts=parts,
        included_tax=included,
        attempted=found.get("attempted") is True,
        complete=listed.get("has_more") is not True,
        maybe_of_purchase=is_first and owner is not None,
        owner=owner or user_id_of(found),
    )
    return _with_invoice(order, found)


def _with_invoice(order: Order, invoice: Found) -> Order:
    """The order with what its invoice says about the money."""
    total, status = amount(invoice.get("total", order.total.amount)), invoice.get("status")
    paid = amount(invoice.get("amount_paid", total if status == "paid" else 0))
    left = amount(invoice.get("amount_remaining", 0 if status == "paid" else total - paid))
    void = status == "void"
    earlier, later = carried(invoice)
    return replace(
        order,
        payments=payments_of(invoice),
        more_payments=part(invoice, "payments").get("has_more") is True,
        paid=paid,
        balance=0 if void else max(0, total + earlier - later - paid - left),
        earlier=0 if void else earlier,
        carried=0 if void else later,
        due=0 if void or status == "paid" else left,
        credit_notes=amount(invoice.get("post_payment_credit_notes_amount")),
        void=void,
        uncollectible=status == "uncollectible",
        invoice_url=page(invoice.get("hosted_invoice_url")),
        invoice_number=some_text(invoice.get("number")),
        invoice_id=id_of(invoice),
    )


def invoice_line(line: Found, currency: str) -> BoughtLine:
    """Convert an invoice's line item. `currency`: used for a line that has none.

    Source: https://docs.stripe.com/api/invoice-line-item/object
    """
    priced, metadata = part(part(line, "pricing"), "price_details"), part(line, "metadata")
    price_id = id_of(priced.get("price"))
    quantity = amount(line.get("quantity")) or 1
    return BoughtLine(
        description=_item_name(some_text(line.get("description")) or "Item", quantity),
        quantity=quantity,
        total=Money(amount(line.get("amount")), str(line.get("currency") or currency).lower()),
        price_id=price_id,
        product_id=id_of(priced.get("product")),
        # A subscription's line has the subscription's metadata, which names the variant of each price.
        variant=some_text(metadata.get("variant")) or some_text(metadata.get(variant_key(price_id or ""))),
    )


def _item_name(description: str, quantity: int) -> str:
    """The name in Stripe's text for a subscription's line, "2 × Tea (at €9.00 / month)"; else the text."""  # noqa: RUF002 (as above)
    priced = _PRICED.fullmatch(description)
    return priced["name"] if priced and priced["quantity"] == str(quantity) else description


def order_line(line: Found, currency: str) -> InvoiceLine:
    """Convert a line item of an invoice that is an order, as in `invoice_line`."""
    found, parent = invoice_line(line, currency), part(line, "parent")
    kinds = ("subscription_item_details", "invoice_item_details")
    return InvoiceLine(
        **{field.name: getattr(found, field.name) for field in fields(found)},
        proration=any(part(parent, kind).get("proration") is True for kind in kinds),
    )


def purchase_lines(found: Sequence[Found], currency: str) -> tuple[BoughtLine, ...]:
    """Convert a Checkout Session's lines, before taxes and discounts, so that they add up to the subtotal.

    Source: https://docs.stripe.com/api/checkout/sessions/line_items
    """
    lines = session_lines({"line_items": {"data": list(found)}}, currency)
    return tuple(
        replace(line, total=Money(amount(raw.get("amount_subtotal", line.total.amount)), line.total.currency))
        for line, raw in zip(lines, found, strict=True)
    )


def _noted_number(found: Found, created: float) -> str | None:
    """The number that the store chose; None if this session would not be found under it."""
    noted = some_text(part(found, "metadata").get("order_number"))
    look = where_to_look(noted) if noted else None
    if look is None or look.invoice or not look.since <= created < look.until:
        return None
    return noted
