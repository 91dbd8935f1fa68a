"""The earlier Checkout Sessions of a purchase: they are expired, and remembered until they are over."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

from webstore import deadline
from webstore.errors import PaymentsError, StateUnavailable
from webstore.state import State

from .cart_sessions import expire
from .models import Catalogue, CheckoutSession, SessionStatus
from .ports import Availability, Checkouts

log = logging.getLogger(__name__)

#: Sessions remembered under one key; the oldest ones are forgotten.
_MOST = 10
#: Seconds that it may take to expire sessions with goods that are not for sale any more.
_WITHDRAW_S = 1.5


class EarlierSessions:
    """The sessions under some keys of the shared state. Without the shared state there are none."""

    def __init__(self, checkouts: Checkouts, state: State, keys: Sequence[str], keep_s: float) -> None:
        """`keep_s`: for how many seconds a session is remembered."""
        self._checkouts, self._state, self._keep_s = checkouts, state, keep_s
        found: dict[str, str] = {}
        with suppress(StateUnavailable):
            found = state.get_many(keys)
        self._ids = {key: tuple(found.get(key, "").split()) for key in keys}

    def under(self, key: str) -> tuple[str, ...]:
        """The IDs of the sessions under this key, the oldest first."""
        return self._ids[key]

    def put(self, session_id: str, over: Collection[str]) -> None:
        """Remember this session under all keys, as the newest one. Forget those that are over."""
        gone = {session_id, *over}
        self._ids = {key: (*_without(ids, gone), session_id) for key, ids in self._ids.items()}
        self._save()

    def end(self, keep: Collection[str]) -> tuple[tuple[str, ...], PaymentsError | None]:
        """Expire all of these sessions but `keep`: the IDs of those that are over now, and the first failure.

        A session that may still be open stays remembered, so that the next purchase tries again.
        """
        ended: list[str] = []
        failure: PaymentsError | None = None
        for session_id in dict.fromkeys(it for ids in self._ids.values() for it in ids if it not in keep):
            try:
                expire(session_id, self._checkouts)
            except PaymentsError as exc:
                log.info("session=%s may still be open: %s: %s", session_id, type(exc).__name__, exc)
                failure = failure or exc
            else:
                ended.append(session_id)
        if ended:
            self._ids = {key: _without(ids, ended) for key, ids in self._ids.items()}
            self._save()
        return tuple(ended), failure

    def _save(self) -> None:
        with suppress(StateUnavailable):
            for key, ids in self._ids.items():
                self._state.set(key, " ".join(ids[-_MOST:]), self._keep_s)


def end_withdrawn(
    checkouts: Checkouts,
    customer_id: str,
    user_id: str,
    *,
    gone: Collection[str] = (),
    one_of: Collection[str] = (),
) -> None:
    """Expire the user's open sessions with goods that are not for sale any more. Failures are logged.

    For a purchase that was refused: perhaps the events about its goods have not arrived. A session is expired
    if Stripe says that one of its prices is archived, if it sells one of `gone` (IDs of products and prices),
    or if it has all the prices `one_of`, of which at least one is not for sale.
    """
    with deadline.within(_WITHDRAW_S):
        try:
            found = checkouts.list_offers(customer_id)
        except PaymentsError as exc:
            log.warning("the open sessions of customer=%s stay: %s: %s", customer_id, type(exc).__name__, exc)
            return
        for offer in found:
            session = offer.session
            if session.owner != user_id or not (offer.archived or _sells(session, gone, one_of)):
                continue
            try:
                expire(session.id, checkouts)
            except PaymentsError as exc:
                log.warning("session=%s may still be open: %s: %s", session.id, type(exc).__name__, exc)


def end_unavailable(
    checkouts: Checkouts, catalogue: Catalogue, customer_id: str | None, user_id: str, prices: Iterable[str]
) -> None:
    """Expire the user's open sessions with one of these prices that is not for sale in the catalogue.

    `customer_id`: where to look; None if it is not known. Failures are logged.
    """
    offers = {price_id: catalogue.priced(price_id) for price_id in prices}
    gone = [price_id for price_id, offer in offers.items() if offer is None or not offer[0].in_stock]
    if gone and customer_id is not None:
        end_withdrawn(checkouts, customer_id, user_id, gone=gone)


def while_for_sale(checkouts: Checkouts, session: CheckoutSession) -> CheckoutSession:
    """The session as it is after it was expired if one of its goods is not for sale any more.

    A session that is not open is returned as it is. Raises `PaymentsError`.
    """
    if session.status is not SessionStatus.OPEN:
        return session
    offer = checkouts.get_offer(session.id)
    found = checkouts.availability([line.product_id for line in session.lines if line.product_id])
    if not offer.archived and all(it is Availability.FOR_SALE for it in found.values()):
        return offer.session
    expire(session.id, checkouts)
    return checkouts.get_session(session.id)


def _sells(session: CheckoutSession, gone: Collection[str], one_of: Collection[str]) -> bool:
    """Whether the session sells one of `gone`, or at all the prices `one_of`."""
    if any(line.product_id in gone or line.price_id in gone for line in session.lines):
        return True
    return bool(one_of) and {line.price_id for line in session.lines}.issuperset(one_of)


def _without(ids: Iterable[str], gone: Collection[str]) -> tuple[str, ...]:
    return tuple(it for it in ids if it not in gone)
