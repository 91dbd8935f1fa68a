"""Sessions while the shared state is away, and after it was lost."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from flask import request

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
)
from tests.support import Shop, held, in_background, link_status, put_file_at, until
from webstore import create_app
from webstore.errors import StateUnavailable
from webstore.settings import Settings


def test_a_logout_while_the_state_is_unreachable_ends_the_session_in_its_browser(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.block_state()
    page = browser.log_out()
    assert browser.cookie() not in browser.client.cookies
    assert "the shared state is unreachable" in caplog.text
    assert 'id="not-everywhere"' in page.text
    assert browser.open(link_to_the_provider(page)).url.path == "/"
    assert browser.open("/login").url.path == "/u/login"


def link_to_the_provider(page: httpx.Response) -> str:
    """Where the page says that the provider's session can be ended."""
    found = re.search(
        r'<a class="button" href="(http[^"]*/logout\?[^"]*)">Log out at the login page', page.text
    )
    assert found is not None, page.text
    return html.unescape(found[1])


@pytest.mark.parametrize("path", ["/account", "/account/link", "/orders", "/account/close"])
def test_a_logged_out_copy_is_not_honoured_while_the_state_is_unreachable(shop: Shop, path: str) -> None:
    """Only the provider can tell: its session has ended in the shopper's browser, and the copy has none."""
    browser = shop.browser()
    browser.log_in()
    copied = copied_cookies(browser)
    browser.log_out()
    shop.block_state()
    answer = ask(shop.app, shop, copied, path)
    assert urlsplit(answer.headers["Location"]).path == "/login"
    thief = shop.browser()
    thief.client.cookies.set(shop.cookie(), session_cookie(shop, copied), domain="127.0.0.1")
    assert thief.open(path).url.path == "/u/login"


def session_cookie(shop: Shop, copied: str) -> str:
    """The store's session among copied cookies."""
    start = f"{shop.cookie()}="
    (value,) = [part.removeprefix(start) for part in copied.split("; ") if part.startswith(start)]
    return value


def test_a_logout_that_could_not_be_recorded_is_recorded_when_the_state_is_back(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    browser = shop.browser()
    browser.log_in()
    copied, token = copied_cookies(browser), csrf_token(browser)
    folder = Path(shop.environment["STATE_DIR"])
    away = folder.rename(folder.with_name("away"))
    put_file_at(folder)
    assert 'id="not-everywhere"' in post_logout(browser, token).text
    # This process knows it already.
    assert not is_honoured(shop.app, shop, copied)
    folder.unlink()
    away.rename(folder)
    until(lambda: "are recorded now" in caplog.text)
    other = create_app(Settings.from_env(shop.environment))
    assert not is_honoured(other, shop, copied)
    other.extensions["webstore"].close()


# The state is away


def test_sessions_are_honoured_while_the_state_is_unreachable(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.block_state()
    shop.forget_requests()
    assert is_logged_in(browser)
    assert prompts(shop) == [], "a page for everybody asked the provider"
    page = browser.open("/account")
    assert (page.url.path, link_status(page)) == ("/account", "linked")
    assert browser.open("/orders").status_code == 200
    assert prompts(shop) == ["none"]
    assert shop.browser().log_in().url.path == "/account"


def test_a_session_begun_while_the_state_was_unreachable_is_asked_about_once_when_it_is_back(
    shop: Shop,
) -> None:
    """Its logout could have been recorded in an epoch that was lost since then."""
    browser = shop.browser()
    shop.block_state()
    browser.log_in()
    Path(shop.environment["STATE_DIR"]).unlink()
    shop.forget_requests()
    assert is_logged_in(browser)
    assert browser.open("/account").url.path == "/account"
    assert prompts(shop) == ["none"]
    browser.log_out()
    assert not is_logged_in(browser)


def test_a_state_that_comes_and_goes_ends_in_a_page_and_in_no_loop(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can be used at each login and at no page: the worst moment each time."""
    browser = shop.browser()
    browser.log_in()
    records = shop.app.extensions["webstore"].revocations
    work = records.get_many

    def at_callbacks_only(keys: Sequence[str]) -> dict[str, str]:
        if request.path != "/callback":
            raise StateUnavailable("gone again")
        found: dict[str, str] = work(keys)
        return found

    monkeypatch.setattr(records, "get_many", at_callbacks_only)
    shop.forget_requests()
    page = browser.open("/account")
    assert (page.status_code, page.url.path) == (503, "/account")
    assert page.headers["Retry-After"] == "60"
    assert "check your login right now" in page.text
    assert prompts(shop) == ["none"]


def test_the_back_channel_answers_400_while_the_state_is_unreachable_and_200_when_it_is_back(
    lying: tuple[Liar, Shop],
) -> None:
    liar, shop = lying
    browser = shop.browser()
    browser.open("/login")
    token = liar.logout_token(sid="the-session")
    folder = Path(shop.environment["STATE_DIR"])
    away = folder.rename(folder.with_name("away"))
    put_file_at(folder)
    assert deliver(shop, token).status_code == 400
    # The provider may not send it again: this process knows of it, and records it as soon as it can.
    assert not is_logged_in(browser)
    folder.unlink()
    away.rename(folder)
    assert deliver(shop, token).status_code == 200
    assert not is_logged_in(browser)


# The state was lost


@pytest.mark.parametrize("path", ["/", "/account", "/account/link?x=1&y=%20"])
def test_a_lost_state_is_made_up_for_by_one_silent_login(shop: Shop, path: str) -> None:
    browser = shop.browser()
    customer = browser.log_in().text
    assert "cus_" in customer
    shop.lose_state()
    shop.forget_requests()
    page = browser.open(path)
    assert str(page.url).removeprefix(shop.url) == path
    assert link_status(page) == "linked"
    assert prompts(shop) == ["none"]
    browser.open("/account")
    assert prompts(shop) == ["none"]


def test_a_lost_state_makes_a_stranger_of_a_shopper_whom_the_provider_has_forgotten(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.lose_state()
    shop.sandbox.auth0.state.sessions.clear()
    shop.forget_requests()
    page = browser.open("/?a=b")
    assert (page.status_code, str(page.url)) == (200, f"{shop.url}/?a=b")
    assert link_status(page) is None
    assert browser.cookie() not in browser.client.cookies
    browser.open("/")
    assert prompts(shop) == ["none"]


def test_after_a_lost_state_the_account_sends_a_forgotten_shopper_to_the_login_page(
    shop: Shop,
) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.lose_state()
    shop.sandbox.auth0.state.sessions.clear()
    shop.forget_requests()
    assert browser.open("/account").url.path == "/u/login"
    assert prompts(shop) == ["none", None]


def test_a_state_lost_while_a_page_is_being_made_does_not_spoil_the_page(shop: Shop) -> None:
    shop.sandbox.stripe.control.add_fault(action="reset", path="/v1/customers", times=None)
    browser = shop.browser()
    assert link_status(browser.log_in()) == "pending"
    shop.sandbox.stripe.control.clear_faults()
    with held(shop.sandbox.stripe.control, "POST", "/v1/customers") as has_come:
        loading = in_background(lambda: browser.open("/account"))
        until(has_come)
        shop.remove_state()
    page = loading.result()
    assert (page.status_code, link_status(page)) == (200, "linked")


@pytest.mark.parametrize("new_process", [False, True], ids=["this process", "a new process"])
def test_a_lost_state_while_the_provider_is_down_makes_a_stranger_without_an_error(
    shop: Shop, *, new_process: bool
) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.remove_state()
    if new_process:
        shop.restart()
    shop.sandbox.auth0_server.stop()
    page = browser.open("/")
    assert (page.status_code, page.url.path) == (200, "/")
    assert link_status(page) is None
    assert "Log in" in page.text
    assert [step.url.path for step in page.history] == ["/", "/login"]
    assert browser.open("/").history == []


@pytest.mark.parametrize(
    "fault",
    [
        {"path": "/oauth/token", "action": "status", "status": 500},
        {"path": "/oauth/token", "action": "reset"},
        {"path": "/oauth/token", "action": "status", "status": 200, "body": {}},
    ],
    ids=["500", "reset", "no token"],
)
def test_a_lost_state_while_the_silent_login_fails_makes_a_stranger_without_an_error(
    shop: Shop, fault: dict[str, object]
) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.lose_state()
    shop.forget_requests()
    shop.sandbox.auth0.control.add_fault(**fault)
    page = browser.open("/")
    assert (page.status_code, page.url.path) == (200, "/")
    assert link_status(page) is None
    browser.open("/")
    assert prompts(shop) == ["none"]


def test_a_lost_state_and_a_session_revoked_before_at_the_provider_stays_ended(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    copied = copied_cookies(browser)
    browser.log_out()
    shop.lose_state()
    thief = shop.browser()
    name, _, value = next(
        part for part in copied.split("; ") if part.startswith(f"{shop.cookie()}=")
    ).partition("=")
    thief.client.cookies.set(name, value, domain="127.0.0.1")
    assert not is_logged_in(thief)


def test_logging_out_while_unsure_ends_the_session_here_and_at_the_provider(shop: Shop) -> None:
    browser = shop.browser()
    page = browser.log_in()
    copied = copied_cookies(browser)
    shop.lose_state()
    page = browser.submit(page, action="/logout")
    assert [step.url.path for step in page.history] == ["/logout", "/oidc/logout"]
    assert link_status(page) is None
    assert not is_honoured(shop.app, shop, copied)
    shop.forget_requests()
    assert browser.open("/login").url.path == "/u/login"


def test_a_log_out_form_without_its_token_is_refused_while_unsure(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.lose_state()
    assert browser.client.post("/logout").status_code == 400
    assert is_logged_in(browser)


def test_the_log_out_page_does_not_say_logged_out_while_unsure(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.lose_state()
    page = browser.open("/logout")
    assert page.url.path == "/"
    assert link_status(page) == "linked"


def test_pages_that_do_not_depend_on_the_shopper_ask_the_provider_nothing(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.lose_state()
    shop.forget_requests()
    for path in ("/healthz", "/static/css/store.css", "/nowhere"):
        assert browser.client.get(path, follow_redirects=False).status_code in (200, 404)
    assert urlsplit(browser.client.get("/", follow_redirects=False).headers["Location"]).path == "/login"
    assert prompts(shop) == []
