"""The properties of every answer of the store."""

from __future__ import annotations

import httpx

from tests.support import Browser, Shop


def send(browser: Browser, method: str, path: str, **headers: str) -> httpx.Response:
    """One request of this browser, without following a redirect."""
    return browser.client.request(method, path, headers=headers, follow_redirects=False)


def assert_secured(shop: Shop, answer: httpx.Response) -> None:
    """The answer has every security header, and says how to cache it."""
    headers = answer.headers
    issuer = shop.environment["AUTH0_ISSUER"].rstrip("/")
    policy = {
        name: sources.split()
        for name, _, sources in (
            part.strip().partition(" ") for part in headers["Content-Security-Policy"].split(";")
        )
    }
    assert policy["default-src"] == policy["frame-ancestors"] == ["'none'"]
    if not answer.has_redirect_location:
        assert policy["script-src"] == policy["style-src"] == ["'self'"]
        assert policy["base-uri"] == ["'none'"]
        hosted = shop.environment["STRIPE_HOSTED_PAGES"]
        assert policy["form-action"] == ["'self'", issuer, hosted]
        assert policy["img-src"] == ["'self'", "https:", "data:", hosted]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Cross-Origin-Opener-Policy" not in headers
    assert "camera=()" in headers["Permissions-Policy"]
    for_everybody = (
        answer.url.path == "/" and answer.status_code == 200 and f"{shop.cookie()}=" not in sent(answer)
    )
    caching = "public, max-age=0, s-maxage=60" if for_everybody else "private, no-store"
    assert headers["Cache-Control"] == caching
    assert "Strict-Transport-Security" not in headers  # http, on this machine alone


def sent(answer: httpx.Response) -> str:
    """The cookies that the request brought."""
    return str(answer.request.headers.get("Cookie", ""))
