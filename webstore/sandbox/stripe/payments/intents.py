"""Payment intents and their charges. Source: https://docs.stripe.com/payments/paymentintents/lifecycle"""

from collections.abc import Mapping

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.cards import Decline
from webstore.sandbox.stripe.payments.changes import changed, happened
from webstore.sandbox.stripe.payments.charges import add_charge, outcome
from webstore.sandbox.stripe.routing import Call


def add_intent(
    call: Call,
    amount: int,
    currency: str,
    *,
    customer: str | None,
    types: list[str],
    data: Mapping[str, object],
    shipping: Mapping[str, object] | None = None,
) -> Document:
    """Create a payment intent over `amount` minor units. `data` is the session's `payment_intent_data`."""
    id = new_id("pi_", 24)
    intent: Document = {
        "id": id,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": new_id(f"{id}_secret_", 25),
        "confirmation_method": "automatic",
        "created": int(call.now),
        "currency": currency,
        "customer": customer,
        "customer_account": None,
        "description": data.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": call.world.livemode,
        "managed_payments": None,
        "metadata": data.get("metadata") or {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": types,
        "payment_record": None,
        "processing": None,
        "receipt_email": data.get("receipt_email"),
        "review": None,
        "setup_future_usage": data.get("setup_future_usage"),
        "shipping": shipping,
        "source": None,
        "statement_descriptor": data.get("statement_descriptor"),
        "statement_descriptor_suffix": data.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
    call.world.payments.intents.add(intent)
    happened(call, "payment_intent.created", intent)
    return intent


def require_action(call: Call, intent: Document, address: str) -> None:
    """Mark the intent as waiting for 3-D Secure at `address`."""
    changed(
        call,
        "payment_intent.requires_action",
        call.world.payments.intents,
        intent,
        status="requires_action",
        last_payment_error=None,
        next_action={"type": "redirect_to_url", "redirect_to_url": {"return_url": None, "url": address}},
    )


def refuse(call: Call, intent: Document, method: Document, decline: Decline, *, charged: bool = True) -> None:
    """Record a failed payment. With `charged` it also has a failed charge."""
    charge = add_charge(call, intent, method, "failed", decline) if charged else None
    if charge is not None:
        happened(call, "charge.failed", charge)
    _refused(call, intent, method, decline, charge)


def succeed(call: Call, intent: Document, method: Document) -> None:
    """Record a successful payment."""
    charge = add_charge(call, intent, method, "succeeded")
    happened(call, "charge.succeeded", charge)
    _paid(call, intent, charge, method=method["id"])


def process(call: Call, intent: Document, method: Document) -> None:
    """Record a delayed payment, whose charge is pending."""
    charge = add_charge(call, intent, method, "pending")
    happened(call, "charge.pending", charge)
    changed(
        call,
        "payment_intent.processing",
        call.world.payments.intents,
        intent,
        status="processing",
        payment_method=method["id"],
        latest_charge=charge["id"],
        last_payment_error=None,
        next_action=None,
    )


def settle(call: Call, intent: Document, decline: Decline | None) -> None:
    """Finish a delayed payment: its pending charge succeeds, or fails with a decline."""
    payments = call.world.payments
    charge = payments.charges.get(intent["latest_charge"])
    method = payments.methods.get(intent["payment_method"])
    if charge is None or method is None:
        raise LookupError(intent["id"])
    if decline is None:
        changed(call, "charge.succeeded", payments.charges, charge, **outcome(charge["amount"], None))
        _paid(call, intent, charge)
    else:
        changed(call, "charge.failed", payments.charges, charge, **outcome(charge["amount"], decline))
        _refused(call, intent, method, decline, charge)


def cancel(call: Call, intent: Document, reason: str) -> None:
    """Cancel the intent."""
    changed(
        call,
        "payment_intent.canceled",
        call.world.payments.intents,
        intent,
        status="canceled",
        canceled_at=int(call.now),
        cancellation_reason=reason,
        next_action=None,
    )


def _paid(call: Call, intent: Document, charge: Document, method: str | None = None) -> None:
    changed(
        call,
        "payment_intent.succeeded",
        call.world.payments.intents,
        intent,
        status="succeeded",
        amount_received=intent["amount"],
        payment_method=method or intent["payment_method"],
        latest_charge=charge["id"],
        last_payment_error=None,
        next_action=None,
    )


def _refused(
    call: Call, intent: Document, method: Document, decline: Decline, charge: Document | None
) -> None:
    error: Document = {
        "code": decline.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": dict(method),
        "type": "card_error" if method["type"] == "card" else "invalid_request_error",
    }
    if charge is not None:
        error["charge"] = charge["id"]
    if decline.decline_code is not None:
        error["decline_code"] = decline.decline_code
    changed(
        call,
        "payment_intent.payment_failed",
        call.world.payments.intents,
        intent,
        status="requires_payment_method",
        payment_method=None,
        latest_charge=intent["latest_charge"] if charge is None else charge["id"],
        last_payment_error=error,
        next_action=None,
    )
