"""Charges. Source: https://docs.stripe.com/api/charges/object"""

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.cards import Decline
from webstore.sandbox.stripe.payments.changes import happened
from webstore.sandbox.stripe.payments.methods import charge_details
from webstore.sandbox.stripe.routing import Call

# The fields that a charge takes from its payment intent.
_OF_CHARGE = (
    "description",
    "id",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
)


def add_charge(
    call: Call, intent: Document, method: Document, status: str, decline: Decline | None = None
) -> Document:
    """Add the charge of a payment intent. `status` is `succeeded`, `pending` or `failed`."""
    payments = call.world.payments
    id = new_id("ch_", 24)
    charge: Document = {
        "id": id,
        "object": "charge",
        "amount": intent["amount"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SANDBOX STORE",
        "created": int(call.now),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "fraud_details": {},
        "livemode": call.world.livemode,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": charge_details(payments.cards[method["id"]], intent["amount"]),
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "transfer_data": None,
        "transfer_group": None,
    }
    if "presentment_details" in intent:
        charge["presentment_details"] = intent["presentment_details"]
    charge.update(outcome(intent["amount"], decline, pending=status == "pending"))
    charge["receipt_url"] = None if decline else f"{call.state.origin}/receipts/payment/{id}"
    payments.charges.add(charge)
    return charge


def add_bare_charge(
    call: Call, amount: int, currency: str, customer: str | None, method: Document
) -> Document:
    """Record a successful charge without a payment intent, as older integrations create them."""
    owner: Document = {
        **dict.fromkeys(_OF_CHARGE),
        "amount": amount,
        "currency": currency,
        "customer": customer,
        "metadata": {},
    }
    charge = add_charge(call, owner, method, "succeeded")
    happened(call, "charge.succeeded", charge)
    return charge


def outcome(amount: int, decline: Decline | None, *, pending: bool = False) -> dict[str, object]:
    """A charge's fields for its outcome: succeeded, pending or declined. `amount` is in minor units."""
    if decline is not None:
        return {
            "amount_captured": 0,
            "balance_transaction": None,
            "captured": False,
            "failure_code": decline.charge_code or decline.code,
            "failure_message": decline.message,
            "outcome": {
                "advice_code": None,
                "network_advice_code": None,
                "network_decline_code": None,
                "network_status": "declined_by_network",
                "reason": decline.decline_code,
                "risk_level": "normal",
                "risk_score": 20,
                "seller_message": "The bank did not return any further details with this decline.",
                "type": "issuer_declined",
            },
            "paid": False,
            "status": "failed",
        }
    return {
        "amount_captured": 0 if pending else amount,
        "balance_transaction": None if pending else new_id("txn_", 24),
        "captured": not pending,
        "failure_code": None,
        "failure_message": None,
        "outcome": {
            "advice_code": None,
            "network_advice_code": None,
            "network_decline_code": None,
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "risk_score": 20,
            "seller_message": "Payment complete.",
            "type": "authorized",
        },
        "paid": not pending,
        "status": "pending" if pending else "succeeded",
    }
