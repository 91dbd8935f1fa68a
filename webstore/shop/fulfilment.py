"""The effects of Stripe's webhooks: purchases are fulfilled, cached copies of changed objects are dropped.

Deliveries come late, twice and in any order (https://docs.stripe.com/webhooks#event-ordering), so an event
only says where to look: a session is read again, and its present state decides.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum

from webstore.errors import NoSuchObject, PaymentsError, StateUnavailable
from webstore.linking.verdicts import forget_verdict_of
from webstore.state import State

from .cart_sessions import remember_paid
from .models import CheckoutSession, StripeEvent
from .ports import Checkouts, Fulfil

log = logging.getLogger(__name__)

#: Seconds; longer than the 30 days for which Stripe can send an event again.
KEPT_S = 40 * 24 * 3600.0
#: Seconds that the hooks of one session may take before another delivery may call them again.
FULFIL_S = 120.0

_SESSION_EVENTS = frozenset(
    f"checkout.session.{what}"
    for what in ("completed", "async_payment_succeeded", "async_payment_failed", "expired")
)
_CUSTOMER_EVENTS = frozenset({"customer.deleted", "customer.updated", "charge.refunded"})
_CATALOGUE_EVENTS = ("product.", "price.")


class Outcome(StrEnum):
    """How a delivery ended; after `BUSY` and `FAILED` Stripe sends it again."""

    DONE = "done"
    SEEN = "seen"
    IGNORED = "ignored"
    BUSY = "busy"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What handling a delivery needs."""

    #: The event of a body and its Stripe-Signature; raises `WebhookRejected`. Knows the secrets.
    read: Callable[[bytes, str], StripeEvent] = field(repr=False)
    checkouts: Checkouts
    state: State
    #: Called in this order with each paid session, at least once.
    fulfil: Sequence[Fulfil]
    forget_catalogue: Callable[[], None]
    #: The mode of the store's key.
    livemode: bool


def log_purchase(session: CheckoutSession) -> None:
    """The default hook: writes a line into the log."""
    log.info(
        "fulfil session=%s user=%s customer=%s total=%s %s",
        session.id,
        session.owner,
        session.customer_id,
        session.total.amount,
        session.total.currency,
    )


def handle(webhooks: Webhooks, event: StripeEvent) -> Outcome:
    """Give the event its effect; safe to call again with the same event, also at the same time."""
    outcome = _handle(webhooks, event)
    log.log(
        logging.WARNING if outcome is Outcome.FAILED else logging.INFO,
        "webhook event=%s type=%s object=%s outcome=%s",
        event.id,
        event.type,
        event.object_id,
        outcome,
    )
    return outcome


def _handle(webhooks: Webhooks, event: StripeEvent) -> Outcome:
    if event.livemode != webhooks.livemode:
        log.warning("webhook event=%s is of the other mode (livemode=%s)", event.id, event.livemode)
        return Outcome.IGNORED
    seen = f"webhook:{event.id}"
    with suppress(StateUnavailable):
        if webhooks.state.get(seen):
            return Outcome.SEEN
    try:
        outcome = _act(webhooks, event)
    except (PaymentsError, StateUnavailable) as exc:
        log.warning("webhook event=%s failed: %s: %s", event.id, type(exc).__name__, exc)
        return Outcome.FAILED
    if outcome is Outcome.DONE:
        # After the effect: an event whose effect failed comes again.
        with suppress(StateUnavailable):
            webhooks.state.set(seen, "1", KEPT_S)
    return outcome


def _act(webhooks: Webhooks, event: StripeEvent) -> Outcome:
    if event.type in _SESSION_EVENTS and event.object_id:
        return _on_session(webhooks, event.object_id)
    if event.type in _CUSTOMER_EVENTS and event.customer_id:
        forget_verdict_of(webhooks.state, event.customer_id)
        return Outcome.DONE
    if event.type.startswith(_CATALOGUE_EVENTS):
        webhooks.forget_catalogue()
        return Outcome.DONE
    return Outcome.IGNORED


def _on_session(webhooks: Webhooks, session_id: str) -> Outcome:
    try:
        session = webhooks.checkouts.get_session(session_id)
    except NoSuchObject as exc:
        # Made under another account's key, or deleted with its test data: not this store's.
        log.warning("webhook about session=%s, which does not exist: %s", session_id, exc)
        return Outcome.IGNORED
    if session.owner is None or not session.paid:
        return Outcome.IGNORED
    # Empties the cart that it was bought from.
    remember_paid(webhooks.state, session.id)
    return _fulfil(webhooks, session)


def _fulfil(webhooks: Webhooks, session: CheckoutSession) -> Outcome:
    """Call the hooks unless they have been called, and have not failed, for this session."""
    fulfilled = f"fulfilled:{session.id}"
    with _turn(webhooks.state, session.id) as mine:
        if not mine:
            return Outcome.BUSY
        with suppress(StateUnavailable):
            if webhooks.state.get(fulfilled):
                return Outcome.DONE
        failed = [hook for hook in webhooks.fulfil if not _succeeds(hook, session)]
        if failed:
            return Outcome.FAILED
        try:
            webhooks.state.set(fulfilled, "1", KEPT_S)
        except StateUnavailable:
            log.warning("session=%s was fulfilled, but that could not be noted", session.id)
    return Outcome.DONE


@contextmanager
def _turn(state: State, session_id: str) -> Iterator[bool]:
    """Whether no other delivery works on this session just now; always true without the shared state."""
    key = f"fulfilling:{session_id}"
    try:
        mine = state.add(key, "1", FULFIL_S)
    except StateUnavailable:
        mine = True
    try:
        yield mine
    finally:
        if mine:
            with suppress(StateUnavailable):
                state.delete(key)


def _succeeds(hook: Fulfil, session: CheckoutSession) -> bool:
    try:
        hook(session)
    except Exception:
        log.exception("a fulfil hook failed for session=%s", session.id)
        return False
    return True
