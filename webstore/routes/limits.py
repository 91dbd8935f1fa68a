"""How often one address, or one shopper, may ask: a fixed window in the shared state.

It keeps a flood from using up the login and the vendors' quotas; it is no protection of passwords, which the
store never sees.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import abort, request

from webstore.errors import StateUnavailable

from . import services
from .shopper import current_shopper

P = ParamSpec("P")
T = TypeVar("T")

WINDOW_S = 10
#: What a shopper's hand cannot do within a window, and a program can.
MOST = 60
_TOO_OFTEN = (
    "You have asked for this very often within a few seconds, so it was not done this time. Nothing is lost: "
    "wait a moment, then try again."
)


def rate_limited(view: Callable[P, T]) -> Callable[P, T]:
    """Answer 429 with Retry-After when the client's address asks this view too often."""

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        refuse_flood(view.__name__, client_address())
        return view(*args, **kwargs)

    return wrapped


def paced(view: Callable[P, T]) -> Callable[P, T]:
    """Answer 429 with Retry-After when the shopper asks this view too often; strangers are not counted.

    For views that cost calls to the vendors.
    """

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        shopper = current_shopper()
        if shopper is not None:
            whom = hashlib.sha256(shopper.user_id.encode()).hexdigest()
            refuse_flood(f"shopper:{request.endpoint}", whom, MOST, _TOO_OFTEN)
        return view(*args, **kwargs)

    return wrapped


def refuse_flood(name: str, whom: str, most: int | None = None, words: str | None = None) -> None:
    """Answer 429 with Retry-After when `whom` asks for `name` too often; this time counts as well.

    `most`: how often in a window, unless the setting for log-ins is meant; `words`: said on the page.
    """
    now = time.time()
    window = int(now // WINDOW_S)
    try:
        seen = services().state.count(f"rate:{name}:{whom}:{window}", 2 * WINDOW_S)
    except StateUnavailable:
        seen = 0
    if seen > (services().settings.login_rate if most is None else most):
        abort(429, words, retry_after=math.ceil((window + 1) * WINDOW_S - now))


def client_address() -> str:
    """The address, or the network that one subscriber has in IPv6 (RFC 6177)."""
    text = request.remote_addr or ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
