"""How many pages a second one worker answers, compared with "hello" under the same server.

Each window of a page has a window of "hello" right before it. docs/performance.md describes the method.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from . import hammer
from .collector import ROUNDS, WINDOW_S, Collector
from .conftest import Pair
from .figures import ratios
from .hammer import Load, Order
from .pages import HELLO, Page, pages, people
from .raw import request
from .servers import Server

pytestmark = pytest.mark.timeout(3600)

#: Share of one processor. If the client is busier, the figures may show the client instead of the store.
BUSY_CLIENT = 0.9


@dataclass(repr=False)
class Windows:
    """The loads of one page, and those of "hello" right before them."""

    page: list[Load] = field(default_factory=list)
    hello: list[Load] = field(default_factory=list)


@pytest.fixture(scope="module")
def measured(pair: Pair, found: Collector) -> dict[str, Windows]:
    kinds = pages(pair.store.host, people(pair.store.host, WINDOW_S))
    hello = Page(HELLO, (request("/", pair.minimal.host),))
    windows = {kind.name: Windows() for kind in kinds}
    for _ in range(ROUNDS):
        for kind in kinds:
            windows[kind.name].hello.append(found.window(load, pair.minimal, hello))
            windows[kind.name].page.append(found.window(load, pair.store, kind))
    add_figures(found, kinds, windows)
    return windows


def load(server: Server, page: Page) -> Load:
    """One window of one page."""
    return hammer.run(Order(server.host, page.requests, WINDOW_S, page.status, workers=server.workers))


def add_figures(found: Collector, kinds: list[Page], windows: dict[str, Windows]) -> None:
    """The rows of the table: "hello", then each page."""
    all_hello = [load for pairs in windows.values() for load in pairs.hello]
    _add_row(found, HELLO, all_hello)
    for kind in kinds:
        pairs = windows[kind.name]
        rates = ratios([load.per_s for load in pairs.page], [load.per_s for load in pairs.hello])
        found.add("pages", kind.name, "rate, of hello's", "ratio", rates, goal=kind.limit)
        costs = [(page.cpu_ms, hello.cpu_ms) for page, hello in zip(pairs.page, pairs.hello, strict=True)]
        found.add(
            "pages",
            kind.name,
            "CPU, of hello's",
            "ratio",
            [page / hello for page, hello in costs if page is not None and hello is not None],
        )
        _add_row(found, kind.name, pairs.page)
    for load in (load for pairs in windows.values() for load in pairs.page + pairs.hello):
        found.client_was_busy(load.client_s / load.seconds)


def _add_row(found: Collector, name: str, loads: list[Load]) -> None:
    found.add("pages", name, "requests a second", "a second", [load.per_s for load in loads])
    found.add("pages", name, "CPU", "ms", [load.cpu_ms for load in loads if load.cpu_ms is not None])
    found.add("pages", name, "bytes of the answer", "bytes", [load.bytes_each for load in loads])


def test_every_answer_was_the_page_that_was_asked_for(measured: dict[str, Windows]) -> None:
    wrong = {
        name: load.wrong
        for name, pairs in measured.items()
        for load in pairs.page + pairs.hello
        if load.wrong
    }
    assert wrong == {}


def test_the_client_was_not_what_was_measured(measured: dict[str, Windows]) -> None:
    for name, pairs in measured.items():
        for load in pairs.page + pairs.hello:
            assert load.client_s / load.seconds <= BUSY_CLIENT, name
