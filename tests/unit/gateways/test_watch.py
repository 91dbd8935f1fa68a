"""A state that fails slowly is left alone for a moment, and its failures are logged once a minute."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.clocks import Hands
from tests.unit.gateways.state_promises import EVERY_CALL, Act
from webstore.errors import StateUnavailable
from webstore.gateways import state as gateway
from webstore.gateways.state import FileState, Watch


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    """The clock by which failures are slow."""
    clock = Hands()
    monkeypatch.setattr(gateway, "time", SimpleNamespace(monotonic=clock, time=time.time))
    return clock


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "state"


def test_a_state_that_was_slow_to_fail_is_left_alone_for_a_moment_and_logged_once(
    directory: Path, hands: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    state = FileState(directory, busy_s=0.01, watch=Watch())
    state.set("key", "value", 60)
    directory.chmod(0o755)
    hands.step = 0.3
    with pytest.raises(StateUnavailable, match="of this user alone"):
        state.get("key")
    hands.step = 0.0
    directory.chmod(0o700)
    for moved in (0.0, 1.0, 0.9):
        hands.now += moved
        for _ in range(100):
            with pytest.raises(StateUnavailable, match="a moment ago"):
                state.get("key")
    hands.now += 0.2
    assert state.get("key") == "value"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_state_that_others_kept_locked_is_used_again_at_once(directory: Path, hands: Hands) -> None:
    state = FileState(directory, busy_s=0.01, watch=Watch())
    state.set("key", "value", 60)
    other = sqlite3.connect(directory / "state.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    hands.step = 0.3
    with pytest.raises(StateUnavailable, match="locked"):
        state.set("key", "another", 60)
    hands.step = 0.0
    other.execute("ROLLBACK")
    other.close()
    state.set("key", "another", 60)
    assert state.get("key") == "another"


def test_an_urgent_use_is_tried_during_the_pause(directory: Path, hands: Hands) -> None:
    watch = Watch()
    hands.step = 0.3
    with pytest.raises(StateUnavailable), watch.watching():
        raise StateUnavailable("slowly")
    hands.step = 0.0
    with pytest.raises(StateUnavailable, match="paused"), watch.watching():
        pytest.fail("it was tried")
    with watch.watching(urgent=True):
        FileState(directory).set("key", "value", 60)


def test_a_state_that_fails_at_once_is_used_again_at_once(directory: Path, hands: Hands) -> None:
    hands.step = 0.05
    directory.mkdir(mode=0o700, parents=True)
    (directory / "state.sqlite3").write_bytes(b"this is no database " * 1000)
    state = FileState(directory, watch=Watch())
    with pytest.raises(StateUnavailable):
        state.get("key")
    assert state.get("key") is None


def test_a_state_that_keeps_failing_is_logged_once_a_minute(
    directory: Path, hands: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    directory.mkdir(mode=0o755, parents=True)
    state = FileState(directory, watch=Watch())
    for _ in range(10):
        with pytest.raises(StateUnavailable, match="of this user alone"):
            state.get("key")
    assert len(caplog.records) == 1
    hands.now += 61
    for _ in range(10):
        with pytest.raises(StateUnavailable, match="of this user alone"):
            state.get("key")
    assert len(caplog.records) == 2


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_watched_state_is_the_state(act: Act, directory: Path) -> None:
    watched, bare = FileState(directory, watch=Watch()), FileState(directory)
    act(watched)
    assert watched.get_many(["key"]) == bare.get_many(["key"])
    assert watched.count("counter", 60) == 1
    assert bare.count("counter", 60) == 2
