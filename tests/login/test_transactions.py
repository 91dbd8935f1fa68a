"""Logins in progress in one browser: tabs, cookies, ages, and callbacks without a login."""

from __future__ import annotations

import pytest

from tests.login.steps import (
    PREFIX,
    FourteenMinutesAgo,
    SixteenMinutesAgo,
    assert_not_continued,
    begin,
    provider_answer,
    replace_cookie,
    sign_again,
    stop_at,
    transactions,
)
from tests.support import (
    PASSWORD,
    Browser,
    Shop,
    link_status,
)

pytestmark = pytest.mark.usefixtures("everything_is_logged")


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


def test_the_transaction_cookie_is_deleted_once(browser: Browser) -> None:
    answer = stop_at(browser, provider_answer(browser))
    own = [cookie for cookie in answer.headers.get_list("Set-Cookie") if cookie.startswith(PREFIX)]
    assert [cookie.partition("=")[2].split("; ")[0] for cookie in own] == [""]


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


def test_a_login_may_take_fourteen_minutes(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    sign_again(browser, shop.environment["APP_SECRET_KEY"], FourteenMinutesAgo)
    assert browser.open(url).url.path == "/account"


def test_the_oldest_of_many_logins_makes_room(shared: Shop, browser: Browser) -> None:
    for _ in range(5):
        begin(browser)
    before = list(transactions(browser))
    sign_again(browser, shared.environment["APP_SECRET_KEY"], FourteenMinutesAgo, which=2)
    begin(browser)
    assert set(before) - set(transactions(browser)) == {before[2]}


def test_a_login_that_takes_longer_than_fifteen_minutes_is_not_continued(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    sign_again(browser, shop.environment["APP_SECRET_KEY"], SixteenMinutesAgo)
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


# Callbacks that belong to no login

STRAY = {
    "a bookmark": "/callback",
    "no state": "/callback?code=abc",
    "an empty state": "/callback?code=abc&state=",
    "an unknown state": "/callback?code=abc&state=unknown",
    "an error without a state": "/callback?error=access_denied",
    "an error with an unknown state": "/callback?error=access_denied&state=unknown",
    "a state that is not text": "/callback?code=abc&state=%FF%00%0a",
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
