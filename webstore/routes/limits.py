"""Rate limits for each address and each shopper: a fixed window, counted for all processes together.

They keep a flood of requests from using up the login and the vendors' quotas. They do not protect passwords,
which the store never sees.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import abort, current_app, has_request_context, request

from webstore.errors import StateUnavailable
from webstore.shop.own_memory import OwnMemory

from . import services
from .marks import is_signed
from .session_cookie import Shopper, current_shopper

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds of one window.
WINDOW_S = 10
#: Requests of one shopper to one view in a window: more than a person makes.
SHOPPER_LIMIT = 30
_OWN_COUNTS, _REFUSED = "webstore_own_counts", "webstore_refused"
_TOO_OFTEN = (
    "You have asked for this too often within a few seconds, so it was not done this time. Nothing is lost: "
    "wait a moment, then try again."
)


def limited_per_address(view: Callable[P, T]) -> Callable[P, T]:
    """Answer 429 with Retry-After if the client's address calls this view too often."""

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        refuse_flood(view.__name__, client_address())
        return view(*args, **kwargs)

    return wrapped


def limited_per_shopper(view: Callable[P, T]) -> Callable[P, T]:
    """Answer 429 with Retry-After if the shopper calls this view too often. Other visitors are not counted.

    For views that make calls to the vendors.
    """

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        shopper = current_shopper()
        if shopper is not None:
            name, key = f"shopper:{request.endpoint}", shopper_key(shopper)
            refuse_flood(name, key, SHOPPER_LIMIT, _TOO_OFTEN)
        return view(*args, **kwargs)

    return wrapped


def refuse_flood(name: str, client: str, limit: int | None = None, message: str | None = None) -> None:
    """Count this call, and answer 429 with Retry-After if `client` calls `name` too often.

    `limit`: calls in a window, by default LOGIN_RATE_PER_10S. `message`: shown on the page. While the
    counters cannot be used, each process counts itself and has its share of the limit.
    """
    now = time.time()
    window = int(now // WINDOW_S)
    key = f"rate:{name}:{client}:{window}"
    limit = services().settings.login_rate if limit is None else limit
    refused = _own(_REFUSED)
    # A client that is refused costs no write.
    if key not in refused.get_many((key,)):
        try:
            too_often = services().counters.count(key, 2 * WINDOW_S) > limit
        except StateUnavailable:
            share = math.ceil(limit / services().settings.web_concurrency)
            too_often = _own(_OWN_COUNTS).count(key, 2 * WINDOW_S) > share
        if not too_often:
            return
        refused.set(key, "", 2 * WINDOW_S)
    abort(429, message, retry_after=math.ceil((window + 1) * WINDOW_S - now))


def _own(name: str) -> OwnMemory:
    memory: OwnMemory = current_app.extensions.setdefault(name, OwnMemory())
    return memory


def shopper_key(shopper: Shopper) -> str:
    """The digest of a shopper's user ID, for keys of the shared state."""
    return hashlib.sha256(shopper.user_id.encode()).hexdigest()


def is_stranger() -> bool:
    """Whether this thread serves a request for which nobody is logged in.

    A program that signs its requests does not count as a stranger: its view checks the signature first.
    """
    return has_request_context() and current_shopper() is None and not is_signed()


def client_address() -> str:
    """The client's IPv4 address, or the /64 IPv6 network that one subscriber has (RFC 6177)."""
    text = request.remote_addr or ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
