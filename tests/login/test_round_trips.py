"""How often a login and a page go to Redis and to the vendors, and over how many connections.

Each is a round trip that the shopper waits for, and the work of a client library on both sides.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.redis_server import running_redis
from tests.support import Browser, Shop, running_shop
from tests.turns import Turns, counted_turns
from webstore.gateways.connections import KEPT_S


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Turns]:
    """The way to the Redis of the store below."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server, counted_turns(server.port) as turns:
        yield turns


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory, redis: Turns) -> Iterator[Shop]:
    """A store with its state in Redis, at which somebody has logged in already."""
    folder, url = tmp_path_factory.mktemp("state"), f"redis://127.0.0.1:{redis.port}/0"
    with running_shop(folder, REDIS_URL=url, DASHBOARD_LINKS="0") as shop:
        shop.browser().log_in()
        yield shop


@contextmanager
def at_most(redis: Turns, trips: int) -> Iterator[None]:
    before = redis.turns
    yield
    assert redis.turns - before <= trips


def answered(browser: Browser, path: str) -> httpx.Response:
    """The answer itself, without the page that it redirects to."""
    return browser.client.get(path, follow_redirects=False)


def test_login_is_one_round_trip_before_the_provider_and_two_after_it(warm: Shop, redis: Turns) -> None:
    """The rate limit on both ways, which must come first, and the records of ended sessions at the end."""
    browser = warm.browser()
    browser.log_in()
    browser.client.cookies.delete(warm.cookie(), domain="127.0.0.1")  # a session that has expired
    with at_most(redis, 1):
        to_provider = answered(browser, "/login")
    back = answered(browser, to_provider.headers["Location"])
    with at_most(redis, 2):
        landed = answered(browser, back.headers["Location"])
    assert landed.status_code == 302
    assert warm.cookie() in landed.cookies


@pytest.mark.parametrize(("path", "trips"), [("/", 1), ("/cart", 1), ("/products/unknown", 1)])
def test_page_of_a_shopper_is_one_round_trip(warm: Shop, redis: Turns, path: str, trips: int) -> None:
    browser = warm.browser()
    browser.log_in()
    browser.open(path)
    with at_most(redis, trips):
        browser.open(path)


@pytest.mark.parametrize("path", ["/", "/cart", "/healthz"])
def test_page_of_a_stranger_is_no_round_trip(warm: Shop, redis: Turns, path: str) -> None:
    browser = warm.browser()
    browser.open(path)
    with at_most(redis, 0):
        browser.open(path)


def test_logins_share_one_connection_to_each_vendor(tmp_path: Path) -> None:
    with running_shop(tmp_path) as shop:
        servers = shop.sandbox.auth0_server, shop.sandbox.stripe_server
        browser = shop.browser()
        browser.sign_up("ivy@example.com", path="/healthz")
        log_in_unlinked(shop, browser)
        known: list[int] = []
        for _ in range(5):
            known, began = [server.connections for server in servers], time.monotonic()
            log_in_unlinked(shop, browser)
            if (
                time.monotonic() - began < KEPT_S / 2
            ):  # else the machine was so busy that they may have been idle
                break
        assert [server.connections for server in servers] == known


def log_in_unlinked(shop: Shop, browser: Browser) -> None:
    """Log in a user whose link is gone, which takes calls to both vendors."""
    shop.management("PATCH", shop.user_id("ivy@example.com"), {"app_metadata": {"stripe_customer_id": None}})
    shop.forget_requests()
    assert browser.open("/login?next=/healthz").status_code == 200
    assert "POST /v1/customers" in shop.stripe_requests()
    assert len(shop.management_requests()) >= 2
