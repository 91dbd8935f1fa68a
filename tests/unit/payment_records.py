"""Fakes of what Stripe says about payments, of its list of events, and of its prices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from webstore.errors import NoSuchObject
from webstore.shop.models import BoughtLine, CheckoutSession, Money, StripeEvent
from webstore.shop.order_events import Dispute, Invoice, Refund, SubscriptionState

T = TypeVar("T")

USER = "auth0|1"
LINES = (BoughtLine("Tea of the month", 1, Money(1900, "eur"), "price_tea", "prod_tea"),)
RENEWAL = Invoice(
    id="in_2",
    created=1_790_000_000.0,
    status="paid",
    reason="subscription_cycle",
    total=Money(1900, "eur"),
    lines=LINES,
    attempts=1,
    paid_at=1_790_003_600.0,
    customer_id="cus_1",
    user_id=USER,
    subscription_id="sub_1",
)
RUNNING = SubscriptionState("sub_1", 1_780_000_000.0, "active", customer_id="cus_1", user_id=USER)
REFUND = Refund("re_1", 1_790_000_500.0, "succeeded", Money(500, "eur"), "ch_1", "pi_1")
DISPUTE = Dispute("dp_1", 1_790_000_700.0, "needs_response", Money(1200, "eur"), "ch_1", "pi_1")


@dataclass
class Office:
    """Stripe's records, events and prices: three ports in one."""

    invoices: dict[str, Invoice] = field(default_factory=dict)
    refunds: dict[str, Refund] = field(default_factory=dict)
    disputes: dict[str, Dispute] = field(default_factory=dict)
    subscriptions: dict[str, SubscriptionState] = field(default_factory=dict)
    #: The session of a payment intent or of a subscription.
    sessions: dict[str, CheckoutSession] = field(default_factory=dict)
    #: The invoice of a payment intent.
    paid: dict[str, Invoice] = field(default_factory=dict)
    #: The events, the newest first.
    events: list[StripeEvent] = field(default_factory=list)
    #: The product of each active price.
    products: dict[str, str] = field(default_factory=dict)
    open: list[CheckoutSession] = field(default_factory=list)
    #: Raised by the next calls, one each.
    instead: list[Exception] = field(default_factory=list)
    #: Every call, in order.
    calls: list[str] = field(default_factory=list)

    def get_invoice(self, invoice_id: str) -> Invoice:
        return self._get(self.invoices, "invoice", invoice_id)

    def get_refund(self, refund_id: str) -> Refund:
        return self._get(self.refunds, "refund", refund_id)

    def list_refunds(self, charge_id: str) -> tuple[Refund, ...]:
        self._answer("refunds", charge_id)
        return tuple(refund for refund in self.refunds.values() if refund.charge_id == charge_id)

    def get_dispute(self, dispute_id: str) -> Dispute:
        return self._get(self.disputes, "dispute", dispute_id)

    def get_subscription(self, subscription_id: str) -> SubscriptionState:
        return self._get(self.subscriptions, "subscription", subscription_id)

    def session_of_payment(self, payment_id: str) -> CheckoutSession | None:
        self._answer("session", payment_id)
        return self.sessions.get(payment_id)

    def session_of_subscription(self, subscription_id: str) -> CheckoutSession | None:
        self._answer("session", subscription_id)
        return self.sessions.get(subscription_id)

    def invoice_of_payment(self, payment_id: str) -> Invoice | None:
        self._answer("invoice", payment_id)
        return self.paid.get(payment_id)

    def has_event(self, event: StripeEvent) -> bool:
        self._answer("event", event.id)
        return any(known.id == event.id for known in self.events)

    def list_events(self, types: Sequence[str], since: float) -> Iterator[StripeEvent]:
        assert len(types) <= 20
        self._answer("events", f"{since:.0f}")
        yield from (event for event in self.events if event.type in types and event.created >= since)

    def product_at(self, price_id: str) -> str | None:
        self._answer("price", price_id)
        return self.products.get(price_id)

    def list_open_since(self, since: float) -> tuple[CheckoutSession, ...]:
        self._answer("open", "sessions")
        return tuple(session for session in self.open if session.created >= since)

    def _get(self, kept: dict[str, T], kind: str, object_id: str) -> T:
        self._answer(kind, object_id)
        if object_id not in kept:
            raise NoSuchObject(f"{kind} {object_id}")
        return kept[object_id]

    def _answer(self, *call: str) -> None:
        self.calls.append(" ".join(call))
        if self.instead:
            raise self.instead.pop(0)
