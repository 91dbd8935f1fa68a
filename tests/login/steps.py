"""The steps of a login in a browser, and what a test sees of them."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from flask import Flask
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from werkzeug.test import TestResponse

from tests.conformance.provider import content, log_of_store
from tests.support import PASSWORD, Browser, Shop, link_status
from webstore.sandbox.control import LoggedRequest

GRACE_EMAIL = "grace@example.com"
ORGANIZATION = "org_sandbox000000001"
DISCOVERY, KEYS = r"/\.well-known/openid-configuration", r"/\.well-known/jwks\.json"


# Steps


def begin(browser: Browser, next_path: str = "/account", **asked: str) -> dict[str, str]:
    """Press "Log in" and stop at the redirect; gives what the provider is asked."""
    answer = stop_at(browser, f"/login?{urlencode({'next': next_path, **asked})}")
    assert answer.status_code == 302
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


def stop_at(browser: Browser, path: str, **headers: str) -> httpx.Response:
    """Open a page without following its redirect."""
    return browser.client.get(path, headers=headers, follow_redirects=False)


def provider_answer(browser: Browser, email: str = "ada@example.com", **asked: str) -> str:
    """Log in at the provider and stop there; gives the address of the callback, not opened yet."""
    page = browser.open(f"/login?{urlencode({'next': '/account', **asked})}")
    browser.client.follow_redirects = False
    answer = browser.submit(page, email=email, password=PASSWORD)
    browser.client.follow_redirects = True
    return answer.headers["Location"]


def decline(browser: Browser, page: httpx.Response) -> httpx.Response:
    """Press the provider's button "Decline"."""
    return browser.client.post(page.url.join(page.url.path), data={**page.url.params, "action": "decline"})


def csrf_token(browser: Browser) -> str:
    """The token of the browser's log-out form."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.open("/account").text)
    assert found is not None
    return found[1]


def post_logout(browser: Browser, token: str | None, **headers: str) -> httpx.Response:
    """Send the log-out form with this token and these headers, without following the redirect."""
    data = {} if token is None else {"csrf_token": token}
    return browser.client.post("/logout", data=data, headers=headers, follow_redirects=False)


def deliver(shop: Shop, token: str | None) -> httpx.Response:
    """Post a logout token as a provider does."""
    form = {} if token is None else {"logout_token": token}
    return shop.http.post(f"{shop.url}/backchannel-logout", data=form)


# Cookies


def transactions(browser: Browser) -> dict[str, str]:
    """The cookies of logins under way."""
    return {
        c.name: c.value or ""
        for c in browser.client.cookies.jar
        if c.name.startswith(browser.cookie("login-"))
    }


def replace_cookie(browser: Browser, name: str, value: str) -> None:
    """Put another value into a cookie that the browser has."""
    browser.client.cookies.delete(name)
    browser.client.cookies.set(name, value, domain="127.0.0.1")


class _Earlier(TimestampSigner):
    """Signs as if it were `age_s` seconds ago."""

    age_s = 0

    def get_timestamp(self) -> int:
        return int(time.time()) - self.age_s


class FourteenMinutesAgo(_Earlier):
    age_s = 14 * 60


class SixteenMinutesAgo(_Earlier):
    age_s = 16 * 60


def sign_again(
    browser: Browser,
    key: str,
    signer: type[TimestampSigner] = TimestampSigner,
    *,
    which: int = 0,
    **data: str,
) -> None:
    """Replace a transaction with a signed copy that has other data or another age."""
    name, value = list(transactions(browser).items())[which]
    serializer = URLSafeTimedSerializer(key, salt="webstore-login-transaction", signer=signer)
    stored = URLSafeTimedSerializer(key, salt="webstore-login-transaction").loads_unsafe(value)[1]
    replace_cookie(browser, name, str(serializer.dumps({**stored, "data": {**stored["data"], **data}})))


def copied_cookies(browser: Browser) -> str:
    """A copy of the browser's cookies, as a thief would send them."""
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.client.cookies.jar)


def ask(app: Flask, shop: Shop, copied: str, path: str = "/account") -> TestResponse:
    """Ask a worker with copied cookies."""
    return app.test_client(use_cookies=False).get(path, base_url=shop.url, headers={"Cookie": copied})


def is_honoured(app: Flask, shop: Shop, copied: str) -> bool:
    """Whether the worker takes the copied cookies for a shopper's."""
    answer = ask(app, shop, copied)
    assert answer.status_code in (200, 302)
    return answer.status_code == 200


# What a test sees


def is_logged_in(browser: Browser) -> bool:
    """Whether the store's front page knows the shopper."""
    return link_status(browser.open("/")) is not None


def reference(page: httpx.Response) -> str:
    """The reference number on the page."""
    found = re.search(r"Reference number <code>([2-9A-HJ-NP-Z]{8})</code>", content(page))
    assert found is not None, content(page)
    return found[1]


def cause(caplog: pytest.LogCaptureFixture, page: httpx.Response) -> str:
    """The line of the log with the page's reference number; the log has nothing secret of the callback."""
    log = log_of_store(caplog)
    for name in ("code", "state"):
        if value := page.url.params.get(name):
            assert value not in log
    (line,) = [line for line in log.splitlines() if f"reference={reference(page)}" in line]
    return line


def assert_not_continued(browser: Browser, page: httpx.Response) -> None:
    """The page tells a stranger so, and offers to log in again."""
    assert page.status_code == 400
    assert page.url.path == "/callback"
    assert "This login has expired" in content(page)
    assert re.search(r'<a class="button" href="/login">Log in</a>', content(page))
    assert not is_logged_in(browser)


def prompts(shop: Shop) -> list[str | None]:
    """The `prompt` of each authorization request that the provider got."""
    return [parse_qs(seen.query).get("prompt", [None])[0] for seen in requests_for(shop, "/authorize")]


def requests_for(shop: Shop, path: str) -> list[LoggedRequest]:
    """What the provider was asked for under this path."""
    return [seen for seen in shop.sandbox.auth0.control.requests() if re.fullmatch(path, seen.path)]
