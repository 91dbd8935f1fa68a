"""The cart's page and what its buttons do. No login is needed, and no token: the edge refuses other sites."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webstore import cart as carts
from webstore import checkout
from webstore.checkout import Settled
from webstore.commerce import Cart
from webstore.errors import CannotBuy, OverBudget

from . import services
from .cart_cookie import current_cart, keep_cart

blueprint = Blueprint("cart", __name__)

#: Pages on which a cart is looked after whose Checkout Sessions may have been paid meanwhile.
_WATCHED = ("cart.show", "checkout.review", "shop.home", "shop.product")
#: Of these, where what was paid for already could be bought again by mistake.
_CLOSELY = ("cart.show", "checkout.review")
#: Seconds that such a page may wait for Stripe: where it matters, and in passing.
_SETTLE_CLOSELY_S, _SETTLE_S = 1.5, 0.3
_DONE = {
    "added": "It is in your cart.",
    "changed": "Your cart is up to date.",
    "removed": "It is out of your cart.",
}
_NOT_PAID = "You have not paid. Your cart is as you left it."
BOUGHT = "What you have bought is out of your cart; it is among your orders."


@blueprint.before_app_request
def take_out_what_was_bought() -> None:
    """Empty the cart of what was paid for, also where the shopper never came back from Stripe's page."""
    if request.method != "GET" or request.endpoint not in _WATCHED:
        return
    cart = current_cart()
    if not cart.sessions:
        return
    closely = request.endpoint in _CLOSELY
    due = checkout.to_ask_about(cart, services().state, closely=closely)
    if not due:
        return
    try:
        g.settled = settled(due, time.monotonic() + (_SETTLE_CLOSELY_S if closely else _SETTLE_S))
    except OverBudget:
        return
    g.was_bought = g.settled.cart.lines != cart.lines
    keep_cart(g.settled.cart)


def settled(session_ids: Sequence[str], ends: float) -> Settled:
    """This browser's cart after a look at these Checkout Sessions. Raises `OverBudget` after `ends`."""
    work = partial(
        checkout.settle, current_cart(), session_ids, services().checkouts, services().state, ends=ends
    )
    return services().shop.run(work, checkout.time_left(ends))


@blueprint.get("/cart")
def show() -> str:
    """What is in the cart, at today's prices."""
    return page(current_cart(), done=_done(request.args.get("done", "")))


def _done(what: str) -> str | None:
    """What is said of what was just done; that somebody has not paid only where Stripe says so now."""
    if g.get("was_bought"):
        return BOUGHT
    if what == "canceled":
        return _NOT_PAID if "settled" in g and g.settled.known and g.settled.open else None
    return _DONE.get(what)


@blueprint.post("/cart/add")
def add() -> Response | tuple[str, int]:
    """Put `quantity` pieces (default 1) at the price with the ID `price` into the cart."""
    try:
        quantity = carts.quantity_of(request.form.get("quantity", "1"))
        price_id = request.form.get("price", "")
        keep_cart(carts.add(current_cart(), services().catalogue.current(), price_id, quantity))
    except CannotBuy as exc:
        return page(current_cart(), problem=str(exc)), 400
    return redirect(url_for("cart.show", done="added"), 303)


@blueprint.post("/cart/change")
def change() -> Response | tuple[str, int]:
    """Set the quantities: each `price` with the `quantity` at the same place; 0 takes it out."""
    prices, texts = request.form.getlist("price"), request.form.getlist("quantity")
    if len(prices) != len(texts):
        abort(400, "Each item needs a quantity.")
    try:
        quantities = {
            price: carts.quantity_of(text, least=0) for price, text in zip(prices, texts, strict=True)
        }
    except CannotBuy as exc:
        return page(current_cart(), problem=str(exc)), 400
    cart, catalogue = current_cart(), services().catalogue.current()
    changed = carts.change(cart, quantities)
    # What has changed since the page was opened is told on the next one.
    if request.form.get("seal") == checkout.seal(carts.purchases(carts.against(cart, catalogue))):
        changed = carts.at_todays_prices(changed, catalogue)
    keep_cart(changed)
    return redirect(url_for("cart.show", done="changed"), 303)


@blueprint.post("/cart/remove")
def remove() -> Response:
    """Take the line with the ID `price` out."""
    keep_cart(carts.remove(current_cart(), request.form.get("price", "")))
    return redirect(url_for("cart.show", done="removed"), 303)


def page(cart: Cart, *, done: str | None = None, problem: str | None = None) -> str:
    """The cart's page, with what was done or could not be done."""
    rows = carts.against(cart, services().catalogue.current()) if cart.lines else ()
    bought = carts.purchases(rows)
    return render_template(
        "cart/show.html",
        rows=rows,
        total=carts.total_of(bought),
        seal=checkout.seal(bought),
        done=done,
        problem=problem,
    )
