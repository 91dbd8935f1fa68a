"""The memory of a worker after thousands of requests, the time to the first answer, the time of the imports.

BENCH_LONG=1 asks for 100,000 requests instead of 10,000, which takes ten minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from . import hammer, processor
from .collector import ROUNDS, Collector
from .conftest import Pair
from .figures import Goal
from .hammer import TOP, Order
from .imports import by_package
from .logins import first_callback, logged_in, new_person
from .pages import Page, pages
from .raw import Client
from .servers import MINIMAL, STORE, free_hosts, running_server
from .vendors import Vendors

pytestmark = pytest.mark.timeout(3600)

LONG = os.environ.get("BENCH_LONG") == "1"
REQUESTS, MANY = 10_000, 100_000
#: Requests, and first logins among them, until the memory is looked at again.
STEP, LOGINS = 1_000, 5
#: MB after `REQUESTS`, and of that after `MANY`.
MOST_MB, MOST_GROWTH = 90.0, 1.05
#: Seconds from the start of gunicorn to the first answer.
MOST_START_S = 1.5
SHOPPERS, EACH = 150, 15
HEAVIEST = 5
TIMED = (
    "import time; clocks = time.perf_counter, time.process_time; began = [clock() for clock in clocks]; "
    "import {module}; print(*(clock() - at for clock, at in zip(clocks, began, strict=True)))"
)
APPLICATIONS = {STORE: "webstore.application", MINIMAL: MINIMAL.partition(":")[0]}


@dataclass(repr=False)
class Memory:
    """MB of the worker after so many requests, and the answers that were not what they should be."""

    resident: dict[int, float] = field(default_factory=dict)
    #: MB of the minimal app's worker after its start.
    hello: float = 0.0
    wrong: list[dict[str, int]] = field(default_factory=list)


@pytest.fixture(scope="module")
def memory(pair: Pair, found: Collector) -> Memory:
    """Pages of all kinds, and some logins, on one worker."""
    memory, host, workers = Memory(), pair.store.host, pair.store.workers
    look(memory, pair, 0)
    memory.hello = sum(processor.resident_mb(worker) or 0.0 for worker in pair.minimal.workers)
    kinds = pages(host, [new_person(host, f"crowd-{number}@example.com") for number in range(SHOPPERS)])
    for asked in range(STEP, (MANY if LONG else REQUESTS) + 1, STEP):
        mixed = mix(kinds, asked // STEP)
        done = hammer.run(Order(host, mixed, 600.0, most=STEP - len(mixed), workers=workers))
        memory.wrong.append(done.wrong)
        with Client(host) as client:
            for number in range(LOGINS):
                callback, _ = first_callback(host, f"crowd-{asked}-{number}@example.com")
                logged_in(client.exchange(callback))
        look(memory, pair, asked)
    add_memory(found, memory)
    return memory


def mix(kinds: Sequence[Page], step: int) -> tuple[bytes, ...]:
    """As many requests of each kind, of other shoppers in each step: one may not open the account too often.

    The 304 is left out, because all answers have one status.
    """
    places = range(step * EACH, (step + 1) * EACH)
    return tuple(
        kind.requests[place % len(kind.requests)] for kind in kinds if kind.status == 200 for place in places
    )


def look(memory: Memory, pair: Pair, asked: int) -> None:
    """Note the resident set after so many requests, where the system tells."""
    for worker in pair.store.workers:
        if (found := processor.resident_mb(worker)) is not None:
            memory.resident[asked] = found


def add_memory(found: Collector, memory: Memory) -> None:
    """The rows about memory."""
    at = memory.resident
    if not at:
        found.note("process", "The memory was not measured: the system does not tell it.")
        return
    found.add("process", "resident set after the start", "store", "MB", [at[0]])
    found.add("process", "resident set after the start", "hello", "MB", [memory.hello])
    subject = f"resident set after {REQUESTS:,} requests"
    found.add("process", subject, "store", "MB", [at[REQUESTS]], goal=Goal(MOST_MB))
    if MANY in at:
        found.add("process", f"resident set after {MANY:,} requests", "store", "MB", [at[MANY]])
        growth = [at[MANY] / at[REQUESTS]]
        found.add("process", f"of that after {REQUESTS:,}", "store", "ratio", growth, goal=Goal(MOST_GROWTH))


@pytest.fixture(scope="module")
def starts(
    found: Collector, vendors: Vendors, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[float]]:
    """Seconds to the first answer, of the store and of the minimal app in turns."""
    folder, seconds = tmp_path_factory.mktemp("starts"), dict[str, list[float]]()
    for number in range(ROUNDS):
        for app in (MINIMAL, STORE):
            place = folder / f"{number}-{app.partition(':')[0]}"
            seconds.setdefault(app, []).append(found.window(start, app, vendors, place))
    found.add(
        "process", "first answer after the start", "store", "s", seconds[STORE], goal=Goal(MOST_START_S)
    )
    found.add("process", "first answer after the start", "hello", "s", seconds[MINIMAL])
    return seconds


def start(app: str, vendors: Vendors, folder: Path) -> float:
    """Start the application once: seconds to its first answer."""
    (host,) = free_hosts(1)
    with running_server(app, vendors.environment, host, folder) as server:
        return server.started_s


@pytest.fixture(scope="module")
def imports(found: Collector, vendors: Vendors) -> dict[str, list[float]]:
    """Seconds of importing the store and the minimal app in turns, and what takes most of them."""
    seconds: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        for app, module in APPLICATIONS.items():
            printed = found.window(python, vendors, "-c", TIMED.format(module=module)).stdout
            passed, used = map(float, printed.split())
            seconds.setdefault(app, []).append(passed)
            cpu.setdefault(app, []).append(used)
    for subject, each in (("imports", seconds), ("imports, CPU", cpu)):
        found.add("process", subject, "store", "s", each[STORE])
        found.add("process", subject, "hello", "s", each[MINIMAL])
    report = python(vendors, "-X", "importtime", "-c", f"import {APPLICATIONS[STORE]}").stderr
    heaviest = sorted(by_package(report).items(), key=lambda item: -item[1])[:HEAVIEST]
    listed = ", ".join(f"{name} {1000 * took:.0f} ms" for name, took in heaviest)
    found.note("process", f"The packages that take most of the store's imports: {listed}.")
    return seconds


def python(vendors: Vendors, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with a store's environment."""
    command = [sys.executable, *arguments]
    environment = {**os.environ, **vendors.environment}
    return subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 (ourselves)


def test_every_page_was_answered(memory: Memory) -> None:
    assert [wrong for wrong in memory.wrong if wrong] == []


def test_the_server_started_each_time(starts: dict[str, list[float]]) -> None:
    assert {app: len(seconds) for app, seconds in starts.items()} == {STORE: ROUNDS, MINIMAL: ROUNDS}


def test_the_imports_were_measured(imports: dict[str, list[float]]) -> None:
    assert {app: len(seconds) for app, seconds in imports.items()} == {STORE: ROUNDS, MINIMAL: ROUNDS}
