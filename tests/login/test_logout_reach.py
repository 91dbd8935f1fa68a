"""What a logout ends: every session that was ever in this browser, and no other."""

from __future__ import annotations

import pytest
from werkzeug.test import TestResponse

from tests.conformance.provider import Liar
from tests.login.steps import (
    ask,
    copied_cookies,
    csrf_token,
    deliver,
    is_honoured,
    is_logged_in,
    post_logout,
    prompts,
    provider_answer,
    replace_cookie,
    transactions,
)
from tests.support import ADA, GRACE, PASSWORD, Browser, Shop, held, in_background, link_status, until


def use_another_account(browser: Browser, email: str) -> None:
    """Log in as somebody else without logging out first."""
    page = browser.open("/login?prompt=login&next=/account")
    assert browser.submit(page, email=email, password=PASSWORD).url.path == "/account"


# A second login


@pytest.mark.parametrize("asked", ["", "&prompt=login"], ids=["single sign-on", "password"])
def test_a_cookie_from_before_a_second_login_does_not_survive_the_logout(
    shop: Shop, ada: Browser, asked: str
) -> None:
    copied = copied_cookies(ada)
    page = ada.open(f"/login?next=/account{asked}")
    if asked:
        ada.submit(page, email="ada@example.com", password=PASSWORD)
    assert is_logged_in(ada)
    assert not is_honoured(shop.app, shop, copied)
    ada.log_out()
    assert not is_honoured(shop.app, shop, copied)


def test_a_cookie_of_the_former_user_ends_with_the_switch_to_another_account(
    shop: Shop, ada: Browser
) -> None:
    elsewhere = shop.browser()
    elsewhere.log_in()
    copied = copied_cookies(ada)
    use_another_account(ada, "grace@example.com")
    assert "grace@example.com" in ada.open("/account").text
    assert not is_honoured(shop.app, shop, copied)
    assert is_logged_in(elsewhere)


def test_two_tabs_that_log_in_at_once_leave_no_session_behind(shop: Shop, ada: Browser) -> None:
    callbacks = [provider_answer(ada, prompt="login") for _ in range(2)]
    # Both callbacks carry the cookie from before: neither answer has come back yet.
    sent = copied_cookies(ada)
    answers = [ask(shop.app, shop, sent, url.removeprefix(shop.url)) for url in callbacks]
    sessions = [begun_session(shop, answer) for answer in answers]
    assert all(is_honoured(shop.app, shop, session) for session in sessions)
    assert not is_honoured(shop.app, shop, sent)
    replace_cookie(ada, *sessions[0].split("=", 1))
    # The provider is not told, so its back channel does not help.
    assert post_logout(ada, csrf_token(ada)).status_code == 302
    assert not any(is_honoured(shop.app, shop, session) for session in sessions)


def begun_session(shop: Shop, answer: TestResponse) -> str:
    """The session's cookie that the answer sets."""
    cookies = answer.headers.getlist("Set-Cookie")
    (found,) = [cookie.partition(";")[0] for cookie in cookies if cookie.startswith(f"{shop.cookie()}=")]
    return found


def test_a_page_that_was_asked_for_before_the_second_login_does_not_undo_it(shop: Shop, ada: Browser) -> None:
    before = copied_cookies(ada)
    ada.open("/login?next=/account")
    answer = ask(shop.app, shop, before, "/")
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (200, False)
    assert "ada@example.com" not in answer.text


def test_a_late_answer_that_changes_the_session_does_not_undo_the_second_login(shop: Shop) -> None:
    shop.sandbox.stripe.control.add_fault(action="reset", path="/v1/customers", times=None)
    browser = shop.browser()
    assert link_status(browser.log_in()) == "pending"
    shop.sandbox.stripe.control.clear_faults()
    with held(shop.sandbox.stripe.control, "POST", "/v1/customers") as has_come:
        loading = in_background(lambda: browser.open("/account"))
        until(has_come)
        browser.client.get("/login?next=/healthz")
        second = browser.client.cookies[browser.cookie()]
    assert link_status(loading.result()) == "linked"
    assert browser.client.cookies[browser.cookie()] == second
    assert is_logged_in(browser)


def test_a_callback_that_is_replayed_leaves_the_session_as_it_is(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    (name, value), *_ = transactions(browser).items()
    assert browser.open(url).url.path == "/account"
    assert browser.open(url).url.path == "/"
    browser.client.cookies.set(name, value, domain="127.0.0.1")
    assert browser.open(url).status_code == 400
    assert is_logged_in(browser)


def test_a_login_that_fails_replaces_nothing(lying: tuple[Liar, Shop]) -> None:
    liar, shop = lying
    browser = shop.browser()
    browser.open("/login")
    assert deliver(shop, liar.logout_token(sid="over-already", sub=None)).status_code == 200
    liar.claims = {"sid": "over-already"}
    assert browser.open("/login").status_code == 400
    liar.claims = {"sid": "another-session", "nonce": "wrong"}
    assert browser.open("/login").status_code == 400
    assert is_logged_in(browser)


# Silent logins


def test_a_silent_login_ends_the_session_that_it_confirmed(shop: Shop, ada: Browser) -> None:
    copied = copied_cookies(ada)
    shop.lose_state()
    ada.open("/account")
    assert is_logged_in(ada)
    shop.forget_requests()
    # Not even a silent login is begun for a copy.
    assert ask(shop.app, shop, copied, "/").status_code == 200
    assert not is_honoured(shop.app, shop, copied)
    assert prompts(shop) == []


def test_a_session_that_the_provider_did_not_confirm_ends_for_its_copies_too(
    shop: Shop, ada: Browser
) -> None:
    copied = copied_cookies(ada)
    shop.lose_state()
    shop.sandbox.auth0.state.sessions.clear()
    assert link_status(ada.open("/")) is None
    assert ask(shop.app, shop, copied, "/").status_code == 200


# The provider's session


def test_a_login_after_a_logout_that_the_provider_was_not_told_of_works(shop: Shop, ada: Browser) -> None:
    copied = copied_cookies(ada)
    # The browser does not follow the redirect, so the provider's session goes on under the same ID.
    assert post_logout(ada, csrf_token(ada)).status_code == 302
    assert not is_honoured(shop.app, shop, copied)
    assert ada.open("/login?next=/account").url.path == "/account"
    assert is_logged_in(ada)


def test_a_logout_token_with_both_ends_sessions_that_do_not_know_theirs_and_no_other_one(
    lying: tuple[Liar, Shop],
) -> None:
    liar, shop = lying
    browsers = {}
    logins: dict[str, dict[str, str | None]] = {
        "named": {"sid": "the-session"},
        "without": {"sid": None},
        "another": {"sid": "another-session"},
        "somebody else's": {"sid": None, "sub": GRACE},
    }
    for name, claims in logins.items():
        liar.claims = claims
        browsers[name] = shop.browser()
        browsers[name].open("/login")
    assert deliver(shop, liar.logout_token(sid="the-session", sub=ADA)).status_code == 200
    assert {name for name, browser in browsers.items() if is_logged_in(browser)} == {
        "another",
        "somebody else's",
    }


def test_a_login_right_after_such_a_token_works_without_a_sid_too(lying: tuple[Liar, Shop]) -> None:
    liar, shop = lying
    assert deliver(shop, liar.logout_token(sid="the-session", sub=ADA)).status_code == 200
    liar.claims = {"sid": None}
    browser = shop.browser()
    assert browser.open("/login?next=/account").url.path == "/account"


@pytest.mark.parametrize("sid", ["s" * 301, "s" * 2000, "sitzung-ä", "a\x00b"])
def test_the_back_channel_finds_a_session_whatever_its_id_looks_like(
    lying: tuple[Liar, Shop], sid: str
) -> None:
    liar, shop = lying
    browser = shop.browser()
    for other in (sid, f"{sid}x"):
        liar.claims = {"sid": other}
        browser.open("/login")
        assert is_logged_in(browser)
        assert deliver(shop, liar.logout_token(sid=sid, sub=None)).status_code == 200
        assert is_logged_in(browser) == (other != sid)
