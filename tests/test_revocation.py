"""Sessions that end before their time: at logout, by the back channel, and while the shared state is away."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conformance.provider import Liar, a_lying_shop
from tests.support import ADA, Browser, Shop, held, in_background, link_status, running_shop, until
from tests.test_state import RedisServer
from webstore import create_app
from webstore.settings import Settings


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(params=["file", "redis"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """A store with each kind of shared state."""
    environment = {}
    if request.param == "redis":
        environment["REDIS_URL"] = request.getfixturevalue("redis_server").url
    with running_shop(tmp_path / "state", **environment) as shop:
        yield shop


@pytest.fixture
def worker(shared: Shop) -> Iterator[Flask]:
    """Another process of the same store."""
    app = create_app(Settings.from_env(shared.environment))
    yield app
    app.extensions["webstore"].close()


@pytest.fixture
def lying(tmp_path: Path) -> Iterator[tuple[Liar, Shop]]:
    """A store whose provider says what a test wants, in the session "the-session"."""
    with a_lying_shop(tmp_path) as (liar, shop):
        liar.claims = {"sid": "the-session"}
        yield liar, shop


def cookies(browser: Browser) -> str:
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


def is_logged_in(browser: Browser) -> bool:
    """Whether the store's front page knows the shopper."""
    return link_status(browser.open("/")) is not None


def prompts(shop: Shop) -> list[str | None]:
    """The `prompt` of each authorization request that the provider got."""
    asked = [seen for seen in shop.sandbox.auth0.control.requests() if seen.path == "/authorize"]
    return [parse_qs(seen.query).get("prompt", [None])[0] for seen in asked]


def deliver(shop: Shop, token: str) -> int:
    """Post a logout token as a provider does; gives the status."""
    return shop.http.post(f"{shop.url}/backchannel-logout", data={"logout_token": token}).status_code


# Logging out


def test_a_cookie_copied_before_the_logout_is_refused_after_it_on_another_worker(
    shared: Shop, worker: Flask
) -> None:
    browser = shared.browser()
    browser.log_in()
    copied = cookies(browser)
    assert is_honoured(worker, shared, copied)
    browser.log_out()
    assert not is_honoured(worker, shared, copied)
    assert not is_honoured(shared.app, shared, copied)
    answer = ask(worker, shared, copied, "/")
    assert link_status_of(answer) is None
    assert "webstore=;" in answer.headers["Set-Cookie"]


def link_status_of(answer: TestResponse) -> str | None:
    """The value of `data-link-status`."""
    found = re.search(r'data-link-status="([^"]*)"', answer.text)
    return found[1] if found else None


def test_logging_out_here_leaves_the_shoppers_other_browsers_alone(shared: Shop) -> None:
    here, there = shared.browser(), shared.browser()
    here.log_in()
    there.log_in()
    here.log_out()
    assert not is_logged_in(here)
    assert is_logged_in(there)


def test_logging_in_again_works_at_once_after_a_logout(shared: Shop) -> None:
    browser = shared.browser()
    for _ in range(3):
        browser.log_in()
        assert is_logged_in(browser)
        browser.log_out()
        assert not is_logged_in(browser)


def test_a_session_of_a_user_who_is_gone_is_ended_for_its_copies_too(shared: Shop, worker: Flask) -> None:
    user_id = shared.add_user("eve@example.com")
    browser = shared.browser()
    shared.sandbox.stripe_server.stop()
    browser.log_in("eve@example.com")
    copied = cookies(browser)
    shared.management("DELETE", user_id).raise_for_status()
    shared.sandbox.stripe_server.start()
    browser.open("/account")
    assert not is_honoured(worker, shared, copied)


def test_a_logout_while_the_state_is_unreachable_ends_the_session_in_its_browser(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    browser = shop.browser()
    browser.log_in()
    block_state(shop)
    browser.log_out()
    assert "webstore" not in browser.client.cookies
    assert "the shared state is unreachable" in caplog.text


# The back channel


def test_a_logout_at_the_provider_ends_the_session_on_every_worker(shared: Shop, worker: Flask) -> None:
    browser = shared.browser()
    browser.log_in()
    copied = cookies(browser)
    tenant = shared.environment["AUTH0_ISSUER"]
    # Another application's logout: the store is told by the back channel alone.
    browser.client.get(f"{tenant}v2/logout")
    until(lambda: bool(deliveries(shared)))
    assert deliveries(shared) == [200]
    assert not is_honoured(worker, shared, copied)
    assert not is_logged_in(browser)


def deliveries(shop: Shop) -> list[int]:
    """The answers that the provider's logout tokens got."""
    origin = shop.environment["AUTH0_ISSUER"]
    found: list[dict[str, Any]] = shop.http.get(f"{origin}_sandbox/auth0/backchannel").json()["deliveries"]
    return [delivery["status"] for delivery in found]


def test_the_back_channel_by_sid_ends_that_session_and_no_other(lying: tuple[Liar, Shop]) -> None:
    liar, shop = lying
    here, there = shop.browser(), shop.browser()
    here.open("/login")
    liar.claims = {"sid": "another-session"}
    there.open("/login")
    assert deliver(shop, liar.logout_token(sid="the-session")) == 200
    assert not is_logged_in(here)
    assert is_logged_in(there)


def test_the_back_channel_by_sub_ends_every_session_of_the_user_and_nobody_elses(
    lying: tuple[Liar, Shop],
) -> None:
    liar, shop = lying
    hers = [shop.browser(), shop.browser()]
    for browser in hers:
        browser.open("/login")
    liar.claims = {"sub": "auth0|000000000000000000000002", "sid": "the-session-of-grace"}
    other = shop.browser()
    other.open("/login")
    assert deliver(shop, liar.logout_token(sub=ADA)) == 200
    assert not any(is_logged_in(browser) for browser in hers)
    assert is_logged_in(other)


def test_a_login_right_after_the_back_channel_by_sub_works(lying: tuple[Liar, Shop]) -> None:
    liar, shop = lying
    browser = shop.browser()
    for _ in range(3):
        assert deliver(shop, liar.logout_token(sub=ADA)) == 200
        assert not is_logged_in(browser)
        assert browser.open("/login?next=/account").url.path == "/account"


def test_a_logout_token_is_taken_once_and_its_replay_ends_nothing(lying: tuple[Liar, Shop]) -> None:
    liar, shop = lying
    token = liar.logout_token(sub=ADA)
    assert deliver(shop, token) == 200
    browser = shop.browser()
    browser.open("/login")
    assert deliver(shop, token) == 400
    assert deliver(shop, token) == 400
    assert is_logged_in(browser)


def test_two_tokens_with_ids_of_their_own_are_both_taken(lying: tuple[Liar, Shop]) -> None:
    liar, shop = lying
    assert [deliver(shop, liar.logout_token(jti=jti)) for jti in ("one", "two", "one")] == [200, 200, 400]


def test_the_back_channel_needs_no_browser_headers_and_minds_none(lying: tuple[Liar, Shop]) -> None:
    liar, shop = lying
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        data = {"logout_token": liar.logout_token()}
        answer = shop.http.post(f"{shop.url}/backchannel-logout", data=data, headers=headers)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers


# The state is away


def block_state(shop: Shop) -> None:
    """Put a file where the shared state's folder would be."""
    folder = Path(shop.environment["STATE_DIR"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("")


def test_sessions_are_honoured_while_the_state_is_unreachable(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    block_state(shop)
    assert is_logged_in(browser)
    assert browser.open("/account").url.path == "/account"
    assert shop.browser().log_in().url.path == "/account"


def test_a_session_begun_while_the_state_was_unreachable_counts_when_it_is_back(shop: Shop) -> None:
    browser = shop.browser()
    block_state(shop)
    browser.log_in()
    Path(shop.environment["STATE_DIR"]).unlink()
    shop.forget_requests()
    assert is_logged_in(browser)
    assert prompts(shop) == []
    browser.log_out()
    assert not is_logged_in(browser)


def test_the_back_channel_answers_400_while_the_state_is_unreachable_and_200_when_it_is_back(
    lying: tuple[Liar, Shop],
) -> None:
    liar, shop = lying
    browser = shop.browser()
    browser.open("/login")
    token = liar.logout_token(sid="the-session")
    folder = Path(shop.environment["STATE_DIR"])
    away = folder.rename(folder.with_name("away"))
    folder.write_text("")
    assert deliver(shop, token) == 400
    assert is_logged_in(browser)
    folder.unlink()
    away.rename(folder)
    assert deliver(shop, token) == 200
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


def test_a_lost_state_makes_a_stranger_of_whoever_the_provider_has_forgotten(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.lose_state()
    shop.sandbox.auth0.state.sessions.clear()
    shop.forget_requests()
    page = browser.open("/?a=b")
    assert (page.status_code, str(page.url)) == (200, f"{shop.url}/?a=b")
    assert link_status(page) is None
    assert "webstore" not in browser.client.cookies
    browser.open("/")
    assert prompts(shop) == ["none"]


def test_a_lost_state_sends_whoever_the_provider_has_forgotten_to_the_login_page_from_the_account(
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
    copied = cookies(browser)
    browser.log_out()
    shop.lose_state()
    thief = shop.browser()
    name, _, value = next(part for part in copied.split("; ") if part.startswith("webstore=")).partition("=")
    thief.client.cookies.set(name, value, domain="127.0.0.1")
    assert not is_logged_in(thief)


def test_logging_out_while_unsure_ends_the_session_here_and_at_the_provider(shop: Shop) -> None:
    browser = shop.browser()
    page = browser.log_in()
    copied = cookies(browser)
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


def test_pages_that_are_nobodys_are_not_asked_about(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.lose_state()
    shop.forget_requests()
    for path in ("/healthz", "/static/css/store.css", "/nowhere"):
        assert browser.client.get(path, follow_redirects=False).status_code in (200, 404)
    assert urlsplit(browser.client.get("/", follow_redirects=False).headers["Location"]).path == "/login"
    assert prompts(shop) == []
