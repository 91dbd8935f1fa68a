"""Every request and answer: its deadline, cross-site checks, caching, security headers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, abort, g, request, session
from flask.wrappers import Response

from webstore import deadline
from webstore.settings import Settings

from . import services
from .cart_cookie import sent_a_cart
from .marks import is_public_page, is_signed

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SAFE = ("GET", "HEAD", "OPTIONS")
#: Statuses of a static file. Any other answer is a page, with the shopper's name on it.
_OF_A_FILE = (200, 206, 304)
#: Seconds that a page may take beyond those that linking may take.
_PAGE_S = 5.0
#: Seconds that a cache in front of the store may keep a public page.
_EDGE_S = 60


class _OwnHost:
    """Replaces the Host header, which any client can set, with the store's own host.

    Addresses are built from `BASE_URL`; and Werkzeug cannot route a request whose header is not a host name.
    """

    def __init__(self, app: WSGIApplication, base_url: str) -> None:
        self._app, self._host = app, urlsplit(base_url).netloc

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["HTTP_HOST"] = self._host
        return self._app(environ, start_response)


class _Deadline:
    """Begins the deadline of each request: everything that waits for the outside ends with it."""

    def __init__(self, app: WSGIApplication, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with deadline.within(self._seconds):
            return self._app(environ, start_response)


def install(app: Flask, settings: Settings) -> None:
    """Put the deadline, the checks and the headers on every route."""
    app.wsgi_app = _OwnHost(app.wsgi_app, settings.base_url)  # type: ignore[method-assign]  # as documented
    app.wsgi_app = _Deadline(app.wsgi_app, _PAGE_S + settings.link_budget_s)  # type: ignore[method-assign]
    app.before_request(_refuse_cross_site)
    headers = _headers(settings)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        _say_how_to_cache(response)
        return response


def _say_how_to_cache(response: Response) -> None:
    """Caches may keep public pages as strangers see them, and nothing that depends on a cookie.

    A browser has to ask again each time, so that it never shows a stored "Log in" to a logged-in shopper.
    Source: RFC 9111.
    """
    if request.endpoint == "static" and response.status_code in _OF_A_FILE:
        return
    if (
        is_public_page()
        and response.status_code == 200
        and "Set-Cookie" not in response.headers
        # A page that lacks something at the moment.
        and "Retry-After" not in response.headers
        and not session
        and not sent_a_cart()
        # A session that ended with this request: Flask removes its cookie only after this.
        and not session.modified
    ):
        response.headers["Cache-Control"] = f"public, max-age=0, s-maxage={_EDGE_S}"
        response.vary.add("Cookie")
        if "locale" in g:
            # Amounts are written in the reader's notation.
            response.vary.add("Accept-Language")
        response.add_etag()
        response.make_conditional(request)
    else:
        response.headers["Cache-Control"] = "private, no-store"


def _refuse_cross_site() -> None:
    """https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site"""
    if request.method in _SAFE or is_signed():
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in ("same-origin", "none"):
        abort(403, "This request came from another site.")
    if site is None and origin is not None and origin != services().settings.base_url:
        abort(403, "This request came from another site.")


def _headers(settings: Settings) -> dict[str, str]:
    issuer = urlsplit(settings.auth0_issuer)
    form_targets = " ".join(("'self'", f"{issuer.scheme}://{issuer.netloc}", *settings.stripe_hosted_pages))
    # A local stand-in for Stripe has its pictures where its pages are.
    local = [origin for origin in settings.stripe_hosted_pages if origin.startswith("http:")]
    pictures = " ".join(("'self'", "https:", "data:", *local))
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"img-src {pictures}; "
        "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {form_targets}"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if settings.secure:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return headers
