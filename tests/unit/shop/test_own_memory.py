"""A process's own memory: values and counters that expire, and not more of them than there is space for."""

from __future__ import annotations

from tests.fakes import Clock
from webstore.shop.own_memory import MAX_ENTRIES, OwnMemory


def test_values_and_counters_expire() -> None:
    clock = Clock()
    memory = OwnMemory(clock)
    memory.set("a", "1", 10.0)
    assert [memory.count("b", 10.0) for _ in range(3)] == [1, 2, 3]
    clock.now += 9.0
    assert memory.get_many(("a", "x")) == {"a": "1"}
    # A counter lives from its first count.
    assert memory.count("b", 10.0) == 4
    clock.now += 1.0
    assert memory.get_many(("a",)) == {}
    assert memory.count("b", 10.0) == 1


def test_a_value_is_added_once_in_its_time() -> None:
    clock = Clock()
    memory = OwnMemory(clock)
    assert memory.add("a", "1", 10.0)
    assert not memory.add("a", "2", 10.0)
    assert memory.get_many(("a",)) == {"a": "1"}
    clock.now += 10.0
    assert memory.add("a", "2", 10.0)
    assert memory.get_many(("a",)) == {"a": "2"}


def test_entries_that_have_expired_make_space() -> None:
    clock = Clock()
    memory = OwnMemory(clock)
    for number in range(MAX_ENTRIES):
        memory.set(str(number), "1", 10.0)
    memory.set("new", "1", 10.0)
    memory.set("0", "2", 10.0)
    assert memory.get_many(("0", "new")) == {"0": "2"}
    # A counter without space is over any limit.
    assert memory.count("counter", 10.0) == MAX_ENTRIES
    clock.now += 10.0
    memory.set("new", "1", 10.0)
    assert memory.get_many(("0", "new")) == {"new": "1"}
