"""The cart page and its forms. They need no login and no CSRF token: `edge.py` refuses other sites."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webstore.errors import CannotBuy
from webstore.shop import cart as carts
from webstore.shop.cart import Row
from webstore.shop.models import Cart, CartLine, Catalogue

from . import services
from .cart_cookie import current_cart, keep_cart
from .login_guards import ask_provider_if_unsure
from .paid_items import drops_paid_items, is_unpaid, was_bought

blueprint = Blueprint("cart", __name__)
blueprint.before_request(ask_provider_if_unsure)

_DONE = {
    "added": "Added to your cart.",
    "some": "Added to your cart, apart from items that are no longer available.",
    "changed": "Cart updated.",
    "removed": "Removed from your cart.",
}
BOUGHT = "Thank you for your purchase. Its items have left your cart; see your orders."
#: Comes before the price ID in the value of a line's "Remove" button.
_REMOVE = "remove "


@dataclass(frozen=True, slots=True)
class _Field:
    """A line's quantity field after a form with a wrong quantity."""

    #: The typed text.
    text: str
    wrong: bool


@blueprint.get("/cart")
@drops_paid_items(closely=True)
def show() -> str:
    """Show the cart's items at today's prices."""
    what = request.args.get("done", "")
    # "You have not been charged" is shown only if Stripe has just said so.
    unpaid = what == "canceled" and is_unpaid()
    return page(current_cart(), done=BOUGHT if was_bought() else _DONE.get(what), unpaid=unpaid)


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
    """Save all quantities, then do what the button says: `do` is "checkout", "remove PRICE_ID" or "update".

    If a quantity is wrong, nothing is saved, and the page shows the typed quantities again.
    """
    cart, what = current_cart(), request.form.get("do", "update")
    removed = carts.line_of(cart, what.removeprefix(_REMOVE)) if what.startswith(_REMOVE) else None
    quantities, fields = {}, {}
    for sent_id, line, text in _sent_lines(cart):
        if what == _REMOVE + sent_id:
            removed = line
        wrong = False
        try:
            quantities[line.price_id] = carts.quantity_of(text, least=0)
        except CannotBuy:
            # The quantity of a line that is removed does not matter.
            wrong = line != removed
        fields[line.price_id] = _Field(text, wrong)
    if any(field.wrong for field in fields.values()):
        return page(cart, fields=fields), 400
    if removed is not None:
        quantities[removed.price_id] = 0
    cart = carts.change(cart, quantities)
    keep_cart(cart)
    if what == "checkout" and cart.lines:
        return redirect(url_for("checkout.review"), 303)
    return redirect(url_for("cart.show", done="changed" if removed is None else "removed"), 303)


@blueprint.post("/cart/remove")
def remove() -> Response:
    """Remove the line with the ID `price`. Pages of earlier releases have a form for each line."""
    keep_cart(carts.remove(current_cart(), request.form.get("price", "")))
    return redirect(url_for("cart.show", done="removed"), 303)


def _sent_lines(cart: Cart) -> list[tuple[str, CartLine, str]]:
    """The form's price IDs and quantities as texts, each with its line of the cart.

    The n-th `quantity` belongs to the n-th `price` and `product`. Lines that are not in the cart any more are
    left out.
    """
    prices, products, texts = (request.form.getlist(name) for name in ("price", "product", "quantity"))
    if len(prices) != len(texts) or len(products) > len(prices):
        abort(400, "Each item needs a quantity.")
    found = []
    for price_id, product_id, text in zip_longest(prices, products, texts):
        line = carts.line_of(cart, price_id, product_id)
        if line is not None:
            found.append((price_id, line, text))
    return found


def page(
    cart: Cart,
    *,
    done: str | None = None,
    unpaid: bool = False,
    problem: str | None = None,
    fields: Mapping[str, _Field] = MappingProxyType({}),
) -> str:
    """Render the cart page, with a message about an action that was done or failed.

    `unpaid`: say that nothing was paid. `fields`: by price ID, typed quantities that are not saved; the page
    names those that are wrong. It says which prices have changed, and keeps the cart at today's prices, so
    that no other page says it again.
    """
    rows: tuple[Row, ...] = ()
    changed: tuple[Row, ...] = ()
    typed: dict[str, _Field] = {}
    if cart.lines:
        catalogue = services().catalogue.current()
        changed = carts.against(cart, catalogue)
        typed = {row.price_id: fields[row.line.price_id] for row in changed if row.line.price_id in fields}
        rows = carts.against(keep_todays_prices(cart, catalogue), catalogue)
    wrong = [row.name or "an item" for row in rows if row.price_id in typed and typed[row.price_id].wrong]
    if not wrong and any(field.wrong for field in fields.values()):
        wrong = ["an item"]  # two lines have become one
    bought = carts.purchases(rows)
    return render_template(
        "cart/show.html",
        rows=rows,
        changed=changed,
        total=carts.total_of(bought),
        done=done,
        unpaid=unpaid,
        problem=_wrong_quantity(wrong) if wrong else problem,
        fields=typed,
        max_quantity=carts.MAX_QUANTITY,
    )


def _wrong_quantity(names: list[str]) -> str:
    """What to do about wrong quantities of these items."""
    return (
        f"Enter a quantity from 0 to {carts.MAX_QUANTITY} for {' and '.join(dict.fromkeys(names))}. "
        "Your changes are not saved yet."
    )


def keep_todays_prices(cart: Cart, catalogue: Catalogue) -> Cart:
    """Keep the cart at today's prices, because the page says which ones have changed; returns that cart."""
    cart = carts.at_todays_prices(cart, catalogue)
    # Nobody sees the page of a HEAD request.
    if request.method != "HEAD":
        with suppress(CannotBuy):
            keep_cart(cart)
    return cart
