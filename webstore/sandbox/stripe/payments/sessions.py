"""The lifecycle of a Checkout Session: its payment, delayed payment and expiry.

Source: https://docs.stripe.com/payments/checkout/how-checkout-works
"""

from collections.abc import Mapping
from typing import Any

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.payments import (
    intents,
    invoice_documents,
    invoices,
    renewals,
    setups,
    subscriptions,
)
from webstore.sandbox.stripe.payments.cards import FAILED_DEBIT, UNAUTHENTICATED, Card, Decline
from webstore.sandbox.stripe.payments.changes import changed
from webstore.sandbox.stripe.payments.customers import paying_customer
from webstore.sandbox.stripe.payments.methods import add_method
from webstore.sandbox.stripe.payments.money import Money
from webstore.sandbox.stripe.payments.session_amounts import details_of
from webstore.sandbox.stripe.payments.tables import Attempt, Entered
from webstore.sandbox.stripe.routing import Call


def pay(call: Call, session: Document, entered: Entered, card: Card) -> Decline | None:
    """Try to pay an open session. Returns the decline when the payment was refused.

    When the card needs 3-D Secure, the session stays open with an attempt in its details, and
    `authenticate` finishes the payment.
    """
    details = details_of(call, session)
    details.attempt = None
    if session["mode"] == "setup":
        return _set_up(call, session, entered, card)
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
    setup = payments.setup_intents.get(session["setup_intent"] or "")
    if setup is not None:
        setups.cancel(call, setup)
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
            money=details.money,
        )
        renewals.plan(call, subscription)
        currency = details.money.presentment_currency
        if currency is not None:
            subscription["presentment_details"] = {"presentment_currency": currency}
        made = {"subscription": subscription["id"]}
    elif session["invoice_creation"]["enabled"] and customer is not None:
        invoice = invoice_documents.add(
            call,
            str(customer),
            invoice_documents.session_lines(details.lines, {}),
            reason="manual",
            money=details.money,
            shipping=session["shipping_cost"],
        )
    if invoice is not None:
        made["invoice"] = invoice["id"]
    if due:
        intent = _intent(call, session, entered, customer)
        if invoice is not None:
            invoices.attach(call, invoice, "payment_intent", intent["id"])
        (intents.succeed if card.kind == "card" else intents.process)(call, intent, method)
        if invoice is not None and card.kind == "card":
            invoices.paid(call, invoice, intent)
    elif invoice is not None:
        invoices.paid(call, invoice, None)
    delayed = due and card.kind != "card"
    if due and details.money.presentment_currency is not None:
        made["presentment_details"] = details.money.presented(session["amount_total"])
    _complete(
        call,
        session,
        entered,
        customer=customer,
        payment_status="no_payment_required" if not due else "unpaid" if delayed else "paid",
        **made,
    )
    return None


def _set_up(call: Call, session: Document, entered: Entered, card: Card) -> Decline | None:
    """Save a payment method for later. Returns the decline when that was refused."""
    intent = call.world.payments.setup_intents.get(session["setup_intent"])
    if intent is None:
        raise LookupError(session["id"])
    refused = None if card.attaches else card.decline
    customer = session["customer"]
    if refused is None:
        customer = paying_customer(call, session, details_of(call, session), entered)
    method = add_method(call, card, entered, None if refused else customer)
    if refused is not None:
        setups.refuse(call, intent, method, refused)
        return refused
    setups.succeed(call, intent, method)
    _complete(call, session, entered, customer=customer)
    return None


def _intent(call: Call, session: Document, entered: Entered, customer: str | None) -> Document:
    """The session's payment intent: that of an earlier attempt, updated, or a new one."""
    payments, details = call.world.payments, details_of(call, session)
    intent = payments.intents.get(details.intent or "")
    if intent is not None:
        payments.intents.change(
            intent, amount=session["amount_total"], customer=customer, shipping=_shipping(entered)
        )
        _present(intent, details.money)
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
    _present(intent, details.money)
    if not subscription:
        payments.sessions.change(session, payment_intent=intent["id"])
    return intent


def _present(intent: Document, money: Money) -> None:
    """Add what the shopper sees in another currency: https://docs.stripe.com/payments/currencies"""
    if money.presentment_currency is not None:
        intent["presentment_details"] = money.presented(intent["amount"])


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
