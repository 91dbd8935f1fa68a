"""Work has a limit on the wall clock and a limit on how much of it can hang at the same time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from webstore.errors import OverBudget
from webstore.linking.executor import BoundedExecutor

#: For work that is meant to end in time: more than any of it needs (seconds).
AMPLE_S = 20.0


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What hanging work waits for; set at the end in any case."""
    event = threading.Event()
    yield event
    event.set()


def test_work_within_its_budget_gives_its_result() -> None:
    assert BoundedExecutor(1, "test").run(lambda: 6 * 7, AMPLE_S) == 42


def test_whoever_waits_for_work_over_its_budget_goes_on_in_time(release: threading.Event) -> None:
    started = time.monotonic()
    with pytest.raises(OverBudget, match=r"no answer within 0\.1 s"):
        BoundedExecutor(1, "test").run(release.wait, 0.1)
    assert time.monotonic() - started < 3


def test_work_over_its_budget_goes_on_behind_the_callers_back(release: threading.Event) -> None:
    ended = threading.Event()

    def work() -> None:
        release.wait(AMPLE_S)
        ended.set()

    with pytest.raises(OverBudget):
        BoundedExecutor(1, "test").run(work, 0.05)
    assert not ended.is_set()
    release.set()
    assert ended.wait(AMPLE_S)


def test_an_exception_of_the_work_is_the_callers() -> None:
    def work() -> None:
        raise ZeroDivisionError("of the work")

    with pytest.raises(ZeroDivisionError, match="of the work"):
        BoundedExecutor(1, "test").run(work, AMPLE_S)


def test_a_time_out_of_the_work_itself_is_not_taken_for_the_budgets() -> None:
    def work() -> None:
        raise TimeoutError("of the work")

    with pytest.raises(TimeoutError, match="of the work"):
        BoundedExecutor(1, "test").run(work, AMPLE_S)


def test_more_work_than_threads_is_refused_instead_of_queued(release: threading.Event) -> None:
    executor = BoundedExecutor(2, "test")
    hanging = [executor.submit(lambda: release.wait(AMPLE_S)) for _ in range(2)]
    started = time.monotonic()
    with pytest.raises(OverBudget, match="every thread is busy"):
        executor.run(lambda: "never", AMPLE_S)
    assert time.monotonic() - started < 3
    with pytest.raises(OverBudget, match="every thread is busy"):
        executor.submit(lambda: "never")
    release.set()
    assert [future.result(AMPLE_S) for future in hanging] == [True, True]


def test_a_thread_is_free_again_after_work_that_ended_and_work_that_failed() -> None:
    executor = BoundedExecutor(1, "test")
    for _ in range(3):
        assert executor.run(lambda: "done", AMPLE_S) == "done"
        with pytest.raises(ZeroDivisionError):
            executor.run(lambda: 1 // 0, AMPLE_S)


def test_a_thread_is_free_again_once_work_over_its_budget_has_ended(release: threading.Event) -> None:
    executor = BoundedExecutor(1, "test")
    with pytest.raises(OverBudget, match="no answer"):
        executor.run(lambda: release.wait(AMPLE_S), 0.05)
    with pytest.raises(OverBudget, match="every thread is busy"):
        executor.submit(lambda: "never")
    release.set()
    assert executor.run(lambda: "done", AMPLE_S) == "done"


def test_waiting_for_a_thread_is_part_of_the_budget(release: threading.Event) -> None:
    executor = BoundedExecutor(1, "test", patience_s=AMPLE_S)
    executor.submit(release.wait)
    started = time.monotonic()
    with pytest.raises(OverBudget):
        executor.run(lambda: 1, 0.1)
    assert time.monotonic() - started < AMPLE_S / 2


def test_a_burst_waits_a_moment_for_a_thread(release: threading.Event) -> None:
    """Whoever finds every thread busy is served when one gets free at once."""
    executor = BoundedExecutor(1, "test")
    executor.submit(lambda: release.wait(AMPLE_S))
    threading.Timer(0.02, release.set).start()
    assert executor.run(lambda: "done", AMPLE_S) == "done"


FORK = """
import os, threading
from webstore.budget import BoundedExecutor

executor = BoundedExecutor(1, "test")
release = threading.Event()
executor.submit(release.wait)
if os.fork() == 0:
    # The parent's one thread is busy and does not exist here.
    print(executor.run(lambda: "the child has a thread of its own", 20), flush=True)
    os._exit(0)
os.wait()
release.set()
"""


def test_a_forked_worker_gets_fresh_threads() -> None:
    done = subprocess.run(  # noqa: S603 (a script of this file)
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "the child has a thread of its own\n"
