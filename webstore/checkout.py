"""From a choice of goods to a Checkout Session, and back from there to a cart that is empty.

Source: https://docs.stripe.com/payments/checkout/how-checkout-works
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial

from . import cart as carts
from . import linking
from .budget import PAGE_S, BoundedExecutor
from .commerce import Cart, CheckoutSession, Purchase, SessionStatus
from .errors import (
    EmailRefused,
    KeyInFlight,
    KeyReused,
    NoSuchCustomer,
    NoSuchObject,
    OverBudget,
    PaymentsError,
    PaymentsUnavailable,
    StateUnavailable,
)
from .linking import Linker
from .models import LinkOutcome
from .ports import Checkouts, SessionDraft, State
from .protocol import idempotency_key

log = logging.getLogger(__name__)

#: What a Checkout Session's ID looks like.
SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{1,250}")
#: Former purchases of the very same things within a day that are walked past.
MAX_PREDECESSORS = 20
#: Counted up when `session_key` stays the same and the request to Stripe does not.
_REQUEST_FORMAT = 2
#: Seconds that an answer may be old and still be the first one under its key.
_NEW_S = 60.0
#: Seconds that a session has to have left for somebody who goes there to pay.
_TIME_TO_PAY_S = 600.0
#: Seconds between two tries while another request with the same key is in flight.
_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.6)
#: Seconds that it is remembered that a Checkout Session is settled, longer than a cart lives.
_PAID_KEPT_S = 35 * 24 * 3600.0
#: Seconds before the same Checkout Session of a cart is asked about again in passing.
_ASK_EVERY_S = 20.0


@dataclass(frozen=True, slots=True)
class Begun:
    """How a checkout began: the session to pay in, or a link that cannot be used just now."""

    link: LinkOutcome
    session: CheckoutSession | None


@dataclass(frozen=True, slots=True)
class Settled:
    """A cart after a look at its Checkout Sessions."""

    #: Without what was bought.
    cart: Cart
    #: Those that can still be paid.
    open: tuple[CheckoutSession, ...] = ()
    #: Whether Stripe told about each of them.
    known: bool = True


def begin(
    linker: Linker,
    checkouts: Checkouts,
    shop: BoundedExecutor,
    draft: SessionDraft,
    remembered: str | None,
    *,
    ends: float | None = None,
) -> Begun:
    """Open a Checkout Session for the customer that belongs to `draft.user_id`, whatever the draft names.

    `remembered`: the session's copy of the customer's ID; `ends`: when the page stops waiting, on the
    monotonic clock, in `PAGE_S` unless it is said. Raises `NoSuchObject` where a price is not for sale any
    more, `AmountRefused`, `CurrencyRefused`, `OverBudget` and the other `PaymentsError`s.
    """
    ends = time.monotonic() + PAGE_S if ends is None else ends
    for _ in range(2):
        link = linking.verified_customer(linker, draft.user_id, remembered)
        if link.customer_id is None:
            return Begun(link, None)
        wanted = replace(draft, customer_id=link.customer_id)
        try:
            session = shop.run(partial(open_session, checkouts, wanted, ends=ends), time_left(ends))
        except NoSuchCustomer:
            # Deleted since it was verified a moment ago: once more, which heals it.
            remembered = None
            continue
        return Begun(link, session)
    raise PaymentsUnavailable("the customer keeps disappearing")


def time_left(ends: float) -> float:
    """Seconds until a moment on the monotonic clock. Raises `OverBudget` once it has passed."""
    seconds = ends - time.monotonic()
    if seconds <= 0:
        raise OverBudget("the time of the page is over")
    return seconds


def open_session(
    checkouts: Checkouts,
    draft: SessionDraft,
    sleep: Callable[[float], None] = time.sleep,
    *,
    ends: float = math.inf,
) -> CheckoutSession:
    """The open Checkout Session for this very purchase: the one that is there already, or a new one.

    The idempotency key is made of what is bought by whom, so that two clicks meet in one session. When that
    one turns out to be paid or over, it becomes part of the next one's key. Stripe is asked nothing more
    after `ends`, on the monotonic clock: `OverBudget`.
    """
    predecessor: str | None = None
    refusal: PaymentsError = PaymentsUnavailable("the same was bought too often today")
    for attempt in range(MAX_PREDECESSORS):
        key = session_key(draft, predecessor)
        try:
            session, replayed = _patiently(checkouts, draft, key, sleep, ends)
        except KeyReused:
            # By a release of the store that asked for the same with other parameters.
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
            # Stripe repeats a former failure for as long as it keeps the key.
            predecessor, refusal = f"failed {attempt}", exc
            continue
        # By its age, too: something on the way may have taken the header off that tells a replay.
        if not replayed and session.created > time.time() - _NEW_S:
            return session
        # What is replayed is the session as it was when it was made.
        time_left(ends)
        session = checkouts.get_session(session.id)
        if session.status is SessionStatus.OPEN:
            if not 0 < session.expires_at < time.time() + _TIME_TO_PAY_S:
                return session
            expire((session,), checkouts, ends)
        predecessor = session.id
    raise refusal


def session_key(draft: SessionDraft, predecessor: str | None) -> str:
    """The idempotency key of a purchase: who buys what on which terms, and after which former purchase."""
    lines = [[line.price.id, line.quantity] for line in draft.lines]
    terms = json.dumps(asdict(draft.options), sort_keys=True)
    shipped = any(line.product.shippable is not False for line in draft.lines)
    return idempotency_key(
        "checkout",
        _REQUEST_FORMAT,
        draft.user_id,
        draft.customer_id,
        draft.email if draft.options.receipts else None,
        json.dumps(lines),
        draft.success_url,
        draft.cancel_url,
        terms,
        int(shipped),
        predecessor,
    )


def seal(lines: Iterable[Purchase]) -> str:
    """A short text that is another one as soon as anything costs something else."""
    told = [
        [line.price.id, line.quantity, line.price.money.amount, line.price.money.currency] for line in lines
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def remember_paid(state: State, session_id: str) -> None:
    """Let every browser's cart know that this Checkout Session is settled."""
    with suppress(StateUnavailable):
        state.set(_paid_key(session_id), "1", _PAID_KEPT_S)


def to_ask_about(cart: Cart, state: State, *, closely: bool) -> tuple[str, ...]:
    """Those of the cart's Checkout Sessions that it is time to ask Stripe about.

    All of them where what is in the cart is looked at (`closely`); otherwise those that are known to be
    paid, and the others now and then.
    """
    if closely:
        return cart.sessions
    try:
        paid = state.get_many([_paid_key(session_id) for session_id in cart.sessions])
        return tuple(
            session_id
            for session_id in cart.sessions
            if _paid_key(session_id) in paid or state.add(f"asked:{session_id}", "1", _ASK_EVERY_S)
        )
    except StateUnavailable:
        return cart.sessions


def settle(
    cart: Cart, session_ids: Sequence[str], checkouts: Checkouts, state: State, *, ends: float = math.inf
) -> Settled:
    """The cart without what was bought in these Checkout Sessions; no call begins after `ends`.

    What Stripe does not tell about stays in the cart.
    """
    found: list[CheckoutSession] = []
    known = True
    for session_id in session_ids:
        try:
            time_left(ends)
            session = checkouts.get_session(session_id)
        except NoSuchObject:
            cart = carts.without_session(cart, session_id)
        except (PaymentsError, OverBudget) as exc:
            log.info("the cart keeps what may have been bought: %s: %s", type(exc).__name__, exc)
            known = False
        else:
            cart = after_purchase(cart, session, state)
            found.append(session)
    can_be_paid = tuple(session for session in found if session.status is SessionStatus.OPEN)
    return Settled(cart, can_be_paid, known)


def expire(sessions: Sequence[CheckoutSession], checkouts: Checkouts, ends: float) -> tuple[str, ...]:
    """Let nobody pay these Checkout Sessions any more; gives the IDs of those where that worked."""
    done = []
    for session in sessions:
        try:
            time_left(ends)
            checkouts.expire_session(session.id)
        except (PaymentsError, OverBudget) as exc:
            # Paid a moment ago, for instance.
            log.info("session=%s stays as it is: %s: %s", session.id, type(exc).__name__, exc)
        else:
            done.append(session.id)
    return tuple(done)


def after_purchase(cart: Cart, session: CheckoutSession, state: State) -> Cart:
    """The cart as this Checkout Session leaves it.

    A session that is complete took its things out of the cart, also while a bank still works on the payment.
    """
    if session.settled:
        remember_paid(state, session.id)
    if session.id not in cart.sessions or session.status is SessionStatus.OPEN:
        return cart
    if session.status is SessionStatus.COMPLETE:
        cart = carts.without(cart, session.lines)
    return carts.without_session(cart, session.id)


def _patiently(
    checkouts: Checkouts, draft: SessionDraft, key: str, sleep: Callable[[float], None], ends: float
) -> tuple[CheckoutSession, bool]:
    for pause in _PAUSES_S:
        time_left(ends)
        try:
            return checkouts.create_session(draft, key)
        except KeyInFlight:
            sleep(pause)
    time_left(ends)
    return checkouts.create_session(draft, key)


def _paid_key(session_id: str) -> str:
    return f"paid:{session_id}"
