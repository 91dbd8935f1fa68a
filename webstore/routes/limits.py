"""Rate limits for each address and each shopper: a fixed window, counted for all processes together.

They keep a flood of requests from using up the login and the vendors' quotas. They do not protect passwords,
which the store never sees.
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
import re
import time
from collections.abc import Callable
from functools import lru_cache, partial, wraps
from typing import ParamSpec, TypeVar

from flask import abort, current_app, has_request_context, request

from webstore import metrics
from webstore.errors import StateUnavailable
from webstore.shop.own_memory import OwnMemory

from . import services
from .marks import is_signed
from .session_cookie import Shopper, current_shopper

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds of one window.
WINDOW_S = 10
#: Requests of one shopper to one view in a window: more than a person makes.
SHOPPER_LIMIT = 30
_OWN_COUNTS, _REFUSED = "webstore_own_counts", "webstore_refused"
#: An address with a port, or an IPv6 address in brackets.
_WITH_PORT = re.compile(r"(?P<v4>[0-9.]+):[0-9]{1,5}|\[(?P<v6>[0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?")
_TOO_OFTEN = "You did this too often within a few seconds. Please wait a moment and try again."


def limited_per_address(view: Callable[P, T]) -> Callable[P, T]:
    """Answer 429 with Retry-After if the client's address calls this view too often."""

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        address = client_address()
        refuse_flood(view.__name__, address, at_first=partial(_log_flood, address))
        return view(*args, **kwargs)

    return wrapped


def limited_per_shopper(view: Callable[P, T]) -> Callable[P, T]:
    """Answer 429 with Retry-After if the shopper calls this view too often. Other visitors are not counted.

    For views that make calls to the vendors.
    """

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        refuse_flood_of_shopper()
        return view(*args, **kwargs)

    return wrapped


def refuse_flood_of_shopper() -> None:
    """Count this request of the shopper, and answer 429 with Retry-After if this view is called too often.

    For views that make calls to the vendors only sometimes. The others have `limited_per_shopper`.
    """
    shopper = current_shopper()
    if shopper is not None:
        refuse_flood(f"shopper:{request.endpoint}", shopper_key(shopper), SHOPPER_LIMIT, _TOO_OFTEN)


def refuse_flood(
    name: str,
    client: str,
    limit: int | None = None,
    message: str | None = None,
    *,
    at_first: Callable[[], object] = lambda: None,
) -> None:
    """Count this call, and answer 429 with Retry-After if `client` calls `name` too often.

    `limit`: calls in a window, by default LOGIN_RATE_PER_10S. `message`: shown on the page. `at_first`:
    called at the first refusal in a window and process. While the counters cannot be used, each process
    counts itself and has its share of the limit.
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
        if refused.add(key, "", 2 * WINDOW_S):
            at_first()
    metrics.count_rate_limited(name)
    abort(429, message, retry_after=math.ceil((window + 1) * WINDOW_S - now))


def _own(name: str) -> OwnMemory:
    memory: OwnMemory = current_app.extensions.setdefault(name, OwnMemory())
    return memory


def _log_flood(address: str) -> None:
    """Log that an address is refused, and a likely fault of the set-up."""
    hops, given = services().settings.trusted_proxy_hops, request.headers.get("X-Forwarded-For", "")
    entries = len([entry for entry in given.split(",") if entry.strip()])
    if entries < hops:
        hint = f"X-Forwarded-For has {entries} addresses, fewer than TRUSTED_PROXY_HOPS={hops}"
    elif entries > hops == 0:
        hint = "a proxy has sent it, so set TRUSTED_PROXY_HOPS, or all shoppers share this limit"
    else:
        hint = f"if this is the address of a proxy, correct TRUSTED_PROXY_HOPS={hops}"
    log.warning("too many requests of address=%s to %s: %s", address, request.path, hint)


def shopper_key(shopper: Shopper) -> str:
    """The digest of a shopper's user ID, for keys of the shared state."""
    return hashlib.sha256(shopper.user_id.encode("utf-8", "surrogatepass")).hexdigest()


def is_stranger() -> bool:
    """Whether this thread serves a request for which nobody is logged in.

    A program that signs its requests does not count as a stranger: its view checks the signature first.
    """
    return has_request_context() and current_shopper() is None and not is_signed()


def client_address() -> str:
    """The client's IPv4 address, or the /64 IPv6 network that one subscriber has (RFC 6177).

    Some proxies add the port to it: `192.0.2.1:50000`, `[2001:db8::1]:50000`.
    """
    return _client_of(request.remote_addr or "")


@lru_cache(maxsize=1024)
def _client_of(text: str) -> str:
    """What `client_address` gives for the address of a connection."""
    if found := _WITH_PORT.fullmatch(text):
        text = found["v4"] or found["v6"]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return str(ipaddress.ip_network((address, 64), strict=False))
        return str(address.ipv4_mapped)
    return str(address)
