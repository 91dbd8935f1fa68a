"""The linking protocol between the processes of a real gunicorn: at once, killed, and during an outage."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.support import (
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

TOP = Path(__file__).parent.parent
EVE = "eve@example.com"
USER = r"/api/v2/users/.*"


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
            # Requests that a fault holds would keep the workers from ending.
            shop.sandbox.auth0.control.clear_faults()
            shop.sandbox.stripe.control.clear_faults()
            process.terminate()
            process.wait(timeout=30)


def up_to_the_callback(browser: Browser) -> str:
    """Log in as far as the provider's redirect back to the store; gives where it leads."""
    page = browser.open("/login?next=/")
    browser.client.follow_redirects = False
    answer = browser.submit(page, email=EVE, password=PASSWORD)
    browser.client.follow_redirects = True
    assert answer.next_request is not None
    assert answer.next_request.url.path == "/callback"
    return str(answer.next_request.url)


def test_concurrent_first_logins_in_several_processes_make_one_customer(tmp_path: Path) -> None:
    with gunicorn(tmp_path, WEB_CONCURRENCY="3", WEB_THREADS="24", LINK_BUDGET_S="10") as store:
        shop = store.shop
        eve = shop.add_user(EVE)
        # Half of them in this process, so that it is never one process alone.
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


def test_customer_made_by_a_worker_that_is_killed_before_recording_it_is_found_again(tmp_path: Path) -> None:
    with gunicorn(tmp_path, WEB_CONCURRENCY="2") as store:
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


def test_home_page_is_served_at_its_usual_pace_while_logins_wait_for_a_vendor(tmp_path: Path) -> None:
    budget_s = 1.5
    with gunicorn(tmp_path, WEB_CONCURRENCY="1", WEB_THREADS="8", LINK_BUDGET_S=str(budget_s)) as store:
        shop = store.shop
        shop.add_user(EVE)
        # The first login of a process reads whose key the store has, once for all who wait for it.
        shop.browser(store.url).log_in()
        # What there is to buy is read once a minute, in the background.
        shop.http.get(f"{store.url}/")
        shop.forget_requests()
        browsers = [shop.browser(store.url) for _ in range(8)]
        callbacks = [up_to_the_callback(browser) for browser in browsers]
        shop.sandbox.stripe.control.add_fault(action="hang", path="/v1/.*", times=None)
        logins = [
            in_background(partial(browser.open, callback))
            for browser, callback in zip(browsers, callbacks, strict=True)
        ]
        until(lambda: len(shop.stripe_requests()) == 4)
        waits = []
        while not all(login.done() for login in logins):
            waits.append(shop.http.get(f"{store.url}/").elapsed.total_seconds())
        assert {link_status(login.result()) for login in logins} == {"pending"}
        assert statistics.quantiles(waits, n=20)[-1] < budget_s / 3
