"""The breaker of a service that hangs: when it opens, and how it closes again."""

from __future__ import annotations

from tests.clocks import Hands
from webstore.gateways.breaker import Breaker


def test_while_one_call_tries_the_others_fail_fast() -> None:
    hands = Hands()
    breaker = Breaker(failures=5, pause_s=3.0, clock=hands)
    for _ in range(5):
        breaker.timed_out()
    hands.now += 3.1
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.timed_out()
    assert not breaker.allows()
    hands.now += 3.1
    assert [breaker.allows() for _ in range(2)] == [True, False]


def test_an_open_breaker_lets_no_call_try_that_has_too_little_time_to_close_it() -> None:
    hands = Hands()
    breaker = Breaker(failures=1, pause_s=3.0, clock=hands)
    assert breaker.allows(full_time=False)
    breaker.timed_out()
    hands.now += 3.1
    allowed = [breaker.allows(full_time=full) for full in (False, False, True, True)]
    assert allowed == [False, False, True, False]


def test_an_answer_between_two_time_outs_starts_the_count_again() -> None:
    breaker = Breaker(failures=2, clock=Hands())
    breaker.timed_out()
    breaker.succeeded()
    breaker.timed_out()
    assert breaker.allows()
    breaker.timed_out()
    assert not breaker.allows()


def test_an_answer_closes_it() -> None:
    breaker = Breaker(failures=1, clock=Hands())
    breaker.timed_out()
    assert not breaker.allows()
    breaker.succeeded()
    assert [breaker.allows() for _ in range(3)] == [True, True, True]
