"""The checkout of the cart or of one item, up to Stripe's payment page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webstore.errors import CannotBuy
from webstore.shop import cart as carts
from webstore.shop.cart import Problem, Row
from webstore.shop.checkout import (
    Opened,
    Reason,
    Refused,
    Wanted,
    buy,
    digest,
    second_digest,
)
from webstore.shop.earlier_sessions import end_unavailable
from webstore.shop.models import CartLine, Catalogue, Purchase
from webstore.shop.subscriptions import shown

from . import services
from .cart import BOUGHT, keep_todays_prices
from .cart import page as cart_page
from .cart_cookie import current_cart, keep_cart
from .checkout_result import success_url
from .csrf import require_csrf_token
from .customer import unusable_link
from .errors import login_first
from .limits import limited_per_shopper
from .login_guards import ask_provider_if_unsure
from .paid_items import drops_paid_items, was_bought
from .session_cookie import Shopper, current_shopper, remember_customer

blueprint = Blueprint("checkout", __name__, url_prefix="/checkout")
blueprint.before_request(ask_provider_if_unsure)

_WORDS = {
    Reason.ALREADY_PAID: "You have already paid for this order. See your orders.",
    Reason.CHANGED: "Your order has changed since you opened this page. "
    "Please check it again before you pay.",
    Reason.NOT_FOR_SALE: "One item is no longer available, so your order was not placed. "
    "Please check what is left and try again.",
    Reason.OUT_OF_STOCK: "One item has just sold out, so your order was not placed. "
    "Please check what is left and try again.",
    Reason.TOO_SMALL: "This total is too small for a payment, so your order was not placed. "
    "Add more items and try again.",
    Reason.TOO_LARGE: "This total is too large for one payment, so your order was not placed. "
    "Order fewer items and try again.",
    Reason.CURRENCY: "You already pay in another currency, for example for a subscription, and an "
    "account can use only one currency. Your order was not placed. Choose another item, or cancel the "
    "subscription first under “Billing and subscriptions” in your account.",
}


@dataclass(frozen=True, slots=True)
class _Choice:
    """The items that the shopper is about to buy: the cart, or one item."""

    #: The order leaves out those that cannot be bought. They stay in the cart.
    rows: tuple[Row, ...]
    #: The query parameters of this choice's review page; empty for the cart.
    query: dict[str, Any]
    catalogue: Catalogue
    #: Problems of products, by ID, that a refusal has just found and the catalogue may not know yet. The
    #: page's form sends them again, so that the next order is the one that the page shows.
    set_aside: Mapping[str, Problem] = field(default_factory=dict)

    def without(self, problems: Mapping[str, Problem]) -> _Choice:
        """The choice without these products, by ID. The cart keeps them."""
        here = {row.product.id for row in self.rows if row.product is not None}
        known = {**self.set_aside, **{it: problem for it, problem in problems.items() if it in here}}
        return replace(self, rows=carts.set_aside(self.rows, known), set_aside=known)

    @property
    def purchases(self) -> tuple[Purchase, ...]:
        return carts.purchases(self.rows)

    @property
    def from_cart(self) -> bool:
        return not self.query

    @property
    def address(self) -> str:
        """The path of the review page of this choice."""
        return url_for("checkout.review", **self.query)


@blueprint.get("")
@drops_paid_items(closely=True)
def review() -> Response | str | tuple[str, int]:
    """Show the items at today's prices: the cart, or `quantity` pieces of the price with the ID `price`."""
    choice = _choice(request.args.get("price"), request.args.get("quantity", "1"))
    if not choice.rows:
        return redirect(url_for("cart.show"))
    page = _page(choice, problem=BOUGHT if was_bought() else None)
    if choice.from_cart:
        # The page has shown the changes; the cart's page does not show them again.
        keep_todays_prices(current_cart(), choice.catalogue)
    return page


@blueprint.post("")
@limited_per_shopper
def start() -> ResponseReturnValue:
    """Create a Checkout Session for the shopper's customer and redirect to its payment page."""
    price_id, shopper = request.form.get("price"), current_shopper()
    try:
        choice = _choice(price_id, request.form.get("quantity", "1"))
    except CannotBuy:
        if shopper is not None and price_id is not None:
            require_csrf_token()
            _end_payments(shopper, [price_id])
        raise
    if shopper is None:
        return login_first(choice.address)
    require_csrf_token()
    choice = choice.without({it: problem for problem in Problem for it in request.form.getlist(problem)})
    if not choice.purchases:
        _end_payments(shopper, [row.line.price_id for row in choice.rows])
        return redirect(choice.address, 303)
    shop = services()
    result = buy(
        _wanted(choice, shopper),
        linker=shop.linker,
        checkouts=shop.checkouts,
        subscriptions=shop.subscriptions,
        catalogue=shop.catalogue,
        state=shop.state,
    )
    if choice.from_cart:
        keep_cart(result.cart)
    if isinstance(result, Opened):
        remember_customer(result.customer_id)
        return redirect(result.url, 303)
    return _refusal(result, choice)


def _end_payments(shopper: Shopper, prices: Sequence[str]) -> None:
    shop = services()
    end_unavailable(shop.checkouts, shop.catalogue.current(), shopper.customer_id, shopper.user_id, prices)


def _choice(price_id: str | None, quantity: str) -> _Choice:
    """The cart, or the one item with this price ID.

    Raises `CannotBuy` if the one item cannot be bought. A cart shows such items in its rows.
    """
    catalogue = services().catalogue.current()
    if price_id is None:
        return _Choice(carts.against(current_cart(), catalogue), {}, catalogue)
    bought = carts.purchase_of(catalogue, price_id, carts.quantity_of(quantity))
    line = CartLine(price_id, bought.quantity, bought.price.money)
    row = Row(line, bought.product, bought.price)
    return _Choice((row,), {"price": price_id, "quantity": bought.quantity}, catalogue)


def _wanted(choice: _Choice, shopper: Shopper) -> Wanted:
    """The purchase that the form asks for."""
    bought = choice.purchases
    back = (
        url_for("cart.show", done="canceled")
        if choice.from_cart
        else url_for("shop.product", product_id=bought[0].product.id)
    )
    return Wanted(
        user_id=shopper.user_id,
        lines=bought,
        success_url=success_url(),
        cancel_url=f"{services().settings.base_url}{back}",
        options=services().settings.checkout,
        email=shopper.email,
        remembered=shopper.customer_id,
        since=shopper.since,
        cart=current_cart() if choice.from_cart else None,
        priced_by=choice.catalogue,
        shown=request.form.get("digest", ""),
        second=request.form.get("second", ""),
    )


def _refusal(refused: Refused, choice: _Choice) -> ResponseReturnValue:
    """The page that says why the purchase was refused."""
    if refused.link is not None:
        return unusable_link(
            refused.link,
            again=choice.address,
            title="Checkout can't be opened right now",
            message="You have not been charged, and your cart is saved. Try again in a minute.",
        )
    if refused.reason is Reason.ALREADY_PAID:
        return cart_page(refused.cart, problem=_WORDS[refused.reason]), 409
    if refused.reason is Reason.SUBSCRIBED:
        return _subscribed(refused, choice), 409
    choice = choice.without(refused.unavailable)
    problem = _problem(refused, choice)
    if refused.reason is Reason.CHANGED and any(row.before for row in choice.rows):
        # The page's notice says what has changed.
        problem = "You have not been charged. Please check your order again before you pay."
    return _page(choice, problem=problem), 409


def _problem(refused: Refused, choice: _Choice) -> str:
    """The words for a refusal; items that cannot be bought are named if their names are known."""
    if not refused.names:
        return _WORDS[refused.reason]
    names = " and ".join(f"“{name}”" for name in refused.names)
    many = len(refused.names) > 1
    what = (
        f"{'are' if many else 'is'} out of stock"
        if refused.reason is Reason.OUT_OF_STOCK
        else f"{'are' if many else 'is'} no longer available"
    )
    left = " Please check what is left and try again." if choice.purchases else ""
    return f"{names} {what}, so your order was not placed.{left}"


def _subscribed(refused: Refused, choice: _Choice) -> str:
    """The page about running subscriptions to what the shopper wants to subscribe to."""
    return render_template(
        "checkout/subscribed.html",
        subscriptions=[shown(subscription, choice.catalogue) for subscription in refused.subscriptions],
        second=second_digest(refused.subscriptions),
        purchases=choice.purchases,
        digest=digest(choice.purchases),
        query=choice.query,
        set_aside=choice.set_aside,
    )


def _page(choice: _Choice, problem: str | None = None) -> str:
    """Render the review page, with a message about a problem."""
    bought = choice.purchases
    return render_template(
        "checkout/review.html",
        rows=choice.rows,
        purchases=bought,
        total=carts.total_of(bought),
        options=services().settings.checkout,
        query=choice.query,
        digest=digest(bought),
        set_aside=choice.set_aside,
        problem=problem,
        address=choice.address,
    )
