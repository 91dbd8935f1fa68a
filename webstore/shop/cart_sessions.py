"""The Checkout Sessions that a cart led to: which were paid, and which can still be paid.

A cart remembers the sessions that were opened with it. So it loses its paid items even if the shopper
never came back from Stripe's page, and an old page sells nothing twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from webstore.errors import NoSuchObject, PaymentsError, PaymentsRefused, StateUnavailable
from webstore.state import State

from . import cart as carts
from .models import Cart, CheckoutSession, SessionStatus
from .ports import Checkouts

log = logging.getLogger(__name__)

#: Seconds that a paid Checkout Session is remembered, longer than a cart lives.
_PAID_KEPT_S = 35 * 24 * 3600.0
#: Seconds before the same session is read again on pages where it matters little.
_READ_EVERY_S = 20.0


class SessionReader(Protocol):
    """The part of `Checkouts` that reads sessions."""

    def get_session(self, session_id: str) -> CheckoutSession:
        """One session with its lines; `NoSuchObject` otherwise."""


@dataclass(frozen=True, slots=True)
class CheckedCart:
    """A cart after its Checkout Sessions were read."""

    #: Without the items that were bought.
    cart: Cart
    #: The sessions that can still be paid.
    open: tuple[CheckoutSession, ...] = ()
    #: Whether every session could be read.
    complete: bool = True
    #: Stripe's refusal, if it refused to show one of them: an operator has to correct the set-up.
    refusal: PaymentsRefused | None = None


def remember_paid(state: State, session_id: str) -> None:
    """Note for every browser's cart that this Checkout Session is paid."""
    with suppress(StateUnavailable):
        state.set(paid_key(session_id), "1", _PAID_KEPT_S)


def sessions_to_read(cart: Cart, state: State, *, closely: bool) -> tuple[str, ...]:
    """The cart's Checkout Sessions that are due to be read from Stripe.

    `closely`: all of them. Otherwise those that are known to be paid, and the others now and then.
    """
    if closely:
        return cart.sessions
    try:
        paid = state.get_many([paid_key(session_id) for session_id in cart.sessions])
        return tuple(
            session_id
            for session_id in cart.sessions
            if paid_key(session_id) in paid or state.add(f"asked:{session_id}", "1", _READ_EVERY_S)
        )
    except StateUnavailable:
        return cart.sessions


def without_paid_items(
    cart: Cart, session_ids: Sequence[str], checkouts: SessionReader, state: State
) -> CheckedCart:
    """Read these Checkout Sessions and take the items that were bought out of the cart.

    Items of a session that cannot be read stay in the cart. A refusal is not logged here: the caller decides
    what it means.
    """
    found: list[CheckoutSession] = []
    complete, refusal = True, None
    for session_id in session_ids:
        try:
            session = checkouts.get_session(session_id)
        except NoSuchObject:
            cart = carts.without_session(cart, session_id)
        except PaymentsRefused as exc:
            complete, refusal = False, exc
        except PaymentsError as exc:
            log.info("the cart keeps items that may be paid: %s: %s", type(exc).__name__, exc)
            complete = False
        else:
            cart = after_purchase(cart, session, state)
            found.append(session)
    can_be_paid = tuple(session for session in found if session.status is SessionStatus.OPEN)
    return CheckedCart(cart, can_be_paid, complete, refusal)


def expire_all(session_ids: Iterable[str], checkouts: Checkouts) -> tuple[str, ...]:
    """Expire these Checkout Sessions, so that nobody can pay them; returns the IDs of those that expired.

    A failure is only logged.
    """
    done = []
    for session_id in session_ids:
        try:
            if expire(session_id, checkouts):
                done.append(session_id)
        except PaymentsRefused as exc:
            log.error(  # noqa: TRY400  # the message says it all
                "session=%s can still be paid, because Stripe refuses to expire it: %s", session_id, exc
            )
        except PaymentsError as exc:
            log.info("session=%s stays as it is: %s: %s", session_id, type(exc).__name__, exc)
    return tuple(done)


def expire(session_id: str, checkouts: Checkouts) -> bool:
    """Expire a Checkout Session. Returns False if it was over: paid just now, expired, or unknown to Stripe.

    Raises `PaymentsRefused` if Stripe refuses it although the session is open, and other `PaymentsError`s:
    the session may still be open.
    """
    try:
        checkouts.expire_session(session_id)
    except NoSuchObject:
        return False
    except PaymentsRefused as exc:
        # Stripe refuses a session that is not open, and a key without the permission.
        with suppress(NoSuchObject):
            if checkouts.get_session(session_id).status is SessionStatus.OPEN:
                raise
        log.info("session=%s stays as it is: %s", session_id, exc)
        return False
    return True


def after_purchase(cart: Cart, session: CheckoutSession, state: State) -> Cart:
    """The cart as this Checkout Session leaves it.

    The items of a complete session leave the cart, even while the bank is processing the payment.
    """
    if session.paid:
        remember_paid(state, session.id)
    if session.id not in cart.sessions or session.status is SessionStatus.OPEN:
        return cart
    if session.status is SessionStatus.COMPLETE:
        cart = carts.without(cart, session.lines)
    return carts.without_session(cart, session.id)


def paid_key(session_id: str) -> str:
    """The key of the shared state that says that this Checkout Session is paid."""
    return f"paid:{session_id}"
