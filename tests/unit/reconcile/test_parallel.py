"""Work on several threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from webstore.reconcile.parallel import Heap, spread


def test_everything_is_done_and_little_is_waiting() -> None:
    taken: list[int] = []
    done: list[int] = []
    ahead: list[int] = []

    def items() -> Iterator[int]:
        for number in range(200):
            taken.append(number)
            ahead.append(len(taken) - len(done))
            yield number

    spread(items(), done.append, 4)
    assert sorted(done) == list(range(200))
    assert max(ahead) <= 12


def test_the_first_error_ends_it() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 3:
            raise KeyError(number)
        done.append(number)

    with pytest.raises(KeyError):
        spread(range(1000), work, 4)
    assert len(done) < 30


def test_an_error_stops_work_that_would_go_on() -> None:
    heap = Heap[int]([])
    stopped = threading.Event()

    def stop() -> None:
        heap.stop()
        stopped.set()

    def work(number: int) -> None:
        if number == 0:
            raise KeyError(number)
        assert stopped.wait(60)

    with pytest.raises(KeyError):
        spread(range(4), work, 4, stop=stop)
    assert heap.stopped


def test_work_that_makes_more_work_is_done_to_its_end() -> None:
    heap, done = Heap([16]), []
    lock = threading.Lock()

    def work(_: int) -> None:
        while (number := heap.take()) is not None:
            if number > 1:
                heap.give(number // 2)
                heap.give(number - number // 2)
            else:
                with lock:
                    done.append(number)
            heap.done()

    spread(range(4), work, 4)
    assert (done, heap.take()) == ([1] * 16, None)
