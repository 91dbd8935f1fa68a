"""Handles events whose delivery the store missed: on demand, and by itself after it was away.

Stripe keeps its list of events for 30 days: https://docs.stripe.com/api/events
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from webstore.errors import PaymentsError, StateUnavailable
from webstore.state import State

from .event_effects import ORDER_EVENTS, Webhooks
from .fulfilment import KEPT_S, Outcome
from .models import StripeEvent
from .webhooks import LAST_DELIVERY, handle

log = logging.getLogger(__name__)

#: Seconds that Stripe's list of events goes back.
LISTED_S = 30 * 24 * 3600.0
#: Seconds without a delivery after which a start looks for missed ones.
AWAY_S = 3600.0
#: Seconds before the last delivery that are looked at, too: Stripe tries for three days to deliver an event,
#: https://docs.stripe.com/webhooks#automatic-retries
_OVERLAP_S = 3 * 24 * 3600.0
#: Seconds for which one process alone handles missed events, from each of them on; then it counts as dead.
_TURN_S = 120.0
#: Seconds after which another process looks whether they are handled.
_LOOK_EVERY_S = 15.0
#: Since when events may have been missed, Unix seconds; kept until they are handled.
_MISSED_SINCE = "events:missed-since"
_TURN = "events:replaying"
#: Everything that causes order events, and what makes open sessions expire. All else is about cached copies.
REPLAYED = tuple(
    sorted({*ORDER_EVENTS, "product.updated", "product.deleted", "price.updated", "price.deleted"})
)


def listed(webhooks: Webhooks, since: float) -> list[StripeEvent]:
    """The events since the Unix time that may have been missed, the oldest first. Raises `PaymentsError`."""
    earliest = webhooks.now() - LISTED_S
    found = list(webhooks.events.list_events(REPLAYED, max(since, earliest)))
    # The newest come first, also those of one second.
    found.reverse()
    return sorted(found, key=lambda event: event.created)


class CatchUp:
    """Looks for missed events when the first request of a process arrives, in the background."""

    def __init__(
        self,
        webhooks: Webhooks,
        background: Callable[[Callable[[], None]], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`background`: starts work on another thread."""
        self._webhooks, self._background, self._sleep = webhooks, background, sleep
        #: Taken by the first call, and never given back.
        self._first = threading.Lock()

    def begin(self) -> None:
        """Begin if the store was away for an hour. Does not wait or raise; only the first call counts."""
        if not self._first.acquire(blocking=False):
            return
        try:
            # Before this request is handled: it may be a delivery, which would look like the last one.
            if _missed_since(self._webhooks.state, self._webhooks.now()) is not None:
                self._background(self._work)
        except StateUnavailable:
            return
        except RuntimeError as exc:
            log.warning("missed events are looked for at the next start: %s", exc)

    def _work(self) -> None:
        """Handle the missed events, unless another process does. If that process dies, take over."""
        state = self._webhooks.state
        with suppress(StateUnavailable):
            while (since := _missed_since(state, self._webhooks.now())) is not None:
                if state.add(_TURN, "1", _TURN_S):
                    _replay_all(self._webhooks, since)
                    return
                self._sleep(_LOOK_EVERY_S)


def _missed_since(state: State, now: float) -> float | None:
    """Since when deliveries may have been missed; None if the store was not away."""
    kept = state.get_many((_MISSED_SINCE, LAST_DELIVERY))
    if _MISSED_SINCE in kept:
        return _time(kept[_MISSED_SINCE], now)
    if LAST_DELIVERY not in kept:
        # A new store, or one whose state was lost: there is nothing to compare with.
        state.set(LAST_DELIVERY, str(now), KEPT_S)
        return None
    last = _time(kept[LAST_DELIVERY], now)
    if now - last < AWAY_S:
        return None
    state.set(_MISSED_SINCE, str(last - _OVERLAP_S), KEPT_S)
    return last - _OVERLAP_S


def _time(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise


def _replay_all(webhooks: Webhooks, since: float) -> None:
    """Handle all events since the Unix time; events that fail are left for the next start."""
    outcomes: Counter[Outcome] = Counter()
    try:
        _handle_all(webhooks, since, outcomes)
    except BaseException as exc:
        outcomes[Outcome.FAILED] += 1
        log.exception("missed events were not all handled")
        if not isinstance(exc, Exception):
            raise
    finally:
        with suppress(StateUnavailable):
            if not outcomes[Outcome.FAILED] and not outcomes[Outcome.BUSY]:
                webhooks.state.set(LAST_DELIVERY, str(webhooks.now()), KEPT_S)
                webhooks.state.delete(_MISSED_SINCE)
            webhooks.state.delete(_TURN)
        found = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items())) or "none"
        log.info("looked for missed events since %.0f: %s", since, found)


def _handle_all(webhooks: Webhooks, since: float, outcomes: Counter[Outcome]) -> None:
    """Handle the events, and count how that ended."""
    try:
        found = listed(webhooks, since)
    except PaymentsError as exc:
        log.error(  # noqa: TRY400  # the message says it all
            "missed events cannot be read: %s: %s. By hand: flask --app wsgi events replay --since 30d",
            type(exc).__name__,
            exc,
        )
        outcomes[Outcome.FAILED] += 1
        return
    listed_at = webhooks.now()
    for event in found:
        with suppress(StateUnavailable):
            webhooks.state.set(_TURN, "1", _TURN_S)
        outcomes[handle(webhooks, event, listed_at)] += 1
