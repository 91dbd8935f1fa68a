"""Records on one machine: a folder in which every record is a symbolic link.

A link's name is the digest of the key, its target is the value. The file system creates and replaces a link
in one step: readers wait for nobody, writers only for one another's step, and a killed process leaves nothing
half-written and no lock. A full disk still takes a link, which needs no block of its own:
docs/decisions/0006-revocation-records.md.

Each change of a record changes the folder's time of modification. As long as that time is the same, a process
does not read a record twice: a page of a shopper usually costs one look at the folder.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from webstore.errors import StateUnavailable
from webstore.state import SERVER_RUN

from .state import Watch, require_own_folder

#: How often expired records are looked for, in seconds, and how many records one request looks at.
_PURGE_EVERY_S, _PURGED_AT_ONCE = 600.0, 256
#: A link that a killed process did not rename, and its age in seconds when it is deleted.
_UNFINISHED, _UNFINISHED_S = ".new-", 60.0
#: A folder that changed within so many seconds may change again without another time: on no file system is a
#: time of modification coarser than two seconds.
_SETTLED_S = 3.0
#: Records, and names without one, that are kept of an unchanged folder.
_MOST_KEPT = 4096
#: Seconds to wait for another writer's step, and between two attempts.
_BUSY_S, _RETRY_S = 0.5, 0.001


class RecordFiles:
    """Records of one machine in `directory`, which is created on first use. Values are short texts."""

    def __init__(
        self, directory: Path, what: str = "records", *, durable: bool = True, watch: Watch | None = None
    ) -> None:
        """`what`: the name of the records in errors. `durable`: whether a power cut may lose none."""
        self._directory, self._what, self._durable = directory, what, durable
        self._path = str(directory)
        self._watching = (watch or Watch(pause_s=0.0)).watching
        self._purged = 0.0
        #: Names that the purge under way has yet to look at.
        self._unseen: list[str] = []
        #: The identity of an unchanged folder, and its records by their keys.
        self._kept: tuple[object, dict[str, tuple[float, str] | None]] = None, {}

    def get(self, key: str) -> str | None:
        """The value; None if it is absent or expired."""
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """The values of the keys that are present."""
        wanted = [key for key in keys if key != SERVER_RUN]  # nothing is lost at a restart, so there is none
        kept = self._kept_here()
        if any(key not in kept for key in wanted):
            with self._folder() as folder:
                for key in wanted:
                    if key not in kept:
                        kept[key] = _read(f"{folder}/{_name(key)}")
        now, found = time.time(), [(key, kept[key]) for key in wanted]
        return {key: it[1] for key, it in found if it is not None and it[0] > now}

    def _kept_here(self) -> dict[str, tuple[float, str] | None]:
        """The records that were read since the last change of the folder. The caller adds others to them."""
        try:
            # Of `os`, as in `_read`.
            there = os.lstat(self._path)
        except OSError:
            return {}
        identity = there.st_dev, there.st_ino, there.st_mode, there.st_uid, there.st_mtime_ns
        known, kept = self._kept
        if identity == known and len(kept) < _MOST_KEPT:
            return kept
        kept = {}
        if 0 <= there.st_mtime < time.time() - _SETTLED_S:
            self._kept = identity, kept
        return kept

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Record the value for `ttl_s` seconds."""
        with self._folder() as folder:
            with _alone(folder):
                self._purge(folder)
                _put(folder, key, value, ttl_s)
            self._flush(folder)

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        """Record the value if the key is absent or expired. Returns whether it was recorded."""
        with self._folder() as folder:
            with _alone(folder):
                found = _read(folder / _name(key))
                if found is not None and found[0] > time.time():
                    return False
                _put(folder, key, value, ttl_s)
            self._flush(folder)
            return True

    def delete(self, key: str) -> None:
        """Delete the record."""
        with self._folder() as folder:
            (folder / _name(key)).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _folder(self) -> Iterator[Path]:
        """Give the folder. Failures become `StateUnavailable`."""
        with self._watching():
            try:
                require_own_folder(self._directory.parent)
                require_own_folder(self._directory, parents=False)
                yield self._directory
            except (OSError, ValueError) as exc:
                shown = f"{type(exc).__name__}: {exc}"
                raise StateUnavailable(f"the {self._what} cannot be used ({shown})") from exc

    def _flush(self, folder: Path) -> None:
        """Write the folder to the disk, so that a power cut loses no record, if the records are `durable`."""
        if not self._durable:
            return
        # Some file systems cannot flush a folder.
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _purge(self, folder: Path) -> None:
        """Delete expired records now and then, a part of the folder in each request."""
        if not self._unseen:
            if time.monotonic() - self._purged < _PURGE_EVERY_S:
                return
            self._purged, self._unseen = time.monotonic(), os.listdir(folder)  # noqa: PTH208 (names, not paths)
        names = self._unseen[-_PURGED_AT_ONCE:]
        del self._unseen[-_PURGED_AT_ONCE:]
        now = time.time()
        for record in (folder / name for name in names):
            with contextlib.suppress(OSError):
                if record.name.startswith(_UNFINISHED):
                    expired = record.lstat().st_mtime + _UNFINISHED_S <= now
                else:
                    found = _read(record)
                    expired = found is not None and found[0] <= now
                if expired:
                    record.unlink()


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other threads and processes from changing a record here. The end of a process ends its lock.

    Without it, a process that deletes or replaces an expired record could remove the one recorded just now.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        ends = time.monotonic() + _BUSY_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > ends:
                    raise
                time.sleep(_RETRY_S)
        yield
    finally:
        os.close(handle)


def _put(folder: Path, key: str, value: str, ttl_s: float) -> None:
    """Create or replace the record in one step."""
    new = folder / f"{_UNFINISHED}{secrets.token_hex(8)}"
    new.symlink_to(f"{time.time() + ttl_s:.3f} {value}")
    try:
        new.rename(folder / _name(key))
    except OSError:
        new.unlink()
        raise


@functools.lru_cache(maxsize=4096)
def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:40]


def _read(record: Path | str) -> tuple[float, str] | None:
    """When the record expires (Unix seconds), and its value; None without a record.

    Anything else under the name, such as a file, counts as a record that never expires and has no value.
    """
    try:
        # Of `os`: every page of a logged-in shopper reads several, and a Path takes longer than the reading.
        expires, _, value = os.readlink(record).partition(" ")  # noqa: PTH115
        return float(expires), value
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return float("inf"), ""
