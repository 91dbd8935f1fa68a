"""Only so many threads are in a wire at the same time; one more waits, and the others are refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import ContextVar
from typing import cast

import pytest

from webstore import deadline
from webstore.gateways.bounded import Bounded
from webstore.gateways.wire import Answer, Wire, WireError, WireTimeout

AMPLE_S = 600.0


class Held:
    """A wire that answers each call when it is released."""

    service = "the service"

    def __init__(self) -> None:
        self.calls = 0
        self.entered, self.released = threading.Semaphore(0), threading.Semaphore(0)
        self.failure: Exception | None = None

    def send(self, *_: object) -> Answer:
        self.calls += 1
        self.entered.release()
        self.released.acquire()
        if self.failure:
            raise self.failure
        return Answer(200, {}, b"ok")


@pytest.fixture
def held() -> Iterator[Held]:
    wire = Held()
    yield wire
    wire.released.release(100)


@pytest.fixture
def pool(held: Held) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as made:
        yield made
        held.released.release(100)


#: Whether the calling thread works for a stranger.
_STRANGER: ContextVar[bool] = ContextVar("stranger", default=False)


def bounded(held: Held, at_once: int = 2, patience_s: float = AMPLE_S) -> Bounded:
    return Bounded(cast(Wire, held), at_once, patience_s=patience_s, is_stranger=_STRANGER.get)


def call(wire: Bounded) -> Answer:
    return wire.send("GET", "https://service.example/", [], None)


def call_for_stranger(wire: Bounded) -> Answer:
    token = _STRANGER.set(True)
    try:
        return call(wire)
    finally:
        _STRANGER.reset(token)


def fill(pool: ThreadPoolExecutor, wire: Bounded, held: Held, calls: int) -> list[Future[Answer]]:
    """Make as many calls as go in, and see them all inside."""
    inside = [pool.submit(call, wire) for _ in range(calls)]
    for _ in inside:
        assert held.entered.acquire(timeout=20)
    return inside


def one_waits(pool: ThreadPoolExecutor, wire: Bounded) -> Future[Answer]:
    """Make two calls more: one is refused, and the other one, given here, waits for its turn."""
    two = [pool.submit(call, wire) for _ in range(2)]
    ended, waiting = wait(two, timeout=20, return_when=FIRST_COMPLETED)
    (refused,), (waiter,) = ended, waiting
    assert_refused(refused)
    return waiter


def assert_refused(ended: Future[Answer]) -> None:
    failure = ended.exception(20)
    assert isinstance(failure, WireError)
    assert not isinstance(failure, WireTimeout)
    assert "too many calls to the service" in str(failure)


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_so_many_calls_go_in(held: Held, pool: ThreadPoolExecutor, at_once: int) -> None:
    inside = fill(pool, bounded(held, at_once), held, at_once)
    held.released.release(at_once)
    assert [answer.result(20).body for answer in inside] == [b"ok"] * at_once


def test_one_more_waits_and_the_next_are_refused_while_the_others_are_still_inside(
    held: Held, pool: ThreadPoolExecutor
) -> None:
    wire = bounded(held)
    inside = fill(pool, wire, held, 2)
    waiter = one_waits(pool, wire)
    for _ in range(3):
        for refused in [pool.submit(call, wire) for _ in range(5)]:
            assert_refused(refused)
    assert held.calls == 2
    assert not any(future.done() for future in (*inside, waiter))


def test_a_place_that_becomes_free_is_given_to_the_one_who_waits(
    held: Held, pool: ThreadPoolExecutor
) -> None:
    wire = bounded(held)
    fill(pool, wire, held, 2)
    waiter = one_waits(pool, wire)
    held.released.release()
    assert held.entered.acquire(timeout=20)
    assert held.calls == 3
    # Now another one may wait.
    assert not one_waits(pool, wire).done()
    assert not waiter.done()
    held.released.release(3)
    assert waiter.result(20).body == b"ok"


def test_patience_ends(held: Held, pool: ThreadPoolExecutor) -> None:
    wire = bounded(held, patience_s=0.02)
    fill(pool, wire, held, 2)
    for _ in range(2):
        with pytest.raises(WireError, match="too many calls"):
            call(wire)
    assert held.calls == 2


def test_patience_ends_with_the_deadline(held: Held, pool: ThreadPoolExecutor) -> None:
    wire = bounded(held, patience_s=AMPLE_S)
    fill(pool, wire, held, 2)
    for seconds in (0.02, 0.0, 0.02):
        with deadline.within(seconds), pytest.raises(WireError, match="too many calls"):
            call(wire)
    assert held.calls == 2


def test_the_place_of_a_call_that_fails_becomes_free(held: Held) -> None:
    wire = bounded(held, 1)
    held.released.release(3)
    held.failure = WireTimeout("no answer")
    for _ in range(2):
        with pytest.raises(WireTimeout, match="no answer"):
            call(wire)
    held.failure = None
    assert call(wire).body == b"ok"


@pytest.mark.parametrize(("at_once", "share"), [(1, 1), (2, 1), (5, 2), (10, 5)])
def test_strangers_make_half_of_the_calls_and_shoppers_have_the_rest(
    held: Held, pool: ThreadPoolExecutor, at_once: int, share: int
) -> None:
    wire = bounded(held, at_once)
    strangers = [pool.submit(call_for_stranger, wire) for _ in range(share)]
    for _ in strangers:
        assert held.entered.acquire(timeout=20)
    for refused in [pool.submit(call_for_stranger, wire) for _ in range(8)]:
        failure = refused.exception(20)
        assert isinstance(failure, WireError)
        assert "for strangers" in str(failure)
    shoppers = fill(pool, wire, held, at_once - share)
    assert held.calls == at_once
    held.released.release(at_once)
    assert [answer.result(20).body for answer in (*strangers, *shoppers)] == [b"ok"] * at_once


def test_strangers_do_not_wait_in_the_place_of_the_shopper_who_may_wait(
    held: Held, pool: ThreadPoolExecutor
) -> None:
    wire = bounded(held)
    fill(pool, wire, held, 2)
    for refused in [pool.submit(call_for_stranger, wire) for _ in range(3)]:
        assert isinstance(refused.exception(20), WireError)
    assert not one_waits(pool, wire).done()


def test_the_place_of_a_strangers_call_that_fails_becomes_free(held: Held) -> None:
    wire = bounded(held, 1)
    held.released.release(4)
    held.failure = WireTimeout("no answer")
    for _ in range(2):
        with pytest.raises(WireTimeout, match="no answer"):
            call_for_stranger(wire)
    held.failure = None
    assert call_for_stranger(wire).body == b"ok"
    assert call(wire).body == b"ok"


def test_it_has_the_name_of_its_service(held: Held) -> None:
    assert bounded(held).service == "the service"
