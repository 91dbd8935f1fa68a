"""Converts payments, their charges, disputes about them, and credit notes."""

from __future__ import annotations

from collections.abc import Sequence

from webstore.shop.order import Charge, Disputed, DisputeState, Payment

from .checkout import id_of, part
from .client import amount, moment
from .order_fields import Found, currency_of, objects, page, presented, some_text, sum_of

#: Statuses of a payment intent whose payment failed.
_PAYMENT_FAILED = ("requires_payment_method", "canceled")


def payments_of(invoice: Found) -> tuple[Payment, ...]:
    """The first payments in an invoice that were made or may still be made."""
    return invoice_payments(objects(part(invoice, "payments")))


def invoice_payments(found: Sequence[Found]) -> tuple[Payment, ...]:
    """Convert an invoice's payments; cancelled ones are left out.

    Source: https://docs.stripe.com/api/invoice-payment/object
    """
    return tuple(_invoice_payment(payment) for payment in found if payment.get("status") != "canceled")


def _invoice_payment(found: Found) -> Payment:
    how, status = part(found, "payment"), found.get("status")
    intent = part(how, "payment_intent")
    charge = part(intent, "latest_charge") or part(how, "charge")
    asked, given = found.get("amount_requested"), found.get("amount_paid")
    paid_at = part(found, "status_transitions").get("paid_at")
    return Payment(
        id=id_of(how.get("payment_intent")) or id_of(how.get("charge")),
        # Stripe's older answers have no status; then the invoice alone says what was paid.
        paid=status in ("paid", None),
        amount=amount(asked if given is None else given),
        created=moment(found.get("created") or 0),
        paid_at=None if paid_at is None else moment(paid_at),
        charge=charge_of(charge) if charge else None,
    )


def payment_of_session(found: Found, intent: Found, total: int) -> Payment | None:
    """The payment of a Checkout Session in payment mode."""
    intent_id = id_of(found.get("payment_intent"))
    if intent_id is None and not intent:
        return None
    charge = part(intent, "latest_charge")
    return Payment(
        id=intent_id,
        paid=found.get("payment_status") != "unpaid" or intent.get("status") == "succeeded",
        amount=total,
        created=moment(found["created"]),
        charge=charge_of(charge) if charge else None,
        failed=intent.get("status") in _PAYMENT_FAILED,
    )


def was_released(intent: Found, charge: Charge) -> bool:
    """Whether the shop gave up a payment that was only reserved."""
    return charge.released and intent.get("status") == "canceled"


def charge_of(found: Found) -> Charge:
    """Convert a charge. Source: https://docs.stripe.com/api/charges/object"""
    captured = found.get("amount_captured")
    released = found.get("captured") is False and not captured and found.get("refunded") is True
    return Charge(
        id=id_of(found) or "",
        intent_id=id_of(found.get("payment_intent")),
        status=str(found.get("status") or "succeeded"),
        amount=amount(captured if captured else found.get("amount")),
        refunded=0 if released else amount(found.get("amount_refunded")),
        currency=currency_of(found),
        disputed=found.get("disputed") is True,
        receipt_url=page(found.get("receipt_url")),
        receipt_number=some_text(found.get("receipt_number")),
        presented=presented(found),
        created=moment(found.get("created") or 0),
        released=released,
    )


def dispute_of(charge: Charge, found: Sequence[Found]) -> Disputed | None:
    """How the disputes about a charge stand together; None without a dispute.

    Source: https://docs.stripe.com/api/disputes/object#dispute_object-status
    """
    mine = [dispute for dispute in found if id_of(dispute.get("charge")) == charge.id]
    states = {_state(dispute) for dispute in mine}
    order = (DisputeState.LOST, DisputeState.OPEN, DisputeState.WON)
    state = next((state for state in order if state in states), None)
    if state is None:
        return None
    lost = [dispute for dispute in mine if _state(dispute) is DisputeState.LOST]
    # A bank may count in another currency; then the whole charge is the best that can be said.
    foreign = charge.currency and any(currency_of(it) not in ("", charge.currency) for it in lost)
    return Disputed(state, charge.amount if foreign else sum_of(lost))


def _state(dispute: Found) -> DisputeState:
    status = str(dispute.get("status") or "")
    if status == "lost":
        return DisputeState.LOST
    is_over = status in ("won", "warning_closed", "prevented")
    return DisputeState.WON if is_over else DisputeState.OPEN


def credit_refunds(found: Sequence[Found]) -> int:
    """What an invoice's credit notes refunded. Source: https://docs.stripe.com/api/credit_notes/object"""
    issued = [note for note in found if note.get("status") != "void"]
    return sum(sum_of(note.get("refunds"), "amount_refunded") for note in issued)
