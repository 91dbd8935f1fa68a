"""Converts Stripe's documents about orders: Checkout Sessions, invoices, payments, charges, disputes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from webstore.shop.models import BoughtLine, Money
from webstore.shop.numbers import invoice_number, session_number, where_to_look
from webstore.shop.order import Charge, DisputeState, Order, OrderKind, Part, Payment

from .checkout import id_of, part, session_lines
from .client import amount, moment, text

#: An object in Stripe's answer. Any of its fields may be missing.
Found = Mapping[str, Any]

#: Statuses of a payment intent whose payment failed.
_PAYMENT_FAILED = ("requires_payment_method", "canceled")
_KINDS = {
    "subscription_create": OrderKind.SUBSCRIPTION,
    "subscription_cycle": OrderKind.RENEWAL,
    "subscription_update": OrderKind.CHANGE,
}


def purchase(found: Found) -> Order | None:
    """Convert a completed Checkout Session; None if nothing was sold in it (mode "setup").

    Source: https://docs.stripe.com/api/checkout/sessions/object
    """
    if found.get("mode") == "setup":
        return None
    currency = _currency(found)
    total, created = amount(found.get("amount_total")), moment(found["created"])
    intent, invoice = part(found, "payment_intent"), part(found, "invoice")
    noted = _some_text(part(found, "metadata").get("order_number"))
    details = part(found, "total_details")
    parts, included = _between(
        found.get("amount_subtotal"),
        total,
        currency,
        discount=amount(details.get("amount_discount")),
        shipping=amount(details.get("amount_shipping")),
        tax=amount(details.get("amount_tax")),
    )
    order = Order(
        id=text(found["id"]),
        number=noted if noted and where_to_look(noted) else session_number(text(found["id"]), created),
        created=created,
        kind=OrderKind.PURCHASE,
        lines=purchase_lines(_objects(part(found, "line_items")), currency),
        total=Money(total, currency),
        parts=parts,
        included_tax=included,
        attempted=True,
        complete=part(found, "line_items").get("has_more") is not True,
        presented=_presented(found),
        owner=_user_id(part(found, "metadata")),
    )
    own = _payment_of_session(found, intent, total)
    if invoice:
        order = _with_invoice(order, invoice)
        if own is not None and own.id not in {payment.id for payment in order.payments}:
            order = replace(order, payments=(*order.payments, own))
        return order
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

    The first invoice of a subscription that was begun in the store carries the subscription's metadata.
    Source: https://docs.stripe.com/api/invoices/object
    """
    reason = str(found.get("billing_reason") or "")
    owner = _user_id(part(part(part(found, "parent"), "subscription_details"), "metadata"))
    if found.get("status") == "draft" or (reason == "subscription_create" and owner):
        return None
    currency, created = _currency(found), moment(found["created"])
    total = amount(found.get("total"))
    parts, included = _between(
        found.get("subtotal"),
        total,
        currency,
        discount=_sum(found.get("total_discount_amounts")),
        shipping=amount(part(found, "shipping_cost").get("amount_subtotal")),
        tax=_sum(found.get("total_taxes")),
    )
    listed = part(found, "lines")
    order = Order(
        id=text(found["id"]),
        number=invoice_number(text(found["id"]), created),
        created=created,
        kind=_KINDS.get(reason, OrderKind.INVOICE),
        lines=tuple(invoice_line(line, currency) for line in _objects(listed)),
        total=Money(total, currency),
        parts=parts,
        included_tax=included,
        attempted=found.get("attempted") is True,
        complete=listed.get("has_more") is not True,
        owner=owner or _user_id(part(found, "metadata")),
    )
    return _with_invoice(order, found)


def _with_invoice(order: Order, invoice: Found) -> Order:
    """The order with what its invoice says about the money."""
    total, status = amount(invoice.get("total", order.total.amount)), invoice.get("status")
    paid = amount(invoice.get("amount_paid", total if status == "paid" else 0))
    left = amount(invoice.get("amount_remaining", 0 if status == "paid" else total - paid))
    void = status == "void"
    return replace(
        order,
        payments=payments_of(invoice),
        paid=paid,
        balance=0 if void else max(0, total - paid - left),
        due=0 if void or status == "paid" else left,
        credit_notes=amount(invoice.get("post_payment_credit_notes_amount")),
        void=void,
        uncollectible=status == "uncollectible",
        invoice_url=_page(invoice.get("hosted_invoice_url")),
        invoice_number=_some_text(invoice.get("number")),
        invoice_id=id_of(invoice),
    )


def payments_of(invoice: Found) -> tuple[Payment, ...]:
    """The payments in an invoice that were made or may still be made."""
    return invoice_payments(_objects(part(invoice, "payments")))


def invoice_payments(found: Sequence[Found]) -> tuple[Payment, ...]:
    """Convert an invoice's payments; cancelled ones are left out.

    Source: https://docs.stripe.com/api/invoice-payment/object
    """
    return tuple(_invoice_payment(payment) for payment in found if payment.get("status") != "canceled")


def _invoice_payment(found: Found) -> Payment:
    how, status = part(found, "payment"), found.get("status")
    intent = part(how, "payment_intent")
    charge = part(intent, "latest_charge") or part(how, "charge")
    asked, given = found.get("amount_requested"), found.get("amount_paid")
    paid_at = part(found, "status_transitions").get("paid_at")
    tried = bool(charge) or intent.get("last_payment_error") is not None
    return Payment(
        id=id_of(how.get("payment_intent")) or id_of(how.get("charge")),
        # Stripe's older answers have no status; then the invoice alone says what was paid.
        paid=status in ("paid", None),
        amount=amount(asked if given is None else given),
        created=moment(found.get("created") or 0),
        paid_at=None if paid_at is None else moment(paid_at),
        charge=charge_of(charge) if charge else None,
        failed=intent.get("status") in _PAYMENT_FAILED and tried,
    )


def _payment_of_session(found: Found, intent: Found, total: int) -> Payment | None:
    """The payment of a Checkout Session in payment mode."""
    intent_id = id_of(found.get("payment_intent"))
    if intent_id is None and not intent:
        return None
    charge = part(intent, "latest_charge")
    return Payment(
        id=intent_id,
        paid=found.get("payment_status") != "unpaid" or intent.get("status") == "succeeded",
        amount=total,
        created=moment(found["created"]),
        charge=charge_of(charge) if charge else None,
        failed=intent.get("status") in _PAYMENT_FAILED,
    )


def charge_of(found: Found) -> Charge:
    """Convert a charge. Source: https://docs.stripe.com/api/charges/object"""
    captured = found.get("amount_captured")
    return Charge(
        id=id_of(found) or "",
        intent_id=id_of(found.get("payment_intent")),
        status=str(found.get("status") or "succeeded"),
        amount=amount(captured if captured else found.get("amount")),
        refunded=amount(found.get("amount_refunded")),
        disputed=found.get("disputed") is True,
        receipt_url=_page(found.get("receipt_url")),
        receipt_number=_some_text(found.get("receipt_number")),
        presented=_presented(found),
        created=moment(found.get("created") or 0),
    )


def dispute_of(found: Sequence[Found]) -> DisputeState | None:
    """How the disputes about one charge stand together; None without a dispute.

    Source: https://docs.stripe.com/api/disputes/object#dispute_object-status
    """
    states = {
        {"lost": DisputeState.LOST, "won": DisputeState.WON}.get(
            status, DisputeState.WON if status in ("warning_closed", "prevented") else DisputeState.OPEN
        )
        for status in (str(dispute.get("status") or "") for dispute in found)
    }
    order = (DisputeState.LOST, DisputeState.OPEN, DisputeState.WON)
    return next((state for state in order if state in states), None)


def invoice_line(line: Found, currency: str) -> BoughtLine:
    """Convert an invoice's line item. `currency`: used for a line that has none.

    Source: https://docs.stripe.com/api/invoice-line-item/object
    """
    priced = part(part(line, "pricing"), "price_details")
    return BoughtLine(
        description=_some_text(line.get("description")) or "Item",
        quantity=amount(line.get("quantity")) or 1,
        total=Money(amount(line.get("amount")), str(line.get("currency") or currency).lower()),
        price_id=id_of(priced.get("price")),
        product_id=id_of(priced.get("product")),
        variant=_some_text(part(line, "metadata").get("variant")),
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


def _between(
    subtotal: object, total: int, currency: str, *, discount: int, shipping: int, tax: int
) -> tuple[tuple[tuple[Part, Money], ...], int]:
    """What leads from the subtotal to the total, and the tax that is in the prices already.

    Prices may contain their tax, so only what is missing from the total is shown as added tax.
    Source: https://docs.stripe.com/tax/products-prices-tax-codes-tax-behavior#tax-behavior
    """
    if subtotal is None:
        return (), 0
    rest = total - (amount(subtotal) - discount + shipping)
    added = rest if 0 <= rest <= tax else tax
    amounts = {Part.DISCOUNT: -discount, Part.SHIPPING: shipping, Part.TAX: added, Part.OTHER: rest - added}
    return tuple((kind, Money(value, currency)) for kind, value in amounts.items() if value), tax - added


def _presented(found: Found) -> Money | None:
    """What the shopper paid in their own currency; None unless Stripe converted it.

    Source: https://docs.stripe.com/payments/currencies/localize-prices/adaptive-pricing
    """
    details = part(found, "presentment_details")
    currency = _some_text(details.get("presentment_currency"))
    if currency is None or currency.lower() == _currency(found):
        return None
    return Money(amount(details.get("presentment_amount")), currency.lower())


def _sum(found: object) -> int:
    """The sum of the amounts in a list of objects that have an `amount`."""
    return (
        sum(amount(item.get("amount")) for item in found if isinstance(item, dict))
        if isinstance(found, list)
        else 0
    )


def _objects(listed: Found) -> list[Found]:
    """The objects of an embedded list. They may be only the first ones."""
    data = listed.get("data")
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _currency(found: Found) -> str:
    return str(found.get("currency") or "").lower()


def _user_id(metadata: Found) -> str | None:
    return _some_text(metadata.get("auth0_user_id"))


def _some_text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _page(value: object) -> str | None:
    """The address of a page at Stripe; None unless it is http or https."""
    return value if isinstance(value, str) and value.startswith(("https://", "http://")) else None
