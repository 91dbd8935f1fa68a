"""The shared state in a file: its promises, its folder, and one error for every failure."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.gateways.state_promises import EVERY_CALL, Act, StatePromises
from webstore.errors import StateUnavailable
from webstore.gateways.state import FileState, default_directory
from webstore.state import State


class TestPromises(StatePromises):
    @pytest.fixture
    def open_state(self, tmp_path: Path) -> Callable[[], State]:
        return lambda: FileState(tmp_path / "state", busy_s=20)


ADD_AT_ONCE = """
import sys
from pathlib import Path
from webstore.gateways.state import FileState

state = FileState(Path(sys.argv[1]), busy_s=20)
print("ready", flush=True)
sys.stdin.readline()
print(sum(state.add(f"key {number}", "mine", 60) for number in range(50)))
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "state"


@pytest.fixture
def file_state(directory: Path) -> FileState:
    return FileState(directory)


def test_of_several_processes_that_add_the_same_keys_at_once_one_wins_each(directory: Path) -> None:
    processes = [
        subprocess.Popen(  # noqa: S603 (a script of this file)
            [sys.executable, "-c", ADD_AT_ONCE, str(directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    won = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(won) == 50


USE_MANY_CONNECTIONS = """
import re, sys, threading
from contextlib import ExitStack
from pathlib import Path
from webstore.gateways.state import FileState

def resident_mb():
    return int(re.search(r"VmRSS:\\s*([0-9]+)", Path("/proc/self/status").read_text())[1]) / 1024

state = FileState(Path(sys.argv[1]), busy_s=20)
with state._open() as db:
    db.executemany("INSERT INTO entry VALUES (?, ?, 1e12)", ((str(n), "x" * 200) for n in range(20_000)))
before = resident_mb()
with ExitStack() as stack:
    for _ in range(16):
        stack.enter_context(state._open()).execute("SELECT sum(length(value)) FROM entry").fetchone()
print(resident_mb() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_connections_of_a_process_keep_little_of_a_large_file_in_memory(directory: Path) -> None:
    """The state of a busy store has tens of thousands of entries, and each thread may have a connection."""
    command = [sys.executable, "-c", USE_MANY_CONNECTIONS, str(directory)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 (ourselves)
    assert float(done.stdout) < 12


def test_the_folder_is_made_for_this_user_alone(directory: Path, file_state: FileState) -> None:
    file_state.set("key", "secret", 60)
    assert directory.stat().st_mode & 0o777 == 0o700


def test_what_is_over_is_cleared_away_by_the_next_worker(directory: Path, file_state: FileState) -> None:
    for number in range(5):
        file_state.set(f"key {number}", "value", 0.01)
    file_state.set("kept", "value", 60)
    time.sleep(0.05)
    FileState(directory).get("anything")
    with sqlite3.connect(directory / "state.sqlite3") as db:
        kept = db.execute("SELECT key FROM entry").fetchall()
    db.close()
    assert kept == [("kept",)]


def unusable(kind: str, directory: Path) -> None:
    """Make the folder, or a file at its path, unusable."""
    directory.parent.mkdir(parents=True)
    if kind == "open to others":
        directory.mkdir()
        directory.chmod(0o755)
    elif kind == "readable by the group":
        directory.mkdir(mode=0o700)
        directory.chmod(0o740)
    elif kind == "link":
        (directory.parent / "elsewhere").mkdir(mode=0o700)
        directory.symlink_to("elsewhere")
    elif kind == "dangling link":
        directory.symlink_to("nowhere")
    elif kind == "file":
        directory.touch(mode=0o600)
    elif kind == "under a file":
        directory.parent.rmdir()
        directory.parent.touch()
    elif kind == "a folder where the file should be":
        (directory / "state.sqlite3").mkdir(parents=True)
        directory.chmod(0o700)


@pytest.mark.parametrize("act", EVERY_CALL)
@pytest.mark.parametrize(
    "kind",
    [
        "open to others",
        "readable by the group",
        "link",
        "dangling link",
        "file",
        "under a file",
        "a folder where the file should be",
    ],
)
def test_a_folder_that_is_not_this_users_alone_or_cannot_be_is_not_used(
    kind: str, act: Act, directory: Path, file_state: FileState
) -> None:
    unusable(kind, directory)
    with pytest.raises(StateUnavailable, match="the state file cannot be used"):
        act(file_state)
    assert not list(directory.parent.parent.rglob("*.sqlite3")) or kind == "a folder where the file should be"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_not_used(directory: Path, file_state: FileState) -> None:
    directory.mkdir(mode=0o700, parents=True)
    os.chown(directory, 12345, 12345)
    with pytest.raises(StateUnavailable, match="PermissionError"):
        file_state.set("key", "value", 60)
    assert list(directory.iterdir()) == []


FULL_DISK = """
import resource, sys
from pathlib import Path
from webstore.errors import StateUnavailable
from webstore.gateways.state import FileState

state = FileState(Path(sys.argv[1]))
state.set("key", "value", 60)
size = (Path(sys.argv[1]) / "state.sqlite3").stat().st_size
before = resource.getrlimit(resource.RLIMIT_FSIZE)
# To SQLite this is the same as a disk without room.
resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
for act in (state.set, state.add):
    try:
        act("big", "x" * 100_000, 60)
    except StateUnavailable as exc:
        print(exc)
print(state.get("key"), state.get("big"))
resource.setrlimit(resource.RLIMIT_FSIZE, before)
print(state.add("big", "x" * 100_000, 60))
"""


def test_a_full_disk_is_unavailable_and_loses_nothing(directory: Path) -> None:
    done = subprocess.run(  # noqa: S603 (a script of this file)
        [sys.executable, "-c", FULL_DISK, str(directory)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    *unavailable, kept, later = done.stdout.splitlines()
    assert ["the state file cannot be used" in line for line in unavailable] == [True, True]
    assert (kept, later) == ("value None", "True")


def test_a_file_that_another_program_keeps_locked_is_read_and_takes_no_write_until_it_is_free(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    connect = sqlite3.connect

    def connecting(database: Path, *, timeout: float, check_same_thread: bool) -> sqlite3.Connection:
        waits.append(timeout)
        return connect(database, timeout=timeout, check_same_thread=check_same_thread)

    monkeypatch.setattr(sqlite3, "connect", connecting)
    state = FileState(directory, busy_s=0.1)
    state.set("key", "value", 60)
    other = connect(directory / "state.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    assert state.get("key") == "value"
    with pytest.raises(StateUnavailable, match="locked"):
        state.set("key", "another", 60)
    assert set(waits) == {0.1}
    other.execute("ROLLBACK")
    other.close()
    state.set("key", "another", 60)
    assert state.get("key") == "another"


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_damaged_file_is_unavailable_once_and_then_replaced(
    act: Act, directory: Path, file_state: FileState
) -> None:
    directory.mkdir(mode=0o700, parents=True)
    (directory / "state.sqlite3").write_bytes(b"this is no database " * 1000)
    with pytest.raises(StateUnavailable, match="the state file cannot be used"):
        act(file_state)
    file_state.set("key", "value", 60)
    assert file_state.get("key") == "value"


@pytest.mark.parametrize(
    "table",
    [
        "CREATE TABLE entry (something, else_)",
        "CREATE TABLE entry (key TEXT, value TEXT, expires REAL)",
        "CREATE VIEW entry AS SELECT 'key' AS key, 'of another program' AS value, 9e99 AS expires",
    ],
)
def test_a_file_with_other_tables_is_unavailable_once_and_then_replaced(
    directory: Path, file_state: FileState, table: str
) -> None:
    directory.mkdir(mode=0o700, parents=True)
    with sqlite3.connect(directory / "state.sqlite3") as db:
        db.execute(table)
    db.close()
    with pytest.raises(StateUnavailable):
        file_state.get("key")
    file_state.set("key", "value", 60)
    assert file_state.get("key") == "value"


def test_a_connection_is_opened_once_and_not_used_for_a_file_that_was_deleted(
    directory: Path, file_state: FileState, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    connect = sqlite3.connect

    def connecting(database: Path, **options: Any) -> sqlite3.Connection:
        opened.append(database)
        connection: sqlite3.Connection = connect(database, **options)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connecting)
    for _ in range(5):
        file_state.set("key", "value", 60)
        assert file_state.get("key") == "value"
    assert len(opened) == 1
    (directory / "state.sqlite3").unlink()
    assert file_state.get("key") is None
    assert len(opened) == 2


def test_losing_the_folder_loses_the_cache_and_nothing_more(directory: Path, file_state: FileState) -> None:
    file_state.set("key", "value", 60)
    shutil.rmtree(directory)
    assert file_state.get("key") is None
    assert file_state.add("key", "new", 60) is True


def test_text_that_cannot_be_stored_is_unavailable(file_state: FileState) -> None:
    with pytest.raises(StateUnavailable):
        file_state.set("key", "half a pair: \ud800", 60)


def test_the_default_folder_is_this_users_in_the_run_time_folder_or_else_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert default_directory("name") == tmp_path / f"webstore-{os.getuid()}-name"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    assert default_directory("name") == tmp_path / "tmp" / f"webstore-{os.getuid()}-name"
