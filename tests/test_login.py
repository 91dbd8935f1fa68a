"""The login as a browser goes through it: to the provider and back, and whatever arrives at the callback."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit

import httpx
import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.conformance.provider import Liar, a_lying_shop, by_hand, content, curve, log_of_store
from tests.support import (
    ADA,
    PASSWORD,
    Browser,
    Shop,
    held,
    in_background,
    link_status,
    shown_customer,
    until,
)
from webstore.errors import ProviderUnavailable
from webstore.gateways.oidc.provider import Provider
from webstore.gateways.wire import Wire
from webstore.sandbox.control import LoggedRequest

GRACE_EMAIL = "grace@example.com"
ORGANIZATION = "org_sandbox000000001"
DISCOVERY, KEYS = r"/\.well-known/openid-configuration", r"/\.well-known/jwks\.json"
PREFIX = "webstore-login-"


# What a browser does


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


def transactions(browser: Browser) -> dict[str, str]:
    """The cookies of logins under way."""
    return {c.name: c.value or "" for c in browser.client.cookies.jar if c.name.startswith(PREFIX)}


def replace_cookie(browser: Browser, name: str, value: str) -> None:
    """Put another value into a cookie that the browser has."""
    browser.client.cookies.delete(name)
    browser.client.cookies.set(name, value, domain="127.0.0.1")


def is_logged_in(browser: Browser) -> bool:
    """Whether the store's front page knows the shopper."""
    return link_status(browser.open("/")) is not None


def reference(page: httpx.Response) -> str:
    """The reference number that the page asks to be quoted."""
    found = re.search(r"reference number <code>([2-9A-HJ-NP-Z]{8})</code>", content(page))
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


@pytest.fixture
def browser(shared: Shop) -> Browser:
    return shared.browser()


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "httpcore")


# A good login


def test_login_goes_where_the_shopper_was_going(browser: Browser) -> None:
    page = browser.open("/account/link?from=mail&x=%C3%BC")
    assert page.url.path == "/u/login"
    page = browser.submit(page, email="ada@example.com", password=PASSWORD)
    assert page.url.path == "/account/link"
    assert page.url.query == b"from=mail&x=%C3%BC"
    assert page.status_code == 200


def test_login_from_the_front_page_comes_back_to_it(browser: Browser) -> None:
    page = browser.submit(browser.open("/login"), email="ada@example.com", password=PASSWORD)
    assert page.url.path == "/"
    assert link_status(page) == "linked"


def test_pkce_state_and_nonce_are_sent_and_differ_each_time(shop: Shop) -> None:
    browser = shop.browser()
    first, second = begin(browser), begin(browser)
    for asked in (first, second):
        assert asked["response_type"] == "code"
        assert asked["client_id"] == shop.environment["AUTH0_CLIENT_ID"]
        assert asked["redirect_uri"] == f"{shop.url}/callback"
        assert asked["scope"].split() == ["openid", "profile", "email"]
        assert asked["code_challenge_method"] == "S256"
        assert len(asked["code_challenge"]) == 43
        assert "code_verifier" not in asked
        assert "client_secret" not in asked
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) >= 20
        assert first[name] != second[name]


def test_only_the_known_parameters_reach_the_provider(shop: Shop) -> None:
    browser = shop.browser()
    passed_on = {
        "screen_hint": "signup",
        "login_hint": "ada@example.com",
        "ui_locales": "de",
        "connection": "Username-Password-Authentication",
        "organization": ORGANIZATION,
        "invitation": "a-ticket",
        "prompt": "login",
        "max_age": "60",
    }
    ours = {
        "response_type": "token",
        "client_id": "another-client",
        "redirect_uri": "https://evil.example/",
        "scope": "openid offline_access",
        "state": "fixed",
        "nonce": "fixed",
        "code_challenge": "fixed",
        "code_challenge_method": "plain",
    }
    asked = begin(browser, **passed_on, **ours, audience="https://api.example", request="x")
    assert {name: asked.get(name) for name in passed_on} == passed_on
    assert not set(ours.values()) & set(asked.values())
    assert asked.keys() == {*passed_on, *ours}


@pytest.mark.parametrize("max_age", ["-1", "1.5", "soon", "٣"])
def test_a_max_age_that_is_no_number_is_refused(browser: Browser, max_age: str) -> None:
    page = browser.open(f"/login?max_age={quote(max_age)}")
    assert page.status_code == 400
    assert "max_age must be a number of seconds" in page.text


def test_max_age_asks_whoever_logged_in_long_ago_again(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.sandbox.auth0.control.clock.advance(3600)
    page = browser.open("/login?max_age=600&next=/account")
    assert page.url.path == "/u/login"
    assert browser.submit(page, email="ada@example.com", password=PASSWORD).url.path == "/account"


def test_login_for_an_organization(browser: Browser) -> None:
    page = browser.open(f"/login?organization={ORGANIZATION}&next=/account")
    assert browser.submit(page, email="ada@example.com", password=PASSWORD).url.path == "/account"


@pytest.mark.parametrize(
    "header",
    [{"Sec-Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}],
    ids=["prefetch", "prerender", "older browsers"],
)
def test_a_prefetch_begins_no_login(browser: Browser, header: dict[str, str]) -> None:
    answer = stop_at(browser, "/login", **header)
    assert answer.status_code == 503
    assert "Set-Cookie" not in answer.headers
    assert "no-store" in answer.headers["Cache-Control"]


# Transactions


def test_two_tabs_at_once_both_finish(browser: Browser) -> None:
    first = browser.open("/login?next=/account")
    second = browser.open("/login?next=/account/link")
    page = browser.submit(second, email="ada@example.com", password=PASSWORD)
    assert page.url.path == "/account/link"
    page = browser.submit(first, email="ada@example.com", password=PASSWORD)
    assert page.url.path == "/account"
    assert link_status(page) == "linked"
    assert transactions(browser) == {}


def test_five_tabs_finish_and_the_sixth_takes_the_place_of_the_oldest(shop: Shop) -> None:
    browser = shop.browser()
    tabs = [browser.open(f"/login?next=/account?tab={number}") for number in range(6)]
    assert len(transactions(browser)) == 5
    page = browser.submit(tabs[0], email="ada@example.com", password=PASSWORD)
    assert page.status_code == 400
    for number in range(1, 6):
        page = browser.submit(tabs[number], email="ada@example.com", password=PASSWORD)
        assert page.url.query == f"tab={number}".encode()
    assert transactions(browser) == {}


def test_twenty_abandoned_logins_do_not_fill_the_cookie_header(browser: Browser) -> None:
    for _ in range(20):
        begin(browser, next_path="/account/link?" + "x" * 200)
    assert len(transactions(browser)) == 5
    assert sum(len(name) + len(value) for name, value in transactions(browser).items()) < 5_000
    assert browser.log_in().url.path == "/account"


def test_the_transaction_cookie_is_http_only_lax_and_lives_fifteen_minutes(browser: Browser) -> None:
    answer = stop_at(browser, "/login")
    (cookie,) = answer.headers.get_list("Set-Cookie")
    attributes = cookie.split("; ")
    assert attributes[0].startswith(PREFIX)
    assert {"HttpOnly", "SameSite=Lax", "Max-Age=900", "Path=/"} <= set(attributes)
    assert not any(attribute.startswith("Domain") for attribute in attributes)


def test_the_transaction_cookie_is_gone_after_success(browser: Browser) -> None:
    url = provider_answer(browser)
    assert len(transactions(browser)) == 1
    browser.open(url)
    assert transactions(browser) == {}


@pytest.mark.parametrize("error", ["access_denied", "login_required", "invalid_request", "server_error"])
def test_the_transaction_cookie_is_gone_after_an_error(browser: Browser, error: str) -> None:
    state = begin(browser)["state"]
    browser.open(f"/callback?state={state}&error={error}")
    assert transactions(browser) == {}


def test_the_transaction_cookie_is_gone_when_the_exchange_fails(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    shop.sandbox.auth0.control.add_fault(action="status", path="/oauth/token", status=500)
    assert browser.open(url).status_code == 503
    assert transactions(browser) == {}


class _Earlier(TimestampSigner):
    """Signs as of `age_s` seconds ago."""

    age_s = 0

    def get_timestamp(self) -> int:
        return int(time.time()) - self.age_s


class _FourteenMinutesAgo(_Earlier):
    age_s = 14 * 60


class _SixteenMinutesAgo(_Earlier):
    age_s = 16 * 60


def sign_again(
    browser: Browser,
    key: str,
    signer: type[TimestampSigner] = TimestampSigner,
    *,
    which: int = 0,
    **data: str,
) -> None:
    """Replace a transaction by a signed copy of it, with other data or another age."""
    name, value = list(transactions(browser).items())[which]
    serializer = URLSafeTimedSerializer(key, salt="webstore-login-transaction", signer=signer)
    stored = URLSafeTimedSerializer(key, salt="webstore-login-transaction").loads_unsafe(value)[1]
    replace_cookie(browser, name, str(serializer.dumps({**stored, "data": {**stored["data"], **data}})))


def test_a_login_may_take_fourteen_minutes(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    sign_again(browser, shop.environment["APP_SECRET_KEY"], _FourteenMinutesAgo)
    assert browser.open(url).url.path == "/account"


def test_the_oldest_of_many_logins_makes_room(shared: Shop, browser: Browser) -> None:
    for _ in range(5):
        begin(browser)
    before = list(transactions(browser))
    sign_again(browser, shared.environment["APP_SECRET_KEY"], _FourteenMinutesAgo, which=2)
    begin(browser)
    assert set(before) - set(transactions(browser)) == {before[2]}


def test_a_login_that_takes_longer_than_fifteen_minutes_is_not_continued(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    sign_again(browser, shop.environment["APP_SECRET_KEY"], _SixteenMinutesAgo)
    assert_not_continued(browser, browser.open(url))


def test_a_transaction_that_the_store_did_not_sign_is_not_continued(browser: Browser) -> None:
    url = provider_answer(browser)
    sign_again(browser, "somebody else's key that is long enough, too")
    assert_not_continued(browser, browser.open(url))


def test_a_transaction_that_was_tampered_with_is_not_continued(browser: Browser) -> None:
    url = provider_answer(browser)
    ((name, value),) = transactions(browser).items()
    replace_cookie(browser, name, ("B" if value[5] == "A" else "A").join((value[:5], value[6:])))
    assert_not_continued(browser, browser.open(url))


def test_a_transaction_does_not_serve_another_state(browser: Browser) -> None:
    begin(browser)
    ((_, other),) = transactions(browser).items()
    url = provider_answer(browser)
    (name,) = [name for name, value in transactions(browser).items() if value != other]
    replace_cookie(browser, name, other)
    assert_not_continued(browser, browser.open(url))


def assert_not_continued(browser: Browser, page: httpx.Response) -> None:
    """A stranger is told, and offered to log in again."""
    assert page.status_code == 400
    assert page.url.path == "/callback"
    assert "This login cannot be continued" in content(page)
    assert re.search(r'<a class="button" href="/login">Log in</a>', content(page))
    assert not is_logged_in(browser)


# Callbacks that belong to no login

STRAY = {
    "a bookmark": "/callback",
    "no state": "/callback?code=abc",
    "an empty state": "/callback?code=abc&state=",
    "an unknown state": "/callback?code=abc&state=unknown",
    "an error without a state": "/callback?error=access_denied",
    "an error with an unknown state": "/callback?error=access_denied&state=unknown",
    "a state that is no text": "/callback?code=abc&state=%FF%00%0a",
    "a very long state": f"/callback?code=abc&state={'x' * 5000}",
}


@pytest.mark.parametrize("path", STRAY.values(), ids=STRAY.keys())
def test_a_stray_callback_offers_a_stranger_to_log_in(browser: Browser, path: str) -> None:
    assert_not_continued(browser, browser.open(path))


@pytest.mark.parametrize("path", STRAY.values(), ids=STRAY.keys())
def test_a_stray_callback_brings_a_shopper_home(browser: Browser, path: str) -> None:
    browser.log_in()
    page = browser.open(path)
    assert page.url.path == "/"
    assert link_status(page) == "linked"


def test_reloading_the_callback_brings_the_shopper_home(browser: Browser) -> None:
    url = provider_answer(browser)
    browser.open(url)
    page = browser.open(url)
    assert page.url.path == "/"
    assert link_status(page) == "linked"


def test_the_back_button_after_a_logout_offers_to_log_in(browser: Browser) -> None:
    url = provider_answer(browser)
    browser.open(url)
    browser.log_out()
    assert_not_continued(browser, browser.open(url))


def test_a_callback_of_another_browser_logs_nobody_in_and_costs_nothing(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    assert_not_continued(shop.browser(), shop.browser().open(url))
    assert browser.open(url).url.path == "/account"


def test_no_error_page_repeats_the_callbacks_secrets(browser: Browser) -> None:
    page = browser.open("/callback?code=the-secret-code&state=the-secret-state")
    assert "the-secret" not in page.text


# Errors from the provider


def test_declining_gives_the_reason_and_another_account(shop: Shop) -> None:
    browser = shop.browser()
    page = decline(browser, browser.open("/login?next=/account"))
    assert page.status_code == 403
    assert "User did not authorize the request" in content(page)
    assert "Use another account" in content(page)
    assert not is_logged_in(browser)


def test_another_account_still_goes_where_the_shopper_was_going(shop: Shop) -> None:
    browser = shop.browser()
    page = decline(browser, browser.open("/login?next=/account"))
    (href,) = re.findall(r'href="([^"]*)">Use another account', content(page))
    page = browser.open(href.replace("&amp;", "&"))
    page = browser.submit(page, email=GRACE_EMAIL, password=PASSWORD)
    assert page.url.path == "/account"


def test_another_account_means_the_login_page_whoever_is_logged_in_there(browser: Browser) -> None:
    browser.log_in()
    state = begin(browser)["state"]
    page = browser.open(f"/callback?state={state}&error=access_denied")
    (href,) = re.findall(r'href="([^"]*)">Use another account', content(page))
    page = browser.open(href.replace("&amp;", "&"))
    assert page.url.path == "/u/login"
    page = browser.submit(page, email=GRACE_EMAIL, password=PASSWORD)
    assert GRACE_EMAIL in browser.open("/account").text


def test_the_reason_is_escaped(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    reason = quote("""<script>alert("1")</script><b onclick='x'>""")
    state = begin(browser)["state"]
    page = browser.open(f"/callback?state={state}&error=access_denied&error_description={reason}")
    assert page.status_code == 403
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;&lt;b onclick=&#39;x&#39;&gt;" in content(page)
    assert "<script>alert" not in page.text
    assert "LoginDenied" in cause(caplog, page)


def test_a_reason_cannot_write_lines_of_its_own_into_the_log(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    state = begin(browser)["state"]
    reason = quote("no\r\n2026-01-01 00:00:00 ERROR webstore forged\x1b[2J\x85\u2028")
    page = browser.open(f"/callback?state={state}&error=access_denied&error_description={reason}")
    line = cause(caplog, page)
    assert "forged" in line
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", line)


@pytest.mark.parametrize(
    "error", ["login_required", "interaction_required", "consent_required", "account_selection_required"]
)
def test_a_silent_try_that_needs_the_shopper_leaves_a_stranger(browser: Browser, error: str) -> None:
    state = begin(browser, next_path="/healthz", prompt="none")["state"]
    page = browser.open(f"/callback?state={state}&error={error}")
    assert page.url.path == "/healthz"
    assert page.status_code == 200
    assert not is_logged_in(browser)


def test_a_silent_try_is_not_repeated(shop: Shop) -> None:
    browser = shop.browser()
    page = browser.open("/login?prompt=none&next=/")
    assert page.url.path == "/"
    assert link_status(page) is None
    assert prompts(shop) == ["none"]


def test_a_silent_try_for_a_page_that_needs_a_login_shows_the_login_page(shop: Shop) -> None:
    browser = shop.browser()
    assert browser.open("/login?prompt=none&next=/account").url.path == "/u/login"
    assert prompts(shop) == ["none", None]


def test_a_silent_try_logs_in_whoever_the_provider_knows(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    browser.client.cookies.delete("webstore")
    assert link_status(browser.open("/login?prompt=none&next=/")) == "linked"


def prompts(shop: Shop) -> list[str | None]:
    """The `prompt` of each authorization request that the provider got."""
    asked = [seen for seen in shop.sandbox.auth0.control.requests() if seen.path == "/authorize"]
    return [parse_qs(seen.query).get("prompt", [None])[0] for seen in asked]


def test_a_login_that_was_not_silent_is_told_what_the_provider_needs(browser: Browser) -> None:
    state = begin(browser)["state"]
    page = browser.open(f"/callback?state={state}&error=login_required")
    assert page.status_code == 400
    assert "You were not logged in" in content(page)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("invalid_request", 400),
        ("unauthorized", 400),
        ("<script>", 400),
        ("x" * 3000, 400),
        ("", 400),
        ("server_error", 503),
        ("temporarily_unavailable", 503),
    ],
)
def test_any_other_error_is_a_page_with_a_reference_number(
    browser: Browser, caplog: pytest.LogCaptureFixture, error: str, status: int
) -> None:
    state = begin(browser)["state"]
    page = browser.open(f"/callback?state={state}&error={quote(error)}&error_description=details")
    assert page.status_code == status
    assert 'href="/login?next=/account">Log in</a>' in content(page)
    assert error[:60] in cause(caplog, page)
    assert "<script>" not in content(page)
    assert not is_logged_in(browser)


def test_a_blocked_user_gets_a_page(shop: Shop) -> None:
    browser = shop.browser()
    shop.management("PATCH", ADA, {"blocked": True}).raise_for_status()
    page = browser.log_in()
    assert page.status_code == 400
    assert not is_logged_in(browser)


def test_a_callback_without_code_is_a_page_and_asks_the_provider_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    browser = shop.browser()
    state = begin(browser)["state"]
    page = browser.open(f"/callback?state={state}")
    assert page.status_code == 400
    assert "carries no code" in cause(caplog, page)
    assert requests_for(shop, "/oauth/token") == []


def test_a_made_up_code_is_a_page(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    state = begin(browser)["state"]
    page = browser.open(f"/callback?state={state}&code=made-up")
    assert page.status_code == 400
    assert "invalid_grant" in cause(caplog, page)


def test_the_provider_may_name_itself_in_the_callback(shop: Shop) -> None:
    browser = shop.browser()
    shop.sandbox.auth0.control.change_settings({"callback_iss": True})
    url = provider_answer(browser)
    assert "iss=http" in url
    assert browser.open(url).url.path == "/account"


def test_a_callback_that_names_another_issuer_is_refused(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    page = browser.open(f"{provider_answer(browser)}&iss=https%3A%2F%2Fevil.example%2F")
    assert page.status_code == 400
    assert "another issuer" in cause(caplog, page)
    assert not is_logged_in(browser)


# A provider that is down, slow or confused


def test_provider_down_at_the_beginning(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    browser = shop.browser()
    shop.sandbox.auth0_server.stop()
    page = browser.open("/login?next=/account")
    assert page.status_code == 503
    assert "The login page is not available" in content(page)
    assert "ProviderUnavailable" in cause(caplog, page)
    shop.sandbox.auth0_server.start()
    assert browser.log_in().url.path == "/account"


def test_provider_down_at_the_callback(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    shop.sandbox.auth0_server.stop()
    page = browser.open(url)
    assert page.status_code == 503
    assert "The login page is not available" in content(page)
    assert "token endpoint: ConnectionError" in cause(caplog, page)
    assert not is_logged_in(browser)


TOKEN_FAULTS: dict[str, dict[str, object]] = {
    "500": {"action": "status", "status": 500},
    "503 with a page": {"action": "status", "status": 503, "body": "<h1>Maintenance</h1>"},
    "429": {"action": "status", "status": 429, "body": {"error": "too_many_requests"}},
    "200 with a page": {"action": "status", "status": 200, "body": "<h1>Hello</h1>"},
    "200 with a list": {"action": "status", "status": 200, "body": [1]},
    "200 with a text": {"action": "status", "status": 200, "body": '"text"'},
    "200 with nothing": {"action": "status", "status": 200, "body": {}},
    "200 with null tokens": {"action": "status", "status": 200, "body": {"id_token": None}},
    "200 with odd tokens": {"action": "status", "status": 200, "body": {"id_token": 7, "access_token": []}},
    "a redirect": {"action": "status", "status": 302, "headers": {"Location": "https://evil.example/"}},
    "a cut answer": {"action": "truncate"},
    "a reset": {"action": "reset"},
    "a reset after the effect": {"action": "reset", "when": "after"},
}


@pytest.mark.parametrize("fault", TOKEN_FAULTS.values(), ids=TOKEN_FAULTS.keys())
def test_whatever_the_token_endpoint_does_the_shopper_sees_a_page(
    shop: Shop, caplog: pytest.LogCaptureFixture, fault: Mapping[str, object]
) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    shop.sandbox.auth0.control.add_fault(path="/oauth/token", **fault)
    page = browser.open(url)
    assert page.status_code in (400, 503)
    assert "login failed" in cause(caplog, page)
    assert not is_logged_in(browser)
    assert browser.log_in().url.path == "/account"


def test_a_token_endpoint_that_never_answers_is_given_up(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    shop.sandbox.auth0.control.add_fault(action="hang", path="/oauth/token", seconds=60)
    began = time.monotonic()
    page = browser.open(url)
    assert page.status_code == 503
    assert time.monotonic() - began < 15
    shop.sandbox.auth0.control.clear_faults()


def other_issuer(shop: Shop) -> dict[str, str]:
    """Discovery of somebody else, with endpoints that work."""
    issuer = shop.environment["AUTH0_ISSUER"]
    return {
        "issuer": "https://evil.example/",
        "authorization_endpoint": f"{issuer}authorize",
        "token_endpoint": f"{issuer}oauth/token",
        "jwks_uri": f"{issuer}.well-known/jwks.json",
    }


def test_discovery_that_names_another_issuer_is_refused(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    browser = shop.browser()
    shop.sandbox.auth0.control.add_fault(
        action="status", path=DISCOVERY, status=200, body=other_issuer(shop), times=None
    )
    page = browser.open("/login")
    assert page.status_code in (400, 503)
    assert "names another issuer" in cause(caplog, page)
    assert transactions(browser) == {}


@pytest.mark.parametrize("what", ["another issuer", "nothing", "no endpoints"])
def test_discovery_that_was_wrong_once_is_not_held_on_to(shop: Shop, what: str) -> None:
    browser = shop.browser()
    issuer = shop.environment["AUTH0_ISSUER"]
    bodies = {"another issuer": other_issuer(shop), "nothing": {}, "no endpoints": {"issuer": issuer}}
    shop.sandbox.auth0.control.add_fault(action="status", path=DISCOVERY, status=200, body=bodies[what])
    assert browser.open("/login").status_code in (400, 503)
    assert browser.log_in().url.path == "/account"


def test_keys_that_were_missing_once_are_asked_for_again(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    shop.sandbox.auth0.control.add_fault(action="status", path=KEYS, status=200, body={})
    assert browser.open(url).status_code in (400, 503)
    assert browser.log_in().url.path == "/account"


def test_signing_keys_may_change_between_logins(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.sandbox.auth0.state.keys.rotate()
    shop.sandbox.auth0.state.keys.rotate()
    shop.sandbox.auth0.state.keys.revoke()
    assert shop.browser().log_in().url.path == "/account"


def test_discovery_and_keys_are_read_once_for_many_logins(shop: Shop) -> None:
    for _ in range(3):
        assert shop.browser().log_in().url.path == "/account"
    assert len(requests_for(shop, DISCOVERY)) == 1
    assert len(requests_for(shop, KEYS)) == 1


def requests_for(shop: Shop, path: str) -> list[LoggedRequest]:
    """What the provider was asked for under this path."""
    return [seen for seen in shop.sandbox.auth0.control.requests() if re.fullmatch(path, seen.path)]


@pytest.fixture
def provider(shop: Shop) -> Iterator[Provider]:
    """What the store believes about its provider, never fresh."""
    wire = Wire("the login provider", total_s=2)
    yield Provider(wire, shop.environment["AUTH0_ISSUER"], lifetime_s=0)
    wire.close()


def test_discovery_and_keys_are_served_stale_while_the_provider_is_down(
    shop: Shop, provider: Provider
) -> None:
    metadata, keys = provider.metadata(), provider.keys()
    shop.sandbox.auth0_server.stop()
    assert provider.metadata() == metadata
    assert provider.keys() == keys


def test_discovery_and_keys_are_read_again_when_they_are_old(shop: Shop, provider: Provider) -> None:
    old = provider.keys()
    shop.sandbox.auth0.state.keys.rotate()
    assert provider.keys() != old
    assert len(requests_for(shop, DISCOVERY)) == 2


def test_a_provider_that_hangs_holds_up_one_thread_and_the_others_use_what_is_known(shop: Shop) -> None:
    wire = Wire("the login provider", total_s=5)
    provider = Provider(wire, shop.environment["AUTH0_ISSUER"], lifetime_s=0)
    known = provider.metadata()
    with held(shop.sandbox.auth0.control, "GET", DISCOVERY) as has_come:
        renewing = in_background(provider.metadata)
        until(has_come)
        for _ in range(20):
            assert provider.metadata() == known
        assert not renewing.done()
    assert renewing.result() == known
    wire.close()


def test_threads_of_a_cold_start_share_one_failure_of_the_provider(shop: Shop) -> None:
    wire = Wire("the login provider", total_s=1)
    provider = Provider(wire, shop.environment["AUTH0_ISSUER"])
    with held(shop.sandbox.auth0.control, "GET", DISCOVERY) as has_come:
        reads = [in_background(provider.metadata)]
        until(has_come)
        reads += [in_background(provider.metadata) for _ in range(7)]
        assert {type(read.exception()) for read in reads} == {ProviderUnavailable}
    assert len(requests_for(shop, DISCOVERY)) == 1
    wire.close()


def test_unknown_keys_do_not_flood_the_provider(shop: Shop) -> None:
    wire = Wire("the login provider", total_s=2)
    provider = Provider(wire, shop.environment["AUTH0_ISSUER"])
    for _ in range(200):
        provider.keys(force=True)
    assert 2 <= len(requests_for(shop, KEYS)) <= 100
    wire.close()


# Where to go afterwards

UNSAFE = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example/",
    "https:evil.example",
    "http:///evil.example",
    "evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/\t/evil.example",
    "/\r\nSet-Cookie: x=1",
    "\x00/account",
    " /account",
    "/login",
    "/login?next=/login",
    "/callback",
    "/logout",
    "/x/../login",
    "/./login",
    "/%6cogin",
    "/x/%2e%2e/login",
    "/" + "x" * 2000,
    "",
]


@pytest.fixture(scope="module")
def known(shared: Shop) -> Browser:
    """A browser that the provider knows, so that a login needs no page."""
    browser = shared.browser()
    browser.log_in()
    return browser


@pytest.mark.parametrize("unsafe", UNSAFE)
def test_an_unsafe_return_path_leads_home(known: Browser, unsafe: str) -> None:
    page = known.open(f"/login?next={quote(unsafe, safe='')}")
    assert page.url == known.client.base_url.join("/")
    assert [step.url.path for step in page.history] == ["/login", "/authorize", "/callback"]
    assert page.history[-1].headers["Location"] == "/"


@pytest.mark.parametrize(
    "safe", ["/account", "/account?a=1&b=//x", "/account?next=https://x", "/%C3%BC%0d%0a"]
)
def test_a_safe_return_path_is_kept(known: Browser, safe: str) -> None:
    page = known.open(f"/login?next={quote(safe, safe='')}")
    assert page.history[-1].headers["Location"] == safe


def test_the_return_path_is_checked_before_it_is_kept(shared: Shop, browser: Browser) -> None:
    begin(browser, next_path="//evil.example")
    (value,) = transactions(browser).values()
    key = shared.environment["APP_SECRET_KEY"]
    stored = URLSafeTimedSerializer(key, salt="webstore-login-transaction").loads(value)
    assert stored["data"]["next"] == "/"


def test_the_return_path_is_checked_when_it_is_used_too(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    sign_again(browser, shop.environment["APP_SECRET_KEY"], next="//evil.example/")
    assert stop_at(browser, url).headers["Location"] == "/"


# One browser, two people


def test_a_second_user_sees_nothing_of_the_first(shop: Shop) -> None:
    browser = shop.browser()
    old = browser.log_in()
    hers = shown_customer(old)
    assert hers is not None
    page = browser.open("/login?prompt=login&next=/account")
    page = browser.submit(page, email=GRACE_EMAIL, password=PASSWORD)
    assert page.url.path == "/account"
    assert shown_customer(page) not in (None, hers)
    for path in ("/", "/account", "/account/link"):
        text = browser.open(path).text
        assert "Grace Example" in text or GRACE_EMAIL in text or path == "/account/link"
        for trace in ("Ada Example", "ada@example.com", ADA, hers):
            assert trace not in text
    assert browser.submit(old, action="/logout").status_code == 400
    assert is_logged_in(browser)


# A provider that lies


@pytest.fixture(scope="module")
def lying_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Liar, Shop]]:
    with a_lying_shop(tmp_path_factory.mktemp("lying")) as lying:
        yield lying


@pytest.fixture
def liar(lying_shop: tuple[Liar, Shop]) -> Liar:
    lying_shop[0].tell_the_truth()
    return lying_shop[0]


@pytest.fixture
def victim(lying_shop: tuple[Liar, Shop]) -> Browser:
    return lying_shop[1].browser()


def assert_refused(victim: Browser, liar: Liar, caplog: pytest.LogCaptureFixture) -> None:
    """A page with a reference number, nobody logged in, and nothing secret in the log."""
    page = victim.open("/login?next=/account")
    assert page.status_code == 400, content(page)
    assert page.url.path == "/callback"
    assert "The login did not work" in content(page)
    assert "LoginRejected" in cause(caplog, page)
    assert not is_logged_in(victim)
    assert transactions(victim) == {}
    for secret in liar.issued:
        assert secret not in log_of_store(caplog)


@pytest.mark.usefixtures("liar")
def test_a_right_answer_is_taken_and_its_verifier_fits_the_challenge(victim: Browser) -> None:
    page = victim.open("/login?next=/account")
    assert page.url.path == "/account"
    assert link_status(page) == "linked"


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example/"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another-client"},
    "other audiences": {"aud": ["another-client", "a-third"]},
    "no audience": {"aud": None},
    "another audience and azp ours": {"aud": "another-client", "azp": "the-store"},
    "azp another": {"aud": ["the-store", "another-client"], "azp": "another-client"},
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "no sub": {"sub": None},
    "empty sub": {"sub": ""},
    "sub a number": {"sub": 7},
    "sub too long": {"sub": "x" * 256},
    "sub with a line break": {"sub": "auth0|a\nb"},
    "no iat": {"iat": None},
    "iat in ten minutes": {"iat": timedelta(minutes=10)},
    "no exp": {"exp": None},
    "expired two minutes ago": {"exp": timedelta(minutes=-2)},
    "exp a text": {"exp": "tomorrow"},
    "auth_time a text": {"auth_time": "yesterday"},
}


@pytest.mark.parametrize("claims", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS.keys())
def test_an_id_token_with_wrong_claims_is_refused(
    liar: Liar, victim: Browser, caplog: pytest.LogCaptureFixture, claims: dict[str, Any]
) -> None:
    liar.claims = claims
    assert_refused(victim, liar, caplog)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["the-store"]},
        {"aud": ["the-store", "an-api"], "azp": "the-store"},
        {"iat": timedelta(seconds=50)},
        {"exp": timedelta(seconds=-50)},
    ],
    ids=["audience in a list", "two audiences and azp ours", "clock ahead", "clock behind"],
)
def test_an_unusual_but_right_id_token_is_taken(liar: Liar, victim: Browser, claims: dict[str, Any]) -> None:
    liar.claims = claims
    assert victim.open("/login?next=/account").url.path == "/account"


@pytest.mark.parametrize("claim", ["iss", "aud", "nonce"])
def test_the_log_says_which_claim_was_wrong(
    liar: Liar, victim: Browser, caplog: pytest.LogCaptureFixture, claim: str
) -> None:
    liar.claims = {claim: 1}
    assert claim in cause(caplog, victim.open("/login")).partition("cause=")[2]


def test_a_token_response_without_id_token_is_refused(
    liar: Liar, victim: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    liar.response = {"id_token": None}
    assert_refused(victim, liar, caplog)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a.b.c.d.e", 7, ["x"], {"a": 1}])
def test_an_id_token_that_is_none_is_refused(
    liar: Liar, victim: Browser, caplog: pytest.LogCaptureFixture, token: object
) -> None:
    liar.response = {"id_token": token}
    assert_refused(victim, liar, caplog)


def test_an_oversized_id_token_is_refused(
    liar: Liar, victim: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    liar.claims = {"padding": "x" * 40_000}
    assert_refused(victim, liar, caplog)


WRONG_SIGNATURES: dict[str, Callable[[Liar, dict[str, Any]], str]] = {
    "alg none": lambda liar, claims: by_hand({"alg": "none", "kid": "rsa"}, claims, None),
    "no alg": lambda liar, claims: by_hand({"kid": "rsa"}, claims, None),
    "RS256 with an empty signature": lambda liar, claims: by_hand(
        {"alg": "RS256", "kid": "rsa"}, claims, None
    ),
    "RS256 with a broken signature": lambda liar, claims: liar.right(claims)[:-8] + "AAAAAAAA",
    "RS256 by another key": lambda liar, claims: jwt.encode(
        {"alg": "RS256", "kid": "rsa"}, claims, RSAKey.generate_key(2048)
    ),
    "an unknown kid": lambda liar, claims: liar.right(claims, kid="unknown"),
    "HS256 with the public key": lambda liar, claims: by_hand(
        {"alg": "HS256", "kid": "rsa"}, claims, liar.key.as_pem(private=False)
    ),
    "ES256 with a published key": lambda liar, claims: jwt.encode(
        {"alg": "ES256", "kid": "ec"}, claims, curve()
    ),
    "a key of its own": lambda liar, claims: liar.right(claims, jwk=liar.key.as_dict(private=False), kid="x"),
    "a critical header": lambda liar, claims: by_hand(
        {"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": False}, claims, None
    ),
}


@pytest.mark.parametrize("sign", WRONG_SIGNATURES.values(), ids=WRONG_SIGNATURES.keys())
def test_an_id_token_with_a_wrong_signature_is_refused(
    liar: Liar,
    victim: Browser,
    caplog: pytest.LogCaptureFixture,
    sign: Callable[[Liar, dict[str, Any]], str],
) -> None:
    liar.sign = lambda claims: sign(liar, claims)
    assert_refused(victim, liar, caplog)


def test_an_id_token_signed_with_the_client_secret_is_refused(
    liar: Liar, lying_shop: tuple[Liar, Shop], victim: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    secret = lying_shop[1].environment["AUTH0_CLIENT_SECRET"].encode()
    for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "rsa"}):
        liar.sign = lambda claims, header=header: by_hand(header, claims, secret)
        assert_refused(victim, liar, caplog)


@pytest.mark.parametrize("auth_time", [None, timedelta(hours=-1)], ids=["unknown", "an hour ago"])
def test_a_login_older_than_max_age_is_refused(
    liar: Liar, victim: Browser, caplog: pytest.LogCaptureFixture, auth_time: timedelta | None
) -> None:
    liar.claims = {"auth_time": auth_time}
    page = victim.open("/login?max_age=600&next=/account")
    assert page.status_code == 400
    assert "older than max_age" in cause(caplog, page)


@pytest.mark.parametrize("organization", [None, "org_another"])
def test_an_id_token_for_another_organization_is_refused(
    liar: Liar, victim: Browser, caplog: pytest.LogCaptureFixture, organization: str | None
) -> None:
    liar.claims = {"org_id": organization}
    page = victim.open(f"/login?organization={ORGANIZATION}&next=/account")
    assert page.status_code == 400
    assert "another organization" in cause(caplog, page)
