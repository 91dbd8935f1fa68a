"""Sessions that end before their time: at logout, and by the back channel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.conformance.provider import Liar
from tests.login.steps import ask, copied_cookies, deliver, is_honoured, is_logged_in
from tests.redis_server import RedisServer, running_redis
from tests.support import ADA, Shop, running_shop, until
from webstore import create_app
from webstore.settings import Settings


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["file", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """A store with each kind of shared state."""
    environment = {}
    if request.param == "redis":
        environment["REDIS_URL"] = request.getfixturevalue("redis_server").url
    with running_shop(tmp_path / "state", **environment) as shop:
        yield shop


@pytest.fixture
def worker(store: Shop) -> Iterator[Flask]:
    """Another process of the same store."""
    app = create_app(Settings.from_env(store.environment))
    yield app
    app.extensions["webstore"].close()


# Logging out


def test_a_cookie_copied_before_the_logout_is_refused_after_it_on_another_worker(
    store: Shop, worker: Flask
) -> None:
    browser = store.browser()
    browser.log_in()
    copied = copied_cookies(browser)
    assert is_honoured(worker, store, copied)
    browser.log_out()
    assert not is_honoured(worker, store, copied)
    assert not is_honoured(store.app, store, copied)
    answer = ask(worker, store, copied, "/")
    assert link_status_of(answer) is None
    assert f"{store.cookie()}=;" in answer.headers["Set-Cookie"]


def link_status_of(answer: TestResponse) -> str | None:
    """The value of `data-link-status`."""
    found = re.search(r'data-link-status="([^"]*)"', answer.text)
    return found[1] if found else None


def test_logging_out_here_leaves_the_shoppers_other_browsers_alone(store: Shop) -> None:
    here, there = store.browser(), store.browser()
    here.log_in()
    there.log_in()
    here.log_out()
    assert not is_logged_in(here)
    assert is_logged_in(there)


def test_logging_in_again_works_at_once_after_a_logout(store: Shop) -> None:
    browser = store.browser()
    for _ in range(3):
        browser.log_in()
        assert is_logged_in(browser)
        browser.log_out()
        assert not is_logged_in(browser)


def test_a_session_of_a_user_who_is_gone_is_ended_for_its_copies_too(store: Shop, worker: Flask) -> None:
    user_id = store.add_user("eve@example.com")
    browser = store.browser()
    store.sandbox.stripe_server.stop()
    browser.log_in("eve@example.com")
    copied = copied_cookies(browser)
    store.management("DELETE", user_id).raise_for_status()
    store.sandbox.stripe_server.start()
    browser.open("/account")
    assert not is_honoured(worker, store, copied)


# The back channel


def test_a_logout_at_the_provider_ends_the_session_on_every_worker(store: Shop, worker: Flask) -> None:
    browser = store.browser()
    browser.log_in()
    copied = copied_cookies(browser)
    tenant = store.environment["AUTH0_ISSUER"]
    # Another application ends it. Only the back channel tells the store.
    browser.client.get(f"{tenant}v2/logout")
    until(lambda: bool(deliveries(store)))
    assert deliveries(store) == [200]
    assert not is_honoured(worker, store, copied)
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
    assert deliver(shop, liar.logout_token(sid="the-session")).status_code == 200
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
    assert deliver(shop, liar.logout_token(sub=ADA)).status_code == 200
    assert not any(is_logged_in(browser) for browser in hers)
    assert is_logged_in(other)


def test_a_login_right_after_the_back_channel_by_sub_works(lying: tuple[Liar, Shop]) -> None:
    liar, shop = lying
    browser = shop.browser()
    for _ in range(3):
        assert deliver(shop, liar.logout_token(sub=ADA)).status_code == 200
        assert not is_logged_in(browser)
        assert browser.open("/login?next=/account").url.path == "/account"


def test_a_logout_token_is_taken_once_and_its_replay_ends_nothing(lying: tuple[Liar, Shop]) -> None:
    liar, shop = lying
    token = liar.logout_token(sub=ADA)
    assert deliver(shop, token).status_code == 200
    browser = shop.browser()
    browser.open("/login")
    assert deliver(shop, token).status_code == 400
    assert deliver(shop, token).status_code == 400
    assert is_logged_in(browser)


def test_two_tokens_with_ids_of_their_own_are_both_taken(lying: tuple[Liar, Shop]) -> None:
    liar, shop = lying
    assert [deliver(shop, liar.logout_token(jti=jti)).status_code for jti in ("one", "two", "one")] == [
        200,
        200,
        400,
    ]


def test_the_back_channel_needs_no_browser_headers_and_minds_none(lying: tuple[Liar, Shop]) -> None:
    liar, shop = lying
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        data = {"logout_token": liar.logout_token()}
        answer = shop.http.post(f"{shop.url}/backchannel-logout", data=data, headers=headers)
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
