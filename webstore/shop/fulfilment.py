"""Calls the fulfil hooks with order events: at least once, and once only while the shared state is there."""

from __future__ import annotations

import inspect
import logging
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import cast

from webstore import deadline
from webstore.errors import StateUnavailable
from webstore.state import State

from .order_events import Kind, OrderEvent
from .places import Places
from .ports import Fulfil

log = logging.getLogger(__name__)

#: Seconds; longer than the 30 days for which Stripe can send an event again.
KEPT_S = 40 * 24 * 3600.0
#: Seconds that the hooks may work on one order event before another delivery may call them again.
FULFIL_S = 120.0
#: Seconds after which it is tried again whether another delivery is done.
_LOOK_EVERY_S = 0.05


class Outcome(StrEnum):
    """How the handling of a Stripe event ended."""

    DONE = "done"
    SEEN = "seen"
    IGNORED = "ignored"
    #: It could not be handled, and is acknowledged all the same; the log has an error.
    DROPPED = "dropped"
    #: Another delivery is at work on the same order event: this one has to come again.
    BUSY = "busy"
    #: It has to come again.
    FAILED = "failed"
    #: The store cannot read events of this form.
    REFUSED = "refused"


def log_order_event(event: OrderEvent) -> None:
    """A hook that writes a line into the log; it is always the first one."""
    money = f"{event.money.amount} {event.money.currency}" if event.money else "-"
    log.info(
        "fulfil kind=%s order=%s object=%s user=%s customer=%s total=%s",
        event.kind,
        event.order_number,
        event.object_id,
        event.user_id,
        event.customer_id,
        money,
    )


def fulfil(
    state: State,
    hooks: Sequence[Fulfil],
    events: Sequence[OrderEvent],
    *,
    patience_s: float = 0.0,
    places: Places | None = None,
) -> Outcome:
    """Call the hooks with these order events, in this order; stop at the first one that is not done.

    `patience_s`: how long another delivery may keep this one waiting. `places`: for the threads that do this;
    if none is free, the outcome is `FAILED`.
    """
    with (places or Places()).one() as has_place:
        if not has_place:
            log.warning("all threads that may be inside the fulfil hooks are there")
            return Outcome.FAILED
        for event in events:
            outcome = _fulfil(state, hooks, event, patience_s)
            if outcome is not Outcome.DONE:
                return outcome
    return Outcome.DONE


def is_fulfilled(state: State, event_id: str) -> bool:
    """Whether the hooks are known to have succeeded with this order event."""
    with suppress(StateUnavailable):
        return state.get(f"fulfilled:{event_id}") is not None
    return False


def _fulfil(state: State, hooks: Sequence[Fulfil], event: OrderEvent, patience_s: float) -> Outcome:
    """Call the hooks with this order event, unless all of them have succeeded with it before."""
    key = _key(event)
    with _turn(state, key, patience_s) as mine:
        if not mine:
            return Outcome.BUSY
        if is_fulfilled(state, key):
            return Outcome.DONE
        failed = [hook for hook in hooks if not _succeeds(hook, event)]
        if failed:
            return Outcome.FAILED
        try:
            state.set(f"fulfilled:{key}", "1", KEPT_S)
        except StateUnavailable:
            log.warning("order event=%s was told to the hooks, but that could not be noted", event.id)
    return Outcome.DONE


def _key(event: OrderEvent) -> str:
    """The order event's name in keys of the shared state; that of a purchase is its session's ID."""
    return event.object_id if event.kind is Kind.PAID else event.id


@contextmanager
def _turn(state: State, key: str, patience_s: float) -> Iterator[bool]:
    """Whether no other delivery works on this order event now; always true without the shared state."""
    key = f"fulfilling:{key}"
    until = time.monotonic() + deadline.left(patience_s)
    try:
        while not (mine := state.add(key, "1", FULFIL_S)) and time.monotonic() < until:
            time.sleep(_LOOK_EVERY_S)
    except StateUnavailable:
        mine = True
    try:
        yield mine
    finally:
        if mine:
            with suppress(StateUnavailable):
                state.delete(key)


def _succeeds(hook: Fulfil, event: OrderEvent) -> bool:
    try:
        # The operator's function may return anything.
        _refuse_unfinished(cast("Callable[[OrderEvent], object]", hook)(event))
    except BaseException as exc:
        # An interrupt by a signal arrives on the main thread. On other threads the hook has raised it.
        if not isinstance(exc, Exception | SystemExit) and _is_main_thread():
            raise
        log.exception(
            "the fulfil hook %s failed with the order event=%s order=%s",
            _name(hook),
            event.id,
            event.order_number,
        )
        return False
    return True


def _refuse_unfinished(returned: object) -> None:
    """Raise `TypeError` if the hook returned work that nobody does: a coroutine, or a generator."""
    if inspect.isawaitable(returned) or isinstance(returned, Generator | AsyncGenerator):
        if isinstance(returned, Coroutine | Generator):
            # Otherwise Python warns of it later.
            returned.close()
        raise TypeError(
            f"it returned a {type(returned).__name__}, so it has not run: a hook is a plain function"
        )


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _name(hook: Fulfil) -> str:
    """The hook as FULFIL names it."""
    name = getattr(hook, "__qualname__", None) or type(hook).__qualname__
    return f"{getattr(hook, '__module__', '?')}:{name}"
