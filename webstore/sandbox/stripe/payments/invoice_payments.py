"""Payments of invoices by hand: with a card, without a payment intent, or out of band.

Source: https://docs.stripe.com/invoicing/partial-payments
"""

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments import charges, intents, invoices, subscriptions
from webstore.sandbox.stripe.payments.cards import Card, Decline
from webstore.sandbox.stripe.payments.methods import add_method
from webstore.sandbox.stripe.payments.tables import Entered
from webstore.sandbox.stripe.routing import Call

_CARD = Card(last4="4242", attaches=True)


def pay(call: Call, invoice: Document, amount: int, by: str) -> None:
    """Pay `amount` minor units `by` a `payment_intent`, a `charge` or a `payment_record`.

    Raises ValueError for another kind.
    """
    default = not call.world.payments.invoice_payments.having("invoice", invoice["id"])
    if by == "payment_record":
        record = _record(call, invoice, amount)
        payment = invoices.attach(call, invoice, by, record["id"], amount=amount, default=default)
        invoices.receive(call, invoice, payment, attempts=False)
        return
    method = add_method(call, _CARD, Entered(name=invoice["customer_name"]), None)
    if by == "charge":
        charge = charges.add_bare_charge(call, amount, invoice["currency"], invoice["customer"], method)
        payment = invoices.attach(call, invoice, by, charge["id"], amount=amount, default=default)
    elif by == "payment_intent":
        intent = _new_intent(call, invoice, amount)
        payment = invoices.attach(call, invoice, by, intent["id"], amount=amount, default=default)
        intents.succeed(call, intent, method)
    else:
        raise ValueError("by must be payment_intent, charge or payment_record")
    invoices.receive(call, invoice, payment)


def pay_by_card(call: Call, invoice: Document, card: Card, entered: Entered) -> Decline | None:
    """Pay all that remains on the invoice's hosted page. Returns the decline when that was refused.

    Source: https://docs.stripe.com/invoicing/hosted-invoice-page
    """
    payments, due = call.world.payments, invoice["amount_remaining"]
    intent = invoices.open_intent(call, invoice)
    if intent is None:
        intent = _new_intent(call, invoice, due)
        invoices.attach(call, invoice, "payment_intent", intent["id"])
    elif intent["amount"] != due:
        payments.intents.change(intent, amount=due)
        payment = invoices.payment_by(call, invoice, intent)
        if payment is not None:
            payments.invoice_payments.change(payment, amount_requested=due)
    method = add_method(call, card, entered, invoice["customer"] if card.attaches else None)
    if card.decline is not None:
        intents.refuse(call, intent, method, card.decline)
        invoices.failed(call, invoice, intent)
        return card.decline
    intents.succeed(call, intent, method)
    invoices.paid(call, invoice, intent)
    subscriptions.follow_invoice(call, invoice, succeeded=True)
    return None


def _new_intent(call: Call, invoice: Document, amount: int) -> Document:
    return intents.add_intent(
        call,
        amount,
        invoice["currency"],
        customer=invoice["customer"],
        types=["card"],
        data={"description": f"Payment for Invoice {invoice['number']}"},
    )


def _record(call: Call, invoice: Document, amount: int) -> Document:
    """A payment outside of Stripe: https://docs.stripe.com/api/payment-record/object"""
    currency = invoice["currency"]
    nothing = {"currency": currency, "value": 0}
    whole = {"currency": currency, "value": amount}
    record: Document = {
        "id": new_id("pr_1", 23),
        "object": "payment_record",
        "amount": whole,
        "amount_authorized": nothing,
        "amount_canceled": nothing,
        "amount_failed": nothing,
        "amount_guaranteed": whole,
        "amount_refunded": nothing,
        "amount_requested": whole,
        "application": None,
        "created": int(call.now),
        "customer_details": {
            "customer": invoice["customer"],
            "email": invoice["customer_email"],
            "name": invoice["customer_name"],
            "phone": invoice["customer_phone"],
        },
        "customer_presence": None,
        "description": None,
        "latest_payment_attempt_record": None,
        "livemode": call.world.livemode,
        "metadata": {},
        "payment_method_details": {
            "billing_details": None,
            "custom": {"display_name": "Paid out of band", "type": None},
            "payment_method": None,
            "type": "custom",
        },
        "processor_details": {"custom": {"payment_reference": None}, "type": "custom"},
        "reported_by": "self",
        "shipping_details": None,
    }
    call.world.payments.payment_records.add(record)
    return record
