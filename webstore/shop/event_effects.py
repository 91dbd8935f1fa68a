"""What each type of Stripe event causes: order events for the hooks, and cached copies that are dropped.

Deliveries come late, twice and in any order (https://docs.stripe.com/webhooks#event-ordering), so an event
only says where to look: the object is read again, and its present state decides.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from webstore import deadline
from webstore.errors import NoSuchObject, StateUnavailable
from webstore.linking.verdicts import forget_verdict_of
from webstore.state import State

from . import happened, withdrawn
from .cart_sessions import remember_paid
from .fulfilment import Outcome, fulfil
from .models import SessionStatus, StripeEvent
from .order_events import Invoice, Kind
from .places import Places
from .ports import Checkouts, EventLog, Fulfil, Records, Sales
from .subscription_changes import mark_event

#: Seconds; longer than the period of a subscription that was cancelled for its end.
_CANCELLATION_KEPT_S = 400 * 24 * 3600.0
_SESSION_EVENTS = frozenset(
    f"checkout.session.{what}" for what in ("completed", "async_payment_succeeded", "async_payment_failed")
)
_CUSTOMER_EVENTS = frozenset({"customer.deleted", "customer.updated"})
_INVOICE_EVENTS = frozenset({"invoice.paid", "invoice.payment_failed"})
_REFUND_EVENTS = frozenset({"refund.created", "refund.updated", "refund.failed"})
_DISPUTE_EVENTS = frozenset({"charge.dispute.created", "charge.dispute.closed"})
_SUBSCRIPTION_EVENTS = frozenset({"customer.subscription.updated", "customer.subscription.deleted"})
#: Events after which a customer's subscriptions, or the sums to pay for them, may have changed.
_OF_SUBSCRIPTIONS = _SUBSCRIPTION_EVENTS | _INVOICE_EVENTS | _SESSION_EVENTS | _CUSTOMER_EVENTS
_CHANGED_GOODS = frozenset({"product.updated", "product.deleted", "price.updated", "price.deleted"})
#: Events that can cause order events.
ORDER_EVENTS = (
    _SESSION_EVENTS
    | _INVOICE_EVENTS
    | _REFUND_EVENTS
    | _DISPUTE_EVENTS
    | _SUBSCRIPTION_EVENTS
    | {"charge.refunded"}
)
#: All types that have an effect: those to subscribe to.
HANDLED = ORDER_EVENTS | _CUSTOMER_EVENTS | _CHANGED_GOODS | {"product.created", "price.created"}


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What handling a delivery needs."""

    #: Checks a body's Stripe-Signature; raises `WebhookRejected`. Knows the secrets.
    verify: Callable[[bytes, str], None] = field(repr=False)
    #: The event in a verified body; raises `WebhookRejected`.
    read: Callable[[bytes], StripeEvent]
    checkouts: Checkouts
    records: Records
    events: EventLog
    sales: Sales
    state: State
    #: Called in this order with each order event, at least once.
    fulfil: Sequence[Fulfil]
    forget_catalogue: Callable[[], None]
    #: The mode of the store's key.
    livemode: bool
    #: The account of the store's key, None if the key may not read it; raises `PaymentsError`.
    own_account: Callable[[], str | None]
    now: Callable[[], float] = time.time
    #: Seconds that a delivery may wait for another one about the same order event. Stripe sends several
    #: events about one refund at the same moment.
    patience_s: float = 1.5
    sleep: Callable[[float], None] = deadline.sleep
    #: For the threads that are inside the hooks. A hook may hang.
    hook_places: Places = field(default_factory=Places)
    #: For the threads that wait until it may be asked again whether something is for sale.
    waiting_places: Places = field(default_factory=Places)
    #: Called with the type of each event ("other" for one that has no effect) and how its handling ended.
    count: Callable[[str, str], object] = lambda _type, _outcome: None


def act(webhooks: Webhooks, event: StripeEvent, known_at: float = math.inf) -> Outcome:
    """Give the event the effect of its type. Raises `PaymentsError`, and `StateUnavailable`.

    `known_at`: when the store had the event already, Unix seconds, if it is not delivered just now.
    `NoSuchObject`: the object cannot be read, or is shown as it was before the event.
    """
    kind, object_id = event.type, event.object_id
    if kind not in HANDLED:
        return Outcome.IGNORED
    if object_id is None:
        return Outcome.REFUSED
    if event.customer_id is not None and (kind in _CUSTOMER_EVENTS or kind == "charge.refunded"):
        forget_verdict_of(webhooks.state, event.customer_id)
    if kind in _OF_SUBSCRIPTIONS:
        mark_event(webhooks.state, event.customer_id)
    if kind in _SESSION_EVENTS:
        return _on_session(webhooks, event, object_id)
    if kind in ORDER_EVENTS:
        return _on_order(webhooks, event, object_id)
    if kind not in _CUSTOMER_EVENTS:
        webhooks.forget_catalogue()
    if kind in _CHANGED_GOODS and webhooks.now() - event.created < withdrawn.SESSION_S:
        goods = withdrawn.Goods(
            webhooks.sales,
            webhooks.checkouts,
            webhooks.state,
            webhooks.now,
            webhooks.sleep,
            webhooks.waiting_places,
        )
        before = event.created + withdrawn.CLOCKS_DIFFER_S
        return withdrawn.expire_sessions(goods, kind.split(".")[0], object_id, min(before, known_at))
    return Outcome.DONE


def _on_session(webhooks: Webhooks, event: StripeEvent, session_id: str) -> Outcome:
    """A Checkout Session was completed, or its delayed payment succeeded or failed."""
    session = webhooks.checkouts.get_session(session_id)
    if session.owner is None:
        return Outcome.IGNORED
    if session.status is SessionStatus.OPEN:
        raise NoSuchObject(f"session={session_id} is still shown as open")
    if session.paid:
        # Empties the cart that it was bought from.
        remember_paid(webhooks.state, session.id)
    failed = session.failed or event.type == "checkout.session.async_payment_failed"
    found = happened.of_session(session, event.created, livemode=webhooks.livemode, failed=failed)
    return _tell(webhooks, found)


def _on_order(webhooks: Webhooks, event: StripeEvent, object_id: str) -> Outcome:
    """A renewal, a refund, a dispute or a subscription changed."""
    records, at, livemode = webhooks.records, event.created, webhooks.livemode
    if event.type in _INVOICE_EVENTS:
        invoice = records.get_invoice(object_id)
        if event.type == "invoice.paid" and invoice.status in ("draft", "open"):
            raise NoSuchObject(f"invoice={object_id} is still shown as {invoice.status}")
        if invoice.reason == "subscription_create":
            return _on_first_invoice(webhooks, event, invoice)
        found = happened.of_invoice(invoice, at, livemode=livemode)
    elif event.type == "charge.refunded":
        refunds = records.list_refunds(object_id)
        if not refunds:
            raise NoSuchObject(f"charge={object_id} is still shown without a refund")
        found = happened.of_refunds(records, refunds, at, livemode=livemode)
    elif event.type in _REFUND_EVENTS:
        found = happened.of_refunds(records, (records.get_refund(object_id),), at, livemode=livemode)
    elif event.type in _DISPUTE_EVENTS:
        found = happened.of_dispute(records, records.get_dispute(object_id), at, livemode=livemode)
    else:
        return _on_subscription(webhooks, event, object_id)
    return _tell(webhooks, found)


def _on_first_invoice(webhooks: Webhooks, event: StripeEvent, invoice: Invoice) -> Outcome:
    """The first invoice of a subscription is paid: with its session, or on its own after a failed debit."""
    if invoice.user_id is None or invoice.status != "paid" or invoice.subscription_id is None:
        return Outcome.IGNORED
    session = webhooks.records.session_of_subscription(invoice.subscription_id)
    if session is None or session.owner is None or session.status is not SessionStatus.COMPLETE:
        return Outcome.IGNORED
    remember_paid(webhooks.state, session.id)
    # A session stays unpaid if its invoice was paid later, on the page of the invoice.
    paid = replace(session, payment_status="paid", failed=False)
    return _tell(webhooks, happened.of_session(paid, event.created, livemode=webhooks.livemode))


def _on_subscription(webhooks: Webhooks, event: StripeEvent, subscription_id: str) -> Outcome:
    """A subscription was cancelled, resumed or ended."""
    key = f"cancellation:{subscription_id}"
    subscription = webhooks.records.get_subscription(subscription_id)
    if event.type == "customer.subscription.deleted" and subscription.status not in (
        "canceled",
        "incomplete_expired",
    ):
        raise NoSuchObject(f"subscription={subscription_id} is still shown as {subscription.status}")
    scheduled = None
    with suppress(StateUnavailable):
        # An event does not say what was before, so this is how a cancellation that is undone is noticed.
        scheduled = webhooks.state.get(key)
    found = happened.of_subscription(
        webhooks.records, subscription, event.created, scheduled=scheduled, livemode=webhooks.livemode
    )
    outcome = _tell(webhooks, found)
    if outcome is Outcome.DONE:
        with suppress(StateUnavailable):
            if found[0].kind is Kind.CANCELLATION_SCHEDULED:
                webhooks.state.set(key, found[0].id, _CANCELLATION_KEPT_S)
            else:
                webhooks.state.delete(key)
    return outcome


def _tell(webhooks: Webhooks, found: happened.OrderEvents) -> Outcome:
    """Call the hooks, if there is something to tell."""
    if not found:
        return Outcome.IGNORED
    return fulfil(
        webhooks.state, webhooks.fulfil, found, patience_s=webhooks.patience_s, places=webhooks.hook_places
    )
