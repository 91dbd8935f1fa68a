"""Expires open Checkout Sessions that sell what is no longer for sale."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from webstore.errors import PaymentsError, PaymentsRefused, StateUnavailable
from webstore.state import State

from .models import CheckoutSession
from .ports import Availability, Checkouts, Sales

log = logging.getLogger(__name__)

#: Seconds; no Checkout Session is open longer:
#: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at
SESSION_S = 24 * 3600.0
#: Seconds in which further events about the same product or price do not list the sessions again.
_BURST_S = 10.0


@dataclass(frozen=True, slots=True)
class Goods:
    """What is asked for sessions with withdrawn goods."""

    sales: Sales
    checkouts: Checkouts
    state: State
    now: Callable[[], float]


def expire_sessions(goods: Goods, kind: str, object_id: str) -> None:
    """Expire the store's open sessions with this product or price, unless it is for sale.

    `kind`: "product" or "price". Raises `PaymentsError`; sessions that were paid just now stay as they are.
    """
    if _is_for_sale(goods, kind, object_id):
        return
    key = f"withdrawn:{object_id}"
    with suppress(StateUnavailable):
        if not goods.state.add(key, "1", _BURST_S):
            return
    try:
        found = goods.sales.list_open_since(goods.now() - SESSION_S)
        done = [session for session in _with(found, object_id) if _expired(goods.checkouts, session)]
    except PaymentsError:
        # The event comes again.
        with suppress(StateUnavailable):
            goods.state.delete(key)
        raise
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


def _expired(checkouts: Checkouts, session: CheckoutSession) -> bool:
    try:
        checkouts.expire_session(session.id)
    except PaymentsRefused as exc:
        # It was paid a moment ago, for instance.
        log.info("session=%s stays as it is: %s", session.id, exc)
        return False
    return True
