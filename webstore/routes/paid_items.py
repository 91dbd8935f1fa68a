"""Removes paid items from carts, even if the shopper did not return from Stripe's page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Flask, current_app, g, request

from webstore import deadline
from webstore.shop.cart_sessions import CheckedCart, sessions_to_read, without_paid_items
from webstore.shop.session_readings import Asker, SessionReadings

from . import services
from .cart_cookie import current_cart, keep_cart
from .errors import noted
from .limits import client_address, shopper_key
from .session_cookie import current_shopper

P = ParamSpec("P")
T = TypeVar("T")

_KEY = "webstore_session_readings"
#: Seconds that a page may wait for Stripe: if paid items could be bought again there, and otherwise.
_CLOSELY_S, _IN_PASSING_S = 1.5, 0.3


def install_readings(app: Flask) -> None:
    """Give the application its memory of the Checkout Sessions that pages have read."""
    app.extensions[_KEY] = SessionReadings()


def drops_paid_items(*, closely: bool) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a view so that it first removes paid items from the cart.

    `closely`: ask for every Checkout Session of the cart, because paid items could be bought again on this
    page by mistake. Other pages ask only for the sessions that are due. `SessionReadings` bounds the calls.
    """

    def decorate(view: Callable[P, T]) -> Callable[P, T]:
        @wraps(view)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
            if request.method == "GET":
                _remove_paid_items(closely=closely)
            return view(*args, **kwargs)

        return wrapped

    return decorate


def was_bought() -> bool:
    """Whether this request has removed paid items from the cart."""
    return bool(g.get("was_bought"))


def is_unpaid() -> bool:
    """Whether Stripe has just said that a Checkout Session of this cart is open: the shopper has not paid."""
    checked: CheckedCart | None = g.get("checked_cart")
    return checked is not None and checked.complete and bool(checked.open)


def _remove_paid_items(*, closely: bool) -> None:
    """Remove paid items from the cart, and keep the result in `g` for `was_bought` and `is_unpaid`."""
    cart = current_cart()
    if not cart.sessions:
        return
    state = services().state
    due = sessions_to_read(cart, state, closely=closely)
    if not due:
        return
    readings: SessionReadings = current_app.extensions[_KEY]
    reader = readings.reader(_asker(), services().checkouts, state)
    with deadline.within(_CLOSELY_S if closely else _IN_PASSING_S):
        checked = without_paid_items(cart, due, reader, state)
    if checked.refusal is not None:
        # The page is shown all the same.
        noted("refused", f"{type(checked.refusal).__name__}: {checked.refusal}", logging.ERROR)
    g.checked_cart = checked
    g.was_bought = checked.cart.lines != cart.lines
    keep_cart(checked.cart)


def _asker() -> Asker:
    """For whom this request reads Checkout Sessions: the shopper, or a stranger at an address."""
    shopper = current_shopper()
    if shopper is None:
        return Asker(client_address(), stranger=True)
    return Asker(shopper_key(shopper), stranger=False)
