"""Machines without a common state, by mistake or during a deployment: no visit ends in a loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.login.round_robin import more_machines
from tests.login.steps import prompts
from tests.redis_server import running_redis
from tests.support import Shop, link_status, running_shop
from webstore.sessions import revocation

PAGES = ("/account", "/", "/cart")


@pytest.fixture(autouse=True)
def _not_warned_yet() -> None:
    revocation.warn_of_separate_records.cache_clear()


@pytest.fixture(params=[2, 5])
def many(request: pytest.FixtureRequest, tmp_path: Path, shop: Shop) -> Iterator[Shop]:
    """So many machines."""
    with more_machines(shop, tmp_path, request.param - 1):
        yield shop


def test_a_visit_to_machines_without_a_common_state_asks_the_provider_once(
    many: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop = many
    browser = shop.browser()
    page = browser.log_in()
    assert (page.status_code, page.url.path, link_status(page)) == (200, "/account", "linked")
    for path in PAGES * 5:
        page = browser.open(path)
        assert (page.status_code, page.url.path) == (200, path)
        assert len(page.history) <= 5
    # One of the login itself.
    assert prompts(shop) in ([None, "none"], [None])
    warnings = [line for line in caplog.messages if "REDIS_URL" in line]
    assert len(warnings) == 1
    browser.log_out()
    assert link_status(browser.open("/")) is None


def test_with_a_common_redis_no_machine_asks_the_provider(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_redis(tmp_path) as redis, running_shop(tmp_path, REDIS_URL=redis.url) as shop:
        with more_machines(shop, tmp_path, 2):
            browser = shop.browser()
            assert browser.log_in().url.path == "/account"
            for path in PAGES:
                assert browser.open(path).history == []
        assert prompts(shop) == [None]
        assert "REDIS_URL" not in caplog.text


def test_a_new_deployment_beside_the_old_one_asks_once_and_neither_asks_again(
    shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Containers have a /tmp of their own: the new one has another state while the old one still serves."""
    browser = shop.browser()
    browser.log_in()
    shop.forget_requests()
    with more_machines(shop, tmp_path, 1):
        for _ in range(6):
            assert link_status(browser.open("/account")) == "linked"
        assert prompts(shop) == ["none"]
    assert len([line for line in caplog.messages if "REDIS_URL" in line]) == 1


def test_a_shopper_whom_the_provider_has_forgotten_is_a_stranger_on_every_machine(
    shop: Shop, tmp_path: Path
) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.sandbox.auth0.state.sessions.clear()
    shop.forget_requests()
    with more_machines(shop, tmp_path, 1):
        pages = [browser.open("/") for _ in range(4)]
        assert [(page.status_code, page.url.path) for page in pages] == [(200, "/")] * 4
        assert link_status(pages[-1]) is None
        assert prompts(shop) == ["none"]
        assert browser.open("/account").url.path == "/u/login"
