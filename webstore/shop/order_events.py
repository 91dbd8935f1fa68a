"""Order events: what happened to an order, as fulfil hooks get it, and the records that they are made from.

All of it is read from Stripe when the event is handled. Times are Unix seconds, amounts minor units.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .models import BoughtLine, Money


class Kind(StrEnum):
    """What happened."""

    #: A Checkout Session is paid, or there is nothing to pay.
    PAID = "paid"
    #: A bank debit, or the collection of a renewal, failed.
    PAYMENT_FAILED = "payment_failed"
    #: An invoice of a running subscription is paid.
    RENEWED = "renewed"
    #: Money was sent back, all of it or a part.
    REFUNDED = "refunded"
    #: The shopper's bank did not take the refund: the shop has the money again.
    REFUND_FAILED = "refund_failed"
    #: The shopper's bank disputes the payment, or inquires about it.
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    #: The subscription ends at the end of its period, or on a day.
    CANCELLATION_SCHEDULED = "cancellation_scheduled"
    #: A scheduled cancellation was undone.
    CANCELLATION_UNDONE = "cancellation_undone"
    SUBSCRIPTION_ENDED = "subscription_ended"


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """What happened to an order of one of the store's users."""

    kind: Kind
    #: The same in every delivery of the event; no two events share it. ASCII letters, digits, "_", "-", ".".
    id: str
    #: When it happened; of the payment of a Checkout Session, when Stripe said so.
    at: float
    #: The number that the shopper knows the order by; None for a subscription that was begun elsewhere.
    order_number: str | None
    #: The user's ID in Auth0.
    user_id: str
    #: The Stripe object that says so: a session, invoice, refund, dispute or subscription.
    object_id: str
    livemode: bool
    customer_id: str | None = None
    #: The amount that was paid, asked for, refunded or disputed; None for a change of a subscription.
    money: Money | None = None
    #: What the order consists of.
    lines: tuple[BoughtLine, ...] = ()
    #: The Checkout Session that the order began with; None for a renewal.
    session_id: str | None = None
    invoice_id: str | None = None
    charge_id: str | None = None
    subscription_id: str | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """Source: https://docs.stripe.com/api/invoices/object"""

    id: str
    created: float
    #: "draft", "open", "paid", "uncollectible" or "void".
    status: str
    #: Why Stripe made it: "subscription_create", "subscription_cycle" and others.
    reason: str
    total: Money
    lines: tuple[BoughtLine, ...] = ()
    #: How often the payment was tried.
    attempts: int = 0
    paid_at: float | None = None
    customer_id: str | None = None
    #: The subscription's `metadata.auth0_user_id`, written by the store.
    user_id: str | None = None
    subscription_id: str | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """Source: https://docs.stripe.com/api/refunds/object"""

    id: str
    created: float
    #: "pending", "requires_action", "succeeded", "failed" or "canceled".
    status: str
    money: Money
    charge_id: str | None = None
    #: The payment intent.
    payment_id: str | None = None


@dataclass(frozen=True, slots=True)
class Dispute:
    """Source: https://docs.stripe.com/api/disputes/object"""

    id: str
    created: float
    #: "needs_response", "under_review", "won", "lost", "warning_closed" and others.
    status: str
    money: Money
    charge_id: str | None = None
    #: The payment intent.
    payment_id: str | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionState:
    """Source: https://docs.stripe.com/api/subscriptions/object"""

    id: str
    created: float
    #: "active", "past_due", "canceled" and others.
    status: str
    customer_id: str | None = None
    #: `metadata.auth0_user_id`, written by the store.
    user_id: str | None = None
    #: Whether it has been cancelled for a later time.
    ends: bool = False
    #: When somebody cancelled it.
    cancelled_at: float | None = None
    ended_at: float | None = None
