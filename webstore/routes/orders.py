"""The pages of the shopper's orders."""

from __future__ import annotations

from datetime import UTC, datetime

from babel.dates import format_date
from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeSerializer

from webstore.errors import CannotBuy, NoSuchObject, PaymentsUnavailable
from webstore.linking.models import LinkOutcome
from webstore.linking.verdicts import verdict
from webstore.shop import cart as carts
from webstore.shop import orders
from webstore.shop.numbers import where_to_look
from webstore.shop.order import OrderStatus

from . import services
from .cart_cookie import current_cart, keep_cart
from .customer import NOTHING_LOST, unusable_link
from .errors import OwnTitle, not_available, not_found
from .formats import reader_locale
from .limits import limited_per_shopper
from .login_guards import ask_provider_if_unsure, login_required
from .session_cookie import Shopper, logged_in_shopper, remember_customer

blueprint = Blueprint("orders", __name__)
blueprint.before_request(ask_provider_if_unsure)

_NOT_LOADED = "Your orders can't be loaded right now"
_NOT_LOADED_ONE = "Your order can't be loaded right now"


@blueprint.get("/orders")
@login_required
@limited_per_shopper
def show() -> ResponseReturnValue:
    """Show the shopper's orders, the newest first. `after`: the signed cursor of an older page."""
    shopper = logged_in_shopper()
    cursor = _cursor(shopper.user_id, request.args.get("after"))
    link = _link(shopper)
    if link.customer_id is None:
        return unusable_link(link, again=url_for("orders.show"), title=_NOT_LOADED)
    try:
        page = orders.page_of_orders(services().orders, shopper.user_id, link, cursor)
    except (orders.CursorUnknown, NoSuchObject):
        if cursor is None:
            raise
        return redirect(url_for("orders.show"))
    except PaymentsUnavailable as exc:
        return not_available(_NOT_LOADED, NOTHING_LOST, str(exc), request.full_path.rstrip("?"))
    catalogue = services().catalogue.current()
    named = [orders.with_variants(it, catalogue) for it in page.orders]
    return render_template(
        "orders/list.html",
        orders=named,
        products=catalogue.of_lines(line for it in named for line in it.lines),
        # Of a payment that failed, the items are the way to try again.
        offers={
            it.id: orders.bought_again(it, catalogue)
            for it in named
            if it.status is OrderStatus.FAILED and not it.to_be_paid and it.complete
        },
        older=_cursors(shopper.user_id).dumps(page.older) if page.older else None,
        first=cursor is None,
        without_invoices=page.without_invoices,
    )


@blueprint.get("/orders/<number>")
@login_required
@limited_per_shopper
def order(number: str) -> ResponseReturnValue:
    """Show one of the shopper's orders. An order of somebody else gets 404."""
    shopper = logged_in_shopper()
    written = number.upper()
    if where_to_look(written) is None:
        return _no_such_order()
    here = url_for("orders.order", number=written)
    if number != written:
        return redirect(here)
    link = _link(shopper)
    if link.customer_id is None:
        return unusable_link(link, again=here, title=_NOT_LOADED_ONE)
    try:
        found = orders.find_order(services().orders, shopper.user_id, link, number)
    except PaymentsUnavailable as exc:
        return not_available(_NOT_LOADED_ONE, NOTHING_LOST, str(exc), here)
    if found is None:
        return _no_such_order()
    catalogue = services().catalogue.current()
    return render_template(
        "orders/order.html",
        order=orders.with_variants(found, catalogue),
        products=catalogue.of_lines(found.lines),
        # While the payment is in progress, nobody knows yet whether the items have to be bought again.
        offers=[] if found.status is OrderStatus.PROCESSING else orders.bought_again(found, catalogue),
    )


@blueprint.post("/orders/again")
@login_required
def buy_again() -> ResponseReturnValue:
    """Put the items of an order into the cart: the n-th `quantity` belongs to the n-th `price`.

    What the shop does not sell any more is left out. Raises `CannotBuy` if nothing is left.
    """
    prices, texts = request.form.getlist("price"), request.form.getlist("quantity")
    if len(prices) != len(texts):
        abort(400, "Each item needs a quantity.")
    cart, catalogue = current_cart(), services().catalogue.current()
    problem = None
    for price_id, text in list(zip(prices, texts, strict=True))[: carts.MAX_LINES]:
        try:
            cart = carts.add(cart, catalogue, price_id, carts.quantity_of(text))
        except CannotBuy as exc:
            problem = exc
    if cart == current_cart():
        raise problem or CannotBuy("None of these items is available any longer.")
    keep_cart(cart)
    return redirect(url_for("cart.show", done="some" if problem else "added"), 303)


def _link(shopper: Shopper) -> LinkOutcome:
    """The shopper's verified customer, which the session remembers from now on."""
    link = verdict(services().linker, services().state, shopper.user_id, shopper.customer_id, shopper.since)
    if link.customer_id is not None:
        remember_customer(link.customer_id)
    return link


def _no_such_order() -> ResponseReturnValue:
    """The same answer for somebody else's order as for a number that does not exist."""
    return not_found(
        "We can't find this order",
        "Check its number. It may also belong to another account.",
        ("Your orders", url_for("orders.show")),
    )


@blueprint.app_template_filter("day")
def format_day(at: float) -> str:
    """The date of a Unix time in the notation of the reader's language."""
    return str(format_date(datetime.fromtimestamp(at, UTC), locale=reader_locale()))


@blueprint.app_template_filter("iso_day")
def iso_day(at: float) -> str:
    """The date of a Unix time in ISO 8601."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _cursor(user_id: str, text: str | None) -> orders.Cursor | None:
    """The cursor in a signed text. A wrong signature ends the request with 404."""
    if text is None:
        return None
    try:
        found: orders.Cursor = _cursors(user_id).loads(text)
    except BadData:
        raise OwnTitle(
            404,
            "We can't find these orders",
            "This link to older orders is not complete, or belongs to another account.",
            ("Your orders", url_for("orders.show")),
        ) from None
    return found


def _cursors(user_id: str) -> URLSafeSerializer:
    """The signer of this shopper's cursors, so that they cannot be forged."""
    settings = services().settings
    keys = [*reversed(settings.app_secret_key_fallbacks), settings.app_secret_key]
    return URLSafeSerializer(keys, salt=f"webstore-orders {user_id}")
