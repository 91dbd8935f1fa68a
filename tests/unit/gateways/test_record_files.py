"""Records in a folder of links: those of ended sessions, and notices."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.gateways.state_promises import EVERY_CALL, Act, StatePromises
from tests.unit.samples import examples
from webstore.errors import StateUnavailable
from webstore.gateways import record_files
from webstore.gateways.record_files import RecordFiles
from webstore.gateways.state import require_own_folder
from webstore.state import Records


class TestPromises(StatePromises):
    @pytest.fixture
    def open_state(self, tmp_path: Path) -> Callable[[], Records]:
        return lambda: RecordFiles(tmp_path / "state" / "ended")

    def test_keys_are_kept_apart_and_any_text_is_one(self, state: Records) -> None:
        """Values are short here; keys are any text."""
        texts = ["", " ", "a:b", "A:b", "../..", "auth0|ümläut 'quoted' \\ 100%", "*", "\n", "x" * 5000]
        for number, text in enumerate(texts):
            state.set(text, f"{number} {text[:50]}", 60)
        assert [state.get(text) for text in texts] == [
            f"{number} {text[:50]}" for number, text in enumerate(texts)
        ]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ended"


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from webstore.gateways.record_files import RecordFiles
from webstore.gateways.state import require_own_folder

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
# No file may have a single byte: the same as a disk without room.
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
records = RecordFiles(Path(sys.argv[1]))
for number in range(12):
    records.set(f"session {number}", "1", 60)
print(sum(RecordFiles(Path(sys.argv[1])).get(f"session {number}") == "1" for number in range(12)))
"""


def test_a_full_disk_takes_every_record(directory: Path) -> None:
    done = subprocess.run(  # noqa: S603 (a script of this file)
        [sys.executable, "-c", FULL_DISK, str(directory)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("12\n", "")


def test_readers_see_a_record_at_every_moment_of_its_replacement(directory: Path) -> None:
    records, over = RecordFiles(directory), threading.Event()
    records.set("key", "0", 60)

    def read() -> int:
        missed = 0
        while not over.is_set():
            missed += RecordFiles(directory).get("key") is None
        return missed

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(4)]
        for number in range(examples(200, 50)):
            records.set("key", f"{number}", 60)
        over.set()
        assert [reader.result(60) for reader in readers] == [0] * 4
    assert len(list(directory.iterdir())) == 1


def test_the_folders_are_made_for_this_user_alone(directory: Path) -> None:
    RecordFiles(directory).set("key", "value", 60)
    assert [folder.stat().st_mode & 0o777 for folder in (directory, directory.parent)] == [0o700] * 2


@pytest.mark.parametrize("act", EVERY_CALL)
@pytest.mark.parametrize("which", ["folder", "parent"])
def test_a_folder_that_is_open_to_others_is_not_used(act: Act, which: str, directory: Path) -> None:
    RecordFiles(directory).set("key", "value", 60)
    (directory if which == "folder" else directory.parent).chmod(0o755)
    with pytest.raises(StateUnavailable, match="of this user alone"):
        act(RecordFiles(directory))  # type: ignore[arg-type]  # it does not count


@pytest.mark.parametrize("act", EVERY_CALL)
def test_a_folder_that_cannot_be_made_is_unavailable(act: Act, directory: Path) -> None:
    directory.parent.mkdir(mode=0o700)
    directory.write_text("")
    with pytest.raises(StateUnavailable):
        act(RecordFiles(directory))  # type: ignore[arg-type]  # it does not count


@pytest.mark.parametrize("garbage", ["a file", "a folder", "a link"])
def test_what_no_store_wrote_counts_as_a_record_that_says_nothing(garbage: str, directory: Path) -> None:
    """It must not bring a session back."""
    records = RecordFiles(directory)
    records.set("key", "value", 60)
    (record,) = directory.iterdir()
    record.unlink()
    if garbage == "a file":
        record.write_text("garbage")
    elif garbage == "a folder":
        record.mkdir()
    else:
        record.symlink_to("garbage")
    assert records.get("key") == ""


def test_what_is_over_is_deleted_now_and_then(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = RecordFiles(directory)
    for number in range(5):
        records.set(f"key {number}", "value", -1)
    (directory / ".new-left-behind").symlink_to("x")
    os.utime(directory / ".new-left-behind", (0, 0), follow_symlinks=False)
    monkeypatch.setattr(record_files, "_PURGE_EVERY_S", 0.0)
    records.set("kept", "value", 60)
    assert len(list(directory.iterdir())) == 1
    assert records.get("kept") == "value"


def test_a_purge_looks_at_a_part_of_the_folder_at_a_time(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = RecordFiles(directory)
    for number in range(10):
        records.set(f"key {number}", "value", -1)
    monkeypatch.setattr(record_files, "_PURGED_AT_ONCE", 4)
    purging, left = RecordFiles(directory), []
    for _ in range(4):
        purging.set("kept", "value", 60)
        left.append(len(list(directory.iterdir())) - 1)
    assert left == [6, 2, 0, 0]
    assert records.get("kept") == "value"


@pytest.mark.parametrize("act", ["add", "purge"])
def test_a_record_that_replaces_an_expired_one_stays(
    act: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process writes it while this one removes or replaces what it saw expire."""
    other, this, expired = RecordFiles(directory), RecordFiles(directory), -1.0
    other.set("key", "old", expired)
    setter = threading.Thread(target=other.set, args=("key", "of another process", 60.0))

    def readlink_before_the_other(path: Path | str) -> str:
        found = readlink(path)
        if found.endswith(" old") and not setter.ident:
            setter.start()
            setter.join(0.1)
        return found

    readlink = os.readlink
    monkeypatch.setattr(os, "readlink", readlink_before_the_other)
    if act == "add":
        assert this.add("key", "short", 60.0)
    else:
        this.set("unrelated", "value", 60.0)
    setter.join(60.0)
    assert RecordFiles(directory).get("key") == "of another process"


def test_a_writer_that_stopped_in_its_step_holds_up_no_reader_and_no_writer_for_long(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = RecordFiles(directory)
    records.set("key", "value", 60)
    monkeypatch.setattr(record_files, "_BUSY_S", 0.02)
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for write in (records.set, records.add):
            with pytest.raises(StateUnavailable, match="BlockingIOError"):
                write("key", "another", 60)
        assert records.get("key") == "value"
    finally:
        os.close(handle)
    records.set("key", "another", 60)
    assert records.get("key") == "another"


@pytest.mark.parametrize("text", ["half a pair: \ud800", "zero: \x00", "x" * 5000])
def test_text_that_cannot_be_recorded_is_unavailable_and_leaves_nothing(text: str, directory: Path) -> None:
    with pytest.raises(StateUnavailable):
        RecordFiles(directory).set("key", text, 60)
    assert list(directory.iterdir()) == []


def test_a_folder_that_is_deleted_at_any_moment_comes_back_for_this_user_alone(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as by a job that empties /tmp. The shared state is in the folder above, and must be private."""
    create = require_own_folder

    def deleted_after(folder: Path, **how: bool) -> None:
        create(folder, **how)
        if folder == directory.parent:
            shutil.rmtree(folder)

    with monkeypatch.context() as patched:
        patched.setattr(record_files, "require_own_folder", deleted_after)
        with pytest.raises(StateUnavailable):
            RecordFiles(directory).set("a", "1", 60)
    records = RecordFiles(directory)
    records.set("a", "1", 60)
    assert records.get("a") == "1"
    assert directory.parent.stat().st_mode & 0o777 == 0o700


def settle(directory: Path, seconds: float = 10.0) -> None:
    """Let the last change of the folder be so long ago."""
    then = time.time() - seconds
    os.utime(directory, (then, then))


def test_an_unchanged_folder_is_read_once(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records, read = RecordFiles(directory), Counter[str]()
    records.set("ended", "1", 60.0)

    def count(path: str) -> str:
        read[path] += 1
        return readlink(path)

    readlink = os.readlink
    monkeypatch.setattr(os, "readlink", count)
    for _ in range(5):
        assert records.get_many(("ended", "not ended")) == {"ended": "1"}
    assert set(read.values()) == {5}, "a change of just now may be followed by one of the same time"
    settle(directory)
    read.clear()
    for _ in range(5):
        assert records.get_many(("ended", "not ended")) == {"ended": "1"}
    assert set(read.values()) == {1}


@pytest.mark.parametrize("change", ["set", "replace", "delete", "remove the folder"])
def test_a_change_by_another_process_shows_at_once(directory: Path, change: str) -> None:
    reader, writer = RecordFiles(directory), RecordFiles(directory)
    writer.set("known", "before", 60.0)
    settle(directory)
    keys = ("known", "new")
    assert reader.get_many(keys) == reader.get_many(keys) == {"known": "before"}
    if change == "set":
        writer.set("new", "1", 60.0)
    elif change == "replace":
        writer.set("known", "after", 60.0)
    elif change == "delete":
        writer.delete("known")
    else:
        shutil.rmtree(directory)
    expected = {"set": {"known": "before", "new": "1"}, "replace": {"known": "after"}}.get(change, {})
    assert reader.get_many(keys) == expected


def test_what_is_kept_runs_out_as_well(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = RecordFiles(directory)
    records.set("ended", "1", 60.0)
    settle(directory)
    assert records.get("ended") == records.get("ended") == "1"
    later = time.time() + 61.0
    monkeypatch.setattr(time, "time", lambda: later)
    assert records.get("ended") is None


def test_a_kept_folder_that_is_opened_to_others_is_not_used(directory: Path) -> None:
    records = RecordFiles(directory)
    records.set("ended", "1", 60.0)
    settle(directory)
    assert records.get("ended") == records.get("ended") == "1"
    directory.chmod(0o755)
    with pytest.raises(StateUnavailable):
        records.get("ended")
