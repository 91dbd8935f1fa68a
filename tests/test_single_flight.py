"""One call for all who want its answer at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from webstore.gateways.single_flight import SingleFlight


def several_at_once(flight: SingleFlight[int], end: int | Exception) -> tuple[list[object], int]:
    """What five threads get of one flight that ends so, and how often the work was done."""
    begun, go_on = threading.Event(), threading.Event()
    done = []

    def work() -> int:
        done.append(1)
        begun.set()
        go_on.wait(5)
        if isinstance(end, Exception):
            raise end
        return end

    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(flight.run, work)
        begun.wait(5)
        others = [threads.submit(flight.run, work) for _ in range(4)]
        # They have joined when the flight's future has its waiters; there is no event for that.
        while threads._work_queue.qsize():  # noqa: SLF001 (empty as soon as all are being run)
            pass
        threading.Event().wait(0.05)
        go_on.set()
        return [future.exception() or future.result() for future in (first, *others)], len(done)


def test_callers_at_the_same_time_share_one_result() -> None:
    assert several_at_once(SingleFlight[int](), 7) == ([7] * 5, 1)


def test_callers_at_the_same_time_share_one_error() -> None:
    problem = OSError("it hangs")
    assert several_at_once(SingleFlight[int](), problem) == ([problem] * 5, 1)


def test_the_next_caller_begins_anew() -> None:
    flight = SingleFlight[int]()
    with pytest.raises(OSError, match="first"):
        flight.run(lambda: raising("first"))
    assert flight.run(lambda: 2) == 2
    assert flight.run(lambda: 3) == 3


def raising(message: str) -> int:
    """Fail with the message."""
    raise OSError(message)
