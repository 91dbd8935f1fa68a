"""The threads for linking: how long a caller waits for its work, and how much work is done at a time."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from webstore import deadline
from webstore.errors import OverBudget
from webstore.linking.executor import BoundedExecutor, InlineExecutor

#: For work that ends in time: more seconds than any of it needs.
AMPLE_S = 20.0


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """The event that hanging work waits for. It is set after the test in any case."""
    event = threading.Event()
    yield event
    event.set()


# The budget


def test_work_within_its_budget_gives_its_result() -> None:
    assert BoundedExecutor(1, "test").run(lambda: 6 * 7, AMPLE_S) == 42


def test_caller_goes_on_while_work_over_its_budget_still_hangs(release: threading.Event) -> None:
    ended = threading.Event()

    def work() -> None:
        release.wait(AMPLE_S)
        ended.set()

    with pytest.raises(OverBudget, match=r"no answer within 0\.1 s"):
        BoundedExecutor(1, "test").run(work, 0.1)
    # Nothing but the end of the budget can have let the caller go on.
    assert not ended.is_set()


def test_work_over_its_budget_goes_on_in_the_background(release: threading.Event) -> None:
    ended = threading.Event()

    def work() -> None:
        release.wait(AMPLE_S)
        ended.set()

    with pytest.raises(OverBudget):
        BoundedExecutor(1, "test").run(work, 0.05)
    assert not ended.is_set()
    release.set()
    assert ended.wait(AMPLE_S)


def test_exception_of_the_work_reaches_the_caller() -> None:
    def work() -> None:
        raise ZeroDivisionError("of the work")

    with pytest.raises(ZeroDivisionError, match="of the work"):
        BoundedExecutor(1, "test").run(work, AMPLE_S)


def test_time_out_of_the_work_itself_is_not_mistaken_for_the_end_of_the_budget() -> None:
    def work() -> None:
        raise TimeoutError("of the work")

    with pytest.raises(TimeoutError, match="of the work"):
        BoundedExecutor(1, "test").run(work, AMPLE_S)


# The threads


def test_more_work_than_threads_is_refused_and_not_queued(release: threading.Event) -> None:
    executor = BoundedExecutor(2, "test")
    hanging = [executor.submit(lambda: release.wait(AMPLE_S)) for _ in range(2)]
    with pytest.raises(OverBudget, match="every thread is busy"):
        executor.run(lambda: "never", AMPLE_S)
    with pytest.raises(OverBudget, match="every thread is busy"):
        executor.submit(lambda: "never")
    # Both refusals came while the threads were still busy.
    assert [future.done() for future in hanging] == [False, False]
    release.set()
    assert [future.result(AMPLE_S) for future in hanging] == [True, True]


def test_thread_is_free_again_after_work_that_ended_and_work_that_failed() -> None:
    executor = BoundedExecutor(1, "test", patience_s=AMPLE_S)
    for _ in range(3):
        assert executor.run(lambda: "done", AMPLE_S) == "done"
        with pytest.raises(ZeroDivisionError):
            executor.run(lambda: 1 // 0, AMPLE_S)


def test_thread_is_free_again_once_work_over_its_budget_has_ended(release: threading.Event) -> None:
    executor = BoundedExecutor(1, "test", patience_s=AMPLE_S)
    with pytest.raises(OverBudget, match="no answer"):
        executor.run(lambda: release.wait(AMPLE_S), 0.05)
    with pytest.raises(OverBudget, match="every thread is busy"):
        executor.submit(lambda: "never", 0.05)
    release.set()
    assert executor.run(lambda: "done", AMPLE_S) == "done"


def test_waiting_for_a_thread_is_part_of_the_budget(release: threading.Event) -> None:
    # With this patience alone the caller would wait until the test's time-out.
    executor = BoundedExecutor(1, "test", patience_s=1000.0)
    hanging = executor.submit(lambda: release.wait(AMPLE_S))
    with pytest.raises(OverBudget):
        executor.run(lambda: 1, 0.1)
    assert not hanging.done()


def test_caller_waits_a_moment_for_a_thread_that_becomes_free(release: threading.Event) -> None:
    executor = BoundedExecutor(1, "test", patience_s=AMPLE_S)
    executor.submit(lambda: release.wait(AMPLE_S))
    threading.Timer(0.02, release.set).start()
    assert executor.run(lambda: "done", AMPLE_S) == "done"


FORK = """
import os, threading
from webstore.linking.executor import BoundedExecutor

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


def test_forked_worker_has_new_threads() -> None:
    done = subprocess.run(  # noqa: S603 (a script of this file)
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "the child has a thread of its own\n"


# The caller's deadline


def test_work_on_another_thread_has_no_deadline_of_the_caller() -> None:
    executor = BoundedExecutor(1, "test", patience_s=AMPLE_S)
    with deadline.within(AMPLE_S):
        assert executor.run(deadline.left, AMPLE_S) == math.inf
        assert executor.submit(deadline.left).result(AMPLE_S) == math.inf


def test_surrounding_deadline_ends_the_wait_for_the_result(release: threading.Event) -> None:
    ended = threading.Event()

    def work() -> None:
        release.wait(AMPLE_S)
        ended.set()

    # With this budget alone the caller would wait until the test's time-out.
    with deadline.within(0.1), pytest.raises(OverBudget):
        BoundedExecutor(1, "test").run(work, 1000.0)
    assert not ended.is_set()


def test_surrounding_deadline_ends_the_wait_for_a_thread(release: threading.Event) -> None:
    executor = BoundedExecutor(1, "test", patience_s=1000.0)
    hanging = executor.submit(lambda: release.wait(AMPLE_S))
    with deadline.within(0.1), pytest.raises(OverBudget, match="every thread is busy"):
        executor.submit(lambda: "never")
    with deadline.within(0.1), pytest.raises(OverBudget):
        executor.run(lambda: "never", 1000.0)
    assert not hanging.done()


def test_budget_shorter_than_the_surrounding_deadline_is_kept(release: threading.Event) -> None:
    with deadline.within(1000.0), pytest.raises(OverBudget, match=r"no answer within 0\.05 s"):
        BoundedExecutor(1, "test").run(lambda: release.wait(AMPLE_S), 0.05)


# Without threads


def test_inline_executor_works_on_the_callers_thread() -> None:
    executor = InlineExecutor()
    assert executor.run(threading.get_ident, AMPLE_S) == threading.get_ident()
    submitted = executor.submit(threading.get_ident)
    assert submitted.done()
    assert submitted.result() == threading.get_ident()


def test_inline_executor_has_no_limit_on_time() -> None:
    started = time.monotonic()
    assert InlineExecutor().run(lambda: time.sleep(0.02), 0.001) is None
    assert time.monotonic() - started >= 0.02


def test_inline_executor_raises_the_exception_of_the_work_where_its_result_is_asked_for() -> None:
    def work() -> None:
        raise ZeroDivisionError("of the work")

    with pytest.raises(ZeroDivisionError, match="of the work"):
        InlineExecutor().run(work, AMPLE_S)
    submitted = InlineExecutor().submit(work)
    with pytest.raises(ZeroDivisionError, match="of the work"):
        submitted.result()


def test_work_of_the_inline_executor_has_the_deadline_of_the_caller() -> None:
    with deadline.within(AMPLE_S):
        assert InlineExecutor().run(deadline.left, 1000.0) <= AMPLE_S
