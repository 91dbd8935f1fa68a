"""The cart's page and what its buttons do. No login is needed, and no token: the edge refuses other sites."""

from __future__ import annotations

from functools import partial

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webstore import cart as carts
from webstore import checkout
from webstore.commerce import Cart
from webstore.errors import CannotBuy, OverBudget

from . import services
from .cart_cookie import current_cart, keep_cart

blueprint = Blueprint("cart", __name__)

#: Pages on which a cart is looked after whose Checkout Sessions may have been paid meanwhile.
_WATCHED = ("cart.show", "checkout.review", "shop.home", "shop.product")
#: Of these, where what was paid for already could be bought again by mistake.
_CLOSELY = ("cart.show", "checkout.review")
#: Seconds that such a page may wait for Stripe.
_SETTLE_S = 2.0
_DONE = {
    "added": "It is in your cart.",
    "changed": "Your cart is up to date.",
    "removed": "It is out of your cart.",
    "canceled": "You have not paid. Your cart is as you left it.",
}


@blueprint.before_app_request
def take_out_what_was_bought() -> None:
    """Empty the cart of what was paid for, also where the shopper never came back from Stripe's page."""
    if request.method != "GET" or request.endpoint not in _WATCHED:
        return
    cart = current_cart()
    if not cart.sessions:
        return
    due = checkout.to_ask_about(cart, services().state, closely=request.endpoint in _CLOSELY)
    if due:
        work = partial(
            checkout.after_purchases, cart, due, checkouts=services().checkouts, state=services().state
        )
        try:
            keep_cart(services().shop.run(work, _SETTLE_S))
        except OverBudget:
            return


@blueprint.get("/cart")
def show() -> str:
    """What is in the cart, at today's prices."""
    return _page(current_cart(), done=_DONE.get(request.args.get("done", "")))


@blueprint.post("/cart/add")
def add() -> Response | tuple[str, int]:
    """Put `quantity` pieces (default 1) at the price with the ID `price` into the cart."""
    try:
        quantity = carts.quantity_of(request.form.get("quantity", "1"))
        price_id = request.form.get("price", "")
        keep_cart(carts.add(current_cart(), services().catalogue.current(), price_id, quantity))
    except CannotBuy as exc:
        return _page(current_cart(), problem=str(exc)), 400
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
        return _page(current_cart(), problem=str(exc)), 400
    catalogue = services().catalogue.current()
    keep_cart(carts.at_todays_prices(carts.change(current_cart(), quantities), catalogue))
    return redirect(url_for("cart.show", done="changed"), 303)


@blueprint.post("/cart/remove")
def remove() -> Response:
    """Take the line with the ID `price` out."""
    keep_cart(carts.remove(current_cart(), request.form.get("price", "")))
    return redirect(url_for("cart.show", done="removed"), 303)


def _page(cart: Cart, *, done: str | None = None, problem: str | None = None) -> str:
    rows = carts.against(cart, services().catalogue.current()) if cart.lines else ()
    bought = carts.purchases(rows)
    return render_template(
        "cart/show.html", rows=rows, total=carts.total_of(bought), done=done, problem=problem
    )
