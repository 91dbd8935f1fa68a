"""The lifecycle of an invoice.

Source: https://docs.stripe.com/invoicing/integration/workflow-transitions
"""

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments import intents
from webstore.sandbox.stripe.payments.changes import changed, happened
from webstore.sandbox.stripe.routing import Call


def attach(
    call: Call, invoice: Document, kind: str, id: str, *, amount: int | None = None, default: bool = True
) -> Document:
    """Connect the invoice with a payment of a kind: `payment_intent`, `charge` or `payment_record`.

    `amount` is in minor units (None: all that is due). Returns the open invoice payment.
    Source: https://docs.stripe.com/api/invoice-payment/object
    """
    payments = call.world.payments
    if kind == "payment_intent":
        payments.invoice_of_intent[id] = invoice["id"]
    payment: Document = {
        "id": new_id("inpay_", 24),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_remaining"] if amount is None else amount,
        "created": int(call.now),
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": default,
        "livemode": call.world.livemode,
        "payment": {kind: id, "type": kind},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    payments.invoice_payments.add(payment)
    return payment


def payment_by(call: Call, invoice: Document, intent: Document) -> Document | None:
    """The invoice payment that a payment intent makes, or None."""
    own = call.world.payments.invoice_payments.having("invoice", invoice["id"])
    return next((one for one in own if one["payment"].get("payment_intent") == intent["id"]), None)


def open_intent(call: Call, invoice: Document) -> Document | None:
    """The payment intent of the invoice's default payment, if that is still open."""
    payments = call.world.payments
    for payment in payments.invoice_payments.having("invoice", invoice["id"]):
        if payment["is_default"] and payment["status"] == "open":
            return payments.intents.get(payment["payment"].get("payment_intent") or "")
    return None


def paid(call: Call, invoice: Document, intent: Document | None) -> None:
    """Mark the invoice as paid by a payment intent. `intent` is None when nothing was due."""
    payment = None if intent is None else payment_by(call, invoice, intent)
    receive(call, invoice, payment, attempts=intent is not None)


def receive(call: Call, invoice: Document, payment: Document | None, *, attempts: bool = True) -> None:
    """Record that an invoice payment arrived. The invoice is paid when nothing remains.

    `attempts` says whether Stripe tried to collect it. A payment record was paid outside of Stripe.
    """
    payments, now = call.world.payments, int(call.now)
    amount = 0 if payment is None else int(payment["amount_requested"])
    outside = payment is not None and payment["payment"]["type"] == "payment_record"
    received = invoice["amount_paid"] + amount
    changes: Document = {
        "amount_overpaid": max(received - invoice["amount_due"], 0),
        "amount_paid": received,
        "amount_paid_off_stripe": invoice["amount_paid_off_stripe"] + (amount if outside else 0),
        "amount_remaining": max(invoice["amount_due"] - received, 0),
        "attempt_count": invoice["attempt_count"] + attempts,
        "attempted": True,
    }
    if changes["amount_remaining"] > 0:
        changed(call, "invoice.updated", payments.invoices, invoice, **changes)
    else:
        payments.invoices.change(
            invoice,
            **changes,
            auto_advance=False,
            next_payment_attempt=None,
            status="paid",
            status_transitions={**invoice["status_transitions"], "paid_at": now},
        )
        happened(call, "invoice.paid", invoice)
        happened(call, "invoice.payment_succeeded", invoice)
    if payment is not None:
        changed(
            call,
            "invoice_payment.paid",
            payments.invoice_payments,
            payment,
            amount_paid=amount,
            status="paid",
            status_transitions={"canceled_at": None, "paid_at": now},
        )


def failed(call: Call, invoice: Document, intent: Document | None) -> None:
    """Record a failed payment of the invoice, which stays open."""
    call.world.payments.invoices.change(
        invoice, attempt_count=invoice["attempt_count"] + (intent is not None), attempted=True
    )
    happened(call, "invoice.payment_failed", invoice)


def void(call: Call, invoice: Document) -> None:
    """Void an open invoice. Raises StripeError for any other.

    Source: https://docs.stripe.com/api/invoices/void
    """
    _check_status(invoice, "open", "uncollectible")
    _close(call, invoice, "invoice.voided", "void", "voided_at")


def mark_uncollectible(call: Call, invoice: Document) -> None:
    """Write an open invoice off. It can still be paid. Raises StripeError for any other.

    Source: https://docs.stripe.com/api/invoices/mark_uncollectible
    """
    _check_status(invoice, "open")
    _close(call, invoice, "invoice.marked_uncollectible", "uncollectible", "marked_uncollectible_at")


def check_payable(invoice: Document) -> None:
    """Raise StripeError for an invoice that cannot be paid: https://docs.stripe.com/api/invoices/pay"""
    if invoice["status"] == "paid":
        raise StripeError(400, "Invoice is already paid", code="invoice_already_paid")
    _check_status(invoice, "open", "uncollectible")


def _check_status(invoice: Document, *allowed: str) -> None:
    if invoice["status"] not in allowed:
        raise StripeError(
            400,
            f"You can only do this with an invoice that is {' or '.join(allowed)}. This one is"
            f" {invoice['status']}.",
            code="invoice_not_editable",
        )


def _close(call: Call, invoice: Document, event: str, status: str, moment: str) -> None:
    payments, now = call.world.payments, int(call.now)
    changed(
        call,
        event,
        payments.invoices,
        invoice,
        auto_advance=False,
        next_payment_attempt=None,
        status=status,
        status_transitions={**invoice["status_transitions"], moment: now},
    )
    if status != "void":
        return
    for payment in payments.invoice_payments.having("invoice", invoice["id"]):
        if payment["status"] != "open":
            continue
        transitions = {"canceled_at": now, "paid_at": None}
        payments.invoice_payments.change(payment, status="canceled", status_transitions=transitions)
        intent = payments.intents.get(payment["payment"].get("payment_intent") or "")
        if intent is not None and intent["status"] != "canceled":
            intents.cancel(call, intent, "void_invoice")
