"""Expires open Checkout Sessions with goods that are no longer for sale.

Stripe sends several events about one change, and hundreds if a program changes many things. So the question
whether something is for sale is asked at most once in `EVERY_S` seconds for each product or price:

- The first event asks at once.
- The next one waits until the time is over, then asks again. It is acknowledged after that.
- Those that arrive while it waits are acknowledged at once, because it asks after they arrived. If it cannot,
  Stripe sends it again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from webstore import deadline
from webstore.errors import PaymentsError, StateUnavailable
from webstore.state import State

from .cart_sessions import expire
from .fulfilment import Outcome
from .models import CheckoutSession
from .places import Places
from .ports import Availability, Checkouts, Sales

log = logging.getLogger(__name__)

#: Seconds; no Checkout Session is open longer:
#: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at
SESSION_S = 24 * 3600.0
#: Seconds in which it is asked once whether a product or price is for sale.
EVERY_S = 3.0
#: Seconds after which the shared state has surely dropped an entry that is to live so long.
_SLACK_S = 0.1
#: Seconds by which Stripe's clock and the store's may differ.
CLOCKS_DIFFER_S = 600.0
#: Seconds that the time of an answer is kept.
_ANSWER_KEPT_S = 3600.0


@dataclass(frozen=True, slots=True)
class Goods:
    """The requests to look for sessions with withdrawn goods."""

    sales: Sales
    checkouts: Checkouts
    state: State
    now: Callable[[], float]
    sleep: Callable[[float], None] = deadline.sleep
    #: For the threads that wait.
    waiting: Places = field(default_factory=Places)


def expire_sessions(goods: Goods, kind: str, object_id: str, before: float) -> Outcome:
    """Expire the store's open sessions with this product or price, unless it is for sale.

    `kind`: "product" or "price". `before`: a time by the store's clock, Unix seconds; the change was earlier.
    `Outcome.BUSY`: the event has to come again. Raises `PaymentsError`. Sessions that were paid just now stay
    as they are.
    """
    try:
        # Read first: in a burst, writing would keep others from the shared state.
        kept = goods.state.get_many((_answered(object_id), _waiting(object_id), _turn(object_id)))
        if before <= _time(kept.get(_answered(object_id)), -math.inf) or _waiting(object_id) in kept:
            return Outcome.DONE
        if _turn(object_id) in kept or not _has_turn(goods, object_id):
            outcome = _wait(goods, object_id)
            if outcome is not None:
                return outcome
    except StateUnavailable:
        # Then each event asks; the calls of webhooks are bounded anyway.
        pass
    began = goods.now()
    try:
        _look(goods, kind, object_id)
    except PaymentsError:
        # The event comes again.
        with suppress(StateUnavailable):
            goods.state.delete(_turn(object_id))
        raise
    with suppress(StateUnavailable):
        goods.state.set(_answered(object_id), str(began), _ANSWER_KEPT_S)
    return Outcome.DONE


def _has_turn(goods: Goods, object_id: str) -> bool:
    """Whether this object was not asked about within the last seconds. Raises `StateUnavailable`."""
    return goods.state.add(_turn(object_id), str(goods.now()), EVERY_S)


def _time(text: str | None, otherwise: float) -> float:
    """The time (Unix seconds) in a text of the state; `otherwise` if there is none in it."""
    try:
        return float(text or "")
    except ValueError:
        return otherwise


def _wait(goods: Goods, object_id: str) -> Outcome | None:
    """Wait until the object may be asked about again; the outcome of the event if it need not, or cannot.

    Raises `StateUnavailable`.
    """
    if not goods.state.add(_waiting(object_id), "1", 2 * EVERY_S):
        return Outcome.DONE
    try:
        with goods.waiting.one() as has_place:
            if not has_place:
                return Outcome.BUSY
            began = _time(goods.state.get(_turn(object_id)), 0.0)
            goods.sleep(_SLACK_S + max(0.0, min(EVERY_S, began + EVERY_S - goods.now())))
    finally:
        # Before the question: an event that arrives after it needs another answer.
        goods.state.delete(_waiting(object_id))
    return None if _has_turn(goods, object_id) else Outcome.BUSY


def _look(goods: Goods, kind: str, object_id: str) -> None:
    """Ask whether it is for sale, and expire the sessions if it is not. Raises `PaymentsError`."""
    if _is_for_sale(goods, kind, object_id):
        return
    found = goods.sales.list_open_since(goods.now() - SESSION_S)
    done = [session for session in _with(found, object_id) if expire(session.id, goods.checkouts)]
    if done:
        log.info("%s=%s is not for sale any more: expired %d open sessions", kind, object_id, len(done))


def _is_for_sale(goods: Goods, kind: str, object_id: str) -> bool:
    product_id = object_id if kind == "product" else goods.sales.product_at(object_id)
    if product_id is None:
        return False
    return goods.checkouts.availability((product_id,))[product_id] is Availability.FOR_SALE


def _with(sessions: Iterable[CheckoutSession], object_id: str) -> list[CheckoutSession]:
    """The sessions that sell this product, or sell at this price."""
    return [
        session
        for session in sessions
        if any(object_id in (line.product_id, line.price_id) for line in session.lines)
    ]


def _turn(object_id: str) -> str:
    """The key that is there for `EVERY_S` seconds after each question about the object."""
    return f"withdrawn:{object_id}"


def _waiting(object_id: str) -> str:
    """The key that is there while an event waits to ask about the object."""
    return f"withdrawn-next:{object_id}"


def _answered(object_id: str) -> str:
    """The key of the time at which the latest question that was answered began."""
    return f"withdrawn-answered:{object_id}"
