"""Disputes of charges by the cardholder. Source: https://docs.stripe.com/disputes/how-disputes-work"""

from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.changes import changed, happened
from webstore.sandbox.stripe.routing import Call

_WEEK_S = 7 * 86_400
REASONS = (
    "bank_cannot_process",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "fraudulent",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
)
_EVIDENCE = (
    "access_activity_log",
    "appeal",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def open_dispute(call: Call, charge: Document, amount: int | None, reason: str) -> Document:
    """Dispute `amount` minor units of a charge, or all of it. Raises StripeError for one that cannot be."""
    left = charge["amount_captured"] - charge["amount_refunded"]
    if not charge["paid"] or charge["disputed"] or not 0 < (left if amount is None else amount) <= left:
        raise StripeError(400, f"The charge {charge['id']} cannot be disputed over this amount.")
    kind = charge["payment_method_details"]["type"]
    dispute: Document = {
        "id": new_id("du_1", 23),
        "object": "dispute",
        "amount": left if amount is None else amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": int(call.now),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": int(call.now) + _WEEK_S,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": False,
        "livemode": call.world.livemode,
        "metadata": {},
        "network_reason_code": "10.4" if kind == "card" else None,
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "chargeback",
                "network": charge["payment_method_details"]["card"]["network"],
                "network_reason_code": "10.4",
            },
            "type": "card",
        }
        if kind == "card"
        else None,
        "reason": reason,
        "status": "needs_response",
    }
    payments = call.world.payments
    payments.disputes.add(dispute)
    changed(call, "charge.updated", payments.charges, charge, disputed=True)
    happened(call, "charge.dispute.created", dispute)
    happened(call, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(call: Call, dispute: Document, *, won: bool) -> None:
    """Decide a dispute. Raises StripeError for one that is decided already."""
    if dispute["status"] in ("won", "lost"):
        raise StripeError(400, f"This dispute is {dispute['status']} already.")
    status = "won" if won else "lost"
    changed(call, "charge.dispute.closed", call.world.payments.disputes, dispute, status=status)
    if won:
        happened(call, "charge.dispute.funds_reinstated", dispute)
