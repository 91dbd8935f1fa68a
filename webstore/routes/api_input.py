"""Parses the body of a checkout request to the JSON API."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from flask import abort, request

from webstore.shop.cart import MAX_LINES, MAX_QUANTITY

from . import services
from .problems import problem

#: Maximum number of characters of a return address.
MAX_URL = 2000
#: Maximum number of characters of `second`.
MAX_SECOND = 64
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Wish:
    """A checkout request: what to buy, and the addresses to which Stripe's page sends the shopper."""

    #: The quantity of each price ID.
    lines: Mapping[str, int]
    success_url: str | None
    cancel_url: str | None
    #: The digest of the subscriptions that the user was shown; empty: none.
    second: str = ""


def read_wish() -> Wish:
    """Parse the checkout request. A malformed body ends the request with 400 or 415."""
    body = _body()
    _allow_only(body, "lines", "success_url", "cancel_url", "second")
    lines = body.get("lines")
    if not isinstance(lines, list) or not 1 <= len(lines) <= MAX_LINES:
        _malformed(f"lines must be a list of 1 to {MAX_LINES} lines")
    wanted: dict[str, int] = {}
    for line in lines:
        price_id, quantity = _line(line)
        wanted[price_id] = wanted.get(price_id, 0) + quantity
    return Wish(wanted, _url(body, "success_url"), _url(body, "cancel_url"), _second(body))


def _second(body: Mapping[str, object]) -> str:
    """The digest under `second`; empty if it is missing. A malformed one ends the request with 400."""
    second = body.get("second", "")
    if not isinstance(second, str) or len(second) > MAX_SECOND:
        _malformed("second must be the member `second` of the answer about running subscriptions")
    return second


def _line(line: object) -> tuple[str, int]:
    """The price ID and the quantity of a line. A malformed line ends the request with 400."""
    if not isinstance(line, dict):
        _malformed("a line must be an object")
    _allow_only(line, "price", "quantity")
    price_id, quantity = line.get("price"), line.get("quantity")
    if not isinstance(price_id, str) or not 0 < len(price_id) <= 255:
        _malformed("price must be the ID of a price")
    if isinstance(quantity, float) and quantity.is_integer():
        # JSON has only one type of number, in which 1.0 is a whole number.
        quantity = int(quantity)
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 1 <= quantity <= MAX_QUANTITY:
        _malformed(f"quantity must be a whole number from 1 to {MAX_QUANTITY}")
    return price_id, quantity


def _url(body: Mapping[str, object], name: str) -> str | None:
    """The return address under `name`; None if it is missing. A forbidden one ends the request with 400."""
    if name not in body:
        return None
    url = body[name]
    if not isinstance(url, str) or len(url) > MAX_URL or not re.fullmatch(return_addresses(), url):
        _malformed(f"{name} must be an address of the store or of an origin in API_CORS_ORIGINS")
    return url


def return_addresses() -> str:
    """The pattern of allowed return addresses: of the store, or of an origin in API_CORS_ORIGINS.

    It is a regular expression for Python and for clients in JavaScript.
    """
    settings = services().settings
    origins = "|".join((settings.base_url, *settings.api_cors_origins))
    # Not re.escape: it escapes hyphens, which is a syntax error in JavaScript.
    escaped = re.sub(r"([.\[\]])", r"\\\1", origins)
    # ASCII without spaces and backslashes. Browsers treat a backslash as a slash.
    return rf"^({escaped})([/?#][!-\[\]-~]*)?$"


def _body() -> Mapping[str, object]:
    """The JSON object in the body. Any other body ends the request with 415 or 400."""
    if request.mimetype != _JSON or request.headers.get("Content-Encoding", "identity") != "identity":
        abort(problem(415, f"Send {_JSON}, not compressed.", {"Accept": _JSON}))
    try:
        found = json.loads(request.get_data(cache=False).decode(), object_pairs_hook=_members)
    except (ValueError, RecursionError):
        _malformed("the body is not JSON")
    if not isinstance(found, dict):
        _malformed("the body must be an object")
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: JSON
    """Build a JSON object. A repeated name is refused, because parsers differ in the value that they use."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is repeated")
    return found


def _allow_only(body: Mapping[str, object], *names: str) -> None:
    """Check that the object has no other names. An unknown name ends the request with 400."""
    if unknown := sorted(set(body) - set(names)):
        _malformed(f"{unknown[0][:50]!r} is not known here")


def _malformed(reason: str) -> NoReturn:
    """End the request with 400."""
    abort(problem(400, f"This cannot be understood: {reason}."))
