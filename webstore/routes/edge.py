"""What holds for every request and answer: cross-site checks, caching, security headers."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, abort, request
from flask.wrappers import Response

from webstore.settings import Settings

from . import services

#: Stripe's hosted pages that our forms lead to, https://docs.stripe.com/security/guide#content-security-policy
_STRIPE_PAGES = ("https://checkout.stripe.com", "https://billing.stripe.com")
_SAFE = ("GET", "HEAD", "OPTIONS")


def install(app: Flask, settings: Settings) -> None:
    """Put the checks and headers on every route."""
    app.before_request(_refuse_cross_site)
    headers = _headers(settings)

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        if request.endpoint != "static":
            response.headers["Cache-Control"] = "private, no-store"
        return response


def _refuse_cross_site() -> None:
    """https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site"""
    if request.method in _SAFE:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in ("same-origin", "none"):
        abort(403, "This request came from another site.")
    if site is None and origin is not None and origin != services().settings.base_url:
        abort(403, "This request came from another site.")


def _headers(settings: Settings) -> dict[str, str]:
    issuer = urlsplit(settings.auth0_issuer)
    form_targets = " ".join(("'self'", f"{issuer.scheme}://{issuer.netloc}", *_STRIPE_PAGES))
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; "
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
    }
    if settings.secure:
        headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    return headers
