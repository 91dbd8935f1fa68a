"""A service that hangs is not called for a moment; then one call at a time tries it."""

from __future__ import annotations

import pytest

from tests.clocks import Hands
from tests.gateways.raw_server import (
    AMPLE_S,
    OK,
    RawServer,
    answering,
    deaf_port,
    get,
    silence,
    then_closing,
    wire_within,
)
from tests.ports import free_port
from webstore import deadline
from webstore.gateways.breaker import Breaker
from webstore.gateways.wire import Wire, WireError, WireTimeout

#: What the deadline leaves for a call that is to end in a time-out (seconds).
MOMENT_S = 0.02

pytestmark = pytest.mark.usefixtures("deadline_clock")


@pytest.fixture
def hands(wire: Wire) -> Hands:
    """The clock of the wire's breaker."""
    clock = Hands()
    wire.breaker = Breaker(failures=5, pause_s=3.0, clock=clock)
    return clock


def time_out(wire: Wire, times: int) -> None:
    """Let calls run into a time-out, each with a moment."""
    with deaf_port() as port:
        for _ in range(times):
            with deadline.within(MOMENT_S), pytest.raises(WireTimeout, match="did not answer in time"):
                get(wire, f"http://127.0.0.1:{port}/")


def test_after_five_time_outs_the_service_is_not_called_any_more() -> None:
    with wire_within(hang_s=MOMENT_S / 2) as wire, RawServer(answering(OK)) as server:
        wire.breaker = Breaker(failures=5, pause_s=3.0, clock=Hands())
        time_out(wire, times=4)
        assert get(wire, server.url).status == 200
        time_out(wire, times=5)
        with pytest.raises(WireTimeout, match="has been hanging and is not called just now"):
            get(wire, server.url)
        assert len(server.received) == 1


def test_a_moment_later_one_call_is_let_through_and_its_answer_closes_the_breaker(
    wire: Wire, hands: Hands
) -> None:
    for _ in range(5):
        wire.breaker.timed_out()
    with RawServer(answering(OK)) as server:
        hands.now += 2.9
        with pytest.raises(WireTimeout, match="not called just now"):
            get(wire, server.url)
        hands.now += 0.2
        assert [get(wire, server.url).status for _ in range(3)] == [200, 200, 200]


def test_only_time_outs_open_the_breaker(wire: Wire, hands: Hands) -> None:
    del hands
    error = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
    for _ in range(8):
        with pytest.raises(WireError):
            get(wire, f"http://127.0.0.1:{free_port()}/")
    with RawServer(then_closing(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")) as server:
        for _ in range(8):
            with pytest.raises(WireError):
                get(wire, server.url)
    with RawServer(answering(error)) as server:
        for _ in range(8):
            assert get(wire, server.url).status == 500
    assert wire.breaker.allows()


def test_the_time_out_of_a_short_deadline_does_not_open_the_breaker() -> None:
    """It says nothing about the service: the request had little time left."""
    with wire_within(total_s=AMPLE_S) as wire:
        wire.breaker = Breaker(failures=1, clock=Hands())
        time_out(wire, times=3)
        assert wire.breaker.allows()


def test_a_short_deadline_starts_no_count_again() -> None:
    with wire_within(total_s=AMPLE_S) as wire:
        wire.breaker = Breaker(failures=2, clock=Hands())
        wire.breaker.timed_out()
        time_out(wire, times=1)
        wire.breaker.timed_out()
        assert not wire.breaker.allows()


def test_the_time_out_of_a_call_with_the_whole_limit_opens_the_breaker() -> None:
    with wire_within(total_s=MOMENT_S) as wire, RawServer(silence) as server:
        wire.breaker = Breaker(failures=1, clock=Hands())
        with deadline.within(AMPLE_S), pytest.raises(WireTimeout):
            get(wire, server.url)
        assert not wire.breaker.allows()


@pytest.mark.parametrize(
    ("hang_s", "opens"),
    [
        (MOMENT_S / 2, True),
        # The deadline began a little before the call, which has a little less time therefore.
        (MOMENT_S, True),
        (MOMENT_S * 1.05, True),
        (MOMENT_S * 1.5, False),
        (AMPLE_S, False),
    ],
)
def test_a_call_counts_as_hanging_if_it_was_given_about_that_long(hang_s: float, *, opens: bool) -> None:
    with wire_within(total_s=AMPLE_S, hang_s=hang_s) as wire, deaf_port() as port:
        wire.breaker = Breaker(failures=1, clock=Hands())
        with deadline.within(MOMENT_S), pytest.raises(WireTimeout):
            get(wire, f"http://127.0.0.1:{port}/")
        assert wire.breaker.allows() is not opens


def test_a_limit_below_the_hanging_time_opens_the_breaker_all_the_same() -> None:
    with wire_within(total_s=MOMENT_S, hang_s=AMPLE_S) as wire, deaf_port() as port:
        wire.breaker = Breaker(failures=1, clock=Hands())
        with pytest.raises(WireTimeout):
            get(wire, f"http://127.0.0.1:{port}/")
        assert not wire.breaker.allows()
