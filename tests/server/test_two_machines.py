"""Two stores under servers of their own behind nginx, which takes turns; with and without a common Redis."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.chaos.logouts import NOT_EVERYWHERE
from tests.login.steps import copied_cookies, csrf_token, post_logout
from tests.redis_server import RedisServer, running_redis
from tests.server.machines import Machines, machines_behind_nginx
from tests.support import Browser, link_status, until

PAGES = ("/account", "/", "/cart")
#: Pages of the shopper's data.
DATA = ("/account", "/orders", "/account/link")


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """Two machines without a common Redis."""
    with machines_behind_nginx(tmp_path_factory.mktemp("apart"), 2) as machines:
        machines.start("one", "two")
        yield machines


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """One machine, and room for later deployments."""
    with machines_behind_nginx(tmp_path_factory.mktemp("deployed"), 3) as machines:
        machines.start("old")
        yield machines


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory, redis: RedisServer) -> Iterator[Machines]:
    """Two machines with a common Redis."""
    with machines_behind_nginx(tmp_path_factory.mktemp("together"), 2, REDIS_URL=redis.url) as machines:
        machines.start("one", "two")
        yield machines


def prompts(machines: Machines) -> list[str | None]:
    """The `prompt` of each authorization request that the provider got."""
    queries = [it.query for it in machines.sandbox.auth0.control.requests() if it.path == "/authorize"]
    return [found[1] if (found := re.search(r"prompt=(\w+)", query)) else None for query in queries]


def visit(browser: Browser, *paths: str) -> None:
    """Open pages as a logged-in shopper. No redirect may lead elsewhere, and there are few of them."""
    for path in paths:
        until(lambda path=path: is_shown(browser, path), within_s=60)  # type: ignore[misc]


def is_shown(browser: Browser, path: str) -> bool:
    """Whether the page came. It does not if a busy machine kept Redis from answering in time."""
    page = browser.open(path)
    assert len(page.history) <= 5
    if page.status_code == 503 and "check your login right now" in page.text:
        return False
    assert (page.status_code, page.url.path) == (200, path)
    assert "Log out" in page.text
    return True


def to_login(path: str) -> tuple[int, str]:
    """The answer to a stranger. If the store cannot tell, it asks the provider with `prompt=none` first."""
    return 302, f"/login?next={path}"


def assert_refused(machines: Machines, path: str, cookies: str) -> None:
    """No machine takes the cookies for a shopper's."""
    answers = machines.ask_each(path, cookies)
    assert all(status == 302 and "/login" in location for status, location in answers), answers


def assert_nobodys(machines: Machines, path: str, cookies: str) -> None:
    """The same, and every machine knows that the session has ended, as soon as it can read the records."""
    assert_refused(machines, path, cookies)
    until(lambda: machines.ask_each(path, cookies) == [to_login(path)] * 2, within_s=60)


# Without REDIS_URL


def test_a_visit_to_two_machines_asks_the_provider_once_and_one_warning_names_redis_url(
    apart: Machines,
) -> None:
    apart.sandbox.auth0.control.clear_requests()
    before = sum(apart.warnings())
    with apart.browser() as browser:
        page = browser.log_in()
        assert (page.status_code, page.url.path, link_status(page)) == (200, "/account", "linked")
        visit(browser, *PAGES * 5)
        # Both have served pages of this visit, and neither has a question left.
        assert apart.ask_each("/account", copied_cookies(browser)) == [(200, "")] * 2
        # That of the login itself, and a silent one of the machine that it did not end at.
        assert prompts(apart) == [None, "none"]
        browser.log_out()
        assert link_status(browser.open("/")) is None
    assert sum(apart.warnings()) - before == 1
    assert apart.tracebacks() == 0


@pytest.mark.parametrize(
    ("own_folder", "asked"), [(True, ["none"]), (False, [])], ids=["in a container", "on the same machine"]
)
def test_a_deployment_beside_the_old_one_asks_at_most_once(
    deployed: Machines, asked: list[str], *, own_folder: bool
) -> None:
    (old,) = deployed.running.values()
    with deployed.browser() as browser:
        browser.log_in()
        visit(browser, *PAGES)
        deployed.sandbox.auth0.control.clear_requests()
        deployed.start("new" if own_folder else old.temporary.name)
        visit(browser, *PAGES * 3)
        assert prompts(deployed) == asked
        deployed.stop_oldest()
        visit(browser, *PAGES * 2)
        assert prompts(deployed) == asked
    # The old one sees a session that has met the new one's records, too.
    assert old.said().count("REDIS_URL") == len(asked)
    assert deployed.tracebacks() == 0


# With a common Redis


def test_with_a_common_redis_no_machine_asks_and_a_logout_on_one_holds_on_the_other(
    together: Machines,
) -> None:
    together.sandbox.auth0.control.clear_requests()
    with together.browser() as browser, together.browser() as thief:
        browser.log_in()
        visit(browser, *PAGES)
        copied = copied_cookies(browser)
        for path in DATA:
            until(lambda path=path: together.ask_each(path, copied) == [(200, "")] * 2)  # type: ignore[misc]
        # The provider is not told, so its back channel does not help.
        assert post_logout(browser, csrf_token(browser)).status_code == 302
        for path in DATA:
            assert_nobodys(together, path, copied)
        thief.client.headers["Cookie"] = copied
        for path in DATA * 2:
            assert thief.client.get(path, follow_redirects=False).status_code == 302
    # Unless a busy machine kept Redis from answering in time.
    assert prompts(together) == [None] or together.says("without its shared state")
    assert sum(together.warnings()) == 0
    assert together.tracebacks() == 0


def test_a_logout_while_redis_is_down_says_so_and_holds_everywhere_before_and_after_its_restart(
    together: Machines, redis: RedisServer
) -> None:
    with together.browser() as leaving, together.browser() as staying:
        leaving.log_in()
        staying.log_in("grace@example.com")
        copied, token = copied_cookies(leaving), csrf_token(leaving)
        together.sandbox.auth0.control.clear_requests()
        redis.kill()
        try:
            page = post_logout(leaving, token)
            assert (page.status_code, NOT_EVERYWHERE in page.text) == (200, True)
            # Only the provider could tell the machine that does not know, and a copy has no session there.
            for path in DATA:
                assert to_login(path) in together.ask_each(path, copied)
                assert_refused(together, path, copied)
            visit(staying, *PAGES)
        finally:
            redis.start()
        until(lambda: together.says("are recorded now"), within_s=60)
        for path in DATA:
            assert_nobodys(together, path, copied)
        visit(staying, *PAGES * 3)
    # One silent login for the outage, and one for the records that were lost with it.
    assert 1 <= prompts(together).count("none") <= 2
    assert len(prompts(together)) <= 2
    assert sum(together.warnings()) == 0
    assert together.tracebacks() == 0
