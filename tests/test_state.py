"""The shared cache, as a file and as Redis: the same promises, and one error for whatever goes wrong."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from tests.support import until
from webstore.errors import StateUnavailable
from webstore.gateways.state import FileState, RedisState, WatchedState, default_directory
from webstore.state import State

EVERY_CALL = [
    pytest.param(lambda state: state.get("key"), id="get"),
    pytest.param(lambda state: state.set("key", "value", 60), id="set"),
    pytest.param(lambda state: state.add("key", "value", 60), id="add"),
    pytest.param(lambda state: state.delete("key"), id="delete"),
]
Act = Callable[[State], object]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class RedisServer:
    """A Redis of this test run's own, on a free port, with nothing on the disk."""

    def __init__(self, folder: Path) -> None:
        executable = shutil.which("redis-server")
        if executable is None:
            if "CI" in os.environ:
                pytest.fail("redis-server is not installed")
            pytest.skip("redis-server is not installed")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder))
        self._command = [executable, "--port", str(self.port), *options]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)  # noqa: S603 (from the PATH)
        deadline = time.monotonic() + 20
        while not self._answers():
            assert time.monotonic() < deadline, "redis-server does not start"
            assert self._process.poll() is None, "redis-server ended"
            time.sleep(0.02)

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
        return False

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(params=["file", "redis"])
def open_state(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], State]:
    """Opens the same state once more, as another worker would."""
    if request.param == "file":
        return lambda: FileState(tmp_path / "state", busy_s=20)
    server: RedisServer = request.getfixturevalue("redis_server")
    prefix = f"{request.node.name}:"
    return lambda: RedisState(server.url, prefix)


@pytest.fixture
def state(open_state: Callable[[], State]) -> State:
    return open_state()


# What both promise


def test_a_value_is_kept_until_it_is_deleted(state: State) -> None:
    assert state.get("key") is None
    state.set("key", "value", 60)
    assert state.get("key") == "value"
    state.set("key", "another", 60)
    assert state.get("key") == "another"
    state.delete("key")
    assert state.get("key") is None
    state.delete("key")


def test_keys_are_kept_apart_and_any_text_is_one(state: State) -> None:
    texts = ["", " ", "a:b", "A:b", "auth0|ümläut 'quoted' \"twice\" \\ 100%", "*", "\n", "x" * 5000]
    for number, text in enumerate(texts):
        state.set(text, f"{number} {text}", 60)
    assert [state.get(text) for text in texts] == [f"{number} {text}" for number, text in enumerate(texts)]


def test_only_the_first_of_two_adds_counts(state: State) -> None:
    assert state.add("key", "first", 60) is True
    assert state.add("key", "second", 60) is False
    assert state.get("key") == "first"
    state.delete("key")
    assert state.add("key", "third", 60) is True


def test_a_value_is_gone_when_its_time_is_over(state: State) -> None:
    state.set("set", "value", 0.05)
    assert state.add("added", "value", 0.05) is True
    state.set("kept", "value", 60)
    time.sleep(0.1)
    assert [state.get(key) for key in ("set", "added", "kept")] == [None, None, "value"]


def test_what_is_over_can_be_added_again(state: State) -> None:
    state.set("key", "old", 0.05)
    time.sleep(0.1)
    assert state.add("key", "new", 60) is True
    assert state.get("key") == "new"


def test_a_value_set_again_lives_from_then_on(state: State) -> None:
    state.set("key", "short", 0.05)
    state.set("key", "long", 60)
    time.sleep(0.1)
    assert state.get("key") == "long"


def test_another_worker_sees_it(open_state: Callable[[], State]) -> None:
    open_state().set("key", "value", 60)
    other = open_state()
    assert other.get("key") == "value"
    assert other.add("key", "mine", 60) is False


def test_of_many_threads_that_add_one_wins(open_state: Callable[[], State]) -> None:
    everybody = threading.Barrier(8)

    def add(number: int) -> bool:
        state = open_state()
        everybody.wait(20)
        return state.add("key", str(number), 60)

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(add, range(8)))
    assert sum(won) == 1
    assert open_state().get("key") == str(won.index(True))


# The file

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
    """Make the folder, or what is in its way, unusable."""
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


def test_a_file_that_somebody_else_keeps_locked_is_unavailable_soon(directory: Path) -> None:
    state = FileState(directory, busy_s=0.1)
    state.set("key", "value", 60)
    other = sqlite3.connect(directory / "state.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    with pytest.raises(StateUnavailable, match="locked"):
        state.get("key")
    assert time.monotonic() - started < 3
    other.execute("ROLLBACK")
    other.close()
    assert state.get("key") == "value"


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_damaged_file_is_unavailable_once_and_then_begun_anew(
    act: Act, directory: Path, file_state: FileState
) -> None:
    directory.mkdir(mode=0o700, parents=True)
    (directory / "state.sqlite3").write_bytes(b"this is no database " * 1000)
    with pytest.raises(StateUnavailable, match="the state file cannot be used"):
        act(file_state)
    file_state.set("key", "value", 60)
    assert file_state.get("key") == "value"


def test_a_file_with_other_tables_is_unavailable(directory: Path, file_state: FileState) -> None:
    directory.mkdir(mode=0o700, parents=True)
    with sqlite3.connect(directory / "state.sqlite3") as db:
        db.execute("CREATE TABLE entry (something, else_)")
    db.close()
    with pytest.raises(StateUnavailable):
        file_state.get("key")


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


# Redis


def test_stores_of_one_redis_are_kept_apart_by_their_prefix(redis_server: RedisServer) -> None:
    one, two = RedisState(redis_server.url, "one:"), RedisState(redis_server.url, "two:")
    one.set("key", "of one", 60)
    two.set("key", "of two", 60)
    assert (one.get("key"), two.get("key")) == ("of one", "of two")


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_redis_that_is_down_is_unavailable_at_once(act: Act) -> None:
    state = RedisState(f"redis://127.0.0.1:{free_port()}/0", "test:")
    started = time.monotonic()
    with pytest.raises(StateUnavailable, match="Redis cannot be used"):
        act(state)
    assert time.monotonic() - started < 3


def test_a_redis_that_hangs_is_unavailable_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        state = RedisState(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "test:")
        started = time.monotonic()
        with pytest.raises(StateUnavailable):
            state.get("key")
        assert time.monotonic() - started < 5


def test_a_state_that_was_slow_to_fail_is_left_alone_for_a_moment_and_told_of_once(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = WatchedState(FileState(directory, busy_s=0.3))
    state.set("key", "value", 60)
    other = sqlite3.connect(directory / "state.sqlite3", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StateUnavailable, match="locked"):
        state.get("key")
    started = time.monotonic()
    for _ in range(100):
        with pytest.raises(StateUnavailable, match="a moment ago"):
            state.get("key")
    assert time.monotonic() - started < 0.3
    other.execute("ROLLBACK")
    other.close()
    until(lambda: _answers(state))
    assert state.get("key") == "value"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def _answers(state: State) -> bool:
    with suppress(StateUnavailable):
        return state.get("key") is not None
    return False


def test_a_state_that_fails_at_once_is_asked_again_at_once(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True)
    (directory / "state.sqlite3").write_bytes(b"this is no database " * 1000)
    state = WatchedState(FileState(directory))
    with pytest.raises(StateUnavailable):
        state.get("key")
    assert state.get("key") is None


def test_a_state_that_keeps_failing_is_told_of_once_a_minute(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory.mkdir(mode=0o755, parents=True)
    state = WatchedState(FileState(directory))
    for _ in range(10):
        with pytest.raises(StateUnavailable, match="of this user alone"):
            state.get("key")
    assert len(caplog.records) == 1


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_watched_state_is_the_state(act: Act, file_state: FileState) -> None:
    watched = WatchedState(file_state)
    act(watched)
    assert watched.get_many(["key"]) == file_state.get_many(["key"])
    assert watched.count("counter", 60) == 1
    assert file_state.count("counter", 60) == 2


def test_a_redis_that_comes_back_is_used_again(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    state = RedisState(server.url, "test:")
    state.set("key", "value", 60)
    server.stop()
    with pytest.raises(StateUnavailable):
        state.get("key")
    server.start()
    assert state.get("key") is None
    state.set("key", "value", 60)
    assert state.get("key") == "value"
    server.stop()


def test_a_key_of_another_type_is_unavailable(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as other:
        other.lpush("test:list", "item")
    with pytest.raises(StateUnavailable):
        RedisState(redis_server.url, "test:").get("list")


def test_a_value_that_is_no_text_is_unavailable(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as other:
        other.set("test:bytes", b"\xff\xfe")
    with pytest.raises(StateUnavailable):
        RedisState(redis_server.url, "test:").get("bytes")


def test_no_message_names_the_password() -> None:
    state = RedisState(f"redis://:hush@127.0.0.1:{free_port()}/0", "test:")
    with pytest.raises(StateUnavailable) as failed:
        state.get("key")
    assert "hush" not in str(failed.value)
