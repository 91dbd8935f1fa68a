"""What holds for every request and answer: cross-site checks, caching, security headers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, abort, g, request, session
from flask.wrappers import Response

from webstore.settings import Settings

from . import services
from .cart_cookie import sent_a_cart

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SAFE = ("GET", "HEAD", "OPTIONS")
#: Statuses of a static file; any other answer there is a page, with the name of whoever is logged in on it.
_OF_A_FILE = (200, 206, 304)
#: Look the same to every stranger.
PUBLIC_PAGES = ("shop.home", "shop.product", "shop.text", "shop.sitemap", "shop.robots")
#: POSTs that come from servers and carry a signature instead.
SIGNED = ("auth.backchannel_logout", "webhooks.stripe")
#: Seconds that a cache in front of the store may keep a stranger's page.
_EDGE_S = 60


class _OwnHost:
    """Puts the store's own host in the place of the Host header, which anybody can write.

    Addresses are built from `BASE_URL`; and Werkzeug cannot even route where the header is no host name.
    """

    def __init__(self, app: WSGIApplication, base_url: str) -> None:
        self._app, self._host = app, urlsplit(base_url).netloc

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["HTTP_HOST"] = self._host
        return self._app(environ, start_response)


def install(app: Flask, settings: Settings) -> None:
    """Put the checks and headers on every route."""
    app.wsgi_app = _OwnHost(app.wsgi_app, settings.base_url)  # type: ignore[method-assign]  # as documented
    app.before_request(_refuse_cross_site)
    headers = _headers(settings)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        _say_how_to_cache(response)
        return response


def _say_how_to_cache(response: Response) -> None:
    """Pages of strangers may be kept at the edge; whatever depends on a cookie is nobody else's business.

    A browser has to ask again each time, so that it never shows a stored "Log in" to a logged-in shopper.
    Source: RFC 9111.
    """
    if request.endpoint == "static" and response.status_code in _OF_A_FILE:
        return
    if (
        request.endpoint in PUBLIC_PAGES
        and response.status_code == 200
        and "Set-Cookie" not in response.headers
        # A page that lacks something for the moment.
        and "Retry-After" not in response.headers
        and not session
        and not sent_a_cart()
        # One that ended with this request: Flask takes its cookie back only after this.
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
    if request.method in _SAFE or request.endpoint in SIGNED or request.blueprint == "api":
        # The API believes no cookie, so another site's page can do nothing there in a shopper's name.
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in ("same-origin", "none"):
        abort(403, "This request came from another site.")
    if site is None and origin is not None and origin != services().settings.base_url:
        abort(403, "This request came from another site.")


def _headers(settings: Settings) -> dict[str, str]:
    issuer = urlsplit(settings.auth0_issuer)
    form_targets = " ".join(("'self'", f"{issuer.scheme}://{issuer.netloc}", *settings.stripe_hosted_pages))
    # On this machine's own addresses, what stands in for Stripe has its pictures where its pages are.
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
