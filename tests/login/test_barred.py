"""Blocked users are out, and so are logins from before the last password reset."""

from __future__ import annotations

import hashlib
import html
import re
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.callers import ask, assert_problem, signed
from tests.goods import go_to_payment, put_in, sell
from tests.login.account_pages import content
from tests.login.session_content import change_login
from tests.login.steps import is_logged_in, provider_answer
from tests.support import (
    ADA,
    PASSWORD,
    Browser,
    Shop,
    held,
    in_background,
    link_status,
    running_shop,
    until,
)

NEW_PASSWORD = "Another-Password-2"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store for tests with users of their own."""
    with running_shop(tmp_path_factory.mktemp("barred") / "state") as running:
        sell(running, "Mug", 1200)
        yield running


@dataclass(frozen=True)
class Somebody:
    """A user with a browser."""

    user_id: str
    email: str
    browser: Browser


@pytest.fixture
def eve(shared: Shop) -> Somebody:
    """A new user who has logged in a minute ago; their data has not been looked at."""
    return new_shopper(shared)


def new_shopper(shop: Shop) -> Somebody:
    """A new user who has logged in a minute ago."""
    email = f"eve-{secrets.token_hex(4)}@example.com"
    user_id, browser = shop.add_user(email, age_s=3600), shop.browser()
    assert browser.log_in(email, path="/").url.path == "/"
    change_login(shop, browser, since=int(time.time()) - 60)
    return Somebody(user_id, email, browser)


def other_browser(shop: Shop, eve: Somebody, password: str = PASSWORD) -> Browser:
    """Another browser in which the user has just logged in."""
    browser = shop.browser()
    browser.log_in(eve.email, path="/", password=password)
    return browser


def calls(shop: Shop) -> list[str]:
    """What Stripe was asked for, apart from what tells who the customer is."""
    known = ("/v1/customers", "/v1/account")
    return [seen for seen in shop.stripe_requests() if not seen.partition(" ")[2].startswith(known)]


def block(shop: Shop, user_id: str, *, blocked: bool = True) -> None:
    """Block or unblock the user as an operator does."""
    shop.management("PATCH", user_id, {"blocked": blocked}).raise_for_status()


def reset_password(shop: Shop, user_id: str) -> None:
    """Give the user a new password."""
    shop.management("PATCH", user_id, {"password": NEW_PASSWORD}).raise_for_status()


def csrf(page: httpx.Response) -> str:
    """The token of the page's forms."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def button(page: httpx.Response) -> str:
    """Where the error page's button leads."""
    found = re.search(r'<a class="button" href="([^"]*)"', content_markup(page))
    assert found is not None
    return html.unescape(found[1])


def content_markup(page: httpx.Response) -> str:
    """The page without header and footer."""
    return page.text.partition("<main")[2].partition("</main>")[0]


USES = [
    ("GET", "/account"),
    ("GET", "/account/link"),
    ("POST", "/account/portal"),
    ("GET", "/orders"),
    ("GET", "/orders/261126-7K3QMX"),
    ("GET", "/checkout/success?session_id=cs_test_1"),
    ("POST", "/checkout"),
    ("POST", "/account/close"),
]


def use(shop: Shop, browser: Browser, method: str, path: str) -> httpx.Response:
    """Open a page with data, or press a button that leads to money."""
    token = csrf(browser.open("/"))
    if path == "/checkout":
        return go_to_payment(browser)
    if path == "/account/close":
        change_login(shop, browser, auth=int(time.time()) - 10)
    form = {"csrf_token": token, "confirmation": "close my account"} if method == "POST" else None
    return browser.client.request(method, path, data=form)


# Blocked


@pytest.mark.parametrize(("method", "path"), USES)
def test_a_blocked_shoppers_sessions_end_before_money_or_data(
    shared: Shop, eve: Somebody, method: str, path: str
) -> None:
    elsewhere = other_browser(shared, eve)
    if path == "/checkout":
        put_in(eve.browser, sell(shared, "Lamp", 900))
    block(shared, eve.user_id)
    shared.forget_requests()
    page = use(shared, eve.browser, method, path)
    assert page.status_code == 403
    assert "Your account is blocked" in content(page)
    assert calls(shared) == []
    assert not is_logged_in(eve.browser)
    assert not is_logged_in(elsewhere)
    assert shared.management("GET", eve.user_id).status_code == 200


def test_a_blocked_shopper_cannot_open_the_closing_page(shared: Shop, eve: Somebody) -> None:
    change_login(shared, eve.browser, auth=int(time.time()) - 10)
    block(shared, eve.user_id)
    assert eve.browser.open("/account/close").status_code == 403
    assert not is_logged_in(eve.browser)


def test_a_blocked_shopper_can_use_another_account_and_keeps_the_cart(shop: Shop, ada: Browser) -> None:
    put_in(ada, sell(shop, "Mug", 1200))
    block(shop, ADA)
    page = ada.open(button(go_to_payment(ada)))
    assert page.url.path == "/u/login"
    ada.submit(page, email="grace@example.com", password=PASSWORD)
    assert is_logged_in(ada)
    assert "Mug" in ada.open("/cart").text


def test_what_was_verified_in_the_last_minute_does_not_outlive_the_block_that_was_noticed(
    shop: Shop, ada: Browser
) -> None:
    put_in(ada, sell(shop, "Mug", 1200))
    elsewhere = shop.browser()
    for browser in (ada, elsewhere):
        assert link_status(browser.log_in()) == "linked"
    token = signed(shop)
    assert ask(shop, "/api/me", token).status_code == 200
    block(shop, ADA)
    assert go_to_payment(ada).status_code == 403
    assert elsewhere.open("/orders").url.path == "/u/login"
    assert_problem(ask(shop, "/api/me", token), 401)


@pytest.mark.parametrize("first", [("GET", "/api/me"), ("POST", "/api/checkout")])
def test_a_blocked_users_access_token_is_refused(shared: Shop, eve: Somebody, first: tuple[str, str]) -> None:
    price = shared.stripe("GET", "/prices", limit="1")["data"][0]["id"]
    block(shared, eve.user_id)
    method, path = first
    body: dict[str, Any] = {"json": {"lines": [{"price": price, "quantity": 1}]}} if method == "POST" else {}
    shared.forget_requests()
    answer = ask(shared, path, signed(shared, sub=eve.user_id), method=method, **body)
    assert_problem(answer, 401)
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="invalid_token", error_description="the user is blocked"' in challenge
    assert "POST /v1/checkout/sessions" not in shared.stripe_requests()
    # What the API has noticed counts for the pages, too.
    assert not is_logged_in(eve.browser)


def test_a_user_who_is_blocked_between_the_login_page_and_the_callback_is_not_let_in(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    block(shop, ADA)
    page = browser.open(url)
    assert page.status_code == 403
    assert "This account is blocked" in content(page)
    assert not is_logged_in(browser)
    assert shop.customers() == []


def test_an_unblocked_user_logs_in_again(shop: Shop, ada: Browser) -> None:
    block(shop, ADA)
    assert ada.open("/account/link").status_code == 403
    block(shop, ADA, blocked=False)
    page = ada.log_in()
    assert (page.status_code, link_status(page)) == (200, "linked")
    assert ada.open("/orders").status_code == 200


# The password was reset


@pytest.mark.parametrize(("method", "path"), USES)
def test_a_session_from_before_the_password_reset_ends_before_money_or_data(
    shared: Shop, eve: Somebody, method: str, path: str
) -> None:
    if path == "/checkout":
        put_in(eve.browser, sell(shared, "Lamp", 900))
    reset_password(shared, eve.user_id)
    shared.forget_requests()
    page = use(shared, eve.browser, method, path)
    assert page.status_code == 403
    assert "Please log in again" in content(page)
    assert calls(shared) == []
    assert not is_logged_in(eve.browser)
    assert shared.management("GET", eve.user_id).status_code == 200


def test_after_the_reset_the_link_leads_through_the_login_to_where_the_shopper_was_going(
    shared: Shop, eve: Somebody
) -> None:
    reset_password(shared, eve.user_id)
    page = eve.browser.open(button(eve.browser.open("/account/link")))
    assert page.url.path == "/u/login"
    assert "Wrong email or password" in eve.browser.submit(page, email=eve.email, password=PASSWORD).text
    assert eve.browser.submit(page, email=eve.email, password=NEW_PASSWORD).url.path == "/account/link"
    assert eve.browser.open("/orders").status_code == 200


def test_a_verdict_of_a_newer_session_does_not_serve_one_from_before_the_reset(
    shared: Shop, eve: Somebody
) -> None:
    reset_password(shared, eve.user_id)
    newer = other_browser(shared, eve, NEW_PASSWORD)
    assert newer.open("/orders").status_code == 200
    assert eve.browser.open("/orders").status_code == 403
    assert newer.open("/orders").status_code == 200


def test_an_access_token_from_before_the_reset_is_refused_and_a_new_one_is_not(
    shared: Shop, eve: Somebody
) -> None:
    reset_password(shared, eve.user_id)
    now = int(time.time())
    assert ask(shared, "/api/me", signed(shared, sub=eve.user_id, iat=now)).status_code == 200
    for iat in (now - 60, None):
        answer = ask(shared, "/api/me", signed(shared, sub=eve.user_id, iat=iat))
        assert_problem(answer, 401)
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_login_with_the_new_password_is_not_taken_for_an_old_one_if_clocks_differ_a_little(
    shared: Shop, eve: Somebody
) -> None:
    reset_password(shared, eve.user_id)
    change_login(shared, eve.browser, since=int(time.time()) - 3)
    assert eve.browser.open("/account").status_code == 200


# The account was closed, deleted, or made again


def test_nothing_that_was_cached_outlives_a_closing(shop: Shop, ada: Browser) -> None:
    token = signed(shop)
    assert ask(shop, "/api/me", token).status_code == 200
    page = ada.submit(ada.open("/account/close"), action="/account/close", confirmation="close my account")
    assert "Your account is closed" in content(page)
    assert_problem(ask(shop, "/api/me", token), 401)


def test_a_page_that_was_being_made_during_the_closing_caches_nothing(shop: Shop, ada: Browser) -> None:
    page = ada.open("/account/close")
    shop.app.extensions["webstore"].state.delete(f"verdict:{hashlib.sha256(ADA.encode()).hexdigest()}")
    token = signed(shop)
    with held(shop.sandbox.stripe.control, "GET", "/v1/customers/.*") as has_come:
        loading = in_background(lambda: ask(shop, "/api/me", token))
        until(has_come)
        closed = ada.submit(page, action="/account/close", confirmation="close my account")
        assert "Your account is closed" in content(closed)
    assert loading.result().status_code == 200
    assert_problem(ask(shop, "/api/me", token), 401)


def test_a_new_account_with_the_same_id_sees_nothing_of_the_former_one(shop: Shop) -> None:
    user_id, email = "google-oauth2|100000000000000000001", "eve@example.com"
    made = [shop.stripe("POST", "/customers", **{"metadata[auth0_user_id]": user_id})["id"] for _ in range(2)]
    now = int(time.time())

    def record(customer: str, *, age_s: float) -> None:
        metadata = {"stripe_customer_id": customer}
        details = {"user_id": user_id, "connection": "google-oauth2", "app_metadata": metadata}
        shop.add_user(email, age_s=age_s, **details)

    record(made[0], age_s=3600)
    former = signed(shop, sub=user_id, iat=now - 60)
    assert ask(shop, "/api/me", former).get_json()["customer_id"] == made[0]
    shop.management("DELETE", user_id).raise_for_status()
    record(made[1], age_s=0)
    # Within the minute in which the verdict counts.
    new = signed(shop, sub=user_id, iat=now + 10)
    assert ask(shop, "/api/me", new).get_json()["customer_id"] == made[1]
    assert_problem(ask(shop, "/api/me", former), 401)


def test_a_session_of_a_former_account_with_the_same_id_ends(shop: Shop) -> None:
    eve = new_shopper(shop)
    shop.management("DELETE", eve.user_id).raise_for_status()
    shop.add_user(eve.email, user_id=eve.user_id)
    assert eve.browser.open("/orders").status_code == 403
    assert not is_logged_in(eve.browser)


@pytest.mark.parametrize("path", ["/account", "/orders"])
def test_a_deleted_user_is_logged_out_everywhere(shared: Shop, eve: Somebody, path: str) -> None:
    elsewhere = other_browser(shared, eve)
    shared.management("DELETE", eve.user_id).raise_for_status()
    assert eve.browser.open(path).url.path == "/"
    assert not is_logged_in(elsewhere)
