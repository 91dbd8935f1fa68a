"""An account is closed only soon after a login."""

from __future__ import annotations

import html
import re
import time
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.conformance.provider import Liar
from tests.login.account_pages import content
from tests.login.session_content import change_login
from tests.login.steps import is_logged_in, requests_for
from tests.support import ADA, PASSWORD, Browser, Shop

CLOSE = "/account/close"


def button(page: httpx.Response) -> str:
    """Where the page's only button leads."""
    (found,) = re.findall(r'<a class="button" href="([^"]*)"', page.text.partition("<main")[2])
    return html.unescape(found)


def confirm(browser: Browser, page: httpx.Response) -> httpx.Response:
    """Type the words, and press the button."""
    return browser.submit(page, action=CLOSE, confirmation="close my account")


def test_a_shopper_who_logged_in_an_hour_ago_types_the_password_and_closes_the_account(
    shop: Shop, ada: Browser
) -> None:
    shop.sandbox.auth0.control.clock.advance(3600)
    page = ada.open(CLOSE)
    assert page.url.path == "/u/login"
    page = ada.submit(page, email="ada@example.com", password=PASSWORD)
    assert page.url.path == CLOSE
    assert "closing the account of ada@example.com" in content(page)
    assert "Your account is closed" in content(confirm(ada, page))
    assert shop.management("GET", ADA).status_code == 404


def test_a_shopper_who_has_just_typed_the_password_is_not_asked_again(shop: Shop, ada: Browser) -> None:
    shop.forget_requests()
    page = ada.open(CLOSE)
    assert (page.status_code, page.url.path) == (200, CLOSE)
    assert ada.open(CLOSE).history == []
    (asked,) = requests_for(shop, "/authorize")
    assert dict(parse_qsl(asked.query))["max_age"] == "300"
    assert "Your account is closed" in content(confirm(ada, page))


def test_a_page_that_was_open_for_long_closes_nothing_and_leads_through_the_login_back(
    shop: Shop, ada: Browser
) -> None:
    page = ada.open(CLOSE)
    change_login(shop, ada, auth=int(time.time()) - 3600)
    shop.sandbox.auth0.control.clock.advance(3600)
    refused = confirm(ada, page)
    assert (refused.status_code, refused.history) == (403, [])
    assert "Nothing has changed" in content(refused)
    assert shop.management("GET", ADA).status_code == 200
    page = ada.open(button(refused))
    assert page.url.path == "/u/login"
    assert ada.submit(page, email="ada@example.com", password=PASSWORD).url.path == CLOSE


def test_a_form_that_is_sent_twenty_minutes_after_the_login_still_counts(shop: Shop, ada: Browser) -> None:
    page = ada.open(CLOSE)
    change_login(shop, ada, auth=int(time.time()) - 1200)
    assert "Your account is closed" in content(confirm(ada, page))


@pytest.mark.parametrize(
    "auth_time", [None, timedelta(hours=-1), timedelta(hours=1)], ids=["none", "old", "to come"]
)
def test_a_provider_that_ignores_max_age_causes_no_loop(
    lying: tuple[Liar, Shop], auth_time: timedelta | None
) -> None:
    liar, shop = lying
    browser = shop.browser()
    browser.open("/login")
    liar.claims |= {"auth_time": auth_time}
    before = liar.times("/authorize")
    page = browser.open(CLOSE)
    assert (page.status_code, page.url.path) == (400, "/callback")
    # The same without `max_age`: the provider's answer is then good, but proves no fresh login.
    page = browser.open(button(page))
    assert (page.status_code, page.url.path) == (403, CLOSE)
    assert "did not confirm that you have just logged in" in content(page)
    assert liar.times("/authorize") == before + 2
    assert dict(parse_qsl(urlsplit(button(page)).query))["prompt"] == "login"
    assert is_logged_in(browser)
    assert shop.sandbox.auth0.state.users.get(ADA) is not None


def test_a_provider_that_heeds_prompt_login_alone_lets_the_shopper_close_the_account(
    lying: tuple[Liar, Shop],
) -> None:
    liar, shop = lying
    browser = shop.browser()
    browser.open("/login")
    page = browser.open(f"{CLOSE}?again=1")
    assert page.status_code == 403
    liar.claims |= {"auth_time": timedelta(seconds=-1)}
    page = browser.open(button(page))
    assert (page.status_code, page.url.path) == (200, CLOSE)


def test_whoever_logs_in_instead_closes_their_own_account_and_reads_whose_it_is(
    shop: Shop, ada: Browser
) -> None:
    shop.sandbox.auth0.control.clock.advance(3600)
    page = ada.submit(ada.open(CLOSE), email="grace@example.com", password=PASSWORD)
    assert page.url.path == CLOSE
    assert "closing the account of grace@example.com" in content(page)
