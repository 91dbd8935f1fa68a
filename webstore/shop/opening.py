"""The open Checkout Session of a purchase: two clicks lead to one session, which ends within the hour.

Stripe answers an idempotency key with the same session for a day, if the request is the same. A session ends
at a fixed time, so this time is part of the key: the day is cut into slots of 15 minutes, and a session ends
45 minutes after its slot. The shared state remembers the slot of a purchase, so that two clicks use the same
one even if a slot ends between them. Without the shared state such clicks make two sessions.

Stripe checks the prices when it makes a session, and not when it replays one. So a replay is read again, and
a session with an archived price is expired.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from webstore import deadline
from webstore.errors import (
    EmailRefused,
    KeyInFlight,
    KeyReused,
    PaymentsError,
    PaymentsUnavailable,
    StateUnavailable,
)
from webstore.linking.protocol import idempotency_key
from webstore.state import State

from .cart_sessions import expire
from .earlier_sessions import EarlierSessions
from .models import CheckoutSession, SessionStatus
from .numbers import session_number
from .ports import Checkouts, SessionDraft

#: Earlier purchases of exactly the same items within a slot that are skipped over.
MAX_PREDECESSORS = 20
#: Seconds of a slot, and seconds from a slot's end until its sessions end.
SLOT_S, _AFTER_SLOT_S = 900, 45 * 60
#: Seconds that a new session must have. Stripe wants half an hour by its own clock:
#: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at
_LEAST_S = 35 * 60
#: Raise this number when the request to Stripe changes and `session_key` does not.
_REQUEST_FORMAT = 4
#: Seconds that an answer may be old and still be the first one under its key.
_NEW_S = 60.0
#: Seconds that it may take to expire the earlier sessions of a purchase without a subscription.
_EXPIRE_S = 1.5
#: Seconds between two tries while another request with the same key is in flight.
_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.6)


@dataclass(frozen=True, slots=True)
class Opening:
    """An open Checkout Session, and the earlier ones that it replaced."""

    session: CheckoutSession
    customer_id: str
    #: IDs of sessions for the same items, or for a subscription to the same product, that are over now.
    replaced: tuple[str, ...] = ()


def open_session(
    checkouts: Checkouts,
    draft: SessionDraft,
    state: State,
    *,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = deadline.sleep,
) -> Opening:
    """The open Checkout Session for exactly this purchase: the one that exists, or a new one.

    The idempotency key is made of the buyer, the items and the time slot. If the key's session is paid or
    over, its ID becomes part of the next key. The number and the end of the session follow from the key.

    Raises `NoSuchObject` if a price is not for sale, and other `PaymentsError`s, also if another session for
    a subscription to the same product may still be open.
    """
    asked = draft
    slot = _slot(draft, state, now())
    predecessor: str | None = None
    over: set[str] = set()
    refusal: PaymentsError = PaymentsUnavailable("the same was bought too often just now")
    for attempt in range(MAX_PREDECESSORS):
        key = session_key(draft, slot, predecessor)
        numbered = replace(draft, number=session_number(key, slot * SLOT_S), expires_at=end_of(slot))
        try:
            session, replayed = _patiently(checkouts, numbered, key, sleep)
        except KeyReused:
            # By a release of the store that sent other parameters for the same purchase.
            predecessor = f"reused {attempt}"
            continue
        except EmailRefused:
            # Stripe refuses addresses that identity providers accept: then without a receipt by e-mail.
            if draft.email is None:
                raise
            draft = replace(draft, email=None)
            continue
        except PaymentsError as exc:
            if not exc.replayed:
                raise
            # Stripe repeats an earlier failure for as long as it keeps the key.
            predecessor, refusal = f"failed {attempt}", exc
            continue
        # Its age counts too: something on the way may have removed the header that marks a replay.
        if replayed or session.created <= now() - _NEW_S:
            # A replay shows the session as it was when it was made.
            offer = checkouts.get_offer(session.id)
            session = offer.session
            if session.status is SessionStatus.OPEN and offer.archived:
                expire(session.id, checkouts)
                session = replace(session, status=SessionStatus.EXPIRED)
        if session.status is SessionStatus.OPEN:
            return Opening(session, draft.customer_id, _replaced(checkouts, asked, state, session.id, over))
        over.add(session.id)
        predecessor = session.id
    raise refusal


def end_of(slot: int) -> int:
    """When the Checkout Sessions of a slot end (Unix seconds): 45 to 60 minutes after they were opened."""
    return (slot + 1) * SLOT_S + _AFTER_SLOT_S


def session_key(draft: SessionDraft, slot: int, predecessor: str | None) -> str:
    """The idempotency key of a purchase: who buys what on which terms, when, and after which earlier one."""
    return idempotency_key("checkout", _REQUEST_FORMAT, *_purchase(draft), slot, predecessor)


def _purchase(draft: SessionDraft) -> tuple[str | int | None, ...]:
    """Everything that is the same when the same purchase is asked for again."""
    lines = [
        [line.price.id, line.quantity, line.product.name, line.price.nickname, line.price.money.currency]
        for line in draft.lines
    ]
    shipped = any(line.product.shippable is not False for line in draft.lines)
    return (
        draft.user_id,
        draft.customer_id,
        draft.email if draft.options.receipts else None,
        json.dumps(lines),
        draft.success_url,
        draft.cancel_url,
        json.dumps(asdict(draft.options), sort_keys=True),
        int(shipped),
    )


def _slot(draft: SessionDraft, state: State, now: float) -> int:
    """The time slot of this purchase: that of an earlier click while it lasts, else the present one.

    An earlier slot lasts while a new session in it would have `_LEAST_S` seconds.
    """
    present = int(now) // SLOT_S
    key = idempotency_key("checkout-slot", *_purchase(draft))
    lasts_s = end_of(present) - now - _LEAST_S
    with suppress(StateUnavailable):
        if state.add(key, str(present), lasts_s):
            return present
        kept = state.get(key) or ""
        if kept.isdecimal() and 0 <= present - int(kept) <= 1 and end_of(int(kept)) - now >= _LEAST_S:
            return int(kept)
        state.set(key, str(present), lasts_s)
    return present


def end_other_subscriptions(checkouts: Checkouts, draft: SessionDraft, state: State) -> tuple[str, ...]:
    """Expire the customer's earlier sessions for a subscription to the draft's products; returns their IDs.

    Those for exactly the draft's items stay, because the purchase may lead to one of them. Raises
    `PaymentsError` if a session may still be open: with a second one the shopper could subscribe twice.
    """
    products = _subscription_keys(draft)
    if not products:
        return ()
    same = _earlier(checkouts, state, (_items_key(draft),)).under(_items_key(draft))
    ended, failure = _earlier(checkouts, state, products).end(same)
    if failure is not None:
        raise failure
    return ended


def _replaced(
    checkouts: Checkouts, draft: SessionDraft, state: State, session_id: str, over: set[str]
) -> tuple[str, ...]:
    """Remember this open session, and expire the remembered ones that it replaces; returns their IDs.

    Raises `PaymentsError` if one of them may still be open and both subscribe to a product.
    """
    products = _subscription_keys(draft)
    earlier = _earlier(checkouts, state, (_items_key(draft), *products))
    earlier.put(session_id, over)
    if not products:
        with deadline.within(_EXPIRE_S):
            return earlier.end({session_id})[0]
    ended, failure = earlier.end({session_id})
    if failure is not None:
        raise failure
    return ended


def _earlier(checkouts: Checkouts, state: State, keys: tuple[str, ...]) -> EarlierSessions:
    return EarlierSessions(checkouts, state, keys, SLOT_S + _AFTER_SLOT_S)


def _items_key(draft: SessionDraft) -> str:
    """Where the sessions for exactly these items are remembered."""
    return idempotency_key("checkout-session", *_purchase(draft))


def _subscription_keys(draft: SessionDraft) -> tuple[str, ...]:
    """Where the sessions for a subscription are remembered: a key for each product."""
    subscribed = {line.product.id for line in draft.lines if line.price.recurrence is not None}
    return tuple(
        idempotency_key("checkout-subscription", draft.customer_id, product) for product in sorted(subscribed)
    )


def _patiently(
    checkouts: Checkouts, draft: SessionDraft, key: str, sleep: Callable[[float], None]
) -> tuple[CheckoutSession, bool]:
    for pause in _PAUSES_S:
        try:
            return checkouts.create_session(draft, key)
        except KeyInFlight:
            sleep(pause)
    return checkouts.create_session(draft, key)
