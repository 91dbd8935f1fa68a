"""The deadline of the request at hand."""

from __future__ import annotations

import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from webstore import deadline
from webstore.errors import OverBudget


class Clock:
    """The monotonic clock, set by hand. Sleep moves it on and is written down."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that `webstore.deadline` reads; no other module does."""
    clock = Clock()
    monkeypatch.setattr(deadline, "time", clock)
    return clock


# The time that is left


def test_without_a_deadline_time_is_unlimited() -> None:
    assert deadline.left() == math.inf
    assert deadline.left(3.0) == 3.0


def test_deadline_comes_nearer_and_is_never_negative(clock: Clock) -> None:
    with deadline.within(5.0):
        assert deadline.left() == 5.0
        clock.now += 2.0
        assert deadline.left() == 3.0
        clock.now += 4.0
        assert deadline.left() == 0.0


def test_what_is_left_is_cut_to_the_limit_of_the_caller(clock: Clock) -> None:
    with deadline.within(5.0):
        assert deadline.left(2.0) == 2.0
        assert deadline.left(9.0) == 5.0
        clock.now += 4.0
        assert deadline.left(2.0) == 1.0
        assert deadline.left(0.0) == 0.0


@pytest.mark.usefixtures("clock")
def test_block_of_no_time_has_nothing_left() -> None:
    with deadline.within(0.0):
        assert deadline.left() == 0.0
        assert deadline.left(1.0) == 0.0


# Nested blocks


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("outer", "inner"), [(5.0, 2.0), (2.0, 5.0)])
def test_nested_block_has_the_smaller_of_both_limits(outer: float, inner: float) -> None:
    with deadline.within(outer):
        with deadline.within(inner):
            assert deadline.left() == 2.0
        assert deadline.left() == outer


def test_nested_block_counts_the_time_that_the_outer_one_has_used(clock: Clock) -> None:
    with deadline.within(5.0):
        clock.now += 4.0
        with deadline.within(3.0):
            assert deadline.left() == 1.0


def test_deadline_ends_with_its_block() -> None:
    with deadline.within(5.0):
        pass
    assert deadline.left() == math.inf


@pytest.mark.usefixtures("clock")
def test_deadline_ends_with_its_block_when_the_block_raises() -> None:
    with deadline.within(9.0):
        with pytest.raises(OSError, match="inner"), deadline.within(5.0):
            raise OSError("inner")
        assert deadline.left() == 9.0
    assert deadline.left() == math.inf


# Threads


def test_another_thread_has_no_deadline() -> None:
    with deadline.within(5.0), ThreadPoolExecutor(1) as threads:
        assert threads.submit(deadline.left).result() == math.inf


def test_deadline_of_another_thread_does_not_show_here() -> None:
    set_there, go_on = threading.Event(), threading.Event()

    def there() -> float:
        with deadline.within(5.0):
            set_there.set()
            go_on.wait(20)
            return deadline.left()

    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(there)
        assert set_there.wait(20)
        assert deadline.left() == math.inf
        go_on.set()
        assert other.result() < math.inf


# Sleep


def test_sleep_without_a_deadline_is_a_sleep(clock: Clock) -> None:
    deadline.sleep(7.0)
    assert clock.slept == [7.0]


def test_sleep_ends_at_the_deadline(clock: Clock) -> None:
    with deadline.within(5.0):
        deadline.sleep(3.0)
        deadline.sleep(3.0)
        assert clock.slept == [3.0, 2.0]


def test_sleep_with_no_time_left_raises_instead(clock: Clock) -> None:
    with deadline.within(5.0):
        clock.now += 5.0
        with pytest.raises(OverBudget):
            deadline.sleep(3.0)
    assert clock.slept == []


def test_sleep_of_no_time_never_raises(clock: Clock) -> None:
    with deadline.within(0.0):
        deadline.sleep(0.0)
    assert sum(clock.slept) == 0.0


def test_sleep_takes_real_time() -> None:
    started = time.monotonic()
    deadline.sleep(0.02)
    assert time.monotonic() - started >= 0.02
