"""Makes order events out of what Stripe says now about a session, invoice, refund, dispute or subscription.

Each function returns the order events that the present state proves, the oldest first. Things that were not
bought by one of the store's users have none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .models import BoughtLine, CheckoutSession, SessionStatus
from .numbers import invoice_number
from .order_events import Dispute, Invoice, Kind, OrderEvent, Refund, SubscriptionState
from .ports import Records

OrderEvents = tuple[OrderEvent, ...]

#: Statuses of refunds, https://docs.stripe.com/api/refunds/object#refund_object-status
_SENT, _SENT_BACK = ("pending", "succeeded"), ("failed", "canceled")
#: How disputes end, https://docs.stripe.com/api/disputes/object#dispute_object-status. An inquiry
#: (`warning_...`) that is closed took no money.
_ENDS = {
    "won": Kind.DISPUTE_WON,
    "warning_closed": Kind.DISPUTE_WON,
    "prevented": Kind.DISPUTE_WON,
    "lost": Kind.DISPUTE_LOST,
}


@dataclass(frozen=True, slots=True)
class _Bought:
    """The order that a payment or a subscription belongs to."""

    order_number: str | None
    user_id: str
    customer_id: str | None
    lines: tuple[BoughtLine, ...]
    session_id: str | None = None
    invoice_id: str | None = None
    subscription_id: str | None = None


def of_session(session: CheckoutSession, at: float, *, livemode: bool, failed: bool = False) -> OrderEvents:
    """The payment of a Checkout Session. `failed`: Stripe said that a delayed payment failed."""
    if session.owner is None or session.mode == "setup" or session.status is not SessionStatus.COMPLETE:
        return ()
    if not session.paid and not failed:
        return ()
    kind = Kind.PAID if session.paid else Kind.PAYMENT_FAILED
    return (
        OrderEvent(
            kind=kind,
            id=f"{kind}.{session.id}",
            at=at,
            order_number=session.number,
            user_id=session.owner,
            object_id=session.id,
            livemode=livemode,
            customer_id=session.customer_id,
            money=session.total,
            lines=session.lines,
            session_id=session.id,
        ),
    )


def of_invoice(invoice: Invoice, at: float, *, livemode: bool) -> OrderEvents:
    """The payment of a renewal, or its last failure. A first invoice belongs to a Checkout Session."""
    if invoice.user_id is None or invoice.reason == "subscription_create":
        return ()
    if invoice.status == "paid":
        kind, which, when = Kind.RENEWED, "", invoice.paid_at or at
    elif invoice.status in ("open", "uncollectible") and invoice.attempts:
        kind, which, when = Kind.PAYMENT_FAILED, f".{invoice.attempts}", at
    else:
        return ()
    return (
        OrderEvent(
            kind=kind,
            id=f"{kind}.{invoice.id}{which}",
            at=when,
            order_number=invoice_number(invoice.id, invoice.created),
            user_id=invoice.user_id,
            object_id=invoice.id,
            livemode=livemode,
            customer_id=invoice.customer_id,
            money=invoice.total,
            lines=invoice.lines,
            invoice_id=invoice.id,
            subscription_id=invoice.subscription_id,
        ),
    )


def of_refunds(records: Records, refunds: Iterable[Refund], at: float, *, livemode: bool) -> OrderEvents:
    """The refunds of one charge."""
    told = [refund for refund in refunds if refund.status in (*_SENT, *_SENT_BACK)]
    bought = _of_payment(records, told[0].payment_id) if told else None
    if bought is None:
        return ()
    return tuple(
        replace(
            _about(bought, Kind.REFUNDED, refund.id, refund.created, livemode=livemode)
            if refund.status in _SENT
            else _about(bought, Kind.REFUND_FAILED, refund.id, at, livemode=livemode),
            money=refund.money,
            charge_id=refund.charge_id,
        )
        for refund in sorted(told, key=lambda refund: (refund.created, refund.id))
    )


def of_dispute(records: Records, dispute: Dispute, at: float, *, livemode: bool) -> OrderEvents:
    """The beginning of a dispute and, if it is over, its end."""
    bought = _of_payment(records, dispute.payment_id)
    if bought is None:
        return ()
    opened = replace(
        _about(bought, Kind.DISPUTE_OPENED, dispute.id, dispute.created, livemode=livemode),
        money=dispute.money,
        charge_id=dispute.charge_id,
    )
    end = _ENDS.get(dispute.status)
    return (opened,) if end is None else (opened, replace(opened, kind=end, id=f"{end}.{dispute.id}", at=at))


def of_subscription(
    records: Records,
    subscription: SubscriptionState,
    at: float,
    *,
    scheduled: str | None,
    livemode: bool,
) -> OrderEvents:
    """The end of a subscription, or its cancellation for a later time.

    `scheduled`: the ID of the cancellation for which the hooks were called and that was not undone yet.
    """
    if subscription.user_id is None:
        return ()
    if subscription.status == "canceled":
        kind, which, when = Kind.SUBSCRIPTION_ENDED, "", subscription.ended_at or at
    elif subscription.ends:
        cancelled = subscription.cancelled_at
        kind, when = Kind.CANCELLATION_SCHEDULED, cancelled or at
        which = f".{int(cancelled)}" if cancelled else ""
    elif scheduled is not None:
        kind, when = Kind.CANCELLATION_UNDONE, at
        which = scheduled.removeprefix(f"{Kind.CANCELLATION_SCHEDULED}.{subscription.id}")
    else:
        return ()
    session = records.session_of_subscription(subscription.id)
    bought = _Bought(
        order_number=session.number if session else None,
        user_id=subscription.user_id,
        customer_id=subscription.customer_id,
        lines=session.lines if session else (),
        session_id=session.id if session else None,
        subscription_id=subscription.id,
    )
    return (_about(bought, kind, subscription.id, when, which, livemode=livemode),)


def _about(
    bought: _Bought, kind: Kind, object_id: str, at: float, which: str = "", *, livemode: bool
) -> OrderEvent:
    """An order event of this order. `which`: distinguishes events of one kind about one object."""
    return OrderEvent(
        kind=kind,
        id=f"{kind}.{object_id}{which}",
        at=at,
        order_number=bought.order_number,
        user_id=bought.user_id,
        object_id=object_id,
        livemode=livemode,
        customer_id=bought.customer_id,
        lines=bought.lines,
        session_id=bought.session_id,
        invoice_id=bought.invoice_id,
        subscription_id=bought.subscription_id,
    )


def _of_payment(records: Records, payment_id: str | None) -> _Bought | None:
    """The order that was paid with this payment intent; None if it is not one of this store's users."""
    if payment_id is None:
        return None
    session, invoice = records.session_of_payment(payment_id), None
    if session is None:
        invoice = records.invoice_of_payment(payment_id)
        if invoice and invoice.reason == "subscription_create" and invoice.subscription_id:
            session = records.session_of_subscription(invoice.subscription_id)
    if session is not None and session.owner is not None:
        return _Bought(
            order_number=session.number,
            user_id=session.owner,
            customer_id=session.customer_id,
            lines=session.lines,
            session_id=session.id,
            invoice_id=invoice.id if invoice else None,
            subscription_id=invoice.subscription_id if invoice else None,
        )
    if invoice is None or invoice.user_id is None:
        return None
    return _Bought(
        order_number=invoice_number(invoice.id, invoice.created),
        user_id=invoice.user_id,
        customer_id=invoice.customer_id,
        lines=invoice.lines,
        invoice_id=invoice.id,
        subscription_id=invoice.subscription_id,
    )
