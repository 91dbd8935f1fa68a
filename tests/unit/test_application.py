"""The composition root: what it imports when, and how it shares the server's threads out."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.unit.offline import offline_store
from webstore.gateways.threads import Threads
from webstore.routes import Services


def test_importing_the_package_imports_neither_flask_nor_the_application() -> None:
    code = (
        "import sys, webstore; assert callable(webstore.create_app);"
        "print([name for name in sys.modules if name == 'flask' or name.startswith('webstore.')])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("threads", [5, 8, 16, 256])
def test_a_thread_is_left_for_pages_while_vendors_hang(threads: int) -> None:
    shares = Threads.of_server(threads)
    one_more_that_waits = 1
    assert shares.linking + shares.pages + one_more_that_waits < threads
    assert shares.provider + one_more_that_waits < threads


@pytest.mark.parametrize("threads", [8, 16, 256])
def test_webhooks_leave_most_threads_and_calls_to_pages(threads: int) -> None:
    shares = Threads.of_server(threads)
    assert shares.webhooks <= shares.pages / 2
    assert shares.hooks + shares.waiting <= threads / 2


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_a_server_with_few_threads_can_still_call_everybody(threads: int) -> None:
    shares = Threads.of_server(threads)
    assert min(shares.linking, shares.pages, shares.provider, shares.webhooks) >= 1
    assert min(shares.hooks, shares.waiting) >= 1


def test_missed_events_are_handled_without_the_limits_of_the_servers_threads(tmp_path: Path) -> None:
    with offline_store(tmp_path, WEB_THREADS="8") as app:
        services: Services = app.extensions["webstore"]
    background = services.background_webhooks
    for places in (background.hook_places, background.waiting_places):
        with ExitStack() as taken:
            assert all(taken.enter_context(places.one()) for _ in range(8))
    with services.webhooks.waiting_places.one() as first, services.webhooks.waiting_places.one() as second:
        assert (first, second) == (True, False)
