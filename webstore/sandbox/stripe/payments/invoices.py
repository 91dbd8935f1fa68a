"""The lifecycle of an invoice.

Source: https://docs.stripe.com/invoicing/integration/workflow-transitions
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from webstore.sandbox.stripe.amounts import shown
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.changes import changed, happened
from webstore.sandbox.stripe.routing import Call


def add(
    call: Call,
    customer_id: str,
    lines: Sequence[Document],
    *,
    reason: str,
    subscription: Document | None = None,
    items: Mapping[str, Document] | None = None,
    automatic_tax: bool = False,
) -> Document:
    """Create a finalized, open invoice over a session's lines.

    For a renewal, `lines` are the subscription's items in the shape of lines. `items` are the
    subscription's items by price ID.
    """
    world = call.world
    customer = world.customers.get(customer_id)
    if customer is None:
        raise LookupError(customer_id)
    id, currency = new_id("in_", 24), lines[0]["currency"]
    earlier = len(world.payments.invoices.having("customer", customer_id))
    shown_lines = [_line(call, id, line, subscription, items or {}) for line in lines]
    total = sum(line["amount"] for line in shown_lines)
    token = new_id("", 32)
    now = int(call.now)
    invoice: Document = {
        "id": id,
        "object": "invoice",
        "account_country": "DE",
        "account_name": "Sandbox store",
        "account_tax_ids": None,
        "amount_due": total,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": total,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": automatic_tax,
            "liability": {"type": "self"} if automatic_tax else None,
            "provider": "stripe" if automatic_tax else None,
            "status": "complete" if automatic_tax else None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": reason,
        "collection_method": "charge_automatically",
        "created": now,
        "currency": currency,
        "custom_fields": None,
        "customer": customer_id,
        "customer_account": None,
        "customer_address": customer.address,
        "customer_email": customer.email,
        "customer_name": customer.name,
        "customer_phone": customer.phone,
        "customer_shipping": customer.shipping,
        "customer_tax_exempt": customer.tax_exempt,
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": now,
        "ending_balance": 0,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": f"{call.state.origin}/i/{id}/{token}",
        "invoice_pdf": f"{call.state.origin}/i/{id}/{token}/pdf",
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": {
            "object": "list",
            "data": shown_lines,
            "has_more": False,
            "total_count": len(shown_lines),
            "url": f"/v1/invoices/{id}/lines",
        },
        "livemode": world.livemode,
        "metadata": {},
        "next_payment_attempt": None,
        "number": f"{customer.invoice_prefix}-{customer.next_invoice_sequence + earlier:04d}",
        "on_behalf_of": None,
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
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": now,
        "period_start": now,
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "open",
        "status_details": None,
        "status_transitions": {
            "finalized_at": now,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": total,
        "subtotal_excluding_tax": total,
        "test_clock": None,
        "threshold_reason": None,
        "total": total,
        "total_discount_amounts": [],
        "total_excluding_tax": total,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": now,
    }
    world.payments.invoices.add(invoice)
    happened(call, "invoice.created", {**invoice, "status": "draft"})
    happened(call, "invoice.finalized", invoice)
    return invoice


def attach(call: Call, invoice: Document, intent: Document) -> None:
    """Connect the invoice with the payment intent that pays it."""
    payments = call.world.payments
    payments.invoice_of_intent[intent["id"]] = invoice["id"]
    payments.invoice_payments.add(
        {
            "id": new_id("inpay_", 24),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": int(call.now),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": call.world.livemode,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def paid(call: Call, invoice: Document, intent: Document | None) -> None:
    """Mark the invoice as paid. `intent` is None when nothing was due."""
    payments, now = call.world.payments, int(call.now)
    payments.invoices.change(
        invoice,
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        attempt_count=invoice["attempt_count"] + (intent is not None),
        attempted=True,
        auto_advance=False,
        next_payment_attempt=None,
        status="paid",
        status_transitions={**invoice["status_transitions"], "paid_at": now},
    )
    happened(call, "invoice.paid", invoice)
    happened(call, "invoice.payment_succeeded", invoice)
    for payment in payments.invoice_payments.having("invoice", invoice["id"]):
        if intent is None or payment["payment"]["payment_intent"] != intent["id"]:
            continue
        changed(
            call,
            "invoice_payment.paid",
            payments.invoice_payments,
            payment,
            amount_paid=payment["amount_requested"],
            status="paid",
            status_transitions={"canceled_at": None, "paid_at": now},
        )


def failed(call: Call, invoice: Document, intent: Document | None) -> None:
    """Record a failed payment of the invoice, which stays open."""
    call.world.payments.invoices.change(
        invoice, attempt_count=invoice["attempt_count"] + (intent is not None), attempted=True
    )
    happened(call, "invoice.payment_failed", invoice)


def _line(
    call: Call,
    invoice_id: str,
    line: Document,
    subscription: Document | None,
    items: Mapping[str, Document],
) -> Document:
    price, quantity = line["price"], line["quantity"]
    item = items.get(price["id"])
    now = int(call.now)
    start, end = (item["current_period_start"], item["current_period_end"]) if item else (now, now)
    return {
        "id": new_id("il_", 24),
        "object": "line_item",
        "amount": line["amount_total"],
        "currency": line["currency"],
        "description": _description(line),
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": call.world.livemode,
        "metadata": {} if subscription is None else dict(subscription["metadata"]),
        "parent": _parent(subscription, item),
        "period": {"end": end, "start": start},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": subscription and subscription["id"],
        "subtotal": line["amount_total"],
        "taxes": [],
    }


def _parent(subscription: Document | None, item: Document | None) -> Document:
    if subscription is not None and item is not None:
        return {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": {"credited_items": None},
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        }
    return {
        "invoice_item_details": {
            "invoice_item": new_id("ii_", 24),
            "proration": False,
            "proration_details": {"credited_items": None},
            "subscription": subscription and subscription["id"],
        },
        "subscription_item_details": None,
        "type": "invoice_item_details",
    }


def _description(line: Document) -> str:
    price, name = line["price"], line["description"]
    recurring = price["recurring"]
    if recurring is None:
        return str(name)
    if line["amount_total"] == 0 and Decimal(price["unit_amount_decimal"]) != 0:
        return f"Trial period for {name}"
    count = recurring["interval_count"]
    every = recurring["interval"] if count == 1 else f"{count} {recurring['interval']}s"
    each = shown(price["unit_amount"] or 0, price["currency"])
    return f"{line['quantity']} × {name} (at {each} / {every})"  # noqa: RUF001 (the sign that Stripe writes)
