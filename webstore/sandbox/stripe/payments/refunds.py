"""Refunds of charges. Source: https://docs.stripe.com/refunds"""

from webstore.sandbox.stripe.amounts import shown
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.payments.changes import changed, happened
from webstore.sandbox.stripe.routing import Call


def refund(
    call: Call, charge: Document, amount: int | None, *, reason: str | None, metadata: dict[str, str]
) -> Document:
    """Refund `amount` minor units of a charge, or the rest when `amount` is None.

    Raises StripeError when nothing is left, or less than `amount`.
    """
    if not charge["paid"]:
        raise StripeError(400, f"Charge {charge['id']} has not succeeded and cannot be refunded.")
    if any(one["status"] != "won" for one in call.world.payments.disputes.having("charge", charge["id"])):
        raise StripeError(
            400,
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        raise StripeError(
            400, f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    currency = charge["currency"]
    if amount is not None and amount > left:
        raise StripeError(
            400,
            f"Refund amount ({shown(amount, currency)}) is greater than unrefunded amount on charge"
            f" ({shown(left, currency)})",
            param="amount",
        )
    payments, given_back = call.world.payments, left if amount is None else amount
    kind = charge["payment_method_details"]["type"]
    document: Document = {
        "id": new_id("re_", 24),
        "object": "refund",
        "amount": given_back,
        "balance_transaction": new_id("txn_", 24),
        "charge": charge["id"],
        "created": int(call.now),
        "currency": currency,
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {
                "reference": new_id("", 14).upper(),
                "reference_status": "available",
                "reference_type": "acquirer_reference_number",
                "type": "refund",
            },
            "type": "card",
        }
        if kind == "card"
        else {"type": "eu_bank_transfer"},
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
    shown_as = charge.get("presentment_details")
    if shown_as is not None:
        part = round(given_back * shown_as["presentment_amount"] / charge["amount"])
        document["presentment_details"] = {**shown_as, "presentment_amount": part}
    payments.refunds.add(document)
    happened(call, "refund.created", document)
    changed(
        call,
        "charge.refunded",
        payments.charges,
        charge,
        amount_refunded=charge["amount_refunded"] + given_back,
        refunded=given_back == left,
    )
    return document
