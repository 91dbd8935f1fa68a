"""From the cart, or from one product, to Stripe's payment page and back."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webstore import cart as carts
from webstore import checkout
from webstore.budget import PAGE_S
from webstore.cart import Row
from webstore.checkout import Settled
from webstore.commerce import CartLine, Catalogue, CheckoutSession, Purchase, SessionStatus
from webstore.errors import (
    AmountRefused,
    CannotBuy,
    NoSuchObject,
    OverBudget,
    PaymentsError,
    PaymentsUnavailable,
    StateUnavailable,
)
from webstore.ports import SessionDraft

from . import services
from .cart import BOUGHT, page, settled
from .cart_cookie import current_cart, keep_cart
from .customer import unusable_link
from .limits import paced
from .shopper import csrf_matches, current_shopper, login_required, remember_customer, the_shopper

blueprint = Blueprint("checkout", __name__, url_prefix="/checkout")

_CHANGED = "Something has changed since you opened this page. Please look at it again before you pay."
_GONE = (
    "Something that you wanted to buy has just been taken off the shelf, so nothing was ordered. "
    "Look at what is left, and try again."
)
_AMOUNT = (
    "This total cannot be paid in one payment: it is too small or too large for that. "
    "Nothing was ordered; change what you buy, and try again."
)
_PAID = "You have already paid for this; it is among your orders."
#: Seconds that it may take to end the Checkout Sessions that a new one takes the place of.
_EXPIRE_S = 1.5


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is about to be bought: the cart, or one thing."""

    rows: tuple[Row, ...]
    #: The query that leads to the same page again; empty for the cart.
    query: dict[str, Any]

    @property
    def purchases(self) -> tuple[Purchase, ...]:
        return carts.purchases(self.rows)

    @property
    def from_cart(self) -> bool:
        return not self.query


@blueprint.get("")
def review() -> Response | str | tuple[str, int]:
    """What is bought at today's prices: the cart, or `quantity` pieces at the price with the ID `price`."""
    catalogue = services().catalogue.current()
    wanted = _wanted(catalogue, request.args.get("price"), request.args.get("quantity", "1"))
    if not wanted.rows:
        return redirect(url_for("cart.show"))
    return _page(wanted, problem=BOUGHT if g.get("was_bought") else None)


@blueprint.post("")
@paced
def start() -> Response | tuple[str, int]:
    """Open a Checkout Session for the shopper's customer and go there."""
    ends = time.monotonic() + PAGE_S
    catalogue = services().catalogue.current()
    wanted = _wanted(catalogue, request.form.get("price"), request.form.get("quantity", "1"))
    address = url_for("checkout.review", **wanted.query)
    shopper = current_shopper()
    if shopper is None:
        return redirect(url_for("auth.login", next=address), 303)
    if not csrf_matches(request.form.get("csrf_token", "")):
        abort(400, "This form is out of date. Go back, reload the page and try again.")
    if not wanted.purchases:
        return redirect(address, 303)
    # Nobody buys from an old page what they have paid for since.
    before = Settled(current_cart())
    if wanted.from_cart and before.cart.sessions:
        before = settled(before.cart.sessions, ends)
        was_bought = before.cart.lines != current_cart().lines
        keep_cart(before.cart)
        if was_bought:
            return page(before.cart, problem=_PAID), 409
        if not before.known:
            raise PaymentsUnavailable("the cart may have been paid for")
    # Nobody pays another price than the one that was on the page.
    if request.form.get("seal", "") not in ("", checkout.seal(wanted.purchases)):
        return _page(wanted, problem=_CHANGED), 409
    try:
        begun = checkout.begin(
            services().linker,
            services().checkouts,
            services().shop,
            _draft(wanted, shopper.user_id, shopper.email),
            shopper.customer_id,
            ends=ends,
        )
    except NoSuchObject:
        with suppress(StateUnavailable):
            services().catalogue.forget()
        return _page(wanted, problem=_GONE), 409
    except AmountRefused:
        return _page(wanted, problem=_AMOUNT), 409
    except CannotBuy as exc:
        return _page(wanted, problem=str(exc)), 409
    if begun.session is None:
        return unusable_link(begun.link, again=address)
    remember_customer(begun.link.customer_id)
    if begun.session.url is None:
        raise PaymentsUnavailable("an open Checkout Session without an address")
    if wanted.from_cart:
        _take_the_place(begun.session, [it for it in before.open if it.owner == shopper.user_id], ends)
        keep_cart(carts.at_todays_prices(current_cart(), catalogue))
    return redirect(begun.session.url, 303)


@blueprint.get("/success")
@login_required
@paced
def success() -> str | tuple[str, int]:
    """How the purchase stands; for its owner alone, and as often as they look."""
    session_id, shopper = request.args.get("session_id", ""), the_shopper()
    if not checkout.SESSION_ID.fullmatch(session_id):
        abort(404)
    try:
        session = services().shop.run(partial(services().checkouts.get_session, session_id), PAGE_S)
    except NoSuchObject:
        abort(404)
    except (PaymentsError, OverBudget):
        return render_template("checkout/unknown.html"), 503
    if session.owner != shopper.user_id:
        abort(404)
    keep_cart(checkout.after_purchase(current_cart(), session, services().state))
    how = {SessionStatus.OPEN: "open", SessionStatus.EXPIRED: "expired"}.get(
        session.status, "paid" if session.settled else "processing"
    )
    return render_template("checkout/success.html", order=session, how=how)


def _take_the_place(session: CheckoutSession, others: list[CheckoutSession], ends: float) -> None:
    """Let the cart lead to this Checkout Session; the `others` can be paid no more.

    Those that cannot be ended now stay with the cart, which asks about them.
    """
    cart = current_cart()
    over = [it for it in others if it.id != session.id]
    with suppress(OverBudget):
        ends = min(ends, time.monotonic() + _EXPIRE_S)
        expire = partial(checkout.expire, over, services().checkouts, ends)
        for session_id in services().shop.run(expire, checkout.time_left(ends)) if over else ():
            cart = carts.without_session(cart, session_id)
    keep_cart(carts.with_session(cart, session.id))


def _wanted(catalogue: Catalogue, price_id: str | None, quantity: str) -> _Wanted:
    """Raises `CannotBuy` about one thing; a cart says in its rows what is wrong with it."""
    if price_id is None:
        return _Wanted(carts.against(current_cart(), catalogue), {})
    bought = carts.purchase_of(catalogue, price_id, carts.quantity_of(quantity))
    line = CartLine(price_id, bought.quantity, bought.price.money)
    row = Row(line, bought.product, bought.price)
    return _Wanted((row,), {"price": price_id, "quantity": bought.quantity})


def _draft(wanted: _Wanted, user_id: str, email: str | None) -> SessionDraft:
    base, bought = services().settings.base_url, wanted.purchases
    back = (
        url_for("cart.show", done="canceled")
        if wanted.from_cart
        else url_for("shop.product", product_id=bought[0].product.id)
    )
    return SessionDraft(
        customer_id="",
        user_id=user_id,
        lines=bought,
        # Stripe puts the ID in the place of the braces, which must not be percent-encoded.
        success_url=f"{base}{url_for('checkout.success')}?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=f"{base}{back}",
        options=services().settings.checkout,
        email=email,
    )


def _page(wanted: _Wanted, problem: str | None = None) -> str:
    bought = wanted.purchases
    return render_template(
        "checkout/review.html",
        rows=wanted.rows,
        purchases=bought,
        total=carts.total_of(bought),
        recurring=any(item.price.recurrence for item in bought),
        options=services().settings.checkout,
        query=wanted.query,
        seal=checkout.seal(bought),
        problem=problem,
        address=url_for("checkout.review", **wanted.query),
    )
