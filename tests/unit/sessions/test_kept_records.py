"""Records that could not be written: the process keeps them, honours them, and writes them when it can."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes import Clock, Memory
from webstore.errors import StateUnavailable
from webstore.sessions.kept_records import KeptRecords


class Later:
    """Runs work in the background when the test says so; each wait lasts until then as well."""

    def __init__(self) -> None:
        self.work: list[Callable[[], None]] = []

    def __call__(self, work: Callable[[], None]) -> None:
        self.work.append(work)

    def run(self) -> None:
        """Do what waits."""
        while self.work:
            self.work.pop()()


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def records(memory: Memory, later: Later, clock: Clock) -> KeptRecords:
    return KeptRecords(memory, background=later, now=clock, wait=lambda _: None)


def test_what_can_be_written_is_written_at_once(records: KeptRecords, memory: Memory, later: Later) -> None:
    records.set("key", "value", 60)
    assert memory.kept == {"key": "value"}
    assert records.get("key") == "value"
    assert later.work == []


def test_what_cannot_be_written_is_kept_told_and_written_later(
    records: KeptRecords, memory: Memory, later: Later
) -> None:
    memory.down = True
    with pytest.raises(StateUnavailable):
        records.set("key", "value", 60)
    assert records.get_many(("key", "other")) == {"key": "value"}
    with pytest.raises(StateUnavailable):
        records.get("other")
    memory.down = False
    later.run()
    assert memory.kept == {"key": "value"}


def test_no_attempt_is_made_after_the_end(records: KeptRecords, memory: Memory, later: Later) -> None:
    memory.down = True
    with pytest.raises(StateUnavailable):
        records.set("key", "value", 60)
    memory.down = False
    records.close()
    later.run()
    assert memory.kept == {}


def test_attempts_go_on_after_an_unexpected_failure(
    records: KeptRecords,
    memory: Memory,
    later: Later,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    memory.down = True
    with pytest.raises(StateUnavailable):
        records.set("key", "value", 60)
    memory.down = False
    write, failures = memory.set, [ValueError("a fault of the store"), ValueError("and again")]

    def fail_twice(key: str, value: str, ttl_s: float) -> None:
        if failures:
            raise failures.pop()
        write(key, value, ttl_s)

    monkeypatch.setattr(memory, "set", fail_twice)
    later.run()
    assert memory.kept == {"key": "value"}
    assert len([it for it in caplog.records if it.exc_info]) == 1


def test_attempts_go_on_until_the_records_can_be_used(memory: Memory, later: Later) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        memory.down = len(waits) < 5

    records = KeptRecords(memory, background=later, wait=wait)
    memory.down = True
    for number in range(3):
        with pytest.raises(StateUnavailable):
            records.set(f"key {number}", "value", 60)
    assert len(later.work) == 1, "one thread is enough"
    later.run()
    assert waits == [1.0] * 5
    assert len(memory.kept) == 3


def test_what_expired_meanwhile_is_not_written(
    records: KeptRecords, memory: Memory, later: Later, clock: Clock
) -> None:
    memory.down = True
    with pytest.raises(StateUnavailable):
        records.set("key", "value", 60)
    clock.now += 61
    memory.down = False
    assert records.get("key") is None
    later.run()
    assert memory.kept == {}


def test_a_newer_value_is_not_replaced_by_the_kept_one(
    records: KeptRecords, memory: Memory, later: Later
) -> None:
    memory.down = True
    with pytest.raises(StateUnavailable):
        records.set("key", "old", 60)
    memory.down = False
    records.set("key", "new", 60)
    later.run()
    assert records.get("key") == memory.kept["key"] == "new"


def test_the_last_moment_of_use_is_known_without_a_request(
    records: KeptRecords, memory: Memory, later: Later, clock: Clock
) -> None:
    records.get("key")
    assert records.last_worked == clock.now
    memory.down = True
    clock.now += 10
    with pytest.raises(StateUnavailable):
        records.get("key")
    assert records.last_worked == clock.now - 10
    memory.down = False
    later.run()
    assert records.last_worked == clock.now


def test_a_process_that_can_start_no_thread_tries_again_at_the_next_failure(memory: Memory) -> None:
    started: list[Callable[[], None]] = []

    def background(work: Callable[[], None]) -> None:
        if not memory.kept:
            memory.kept["tried"] = "once"
            raise RuntimeError("can't start new thread")
        started.append(work)

    records = KeptRecords(memory, background=background, wait=lambda _: None)
    memory.down = True
    for _ in range(2):
        with pytest.raises(StateUnavailable):
            records.set("key", "value", 60)
    assert len(started) == 1
