"""Setup intents, which save a payment method without a payment. Source: https://docs.stripe.com/api/setup_intents"""

from collections.abc import Mapping

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.cards import Decline
from webstore.sandbox.stripe.payments.changes import changed, happened
from webstore.sandbox.stripe.routing import Call


def add_setup_intent(
    call: Call, customer: str | None, types: list[str], data: Mapping[str, object]
) -> Document:
    """Create a setup intent. `data` is the session's `setup_intent_data`."""
    id = new_id("seti_1", 23)
    intent: Document = {
        "id": id,
        "object": "setup_intent",
        "allowed_payment_method_types": None,
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": new_id(f"{id}_secret_", 30),
        "created": int(call.now),
        "customer": customer,
        "customer_account": None,
        "description": data.get("description"),
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": call.world.livemode,
        "managed_payments": None,
        "mandate": None,
        "metadata": data.get("metadata") or {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": types,
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }
    call.world.payments.setup_intents.add(intent)
    happened(call, "setup_intent.created", intent)
    return intent


def succeed(call: Call, intent: Document, method: Document) -> None:
    """Record that the payment method was saved."""
    changed(
        call,
        "setup_intent.succeeded",
        call.world.payments.setup_intents,
        intent,
        customer=method["customer"],
        last_setup_error=None,
        payment_method=method["id"],
        status="succeeded",
    )


def refuse(call: Call, intent: Document, method: Document, decline: Decline) -> None:
    """Record that the payment method could not be saved."""
    error: Document = {
        "code": decline.code,
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": dict(method),
        "type": "card_error" if method["type"] == "card" else "invalid_request_error",
    }
    if decline.decline_code is not None:
        error["decline_code"] = decline.decline_code
    changed(
        call, "setup_intent.setup_failed", call.world.payments.setup_intents, intent, last_setup_error=error
    )


def cancel(call: Call, intent: Document) -> None:
    """Cancel the setup intent of a session that has expired."""
    changed(
        call,
        "setup_intent.canceled",
        call.world.payments.setup_intents,
        intent,
        cancellation_reason="abandoned",
        status="canceled",
    )
