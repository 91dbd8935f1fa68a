"""The linking protocol between the processes of a real gunicorn: at once, killed, and during an outage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.linking.steps import EVE, USER, clear_faults, unanswered
from tests.support import (
    NO_AUTHORITIES,
    PASSWORD,
    Browser,
    Shop,
    in_background,
    link_status,
    running_shop,
    shown_customer,
    the_customer,
    until,
)
from webstore.sandbox.server import Server

TOP = Path(__file__).parents[2]


@dataclass
class Gunicorn:
    """A store served by several processes, beside the one in this process; they share the vendors."""

    shop: Shop
    url: str
    process: subprocess.Popen[bytes]

    def ready(self) -> bool:
        try:
            return self.shop.http.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def kill_workers(self) -> None:
        """End every worker at once, as the kernel does when memory runs out."""
        master = self.process.pid
        for worker in Path(f"/proc/{master}/task/{master}/children").read_text().split():
            os.kill(int(worker), signal.SIGKILL)


@contextmanager
def gunicorn(folder: Path, **environment: str) -> Iterator[Gunicorn]:
    placeholder = Server()
    url = placeholder.url
    with running_shop(folder / "state", url, **environment) as shop:
        variables = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AUTH0_", "STRIPE_"))
            },
            **shop.environment,
            **shop.sandbox.environment(url),
        }
        command = [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app"]
        placeholder.stop()
        with (folder / "gunicorn.log").open("wb") as out:
            process = subprocess.Popen(command, cwd=TOP, env=variables, stdout=out, stderr=out)  # noqa: S603 (our own command)
        running = Gunicorn(shop, url, process)
        try:
            until(running.ready, within_s=30)
            yield running
        finally:
            # Requests that a fault holds would keep the workers from ending, and so do open connections.
            clear_faults(shop)
            for client in (*shop.browsers, shop.http):
                client.close()
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """Two processes under gunicorn. Each has 8 threads, and so 4 for linking."""
    limits = {"WEB_CONCURRENCY": "2", "WEB_THREADS": "8", "LINK_BUDGET_S": "20"}
    with gunicorn(tmp_path_factory.mktemp("gunicorn"), **limits) as store:
        yield store


@pytest.fixture
def store(running: Gunicorn) -> Iterator[Gunicorn]:
    """The same processes for each test, with healthy vendors and no customers."""
    until(running.ready, within_s=30)
    yield running
    shop = running.shop
    clear_faults(shop)
    shop.sandbox.stripe.control.change_settings({"execution_s": 0.0})
    for customer in shop.customers():
        shop.stripe("DELETE", f"/customers/{customer['id']}")
    shop.sandbox.auth0.state.delete_user(shop.user_id(EVE))


def up_to_the_callback(browser: Browser) -> str:
    """Log in as far as the provider's redirect back to the store; gives where it leads."""
    page = browser.open("/login?next=/")
    browser.client.follow_redirects = False
    answer = browser.submit(page, email=EVE, password=PASSWORD)
    browser.client.follow_redirects = True
    assert answer.next_request is not None
    assert answer.next_request.url.path == "/callback"
    return str(answer.next_request.url)


def test_concurrent_first_logins_in_several_processes_make_one_customer(store: Gunicorn) -> None:
    shop = store.shop
    eve = shop.add_user(EVE)
    # Half of them in this process, so that several processes take part in any case.
    browsers = [shop.browser(url) for url in (store.url, shop.url) for _ in range(6)]
    callbacks = [up_to_the_callback(browser) for browser in browsers]
    # Long enough that each finds another one's create under way.
    shop.sandbox.stripe.control.change_settings({"execution_s": 0.3})
    together = threading.Barrier(len(browsers))

    def finish(browser: Browser, callback: str) -> httpx.Response:
        together.wait()
        return browser.open(callback)

    logins = [
        in_background(partial(finish, browser, callback))
        for browser, callback in zip(browsers, callbacks, strict=True)
    ]
    pages = [login.result() for login in logins]
    customer = the_customer(shop, eve)["id"]
    # A process with more logins than threads for linking leaves some pending.
    assert {shown_customer(page) for page in pages} <= {customer, None}
    assert {shown_customer(browser.open("/account")) for browser in browsers} == {customer}


def test_customer_made_by_a_worker_that_is_killed_before_recording_it_is_found_again(store: Gunicorn) -> None:
    shop = store.shop
    eve = shop.add_user(EVE)
    shop.sandbox.auth0.control.add_fault(action="hang", method="PATCH", path=USER)
    browser = shop.browser(store.url)
    callback = up_to_the_callback(browser)
    login = in_background(lambda: browser.open(callback))
    until(lambda: bool(shop.sandbox.auth0.control.faults()[0]["hits"]))
    store.kill_workers()
    with pytest.raises(httpx.TransportError):
        login.result()
    shop.sandbox.auth0.control.clear_faults()
    (made,) = shop.customers()
    assert "stripe_customer_id" not in shop.app_metadata(eve)
    until(store.ready)
    page = shop.browser(store.url).log_in(EVE, path="/")
    assert shown_customer(page) == made["id"] == the_customer(shop, eve)["id"]


def test_home_page_is_served_while_logins_wait_for_a_vendor(store: Gunicorn) -> None:
    """The store has 16 threads and as many logins; the pace of its pages is measured in tests/benchmarks."""
    shop = store.shop
    shop.add_user(EVE)
    # The first login reads which account the key belongs to, for all processes.
    shop.browser(store.url).log_in()
    # The first page reads the catalogue. Later reads happen in the background.
    shop.http.get(f"{store.url}/")
    browsers = [shop.browser(store.url) for _ in range(16)]
    callbacks = [up_to_the_callback(browser) for browser in browsers]
    shop.forget_requests()
    shop.sandbox.stripe.control.add_fault(action="hang", path="/v1/.*", times=None)
    logins = [
        in_background(partial(browser.open, callback))
        for browser, callback in zip(browsers, callbacks, strict=True)
    ]

    def waiting() -> list[Future[httpx.Response]]:
        return [login for login in logins if not login.done()]

    # The others find every thread for linking busy.
    until(lambda: len(waiting()) == len(unanswered(shop)))
    holding = waiting()
    assert 4 <= len(holding) <= 8
    for _ in range(20):
        # A new connection each time, so that both processes serve some of the pages.
        page = httpx.get(
            f"{store.url}/",
            headers={"Connection": "close"},
            timeout=30,
            verify=NO_AUTHORITIES,
            trust_env=False,
        )
        assert page.status_code == 200
    # Each of them was served while these logins waited.
    assert waiting() == holding
    clear_faults(shop)
    assert {link_status(login.result()) for login in logins} == {"pending"}
