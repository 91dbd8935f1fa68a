"""One run at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from queue import Queue

import pytest

from tests.fakes import Memory
from webstore.errors import StateUnavailable
from webstore.reconcile.lock import KEY, Locked, Owner, TakenOver, is_alive, locked

MINE = Owner("here", 1, "ada", 1_800_000_600.0)
THEIRS = Owner("here", 2, "grace", 1_800_000_000.0)


def fail(reason: TakenOver) -> None:
    raise AssertionError(reason)


def held_by(owner: Owner) -> Memory:
    state = Memory()
    state.set(KEY, json.dumps(asdict(owner)), 1.0)
    return state


def test_it_is_given_back() -> None:
    state = Memory()
    with locked(state, MINE, lambda _: True, lost=fail):
        assert KEY in state.kept
    assert state.kept == {}


def test_another_run_is_refused_with_its_owners_name_and_age() -> None:
    state = held_by(THEIRS)
    with (
        pytest.raises(Locked, match=r"grace on here \(process 2\) started it 10 minutes ago"),
        locked(state, MINE, lambda _: True, lost=fail),
    ):
        pass
    assert json.loads(state.kept[KEY])["name"] == "grace"


def test_the_lock_of_a_dead_process_of_this_machine_is_taken_over() -> None:
    state = held_by(THEIRS)
    with locked(state, MINE, lambda pid: pid != 2, lost=fail):
        assert json.loads(state.kept[KEY])["name"] == "ada"
    # Nothing is known about processes of another machine.
    state = held_by(Owner("there", 2, "grace", 1_800_000_000.0))
    with pytest.raises(Locked), locked(state, MINE, lambda _: False, lost=fail):
        pass


def test_a_lock_that_cannot_be_read_is_held() -> None:
    state = Memory()
    state.set(KEY, "?", 1.0)
    with pytest.raises(Locked, match="under way"), locked(state, MINE, lambda _: False, lost=fail):
        pass


def test_a_lock_that_somebody_else_took_is_left_to_them() -> None:
    state = Memory()
    with locked(state, MINE, lambda _: True, lost=fail):
        state.set(KEY, "theirs", 1.0)
    assert state.kept == {KEY: "theirs"}


def test_a_run_whose_lock_somebody_else_took_is_told_whose_it_is() -> None:
    state, told = Memory(), Queue[TakenOver]()
    with locked(state, MINE, lambda _: True, lost=told.put, beat_s=0.001):
        theirs = json.dumps(asdict(THEIRS))
        state.set(KEY, theirs, 1.0)
        reason = told.get(timeout=20)
        assert "another run, of grace on here (process 2), has taken over the lock" in str(reason)
        time.sleep(0.01)
        assert state.kept[KEY] == theirs
    assert (state.kept[KEY], told.empty()) == (theirs, True)


def test_a_run_that_pauses_before_it_renews_its_lock_does_not_take_it_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, theirs, told = [1_800_000_000.0], json.dumps(asdict(THEIRS)), Queue[TakenOver]()

    class Suspended(Memory):
        """The machine sleeps for ten minutes right after a look at the lock."""

        def get(self, key: str) -> str | None:
            held = super().get(key)
            now[0] += 600.0
            self.kept[key] = theirs
            return held

    state = Suspended()
    monkeypatch.setattr(time, "time", lambda: now[0])
    with locked(state, MINE, lambda _: True, lost=told.put, beat_s=0.001):
        assert "of grace on here" in str(told.get(timeout=20))
    assert state.kept[KEY] == theirs


def test_it_gives_signs_of_life() -> None:
    state = Memory()
    with locked(state, MINE, lambda _: True, lost=fail, beat_s=0.001):
        state.delete(KEY)
        ends = time.monotonic() + 10
        while KEY not in state.kept and time.monotonic() < ends:
            time.sleep(0.001)
        assert KEY in state.kept


def test_without_a_shared_state_there_is_no_lock() -> None:
    waits: list[float] = []
    with (
        pytest.raises(StateUnavailable),
        locked(Memory(down=True), MINE, lambda _: True, lost=fail, sleep=waits.append),
    ):
        pass
    assert len(waits) == 4


def test_a_state_that_is_busy_for_a_moment_is_tried_again() -> None:
    state = Memory(down=True)

    def recover(_seconds: float) -> None:
        state.down = False

    with locked(state, MINE, lambda _: True, lost=fail, sleep=recover):
        assert KEY in state.kept


def test_processes_of_this_machine() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""], env={"WEBSTORE_ENV_FILE": ""})
    done.wait()
    assert (is_alive(os.getpid()), is_alive(done.pid)) == (True, False)
