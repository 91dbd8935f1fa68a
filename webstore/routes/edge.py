"""Applies to every request and response: ID, deadline, cross-site checks, caching and security headers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, abort, g, request, session
from flask.wrappers import Response

from webstore import deadline, request_id
from webstore.settings import Settings

from . import kept_pages, services, services_of
from .cart_cookie import sent_a_cart
from .compression import send_compressed
from .marks import is_public_page, is_signed
from .own_host import VISITED, require_own_host
from .static_files import Served, StaticFiles

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_REDIRECTS = ("301", "302", "303", "307", "308")
_NO_PAGE = "default-src 'none'; frame-ancestors 'none'"
#: Seconds that a request may take in addition to the time for linking.
_PAGE_S = 5.0
#: Seconds that a cache in front of the store may keep a public page.
_EDGE_S = 60


class _ValidAddress:
    """Turns every request's address into one that Werkzeug can read.

    Any client can set the Host header. The store uses its own host instead: URLs are built from `BASE_URL`,
    and a request whose Host header is not a host name cannot be routed. Bytes of the query that are not ASCII
    become their percent-encoding (RFC 3986, section 2.1).
    """

    def __init__(self, app: WSGIApplication, base_url: str) -> None:
        self._app, self._host = app, urlsplit(base_url).netloc

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[VISITED] = environ.get("HTTP_HOST", "")
        environ["HTTP_HOST"] = self._host
        query = environ.get("QUERY_STRING", "")
        if not query.isascii():
            # WSGI has the bytes as characters of Latin-1: PEP 3333.
            environ["QUERY_STRING"] = "".join(it if it.isascii() else f"%{ord(it):02X}" for it in query)
        return self._app(environ, start_response)


class _Deadline:
    """Sets the deadline of each request. Every call to another service ends at the deadline at the latest."""

    def __init__(self, app: WSGIApplication, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with deadline.within(self._seconds):
            return self._app(environ, start_response)


class _SecurityHeaders:
    """Adds the security headers that an answer does not have yet."""

    def __init__(self, app: WSGIApplication, headers: Mapping[str, str], policy: Callable[[], str]) -> None:
        """`policy`: gives the Content-Security-Policy of the moment."""
        self._app, self._policy = app, policy
        self._headers = [(name, value, name.lower()) for name, value in headers.items()]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
        ) -> Callable[[bytes], object]:
            present = {name.lower() for name, _ in headers}
            added = [(name, value) for name, value, lower in self._headers if lower not in present]
            if "content-security-policy" not in present:
                # A redirect has no page to protect: the room in the header is for Location and the cookies.
                shown = _NO_PAGE if status[:3] in _REDIRECTS else self._policy()
                added.append(("Content-Security-Policy", shown))
            return start_response(status, [*headers, *added], exc_info)

        return self._app(environ, start)


class _RequestId:
    """Gives each request its ID, that of the proxy if there is one, and sends it back in the answer."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        own = request_id.accepted(environ.get("HTTP_X_REQUEST_ID"))

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
        ) -> Callable[[bytes], object]:
            return start_response(status, [*headers, (request_id.HEADER, own)], exc_info)

        with request_id.within(own):
            return self._app(environ, start)


def install(app: Flask, settings: Settings, files: StaticFiles) -> None:
    """Install the static files, and the ID, the deadline, the checks and the headers for every route."""

    @lru_cache(maxsize=8)
    def policy_with(provider_origins: tuple[str, ...]) -> str:
        return _policy(settings, provider_origins)

    def policy() -> str:
        return policy_with(services_of(app).login_client.known_origins())

    app.wsgi_app = _ValidAddress(app.wsgi_app, settings.base_url)  # type: ignore[method-assign]  # as documented
    headers = _headers(settings)
    app.wsgi_app = kept_pages.KeptPages(app, settings)  # type: ignore[method-assign]
    app.wsgi_app = _SecurityHeaders(app.wsgi_app, headers, policy)  # type: ignore[method-assign]
    app.wsgi_app = _Deadline(app.wsgi_app, _PAGE_S + settings.link_budget_s)  # type: ignore[method-assign]
    app.wsgi_app = Served(app.wsgi_app, files, {**headers, "Content-Security-Policy": _NO_PAGE})  # type: ignore[method-assign]
    app.wsgi_app = _RequestId(app.wsgi_app)  # type: ignore[method-assign]
    app.before_request(require_own_host)
    app.before_request(_refuse_cross_site)
    app.after_request(_set_caching)


def _set_caching(response: Response) -> Response:
    """Set Cache-Control: caches may keep public pages of logged-out visitors, but no other pages.

    A browser has to revalidate each time, so that it never shows a stored "Log in" to a logged-in shopper.
    Source: RFC 9111.
    """
    if (
        is_public_page()
        and response.status_code == 200
        and "Set-Cookie" not in response.headers
        # Retry-After marks a page that is incomplete at the moment.
        and "Retry-After" not in response.headers
        and not session
        and not sent_a_cart()
        # The request may have ended a session. Flask deletes its cookie only after this function.
        and not session.modified
    ):
        response.headers["Cache-Control"] = f"public, max-age=0, s-maxage={_EDGE_S}"
        response.vary.add("Cookie")
        response.vary.add("Accept-Encoding")
        if "locale" in g:
            # The page depends on the reader's language.
            response.vary.add("Accept-Language")
        response.add_etag()
        if not kept_pages.offer(response):
            send_compressed(response, request.headers.get("Accept-Encoding", ""))
        response.make_conditional(request)
    else:
        response.headers["Cache-Control"] = "private, no-store"
    return response


def _refuse_cross_site() -> None:
    """Answer 403 to a request that another site's page sent, unless its view is marked with `signed`.

    Source: https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
    """
    if request.method in _SAFE_METHODS or is_signed():
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in ("same-origin", "none"):
        abort(403, "This request came from another site.")
    if site is None and origin is not None and origin != services().settings.base_url:
        abort(403, "This request came from another site.")


def _policy(settings: Settings, provider_origins: tuple[str, ...]) -> str:
    """The Content-Security-Policy of every response.

    Chromium applies `form-action` to each redirect that follows a form. So it has the origins of the
    provider's endpoints, which need not be that of the issuer.
    """
    issuer = urlsplit(settings.auth0_issuer)
    origins = (f"{issuer.scheme}://{issuer.netloc}", *provider_origins, *settings.stripe_hosted_pages)
    form_targets = " ".join(dict.fromkeys(("'self'", *origins)))
    # A local Stripe sandbox serves images from the origin of its pages.
    local = [origin for origin in settings.stripe_hosted_pages if origin.startswith("http:")]
    pictures = " ".join(("'self'", "https:", "data:", *local))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        f"img-src {pictures}; "
        "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action {form_targets}"
    )


def _headers(settings: Settings) -> dict[str, str]:
    """The other security headers of every response."""
    headers = {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
    if settings.secure:
        subdomains = "; includeSubDomains" if settings.hsts_subdomains else ""
        headers["Strict-Transport-Security"] = f"max-age=31536000{subdomains}"
    return headers
