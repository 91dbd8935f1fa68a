"""Credit notes, which reduce an invoice after it was finalized. Source: https://docs.stripe.com/invoicing/credit-notes"""

import dataclasses

from webstore.sandbox.stripe.customer_json import to_json
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.changes import changed, happened
from webstore.sandbox.stripe.payments.refunds import refund
from webstore.sandbox.stripe.recording import differences, record
from webstore.sandbox.stripe.routing import Call


def add_credit_note(
    call: Call, invoice: Document, amount: int, by: str, *, reason: str | None, memo: str | None
) -> Document:
    """Credit `amount` minor units of an invoice.

    An open invoice is reduced. What was paid is given back `by` a `refund`, to the `customer_balance` or
    `out_of_band`. Raises StripeError for too much.
    """
    paid = invoice["status"] == "paid"
    done = invoice["post_payment_credit_notes_amount"]
    left = invoice["amount_paid"] - done if paid else invoice["amount_remaining"]
    if invoice["status"] not in ("open", "paid") or amount > left:
        raise StripeError(
            400, f"The sum of credit amounts must not exceed what is left of the invoice, {left}."
        )
    refunds = [_refund(call, invoice, amount)] if paid and by == "refund" else []
    balance = _credit_balance(call, invoice, amount) if paid and by == "customer_balance" else None
    note = _document(call, invoice, amount, reason=reason, memo=memo)
    note.update(
        customer_balance_transaction=balance,
        out_of_band_amount=amount if paid and by == "out_of_band" else None,
        post_payment_amount=amount if paid else 0,
        pre_payment_amount=0 if paid else amount,
        refunds=refunds,
        type="post_payment" if paid else "pre_payment",
    )
    payments = call.world.payments
    payments.credit_notes.add(note)
    happened(call, "credit_note.created", note)
    if paid:
        changes: Document = {"post_payment_credit_notes_amount": done + amount}
    else:
        changes = {
            "amount_due": invoice["amount_due"] - amount,
            "amount_remaining": left - amount,
            "pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"] + amount,
        }
    changed(call, "invoice.updated", payments.invoices, invoice, **changes)
    return note


def _refund(call: Call, invoice: Document, amount: int) -> Document:
    """Refund the latest card payment of the invoice that has this amount left."""
    payments = call.world.payments
    for payment in reversed(payments.invoice_payments.having("invoice", invoice["id"])):
        intent = payments.intents.get(payment["payment"].get("payment_intent") or "")
        id = payment["payment"].get("charge") or (intent and intent["latest_charge"])
        charge = payments.charges.get(id or "")
        if charge is not None and charge["amount_captured"] - charge["amount_refunded"] >= amount:
            made = refund(call, charge, amount, reason=None, metadata={})
            return {
                "amount_refunded": amount,
                "payment_record_refund": None,
                "refund": made["id"],
                "type": "refund",
            }
    raise StripeError(400, "No payment of this invoice can be refunded over this amount.")


def _credit_balance(call: Call, invoice: Document, amount: int) -> str:
    before = call.world.customers.get(invoice["customer"])
    if before is None:
        raise LookupError(invoice["customer"])
    after = dataclasses.replace(before, balance=before.balance - amount)
    call.world.customers.change(after, call.now)
    shown = to_json(after, call.world)
    record(call, "customer.updated", shown, differences(to_json(before, call.world), shown))
    return new_id("cbtxn_1", 23)


def _document(
    call: Call, invoice: Document, amount: int, *, reason: str | None, memo: str | None
) -> Document:
    id = new_id("cn_1", 23)
    number = len(call.world.payments.credit_notes.having("invoice", invoice["id"])) + 1
    line: Document = {
        "id": new_id("cnli_1", 23),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": memo or "Credit",
        "discount_amount": 0,
        "discount_amounts": [],
        "livemode": call.world.livemode,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": 1,
        "tax_rates": [],
        "taxes": [],
        "type": "custom_line_item",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }
    return {
        "id": id,
        "object": "credit_note",
        "amount": amount,
        "amount_shipping": 0,
        "created": int(call.now),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": int(call.now),
        "invoice": invoice["id"],
        "lines": {
            "object": "list",
            "data": [line],
            "has_more": False,
            "url": f"/v1/credit_notes/{id}/lines",
        },
        "livemode": call.world.livemode,
        "memo": memo,
        "metadata": {},
        "number": f"{invoice['number']}-CN-{number:02d}",
        "pdf": f"{call.state.origin}/credit_notes/{id}/{new_id('', 32)}/pdf",
        "pretax_credit_amounts": [],
        "reason": reason,
        "shipping_cost": None,
        "status": "issued",
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": amount,
        "total_excluding_tax": amount,
        "total_taxes": [],
        "voided_at": None,
    }
