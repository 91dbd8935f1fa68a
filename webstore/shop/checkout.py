"""Buying: from a choice of items to an open Checkout Session at Stripe.

Source: https://docs.stripe.com/payments/checkout/how-checkout-works
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum

from webstore import deadline
from webstore.errors import (
    AmountRefused,
    CurrencyRefused,
    NoSuchCustomer,
    NoSuchObject,
    PaymentsUnavailable,
    StateUnavailable,
)
from webstore.linking import Linker, LinkOutcome, verified_customer
from webstore.settings import CheckoutOptions
from webstore.state import State

from . import cart as carts
from .cart import Problem
from .cart_sessions import CheckedCart, expire_all, without_paid_items
from .catalogue import CatalogueService
from .earlier_sessions import end_withdrawn
from .models import Cart, Catalogue, CheckoutSession, Purchase, Subscription
from .opening import Opening, end_other_subscriptions, open_session
from .ports import Availability, Checkouts, SessionDraft, Subscriptions
from .subscription_changes import mark_visit

log = logging.getLogger(__name__)

#: What a Checkout Session's ID looks like.
SESSION_ID = re.compile(r"cs_[A-Za-z0-9_]{1,250}")
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
    #: When the user logged in, in Unix seconds; None if that is not checked.
    since: float | None = None
    #: The cart that is bought; None when single items are.
    cart: Cart | None = None
    #: The catalogue that the cart's lines were priced with.
    priced_by: Catalogue | None = None
    #: `digest` of the lines on the page that the shopper saw; empty: not checked.
    shown: str = ""
    #: `second_digest` of the running subscriptions that the shopper saw and wants one more of.
    second: str = ""


class Reason(StrEnum):
    """Why nothing was opened."""

    #: The cart's items have been paid since the page was opened.
    ALREADY_PAID = "already_paid"
    #: A price has changed since the page was opened.
    CHANGED = "changed"
    #: The customer has a subscription to one of the products, and did not ask for a second one.
    SUBSCRIBED = "subscribed"
    #: One of the products or prices is not sold any more.
    NOT_FOR_SALE = "not_for_sale"
    #: One of the products is sold out.
    OUT_OF_STOCK = "out_of_stock"
    #: Stripe takes no payment of a total as small as this one, or as large.
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    #: The customer is bound to another currency.
    CURRENCY = "currency"
    #: The shopper's customer cannot be used just now.
    UNLINKED = "unlinked"


#: Reasons for which the catalogue is read again, and the shopper's open sessions are expired.
_OFF_THE_SHELF = (Reason.NOT_FOR_SALE, Reason.OUT_OF_STOCK)
_PROBLEMS = {Availability.GONE: Problem.GONE, Availability.OUT_OF_STOCK: Problem.OUT_OF_STOCK}


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
    #: With `NOT_FOR_SALE` and `OUT_OF_STOCK`: the products' names, if they are known.
    names: tuple[str, ...] = ()
    #: With `SUBSCRIBED`: the customer's subscriptions to the products.
    subscriptions: tuple[Subscription, ...] = ()
    #: All products that cannot be bought, by ID; the catalogue may not know it yet.
    unavailable: Mapping[str, Problem] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class _Ports:
    """What buying needs of the outside."""

    checkouts: Checkouts
    subscriptions: Subscriptions
    state: State
    now: Callable[[], float]


def buy(
    wanted: Wanted,
    *,
    linker: Linker,
    checkouts: Checkouts,
    subscriptions: Subscriptions,
    catalogue: CatalogueService,
    state: State,
    now: Callable[[], float] = time.time,
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
            raise checked.refusal or PaymentsUnavailable("the cart may have been paid for")
    if wanted.shown not in ("", digest(wanted.lines)):
        # At the prices of the earlier page nothing can be paid any more.
        return Refused(Reason.CHANGED, _without(checked.cart, _own(wanted, checked), checkouts))
    offer = _offered(wanted, checked, linker, _Ports(checkouts, subscriptions, state, now))
    if isinstance(offer, Opening):
        if any(line.price.recurrence for line in wanted.lines):
            mark_visit(state, offer.customer_id)
        return _opened(wanted, offer, checked, checkouts)
    if offer.reason in _OFF_THE_SHELF:
        with suppress(StateUnavailable):
            catalogue.forget()
    return offer


def _offered(wanted: Wanted, checked: CheckedCart, linker: Linker, ports: _Ports) -> Opening | Refused:
    """The open session of the shopper's verified customer, or why there is none."""
    remembered = wanted.remembered
    for _ in range(2):
        link = verified_customer(linker, wanted.user_id, remembered, wanted.since)
        if link.customer_id is None:
            return Refused(Reason.UNLINKED, checked.cart, link=link)
        try:
            offer = _opening(wanted, checked.cart, link.customer_id, ports)
        except NoSuchCustomer:
            # Deleted since it was verified a moment ago: verifying once more replaces it.
            remembered = None
            continue
        if isinstance(offer, Refused) and offer.reason in _OFF_THE_SHELF:
            return _withdrawn(wanted, offer, checked, link.customer_id, ports)
        return offer
    raise PaymentsUnavailable("the customer keeps disappearing")


def _opening(wanted: Wanted, cart: Cart, customer_id: str, ports: _Ports) -> Opening | Refused:
    """The customer's open session for this purchase, or why there is none. Raises `NoSuchCustomer`."""
    draft = SessionDraft(
        customer_id=customer_id,
        user_id=wanted.user_id,
        lines=wanted.lines,
        success_url=wanted.success_url,
        cancel_url=wanted.cancel_url,
        options=wanted.options,
        email=wanted.email,
    )
    # Before the subscriptions are read: an earlier session that has been paid by now counts as one of them.
    ended = end_other_subscriptions(ports.checkouts, draft, ports.state)
    running = _running(wanted.lines, customer_id, ports.subscriptions)
    if running and wanted.second != second_digest(running):
        return Refused(Reason.SUBSCRIBED, cart, subscriptions=running)
    unavailable = _unavailable(wanted.lines, cart, ports.checkouts)
    if unavailable is not None:
        return unavailable
    try:
        opening = open_session(ports.checkouts, draft, ports.state, now=ports.now)
    except NoSuchObject:
        return Refused(Reason.NOT_FOR_SALE, cart)
    except AmountRefused as exc:
        return Refused(Reason.TOO_LARGE if exc.too_large else Reason.TOO_SMALL, cart)
    except CurrencyRefused:
        return Refused(Reason.CURRENCY, cart)
    return replace(opening, replaced=(*ended, *opening.replaced))


def _running(
    lines: Iterable[Purchase], customer_id: str, subscriptions: Subscriptions
) -> tuple[Subscription, ...]:
    """The customer's subscriptions to products that the lines subscribe to. No call unless one does."""
    wanted = {line.product.id for line in lines if line.price.recurrence is not None}
    if not wanted:
        return ()
    return tuple(
        subscription
        for subscription in subscriptions.list_subscriptions(customer_id)
        if wanted & {item.product_id for item in subscription.items}
    )


def _unavailable(lines: Sequence[Purchase], cart: Cart, checkouts: Checkouts) -> Refused | None:
    """Read the products once more: the refusal if some of them cannot be bought now."""
    found = checkouts.availability([line.product.id for line in lines])
    ids = dict.fromkeys(line.product.id for line in lines)
    unavailable = {it: problem for it in ids if (problem := _PROBLEMS.get(found.get(it, Availability.GONE)))}
    for problem, reason in (
        (Problem.GONE, Reason.NOT_FOR_SALE),
        (Problem.OUT_OF_STOCK, Reason.OUT_OF_STOCK),
    ):
        names = [line.product.name for line in lines if unavailable.get(line.product.id) is problem]
        if names:
            return Refused(reason, cart, names=tuple(dict.fromkeys(names)), unavailable=unavailable)
    return None


def _withdrawn(
    wanted: Wanted, refused: Refused, checked: CheckedCart, customer_id: str, ports: _Ports
) -> Refused:
    """Expire the shopper's open sessions with the same goods; returns the refusal with the cart to keep."""
    cart = _without(refused.cart, _own(wanted, checked), ports.checkouts)
    gone = refused.unavailable
    # Stripe has refused a price, and does not say which one.
    one_of = () if gone else {line.price.id for line in wanted.lines}
    end_withdrawn(ports.checkouts, customer_id, wanted.user_id, gone=gone, one_of=one_of)
    return replace(refused, cart=cart)


def _own(wanted: Wanted, checked: CheckedCart) -> tuple[str, ...]:
    """The shopper's own open sessions of the cart; another user of the browser may have some as well."""
    return tuple(session.id for session in checked.open if session.owner == wanted.user_id)


def _opened(wanted: Wanted, opening: Opening, checked: CheckedCart, checkouts: Checkouts) -> Opened:
    """The open session, with the cart to keep. Other sessions of the same cart are expired."""
    session, cart = opening.session, checked.cart
    if session.url is None:
        raise PaymentsUnavailable("an open Checkout Session without an address")
    log.info("checkout number=%s session=%s customer=%s", session.number, session.id, opening.customer_id)
    for session_id in opening.replaced:
        cart = carts.without_session(cart, session_id)
    former = _own(wanted, checked) if wanted.cart is not None else ()
    cart = _without(cart, [it for it in former if it not in (session.id, *opening.replaced)], checkouts)
    if wanted.cart is not None and wanted.priced_by is not None:
        cart = carts.at_todays_prices(carts.with_session(cart, session.id), wanted.priced_by)
    return Opened(session, session.url, opening.customer_id, cart)


def _without(cart: Cart, session_ids: Sequence[str], checkouts: Checkouts) -> Cart:
    """The cart without these sessions, which are expired.

    Those that cannot be expired now stay with the cart, so that a payment in them is noticed.
    """
    with deadline.within(_EXPIRE_S):
        for session_id in expire_all(session_ids, checkouts):
            cart = carts.without_session(cart, session_id)
    return cart


def digest(lines: Iterable[Purchase]) -> str:
    """Digest of the lines; it changes when an amount, an interval or a variant does.

    A price that replaces another one of the same amount changes nothing for the shopper.
    """
    shown = [
        [line.product.id, line.quantity, asdict(line.price.money), line.price.nickname]
        + ([asdict(line.price.recurrence)] if line.price.recurrence else [])
        for line in lines
    ]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]


def second_digest(subscriptions: Iterable[Subscription]) -> str:
    """Digest of exactly these subscriptions; a form that asks for a second one carries it."""
    ids = sorted(subscription.id for subscription in subscriptions)
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:16]
