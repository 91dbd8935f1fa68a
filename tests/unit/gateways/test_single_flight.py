"""One call for all threads that want its answer at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from webstore import deadline
from webstore.errors import OverBudget
from webstore.gateways import single_flight
from webstore.gateways.single_flight import SingleFlight

#: More seconds than a busy machine needs for anything here.
AMPLE_S = 20.0


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """The event that the shared work waits for. It is set after the test in any case."""
    event = threading.Event()
    yield event
    event.set()


def before_waiting(note: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Call `note` in each thread that has found a call in progress, and waits for its result now."""
    wait_for = single_flight._result  # noqa: SLF001 (the only place that shows that a thread waits)

    def noted(shared: Future[int]) -> int:
        note()
        return wait_for(shared)

    monkeypatch.setattr(single_flight, "_result", noted)


def several_at_once(
    flight: SingleFlight[int], end: int | Exception, release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[object], int]:
    """The results of five threads that share one flight, which ends so; and how often the work was done."""
    begun, all_wait = threading.Event(), threading.Semaphore(0)
    done = []

    def work() -> int:
        done.append(1)
        begun.set()
        assert release.wait(AMPLE_S)
        if isinstance(end, Exception):
            raise end
        return end

    before_waiting(all_wait.release, monkeypatch)
    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(flight.run, work)
        assert begun.wait(AMPLE_S)
        others = [threads.submit(flight.run, work) for _ in range(4)]
        for _ in others:
            assert all_wait.acquire(timeout=AMPLE_S)
        release.set()
        return [future.exception() or future.result() for future in (first, *others)], len(done)


def test_callers_at_the_same_time_share_one_result(
    release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert several_at_once(SingleFlight[int](), 7, release, monkeypatch) == ([7] * 5, 1)


@pytest.mark.parametrize("problem", [OSError("it hangs"), TimeoutError("of the work")], ids=repr)
def test_callers_at_the_same_time_share_one_error(
    release: threading.Event, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    assert several_at_once(SingleFlight[int](), problem, release, monkeypatch) == ([problem] * 5, 1)


def test_next_caller_does_the_work_again() -> None:
    flight = SingleFlight[int]()
    with pytest.raises(OSError, match="first"):
        flight.run(lambda: raising("first"))
    assert flight.run(lambda: 2) == 2
    assert flight.run(lambda: 3) == 3


def raising(message: str) -> int:
    """Fail with the message."""
    raise OSError(message)


def test_deadline_of_a_waiting_caller_ends_its_wait_and_not_the_work(release: threading.Event) -> None:
    flight, begun = SingleFlight[int](), threading.Event()

    def work() -> int:
        begun.set()
        release.wait(AMPLE_S)
        return 7

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(flight.run, work)
        assert begun.wait(AMPLE_S)
        with deadline.within(0.05), pytest.raises(OverBudget):
            flight.run(lambda: pytest.fail("the work was begun a second time"))
        assert not first.done()
        release.set()
        assert first.result(AMPLE_S) == 7


def test_waiting_caller_with_time_left_gets_the_result(
    release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    flight, begun = SingleFlight[int](), threading.Event()
    before_waiting(release.set, monkeypatch)

    def work() -> int:
        begun.set()
        release.wait(AMPLE_S)
        return 7

    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(flight.run, work)
        assert begun.wait(AMPLE_S)
        with deadline.within(AMPLE_S):
            assert flight.run(lambda: 8) == 7
        assert first.result(AMPLE_S) == 7
