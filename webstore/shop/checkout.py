"""Buying: from a choice of items to an open Checkout Session at Stripe.

Source: https://docs.stripe.com/payments/checkout/how-checkout-works
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum

from webstore import deadline
from webstore.errors import (
    AmountRefused,
    CurrencyRefused,
    EmailRefused,
    KeyInFlight,
    KeyReused,
    NoSuchCustomer,
    NoSuchObject,
    PaymentsError,
    PaymentsUnavailable,
    StateUnavailable,
)
from webstore.linking import Linker, LinkOutcome, verified_customer
from webstore.linking.protocol import idempotency_key
from webstore.settings import CheckoutOptions
from webstore.state import State

from . import cart as carts
from .cart_sessions import CheckedCart, expire, without_paid_items
from .catalogue import CatalogueService
from .models import Cart, Catalogue, CheckoutSession, Purchase, SessionStatus
from .ports import Checkouts, SessionDraft

#: What a Checkout Session's ID looks like.
SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{1,250}")
#: Earlier purchases of exactly the same items within a day that are skipped over.
MAX_PREDECESSORS = 20
#: Raise this number when the request to Stripe changes and `session_key` does not.
_REQUEST_FORMAT = 2
#: Seconds that an answer may be old and still be the first one under its key.
_NEW_S = 60.0
#: Seconds that a session must have left for a shopper who goes there to pay.
_TIME_TO_PAY_S = 600.0
#: Seconds between two tries while another request with the same key is in flight.
_PAUSES_S = (0.1, 0.2, 0.4, 0.8, 1.6)
#: Seconds that it may take to expire the Checkout Sessions that a new one replaces.
_EXPIRE_S = 1.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a shopper wants to buy, and on which terms."""

    user_id: str
    lines: tuple[Purchase, ...]
    success_url: str
    cancel_url: str
    options: CheckoutOptions = CheckoutOptions()  # noqa: RUF009  # frozen
    #: Where the receipt goes, if the options ask for one.
    email: str | None = None
    #: The session's copy of the customer's ID; it only saves time.
    remembered: str | None = None
    #: The cart that is bought; None when single items are.
    cart: Cart | None = None
    #: The catalogue that the cart's lines were priced with.
    priced_by: Catalogue | None = None
    #: `digest` of the lines on the page that the shopper saw; empty: not checked.
    shown: str = ""


class Reason(StrEnum):
    """Why nothing was opened."""

    #: The cart's items have been paid since the page was opened.
    ALREADY_PAID = "already_paid"
    #: A price has changed since the page was opened.
    CHANGED = "changed"
    #: Stripe does not sell one of the prices any more.
    NOT_FOR_SALE = "not_for_sale"
    #: Stripe takes no payment of this total: too small or too large.
    AMOUNT = "amount"
    #: The customer is bound to another currency.
    CURRENCY = "currency"
    #: The shopper's customer cannot be used just now.
    UNLINKED = "unlinked"


@dataclass(frozen=True, slots=True)
class Opened:
    """A Checkout Session is open; the shopper pays at `url`."""

    session: CheckoutSession
    url: str
    customer_id: str
    #: The cart to keep.
    cart: Cart


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was opened, and nothing can be paid."""

    reason: Reason
    #: The cart to keep.
    cart: Cart
    #: With `UNLINKED`: why the customer cannot be used.
    link: LinkOutcome | None = None


def buy(
    wanted: Wanted, *, linker: Linker, checkouts: Checkouts, catalogue: CatalogueService, state: State
) -> Opened | Refused:
    """Open a Checkout Session for the shopper's own customer.

    A cart loses its paid items first, so that an old page sells nothing twice; a new session replaces the
    open ones of the same cart. Refusals are returned as `Refused`; other `PaymentsError`s are raised.
    """
    cart = wanted.cart or Cart()
    checked = CheckedCart(cart)
    if cart.sessions:
        checked = without_paid_items(cart, cart.sessions, checkouts, state)
        if checked.cart.lines != cart.lines:
            return Refused(Reason.ALREADY_PAID, checked.cart)
        if not checked.complete:
            raise PaymentsUnavailable("the cart may have been paid for")
    if wanted.shown not in ("", digest(wanted.lines)):
        return Refused(Reason.CHANGED, checked.cart)
    try:
        link, session = _session_of_customer(wanted, linker, checkouts)
    except NoSuchObject:
        with suppress(StateUnavailable):
            catalogue.forget()
        return Refused(Reason.NOT_FOR_SALE, checked.cart)
    except AmountRefused:
        return Refused(Reason.AMOUNT, checked.cart)
    except CurrencyRefused:
        return Refused(Reason.CURRENCY, checked.cart)
    if session is None or link.customer_id is None:
        return Refused(Reason.UNLINKED, checked.cart, link)
    if session.url is None:
        raise PaymentsUnavailable("an open Checkout Session without an address")
    cart = checked.cart
    if wanted.cart is not None and wanted.priced_by is not None:
        own = [it for it in checked.open if it.owner == wanted.user_id and it.id != session.id]
        cart = carts.at_todays_prices(_leading_to(cart, session, own, checkouts), wanted.priced_by)
    return Opened(session, session.url, link.customer_id, cart)


def _session_of_customer(
    wanted: Wanted, linker: Linker, checkouts: Checkouts
) -> tuple[LinkOutcome, CheckoutSession | None]:
    """The shopper's verified link, and the open session of its customer, if the link can be used."""
    remembered = wanted.remembered
    for _ in range(2):
        link = verified_customer(linker, wanted.user_id, remembered)
        if link.customer_id is None:
            return link, None
        draft = SessionDraft(
            customer_id=link.customer_id,
            user_id=wanted.user_id,
            lines=wanted.lines,
            success_url=wanted.success_url,
            cancel_url=wanted.cancel_url,
            options=wanted.options,
            email=wanted.email,
        )
        try:
            return link, open_session(checkouts, draft)
        except NoSuchCustomer:
            # Deleted since it was verified a moment ago: verifying once more replaces it.
            remembered = None
    raise PaymentsUnavailable("the customer keeps disappearing")


def _leading_to(
    cart: Cart, session: CheckoutSession, others: list[CheckoutSession], checkouts: Checkouts
) -> Cart:
    """The cart that remembers this session; the `others` are expired.

    Those that cannot be expired now stay with the cart, so that a payment in them is noticed.
    """
    with deadline.within(_EXPIRE_S):
        for session_id in expire(others, checkouts):
            cart = carts.without_session(cart, session_id)
    return carts.with_session(cart, session.id)


def open_session(
    checkouts: Checkouts, draft: SessionDraft, sleep: Callable[[float], None] = deadline.sleep
) -> CheckoutSession:
    """The open Checkout Session for exactly this purchase: the one that exists, or a new one.

    The idempotency key is made of the buyer and the items, so that two clicks lead to one session. If that
    session is paid or over, its ID becomes part of the next one's key.
    """
    predecessor: str | None = None
    refusal: PaymentsError = PaymentsUnavailable("the same was bought too often today")
    for attempt in range(MAX_PREDECESSORS):
        key = session_key(draft, predecessor)
        try:
            session, replayed = _patiently(checkouts, draft, key, sleep)
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
        if not replayed and session.created > time.time() - _NEW_S:
            return session
        # A replay shows the session as it was when it was made.
        session = checkouts.get_session(session.id)
        if session.status is SessionStatus.OPEN:
            if not 0 < session.expires_at < time.time() + _TIME_TO_PAY_S:
                return session
            expire((session,), checkouts)
        predecessor = session.id
    raise refusal


def session_key(draft: SessionDraft, predecessor: str | None) -> str:
    """The idempotency key of a purchase: who buys what on which terms, and after which earlier purchase."""
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


def digest(lines: Iterable[Purchase]) -> str:
    """Digest of the lines; it changes when a price does."""
    priced = [
        [line.price.id, line.quantity, line.price.money.amount, line.price.money.currency] for line in lines
    ]
    return hashlib.sha256(json.dumps(priced).encode()).hexdigest()[:16]


def _patiently(
    checkouts: Checkouts, draft: SessionDraft, key: str, sleep: Callable[[float], None]
) -> tuple[CheckoutSession, bool]:
    for pause in _PAUSES_S:
        try:
            return checkouts.create_session(draft, key)
        except KeyInFlight:
            sleep(pause)
    return checkouts.create_session(draft, key)
