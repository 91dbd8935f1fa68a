"""Keeps a browser's cart in a separate signed cookie, which logins and logouts do not change."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from flask import after_this_request, g, request
from flask.wrappers import Response
from itsdangerous import BadData, URLSafeTimedSerializer

from webstore.errors import CannotBuy
from webstore.settings import Settings
from webstore.shop.cart import MAX_LINES, MAX_QUANTITY, MAX_SESSIONS
from webstore.shop.models import Cart, CartLine, Money, Recurrence

from . import services

#: Seconds for which a browser keeps the cart.
KEPT_S = 30 * 24 * 3600
#: Browsers keep 4,096 bytes of a cookie with its name and attributes, RFC 6265 section 6.1. The bytes that
#: the lines do not use are for the IDs of Checkout Sessions. Names give way if there are too few bytes.
MAX_BYTES, MAX_BYTES_OF_LINES = 2900, 2400


def current_cart() -> Cart:
    """The cart of this request's browser; empty if its cookie is missing, tampered with or too old."""
    found: Cart | None = g.get("cart")
    if found is None:
        text = request.cookies.get(_name(services().settings), "")
        found = g.cart = _parsed(text) if 0 < len(text) <= MAX_BYTES else Cart()
    return found


def keep_cart(cart: Cart) -> None:
    """Store this cart in the browser with the current response. Raises `CannotBuy` if it is too large."""
    cart = _fitting(cart)
    if cart == current_cart():
        return
    g.cart = cart
    if "cart_is_kept" not in g:
        g.cart_is_kept = True
        after_this_request(_set_cookie)


def _fitting(cart: Cart) -> Cart:
    """The cart without the names, and then the Checkout Sessions, for which the cookie has no space."""
    while not _fits(cart):
        named = [line for line in cart.lines if line.name is not None]
        if named:
            longest = max(named, key=lambda line: len(line.name or ""))
            lines = (replace(line, name=None) if line is longest else line for line in cart.lines)
            cart = replace(cart, lines=tuple(lines))
        elif cart.sessions and _lines_fit(cart):
            cart = replace(cart, sessions=cart.sessions[1:])
        else:
            raise CannotBuy("Your cart is full. Check out first, or remove an item.")
    return cart


def _fits(cart: Cart) -> bool:
    return len(_text(cart)) <= MAX_BYTES and _lines_fit(cart)


def _lines_fit(cart: Cart) -> bool:
    return len(_text(replace(cart, sessions=()))) <= MAX_BYTES_OF_LINES


def sent_a_cart() -> bool:
    """Whether this request has a cart cookie, valid or not."""
    return _name(services().settings) in request.cookies


def _set_cookie(response: Response) -> Response:
    settings, cart = services().settings, current_cart()
    name = _name(settings)
    if cart == Cart():
        response.delete_cookie(name, secure=settings.secure, httponly=True, samesite="Lax")
    else:
        response.set_cookie(
            name, _text(cart), max_age=KEPT_S, secure=settings.secure, httponly=True, samesite="Lax"
        )
    return response


def _name(settings: Settings) -> str:
    return settings.cookie_name("cart")


def _serializer() -> URLSafeTimedSerializer:
    settings = services().settings
    keys = [*reversed(settings.app_secret_key_fallbacks), settings.app_secret_key]
    return URLSafeTimedSerializer(keys, salt="webstore-cart")


def _text(cart: Cart) -> str:
    """The cart as the signed text of the cookie."""
    lines = [
        [
            line.price_id,
            line.quantity,
            line.seen.amount,
            line.seen.currency,
            line.product_id,
            *([line.recurrence.interval, line.recurrence.count] if line.recurrence else []),
            *([line.variant] if line.variant else []),
            # In a list of its own: the only place of a line that is one.
            *([[line.name]] if line.name else []),
        ]
        for line in cart.lines
    ]
    text: str = _serializer().dumps([lines, list(cart.sessions)])
    return text


def _parsed(text: str) -> Cart:
    """The cart in the text of a cookie; empty if it cannot be read."""
    try:
        lines, sessions = _serializer().loads(text, max_age=KEPT_S)
        cart = Cart(_valid_lines(lines), tuple(map(str, sessions)))
        "".join(cart.sessions).encode()
    except (BadData, ValueError, TypeError, LookupError):
        # All but the first error: an older release of the store signed the cookie, in another format.
        return Cart()
    fits = len(cart.lines) <= MAX_LINES and len(cart.sessions) <= MAX_SESSIONS
    return cart if fits else Cart()


def _valid_lines(stored: Iterable[Any]) -> tuple[CartLine, ...]:
    """The valid lines. An invalid line is left out and does not affect the others."""
    lines = []
    for item in stored:
        with suppress(ValueError, TypeError, LookupError):
            lines.append(_line(item))
    return tuple(line for line in lines if 1 <= line.quantity <= MAX_QUANTITY)


def _line(stored: list[Any]) -> CartLine:
    """One line of the cookie. Raises ValueError, TypeError or LookupError if it is malformed."""
    json.dumps(stored, ensure_ascii=False).encode()  # no half of a character, which no answer could contain
    price_id, quantity, amount, currency, product_id, *more = stored
    name = str(more.pop()[0]) if more and isinstance(more[-1], list) else None
    # The rest has interval and count or neither of them, and then the variant if there is one.
    variant = str(more.pop()) if len(more) % 2 else None
    recurrence = None
    if more:
        interval, count = more
        recurrence = Recurrence(str(interval), int(count))
    return CartLine(
        str(price_id),
        int(quantity),
        Money(int(amount), str(currency)),
        None if product_id is None else str(product_id),
        recurrence,
        variant,
        name,
    )
