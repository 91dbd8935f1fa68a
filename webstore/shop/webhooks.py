"""Takes deliveries from Stripe. An event that was not understood is not acknowledged.

A delivery is acknowledged after its effect. Until then Stripe sends it again.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress

from webstore.errors import NoSuchObject, PaymentsError, PaymentsRefused, StateUnavailable, WebhookRejected
from webstore.state import State

from .event_effects import HANDLED, Webhooks, act
from .fulfilment import KEPT_S, Outcome
from .models import StripeEvent

log = logging.getLogger(__name__)

#: Seconds for which an event is asked for again if its object cannot be found. In live mode Stripe tries for
#: three days, in test mode three times within hours: https://docs.stripe.com/webhooks#automatic-retries
YOUNG_S = 3600.0
#: When the last delivery was handled, Unix seconds.
LAST_DELIVERY = "events:last"
#: Seconds in which the time of a delivery is noted once: writing has to wait for others.
_NOTED_EVERY_S = 60.0
#: What the shared state says about an event that was handled.
_DONE, _IGNORED = "1", "0"

HOW_TO_CONFIGURE = (
    "Configure the endpoint at https://dashboard.stripe.com/workbench/webhooks: events of your own account, "
    "as snapshot or thin events, of the types in docs/webhooks.md"
)


def receive(webhooks: Webhooks, body: bytes, signature: str) -> Outcome:
    """Take a delivery from Stripe. Raises `WebhookRejected` if Stripe did not sign it."""
    webhooks.verify(body, signature)
    try:
        event = webhooks.read(body)
    except WebhookRejected as exc:
        log.error("a webhook that Stripe signed cannot be read: %s. %s", exc, HOW_TO_CONFIGURE)  # noqa: TRY400  # no traceback: it shows nothing more
        return Outcome.REFUSED
    outcome = handle(webhooks, event)
    if outcome in (Outcome.DONE, Outcome.SEEN, Outcome.IGNORED):
        with suppress(StateUnavailable):
            _note_delivery(webhooks)
    return outcome


def _note_delivery(webhooks: Webhooks) -> None:
    """Note that a delivery was handled, once in `_NOTED_EVERY_S`. Raises `StateUnavailable`."""
    now, kept = webhooks.now(), webhooks.state.get(LAST_DELIVERY)
    with suppress(ValueError):
        if kept is not None and 0 <= now - float(kept) < _NOTED_EVERY_S:
            return
    webhooks.state.set(LAST_DELIVERY, str(now), KEPT_S)


def handle(webhooks: Webhooks, event: StripeEvent, known_at: float = math.inf) -> Outcome:
    """Give the event its effect; safe to call again with the same event, also at the same time.

    `known_at`: when the store had the event already, Unix seconds, if it is not delivered just now.
    """
    outcome = _handle(webhooks, event, known_at)
    log.log(
        logging.WARNING if outcome is Outcome.FAILED else logging.INFO,
        "webhook event=%s type=%s object=%s outcome=%s",
        event.id,
        event.type,
        event.object_id,
        outcome,
    )
    webhooks.count(event.type if event.type in HANDLED else "other", outcome)
    return outcome


def is_seen(state: State, event: StripeEvent) -> bool:
    """Whether the event is known to have had its effect, or to have none.

    One that had none is handled again if it comes again: its object may have been corrected since.
    """
    return _note(state, event) is not None


def _note(state: State, event: StripeEvent) -> str | None:
    """How the handling of this event ended before; None if that is not known."""
    with suppress(StateUnavailable):
        return state.get(_seen(event))
    return None


def _handle(webhooks: Webhooks, event: StripeEvent, known_at: float) -> Outcome:
    try:
        if event.account is not None and not _is_own(webhooks, event.account):
            # To let it come again would make Stripe disable an endpoint that others may need.
            log.error(
                "webhook event=%s is about another account (%s) and is dropped. %s",
                event.id,
                event.account,
                HOW_TO_CONFIGURE,
            )
            return Outcome.DROPPED
        if event.livemode != webhooks.livemode:
            return _give_up_slowly(
                webhooks,
                event,
                f"it is of {_mode(event.livemode)} mode and STRIPE_SECRET_KEY is of "
                f"{_mode(webhooks.livemode)} mode: set the key and STRIPE_WEBHOOK_SECRET of one mode",
            )
        if _note(webhooks.state, event) == _DONE:
            return Outcome.SEEN
        outcome = act(webhooks, event, known_at)
    except NoSuchObject as exc:
        return _not_found(webhooks, event, exc)
    except PaymentsRefused as exc:
        log.error("webhook event=%s type=%s: Stripe refuses: %s", event.id, event.type, exc)  # noqa: TRY400  # the message says it all
        return Outcome.FAILED
    except (PaymentsError, StateUnavailable) as exc:
        log.warning("webhook event=%s failed: %s: %s", event.id, type(exc).__name__, exc)
        return Outcome.FAILED
    if outcome is Outcome.REFUSED:
        log.error("webhook event=%s type=%s names no object. %s", event.id, event.type, HOW_TO_CONFIGURE)
    if outcome is Outcome.DONE or (outcome is Outcome.IGNORED and event.type in HANDLED):
        # After the effect: an event whose effect failed comes again.
        with suppress(StateUnavailable):
            webhooks.state.set(_seen(event), _DONE if outcome is Outcome.DONE else _IGNORED, KEPT_S)
    return outcome


def _not_found(webhooks: Webhooks, event: StripeEvent, exc: NoSuchObject) -> Outcome:
    """The event's object is not there: the key is of another account, or it is too early to read it."""
    try:
        known = webhooks.events.has_event(event)
    except PaymentsRefused as refused:
        log.error("whether Stripe knows the event=%s cannot be asked: %s", event.id, refused)  # noqa: TRY400  # the message says it all
        known = True
    except PaymentsError:
        return Outcome.FAILED
    if known:
        return _give_up_slowly(webhooks, event, f"its object cannot be read: {exc}", logging.WARNING)
    return _give_up_slowly(
        webhooks,
        event,
        "the account of STRIPE_SECRET_KEY has neither this event nor its object: STRIPE_WEBHOOK_SECRET "
        "belongs to an endpoint of another account or mode. Set key and signing secret of the same account",
    )


def _give_up_slowly(
    webhooks: Webhooks, event: StripeEvent, why: str, level_at_first: int = logging.ERROR
) -> Outcome:
    """Have the event sent again while it is young; then drop it, or Stripe would disable the endpoint."""
    young = webhooks.now() - event.created < YOUNG_S
    log.log(
        level_at_first if young else logging.ERROR,
        "webhook event=%s type=%s object=%s: %s. %s",
        event.id,
        event.type,
        event.object_id,
        why,
        "Stripe sends it again"
        if young
        else "It is dropped; once that is mended: flask --app wsgi events replay --since 2d",
    )
    return Outcome.FAILED if young else Outcome.DROPPED


def _is_own(webhooks: Webhooks, account: str) -> bool:
    """Whether this is the account of the store's key; True if the key may not read its account."""
    return webhooks.own_account() in (account, None)


def _seen(event: StripeEvent) -> str:
    return f"webhook:{event.id}"


def _mode(livemode: bool) -> str:
    return "live" if livemode else "test"
