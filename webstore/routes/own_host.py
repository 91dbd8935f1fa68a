"""Visits under another host name than that of BASE_URL, such as `www` or `localhost`.

Cookies belong to one host name, and the provider sends the shopper back to BASE_URL. So a login or a cart
that begins under another name would be lost.
"""

from __future__ import annotations

import ipaddress
import logging
from functools import lru_cache
from urllib.parse import quote, urlsplit

from flask import after_this_request, current_app, redirect, request
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from webstore.addresses import is_loopback

from . import services
from .errors import other_address
from .marks import is_signed
from .return_path import safe_return_path

log = logging.getLogger(__name__)

#: The key of the WSGI environment for the Host header as it came.
VISITED = "webstore.visited_host"
#: The query parameter of a redirect to BASE_URL. A request that has it is never redirected there again.
_MARK = "host_checked"
#: The blueprints that programs ask, without cookies.
_FOR_PROGRAMS = ("api", "doctor", "health")
#: Seconds for which a browser behind a proxy that replaces the Host header is not redirected again.
_REMEMBERED_S = 3600
#: How many different Host headers a process warns of. Any client can send one.
_MOST_WARNINGS = 5
_WARNED = "webstore_warned_hosts"


def require_own_host() -> ResponseReturnValue | None:
    """Redirect a GET or HEAD under another host name to BASE_URL, and refuse a form that was sent there.

    Health checks, metrics, static files, webhooks and the JSON API answer under every name: programs call
    them, without cookies. If the Host header is the same after the redirect, a proxy replaces it. Then the
    page is served, and the log says so.
    """
    reads = request.method in ("GET", "HEAD")
    is_own_host = _is_own_host()
    if reads and is_own_host and _MARK.encode() not in request.query_string:
        # Nearly every request.
        return None
    if _is_for_programs():
        return None
    if reads:
        if not is_own_host:
            return _redirect_once()
        if _MARK in request.args:
            # A second proxy may replace the header. The cookie keeps the two from redirecting in a circle.
            _remember()
            return redirect(_address(marked=False))
    elif _is_form_from_elsewhere():
        return _refuse_form()
    return None


def _is_for_programs() -> bool:
    """Whether no login or cart can begin at this address: programs call it, or no view has it."""
    if request.endpoint is None or request.endpoint == "static" or request.blueprint in _FOR_PROGRAMS:
        return True
    return is_signed() or _is_probe()


def _is_probe() -> bool:
    """Whether a load balancer asks for a page at the address of this machine. Browsers accept text/html."""
    if is_loopback(urlsplit(services().settings.base_url).hostname):
        return False
    host = _name(str(request.environ.get(VISITED, "")))
    return _is_internal(host) and "text/html" not in request.headers.get("Accept", "")


def _is_internal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def _is_own_host() -> bool:
    visited, forwarded = request.environ.get(VISITED, ""), request.headers.get("X-Forwarded-Host", "")
    return is_host_of(services().settings.base_url, visited, forwarded)


@lru_cache(maxsize=64)
def is_host_of(base_url: str, visited: str, forwarded: str) -> bool:
    """Whether a visit is under BASE_URL's host name, or does not say which.

    `visited`: the Host header as it came. `forwarded`: X-Forwarded-Host, which counts, too: some proxies
    replace Host and keep its value there. A client that forges it only forgoes the redirect. The port does
    not count: cookies have none, and many proxies leave it out.
    """
    own = _name(urlsplit(base_url).netloc)
    return not visited or own in map(_name, (visited, *forwarded.split(",")))


@lru_cache(maxsize=64)
def _name(host: str) -> str:
    """The host name of a Host header, in lower case and without the port."""
    try:
        name = urlsplit(f"//{host.strip()}").hostname or ""
        return name if name.isascii() else name.encode("idna").decode()
    except ValueError:
        return host


def _redirect_once() -> ResponseReturnValue | None:
    """Redirect to BASE_URL; None if this browser has been there already."""
    if _MARK in request.args or request.cookies.get(_cookie()) == "1":
        _remember()
        _warn()
        return None
    return redirect(_address(marked=True))


def _address(*, marked: bool) -> str:
    """The address of this request at BASE_URL, with or without the mark."""
    path = quote(request.environ.get("PATH_INFO", "").encode("latin-1"), safe="/:@!$&'()*+,;=~")
    parts = [part for part in request.query_string.split(b"&") if part]
    parts = [part for part in parts if part.partition(b"=")[0] != _MARK.encode()]
    if marked:
        parts.append(f"{_MARK}=1".encode())
    query = quote(b"&".join(parts), safe="/:@!$&'()*+,;=~?%")
    return f"{services().settings.base_url}{path or '/'}{'?' if query else ''}{query}"


def _cookie() -> str:
    return services().settings.cookie_name("host")


def _remember() -> None:
    settings = services().settings

    @after_this_request
    def set_cookie(response: Response) -> Response:
        response.set_cookie(
            _cookie(), "1", max_age=_REMEMBERED_S, secure=settings.secure, httponly=True, samesite="Lax"
        )
        return response


def _warn() -> None:
    """Tell the operator once that a proxy replaces the Host header."""
    warned: set[str] = current_app.extensions.setdefault(_WARNED, set())
    host = str(request.environ.get(VISITED, ""))[:100]
    if host in warned or len(warned) >= _MOST_WARNINGS:
        return
    warned.add(host)
    log.warning(
        "the proxy sends the Host header %a instead of the shopper's, so visits under other host names than "
        "that of BASE_URL (%s) cannot be seen. Let it pass the header on, in nginx with "
        "`proxy_set_header Host $host;`",
        host,
        services().settings.base_url,
    )


def _is_form_from_elsewhere() -> bool:
    """Whether the browser says that the form was on the store's own page, but under another host name."""
    own = _name(urlsplit(services().settings.base_url).netloc)
    origin = request.headers.get("Origin") or request.headers.get("Referer", "")
    sender = _name(origin.partition("://")[2].partition("/")[0])
    visited = _name(str(request.environ.get(VISITED, "")))
    return sender not in ("", own) and (
        request.headers.get("Sec-Fetch-Site") == "same-origin" or sender == visited
    )


def _refuse_form() -> ResponseReturnValue:
    try:
        path = urlsplit(request.headers.get("Referer", "")).path
    except ValueError:
        path = ""
    return other_address(services().settings.base_url + safe_return_path(path))
