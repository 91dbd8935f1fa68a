"""Whether a process should get traffic."""

from __future__ import annotations

from tests.clocks import Hands
from tests.fakes import TimedMemory
from webstore.readiness import Readiness


def test_a_process_begins_only_when_its_shared_state_has_answered_and_stays_ready_afterwards() -> None:
    hands = Hands()
    state = TimedMemory(hands)
    state.down = True
    readiness = Readiness(state=state, warm=lambda: True, now=hands)
    assert readiness.waiting_for() == "waiting for the shared state"
    state.down = False
    hands.now += 1.0
    assert readiness.waiting_for() is None
    state.down = True
    hands.now += 60.0
    assert readiness.waiting_for() is None


def test_the_state_is_looked_at_once_a_second_however_often_the_load_balancer_asks() -> None:
    hands = Hands()
    state = TimedMemory(hands)
    state.down = True
    readiness = Readiness(state=state, warm=lambda: True, now=hands)
    for _ in range(20):
        assert readiness.waiting_for() is not None
        hands.now += 0.125
    assert state.calls == 3


def test_a_process_without_a_required_state_waits_for_its_catalogue_alone() -> None:
    answers = [False, True]
    readiness = Readiness(state=None, warm=lambda: answers.pop(0))
    assert readiness.waiting_for() == "reading the catalogue"
    assert readiness.waiting_for() is None
