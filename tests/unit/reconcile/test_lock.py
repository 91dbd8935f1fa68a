"""One run at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict

import pytest

from tests.fakes import Memory
from webstore.errors import StateUnavailable
from webstore.reconcile.lock import KEY, Locked, Owner, is_alive, locked

MINE = Owner("here", 1, "ada", 1_800_000_600.0)
THEIRS = Owner("here", 2, "grace", 1_800_000_000.0)


def held_by(owner: Owner) -> Memory:
    state = Memory()
    state.set(KEY, json.dumps(asdict(owner)), 1.0)
    return state


def test_it_is_given_back() -> None:
    state = Memory()
    with locked(state, MINE, lambda _: True):
        assert KEY in state.kept
    assert state.kept == {}


def test_another_run_is_refused_with_its_owners_name_and_age() -> None:
    state = held_by(THEIRS)
    with (
        pytest.raises(Locked, match=r"grace on here \(process 2\) started it 10 minutes ago"),
        locked(state, MINE, lambda _: True),
    ):
        pass
    assert json.loads(state.kept[KEY])["name"] == "grace"


def test_the_lock_of_a_dead_process_of_this_machine_is_taken_over() -> None:
    state = held_by(THEIRS)
    with locked(state, MINE, lambda pid: pid != 2):
        assert json.loads(state.kept[KEY])["name"] == "ada"
    # Nothing is known about processes of another machine.
    state = held_by(Owner("there", 2, "grace", 1_800_000_000.0))
    with pytest.raises(Locked), locked(state, MINE, lambda _: False):
        pass


def test_a_lock_that_cannot_be_read_is_held() -> None:
    state = Memory()
    state.set(KEY, "?", 1.0)
    with pytest.raises(Locked, match="under way"), locked(state, MINE, lambda _: False):
        pass


def test_a_lock_that_somebody_else_took_is_left_to_them() -> None:
    state = Memory()
    with locked(state, MINE, lambda _: True):
        state.set(KEY, "theirs", 1.0)
    assert state.kept == {KEY: "theirs"}


def test_it_gives_signs_of_life() -> None:
    state = Memory()
    with locked(state, MINE, lambda _: True, beat_s=0.001):
        state.delete(KEY)
        ends = time.monotonic() + 10
        while KEY not in state.kept and time.monotonic() < ends:
            time.sleep(0.001)
        assert KEY in state.kept


def test_without_a_shared_state_there_is_no_lock() -> None:
    waits: list[float] = []
    with (
        pytest.raises(StateUnavailable),
        locked(Memory(down=True), MINE, lambda _: True, sleep=waits.append),
    ):
        pass
    assert len(waits) == 4


def test_a_state_that_is_busy_for_a_moment_is_tried_again() -> None:
    state = Memory(down=True)

    def recover(_seconds: float) -> None:
        state.down = False

    with locked(state, MINE, lambda _: True, sleep=recover):
        assert KEY in state.kept


def test_processes_of_this_machine() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""], env={"WEBSTORE_ENV_FILE": ""})
    done.wait()
    assert (is_alive(os.getpid()), is_alive(done.pid)) == (True, False)
