"""Webhooks use only some of the places for calls, so that pages always have the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from webstore.gateways.bounded import Bounded
from webstore.gateways.shares import Share
from webstore.gateways.wire import Answer, Wire, WireError


class Held:
    """A wire that answers each call when it is released."""

    service = "the service"

    def __init__(self) -> None:
        self.entered, self.released = threading.Semaphore(0), threading.Semaphore(0)

    def send(self, *_: object) -> Answer:
        self.entered.release()
        assert self.released.acquire(timeout=20)
        return Answer(200, {}, b"ok")


@pytest.fixture
def held() -> Iterator[Held]:
    wire = Held()
    yield wire
    wire.released.release(100)


def call(wire: Bounded) -> Answer:
    return wire.send("GET", "https://service.example/", [], None)


def test_those_with_a_share_leave_the_other_places_free(held: Held) -> None:
    whole = Bounded(cast(Wire, held), 3)
    share = Share(whole, 2)
    with ThreadPoolExecutor(3) as pool:
        inside = [pool.submit(call, share) for _ in range(2)]
        for _ in inside:
            assert held.entered.acquire(timeout=20)
        for _ in range(3):
            with pytest.raises(WireError, match="too many calls to the service"):
                call(share)
        page = pool.submit(call, whole)
        assert held.entered.acquire(timeout=20)
        held.released.release(3)
        assert [answer.result(20).body for answer in (*inside, page)] == [b"ok"] * 3


def test_a_share_is_a_part_of_the_whole(held: Held) -> None:
    whole = Bounded(cast(Wire, held), 1, patience_s=0)
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(call, whole)
        assert held.entered.acquire(timeout=20)
        with pytest.raises(WireError, match="too many calls to the service"):
            call(Share(whole, 1))
        held.released.release(2)
        assert page.result(20).body == b"ok"
        assert call(Share(whole, 1)).body == b"ok"


def test_the_place_of_a_call_that_fails_becomes_free() -> None:
    class Broken:
        service = "the service"

        def send(self, *_: object) -> Answer:
            raise WireError("cut off")

    share = Share(Bounded(cast(Wire, Broken()), 1), 1)
    for _ in range(3):
        with pytest.raises(WireError, match="cut off"):
            call(share)
    assert share.service == "the service"
