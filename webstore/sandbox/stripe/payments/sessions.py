"""The lifecycle of a Checkout Session: its payment, delayed payment and expiry.

Source: https://docs.stripe.com/payments/checkout/how-checkout-works
"""

from collections.abc import Mapping
from typing import Any

from webstore.sandbox.stripe.amounts import MOST, least, shown
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.payments import intents, invoices, subscriptions
from webstore.sandbox.stripe.payments.cards import FAILED_DEBIT, UNAUTHENTICATED, Card, Decline
from webstore.sandbox.stripe.payments.changes import changed
from webstore.sandbox.stripe.payments.customers import paying_customer
from webstore.sandbox.stripe.payments.lines import set_quantity
from webstore.sandbox.stripe.payments.methods import add_method
from webstore.sandbox.stripe.payments.tables import Attempt, Entered, SessionDetails
from webstore.sandbox.stripe.routing import Call


def totals(call: Call, lines: list[Document], shipping_rate: str | None) -> dict[str, object]:
    """A session's amounts with the chosen shipping rate, in minor units.

    Raises StripeError for a total that is too small or too large.
    Source: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
    """
    rate = call.world.payments.shipping_rates.get(shipping_rate) if shipping_rate else None
    shipping = 0 if rate is None else int(rate["fixed_amount"]["amount"])
    subtotal = sum(line["amount_subtotal"] for line in lines)
    total, currency = subtotal + shipping, lines[0]["currency"]
    if 0 < total < least(currency):
        raise StripeError(
            400,
            "The Checkout Session's total amount due must add up to at least"
            f" {shown(least(currency), currency)}.",
            code="amount_too_small",
        )
    if total > MOST:
        raise StripeError(
            400,
            f"The Checkout Session's total amount due must be no more than {shown(MOST, currency)}.",
            code="amount_too_large",
        )
    return {
        "amount_subtotal": subtotal,
        "amount_total": total,
        "currency": currency,
        "shipping_cost": None
        if rate is None
        else {
            "amount_subtotal": shipping,
            "amount_tax": 0,
            "amount_total": shipping,
            "shipping_rate": shipping_rate,
        },
        "total_details": {"amount_discount": 0, "amount_shipping": shipping, "amount_tax": 0},
    }


def adjust(call: Call, session: Document, quantities: Mapping[str, int], shipping_rate: str | None) -> None:
    """Apply the shopper's choices: quantities by line ID, and a shipping rate.

    Raises StripeError, and changes nothing, when no item is left or the total is too small or too large.
    """
    lines = [dict(line) for line in details_of(call, session).lines]
    for line in lines:
        if line["id"] in quantities:
            set_quantity(line, quantities[line["id"]])
    kept = [line for line in lines if line["quantity"] > 0]
    if not kept:
        raise StripeError(400, "At least one item has to stay.")
    amounts = totals(call, kept, shipping_rate)
    details_of(call, session).lines = kept
    call.world.payments.sessions.change(session, **amounts)


def pay(call: Call, session: Document, entered: Entered, card: Card) -> Decline | None:
    """Try to pay an open session. Returns the decline when the payment was refused.

    When the card needs 3-D Secure, the session stays open with an attempt in its details, and
    `authenticate` finishes the payment.
    """
    details = details_of(call, session)
    details.attempt = None
    if session["amount_total"] == 0 and not card.attaches:
        return card.decline
    if session["amount_total"] == 0 or not card.authenticate:
        return _charge(call, session, Attempt(entered, card))
    details.attempt = Attempt(entered, card)
    intent = _intent(call, session, entered, session["customer"])
    intents.require_action(call, intent, f"{call.state.origin}/c/pay/{session['id']}/authenticate")
    return None


def authenticate(call: Call, session: Document, *, passed: bool) -> Decline | None:
    """Finish 3-D Secure: `passed` or not. Returns the decline when the payment was refused."""
    details = details_of(call, session)
    attempt, details.attempt = details.attempt, None
    if attempt is None:
        return UNAUTHENTICATED
    if passed:
        return _charge(call, session, attempt)
    method = add_method(call, attempt.card, attempt.entered, None)
    intent = _intent(call, session, attempt.entered, session["customer"])
    intents.refuse(call, intent, method, UNAUTHENTICATED, charged=False)
    return UNAUTHENTICATED


def expire(call: Call, session: Document) -> None:
    """Expire an open session, and cancel its payment intent."""
    payments = call.world.payments
    details = details_of(call, session)
    details.attempt = None
    intent = payments.intents.get(details.intent or "")
    if intent is not None:
        intents.cancel(call, intent, "expired")
    changed(call, "checkout.session.expired", payments.sessions, session, status="expired", url=None)


def settle(call: Call, intent: Document, *, succeeded: bool) -> None:
    """Let a delayed payment succeed or fail. Raises StripeError when it is not processing."""
    if intent["status"] != "processing":
        raise StripeError(400, f"This payment is {intent['status']}, not processing.")
    payments = call.world.payments
    intents.settle(call, intent, None if succeeded else FAILED_DEBIT)
    invoice = payments.invoices.get(payments.invoice_of_intent.get(intent["id"], ""))
    if invoice is not None:
        (invoices.paid if succeeded else invoices.failed)(call, invoice, intent)
        subscriptions.follow_invoice(call, invoice, succeeded=succeeded)
    for id, details in payments.details.items():
        session = payments.sessions.get(id)
        if details.intent != intent["id"] or session is None:
            continue
        outcome = "succeeded" if succeeded else "failed"
        changed(
            call,
            f"checkout.session.async_payment_{outcome}",
            payments.sessions,
            session,
            payment_status="paid" if succeeded else "unpaid",
        )


def details_of(call: Call, session: Document) -> SessionDetails:
    """A session's data that its JSON does not contain."""
    return call.world.payments.details[session["id"]]


def _charge(call: Call, session: Document, attempt: Attempt) -> Decline | None:
    """Charge the amount due and complete the session. Returns the decline when the charge was refused."""
    entered, card, due = attempt.entered, attempt.card, session["amount_total"] > 0
    details = details_of(call, session)
    refused = card.decline if due else None
    customer = session["customer"] if refused else paying_customer(call, session, details, entered)
    keep = session["mode"] == "subscription" or details.intent_data.get("setup_future_usage") is not None
    method = add_method(call, card, entered, customer if keep else None)
    if refused is not None:
        intents.refuse(call, _intent(call, session, entered, customer), method, refused)
        return refused
    made: dict[str, object] = {}
    invoice: Document | None = None
    if session["mode"] == "subscription":
        subscription, invoice = subscriptions.start(
            call,
            customer=str(customer),
            lines=details.lines,
            method=method,
            data=details.subscription_data,
            automatic_tax=session["automatic_tax"]["enabled"],
        )
        made = {"subscription": subscription["id"]}
    elif session["invoice_creation"]["enabled"] and customer is not None:
        invoice = invoices.add(call, str(customer), details.lines, reason="manual")
    if invoice is not None:
        made["invoice"] = invoice["id"]
    if due:
        intent = _intent(call, session, entered, customer)
        if invoice is not None:
            invoices.attach(call, invoice, intent)
        (intents.succeed if card.kind == "card" else intents.process)(call, intent, method)
        if invoice is not None and card.kind == "card":
            invoices.paid(call, invoice, intent)
    elif invoice is not None:
        invoices.paid(call, invoice, None)
    delayed = due and card.kind != "card"
    _complete(
        call,
        session,
        entered,
        customer=customer,
        payment_status="no_payment_required" if not due else "unpaid" if delayed else "paid",
        **made,
    )
    return None


def _intent(call: Call, session: Document, entered: Entered, customer: str | None) -> Document:
    """The session's payment intent: that of an earlier attempt, updated, or a new one."""
    payments, details = call.world.payments, details_of(call, session)
    intent = payments.intents.get(details.intent or "")
    if intent is not None:
        payments.intents.change(
            intent, amount=session["amount_total"], customer=customer, shipping=_shipping(entered)
        )
        return intent
    subscription = session["mode"] == "subscription"
    data: Mapping[str, Any] = details.intent_data
    if subscription:
        data = {"description": "Subscription creation", "setup_future_usage": "off_session"}
    intent = intents.add_intent(
        call,
        session["amount_total"],
        session["currency"],
        customer=customer,
        types=session["payment_method_types"],
        data=data,
        shipping=_shipping(entered) or details.intent_data.get("shipping"),  # type: ignore[arg-type]  # checked
    )
    details.intent = intent["id"]
    if not subscription:
        payments.sessions.change(session, payment_intent=intent["id"])
    return intent


def _shipping(entered: Entered) -> dict[str, object] | None:
    if entered.shipping is None:
        return None
    return {"carrier": None, "phone": entered.phone, "tracking_number": None, **entered.shipping}


def _complete(call: Call, session: Document, entered: Entered, **more: object) -> None:
    asked = session["consent_collection"] or {}
    changed(
        call,
        "checkout.session.completed",
        call.world.payments.sessions,
        session,
        automatic_tax={
            **session["automatic_tax"],
            "status": "complete" if session["automatic_tax"]["enabled"] else None,
        },
        collected_information={
            "business_name": None,
            "individual_name": None,
            "shipping_details": None if entered.shipping is None else dict(entered.shipping),
        },
        consent=session["consent_collection"]
        and {
            "promotions": None,
            "terms_of_service": "accepted" if asked.get("terms_of_service") == "required" else None,
        },
        customer_details=customer_details(entered),
        status="complete",
        url=None,
        **more,
    )


def customer_details(entered: Entered) -> Document:
    """The session's `customer_details` from the shopper's input."""
    return {
        "address": None if entered.billing is None else dict(entered.billing),
        "business_name": None,
        "email": entered.email,
        "individual_name": None,
        "name": entered.name,
        "phone": entered.phone,
        "tax_exempt": "none",
        "tax_ids": [],
    }
