"""A shared state in which another program wrote: every key has a value that no store wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.login.steps import copied_cookies, is_honoured, prompts
from tests.redis_server import RedisServer, running_redis
from tests.support import Shop, link_status, running_shop, until

PAGES = ("/", "/account", "/orders", "/cart", "/account/link", "/logout")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def shop(server: RedisServer, tmp_path: Path) -> Iterator[Shop]:
    with running_shop(tmp_path, REDIS_URL=server.url) as running:
        yield running


def spoil(server: RedisServer, kind: str) -> set[str]:
    """Replace every value; gives the kinds of keys."""
    spoilt = set()
    with redis.Redis.from_url(server.url, decode_responses=True) as client:
        for key in list(client.scan_iter("*")):
            client.delete(key)
            if kind == "a list":
                client.rpush(key, "garbage")
            else:
                client.set(key, {"bytes": b"\xff\xfe", "text": "garbage", "a number": "-1e400"}[kind])
            spoilt.add(key.split(":")[2])
    return spoilt


@pytest.mark.parametrize("kind", ["a list", "bytes", "text", "a number"])
def test_no_page_fails_and_one_silent_login_puts_a_session_right(
    server: RedisServer, shop: Shop, kind: str
) -> None:
    browser = shop.browser()
    browser.log_in()
    for path in PAGES:
        browser.open(path)
    assert {"session-epoch", "catalogue"} < spoil(server, kind)
    shop.restart()
    until(lambda: shop.http.get(f"{shop.url}/readyz").status_code == 200)
    shop.forget_requests()
    for path in PAGES:
        page = browser.open(path)
        assert (page.status_code, page.url.path) in ((200, path), (200, "/account"))
    assert link_status(browser.open("/account")) == "linked"
    assert prompts(shop) == ["none"]


@pytest.mark.parametrize("kind", ["a list", "bytes", "text"])
def test_a_spoilt_revocation_does_not_bring_the_session_back(
    server: RedisServer, shop: Shop, kind: str
) -> None:
    browser = shop.browser()
    browser.log_in()
    copied = copied_cookies(browser)
    browser.log_out()
    assert "revoked-session" in spoil(server, kind)
    assert not is_honoured(shop.app, shop, copied)
    assert not is_honoured(shop.app, shop, copied)
