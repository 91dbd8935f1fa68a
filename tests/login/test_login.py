"""A good login as a browser goes through it: to the provider and back, to where the shopper was going."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from itsdangerous import URLSafeTimedSerializer

from tests.login.steps import (
    GRACE_EMAIL,
    ORGANIZATION,
    begin,
    is_logged_in,
    provider_answer,
    sign_again,
    stop_at,
    transactions,
)
from tests.support import (
    ADA,
    PASSWORD,
    Browser,
    Shop,
    link_status,
    shown_customer,
)

pytestmark = pytest.mark.usefixtures("everything_is_logged")


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
def test_a_max_age_that_is_not_a_number_is_refused(browser: Browser, max_age: str) -> None:
    page = browser.open(f"/login?max_age={quote(max_age)}")
    assert page.status_code == 400
    assert "This login link has a mistake." in page.text
    assert 'href="/login?next=/">Log in</a>' in page.text


def test_max_age_asks_a_shopper_who_logged_in_long_ago_again(shop: Shop) -> None:
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
