"""Forms and the provider: Chromium applies a page's form-action to every redirect that follows its form."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from tests.login.steps import DISCOVERY, csrf_token, post_logout
from tests.server.answers import assert_secured
from tests.support import Browser, Shop

NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Site": "same-origin"}


def form_action(answer: httpx.Response) -> list[str]:
    """Where the page's forms may lead."""
    found = re.search("form-action ([^;]*)", answer.headers["Content-Security-Policy"])
    assert found is not None
    return found[1].split()


def test_forms_may_lead_to_the_origins_of_the_providers_endpoints(shop: Shop) -> None:
    issuer, hosted = shop.environment["AUTH0_ISSUER"], shop.environment["STRIPE_HOSTED_PAGES"]
    elsewhere = {
        "issuer": issuer,
        "authorization_endpoint": "https://login.example/authorize",
        "end_session_endpoint": "https://out.example:8443/logout",
        "token_endpoint": f"{issuer}oauth/token",
        "jwks_uri": f"{issuer}.well-known/jwks.json",
    }
    shop.sandbox.auth0.control.add_fault(
        action="status", path=DISCOVERY, status=200, body=elsewhere, times=None
    )
    browser, own = shop.browser(), issuer.rstrip("/")
    # Not known before the first login; no page waits for it.
    assert form_action(browser.open("/")) == ["'self'", own, hosted]
    begun = browser.client.get("/login", follow_redirects=False)
    assert begun.headers["Location"].startswith("https://login.example/authorize?")
    for answer in (browser.open("/"), browser.open("/nowhere")):
        assert form_action(answer) == [
            "'self'",
            own,
            "https://login.example",
            "https://out.example:8443",
            hosted,
        ]


@pytest.mark.parametrize(
    ("path", "page", "back"),
    [
        ("/checkout", None, "/checkout"),
        ("/account/portal", "/account", "/account"),
        ("/account/close", "/account/close", "/account/close"),
        ("/account/portal", None, "/account"),
        ("/account/close", "https://evil.example/", "/account"),
        ("/account/close", "/login?next=/", "/"),
    ],
)
def test_a_form_without_a_session_is_answered_with_a_link_to_the_login(
    shared: Shop, browser: Browser, path: str, page: str | None, back: str
) -> None:
    headers = {"Referer": page if page.startswith("https:") else shared.url + page} if page else {}
    answer = browser.client.post(path, headers=headers, follow_redirects=False)
    assert answer.status_code == 403
    assert "Location" not in answer.headers
    assert_secured(shared, answer)
    (login,) = re.findall(r'<a class="button" href="(/login[^"]*)">Log in</a>', answer.text)
    assert httpx.URL(html.unescape(login)).params["next"] == back


def test_a_browser_that_logs_out_gets_a_page_that_goes_on_to_the_provider(
    shared: Shop, shopper: Browser
) -> None:
    answer = post_logout(shopper, csrf_token(shopper), **NAVIGATION)
    assert answer.status_code == 200
    assert_secured(shared, answer)
    (refresh,) = re.findall('<meta http-equiv="refresh" content="0; url=([^"]*)">', answer.text)
    (link,) = re.findall('<a class="button" href="([^"]*)">Continue</a>', answer.text)
    assert refresh == link
    address = html.unescape(refresh)
    assert address.startswith(f"{shared.environment['AUTH0_ISSUER']}oidc/logout?")
    assert str(shopper.open(address).url) == f"{shared.url}/"
    assert shopper.open("/account").url.path == "/u/login"
