"""The cart page and its forms. They need no login and no CSRF token: `edge.py` refuses other sites."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webstore.errors import CannotBuy
from webstore.shop import cart as carts
from webstore.shop.checkout import digest
from webstore.shop.models import Cart

from . import services
from .cart_cookie import current_cart, keep_cart
from .paid_items import drops_paid_items, is_unpaid, was_bought
from .session_cookie import ask_provider_if_unsure

blueprint = Blueprint("cart", __name__)
blueprint.before_request(ask_provider_if_unsure)

_DONE = {
    "added": "It is in your cart.",
    "changed": "Your cart is up to date.",
    "removed": "It is out of your cart.",
}
_NOT_PAID = "You have not paid. Your cart is as you left it."
BOUGHT = "What you have bought is out of your cart; it is among your orders."


@blueprint.get("/cart")
@drops_paid_items(closely=True)
def show() -> str:
    """Show the cart's items at today's prices."""
    return page(current_cart(), done=_done(request.args.get("done", "")))


def _done(what: str) -> str | None:
    """The message for the parameter `done`. "You have not paid" is shown only if Stripe has just said so."""
    if was_bought():
        return BOUGHT
    if what == "canceled":
        return _NOT_PAID if is_unpaid() else None
    return _DONE.get(what)


@blueprint.post("/cart/add")
def add() -> Response | tuple[str, int]:
    """Put `quantity` pieces (default 1) of the price with the ID `price` into the cart."""
    try:
        quantity = carts.quantity_of(request.form.get("quantity", "1"))
        price_id = request.form.get("price", "")
        keep_cart(carts.add(current_cart(), services().catalogue.current(), price_id, quantity))
    except CannotBuy as exc:
        return page(current_cart(), problem=str(exc)), 400
    return redirect(url_for("cart.show", done="added"), 303)


@blueprint.post("/cart/change")
def change() -> Response | tuple[str, int]:
    """Set the quantities: the n-th `quantity` belongs to the n-th `price`. 0 removes the line."""
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
    # A price that has changed since the page was opened is shown as changed on the next page.
    if request.form.get("digest") == digest(carts.purchases(carts.against(cart, catalogue))):
        changed = carts.at_todays_prices(changed, catalogue)
    keep_cart(changed)
    return redirect(url_for("cart.show", done="changed"), 303)


@blueprint.post("/cart/remove")
def remove() -> Response:
    """Remove the line with the ID `price`."""
    keep_cart(carts.remove(current_cart(), request.form.get("price", "")))
    return redirect(url_for("cart.show", done="removed"), 303)


def page(cart: Cart, *, done: str | None = None, problem: str | None = None) -> str:
    """Render the cart page, with a message about an action that was done or failed."""
    rows = carts.against(cart, services().catalogue.current()) if cart.lines else ()
    bought = carts.purchases(rows)
    return render_template(
        "cart/show.html",
        rows=rows,
        total=carts.total_of(bought),
        digest=digest(bought),
        done=done,
        problem=problem,
    )
