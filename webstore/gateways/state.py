"""The shared state, a small cache, in an SQLite file for the workers of one machine.

Losing it costs a few calls, never data. Every failure is raised as `StateUnavailable`. `redis_state.py` has
the cache for several machines, `record_files.py` what does not wait for this file: ended sessions, notices.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from webstore import metrics
from webstore.errors import StateUnavailable

log = logging.getLogger(__name__)

_TABLE = "CREATE TABLE entry (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires REAL NOT NULL)"
_PURGE_EVERY_S = 60.0
#: Seconds. After a failure that took longer than `_SLOW_S`, the state is not used for `_PAUSE_S`.
_SLOW_S, _PAUSE_S = 0.2, 2.0
_WARN_EVERY_S = 60.0
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_CONTENTION = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
#: Connections that a process keeps open, and KiB of the file that each keeps in memory. SQLite's own bound is
#: 2,000; the system keeps the file in memory anyway, once for all processes.
_MOST_IDLE, _CACHE_KIB = 16, 48


def default_directory(name: str) -> Path:
    """The default folder of the state file, one for each user of the machine. STATE_DIR overrides it.

    On a read-only file system without a temporary folder it is in memory.
    """
    try:
        base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    except FileNotFoundError:
        base = "/dev/shm"  # noqa: S108 (the folder in it is private, as in a temporary folder)
    return Path(base) / f"webstore-{os.getuid()}-{name}"


class Watch:
    """Pauses the use of a state after a slow failure, and logs its failures at most once a minute."""

    def __init__(self, part: str = "cache", *, pause_s: float = _PAUSE_S) -> None:
        """`part`: the name of the state among the figures for the operator."""
        self._part, self._pause_s = part, pause_s
        self._down_until = self._warned = float("-inf")

    @contextlib.contextmanager
    def watching(self, *, urgent: bool = False) -> Iterator[None]:
        """Wrap one use of the state. Raises `StateUnavailable` during the pause after a slow failure.

        `urgent`: tried during a pause, too. Waiting for another process's lock leads to none: the next use
        may find it free.
        """
        began = time.monotonic()
        if began < self._down_until and not urgent:
            metrics.count_state_failure(self._part)
            raise StateUnavailable("the shared state is paused: it took too long to fail a moment ago")
        try:
            yield
        except StateUnavailable as exc:
            metrics.count_state_failure(self._part)
            now = time.monotonic()
            if now - began > _SLOW_S and not _is_contention(exc.__cause__):
                self._down_until = now + self._pause_s
            if now - self._warned > _WARN_EVERY_S:
                self._warned = now
                log.warning("the store continues without its shared state: %s", exc)
            raise


def _is_contention(cause: BaseException | None) -> bool:
    code = getattr(cause, "sqlite_errorcode", None)
    # The low byte; the others say more about it: https://www.sqlite.org/rescode.html#primary_result_codes
    return code is not None and code & 0xFF in _CONTENTION


class _OtherTables(sqlite3.DatabaseError):
    """The file has another schema: another program or another release of the store wrote it."""


@dataclass(frozen=True, slots=True)
class _Connection:
    db: sqlite3.Connection
    #: Device and inode of its file, and the process that opened it.
    file: tuple[int, int]
    process: int


class FileState:
    """The state in an SQLite file, for all workers of one machine.

    The file survives crashes. Reading never waits for a writer: https://www.sqlite.org/wal.html
    """

    def __init__(
        self, directory: Path, *, name: str = "state", busy_s: float = 0.5, watch: Watch | None = None
    ) -> None:
        """`directory`: created on first use. `name`: of the file. `busy_s`: seconds to wait for a lock."""
        self._directory, self._busy_s = directory, busy_s
        self._file = directory / f"{name}.sqlite3"
        self._watching = (watch or Watch(pause_s=0.0)).watching
        self._purged = 0.0
        self._idle: list[_Connection] = []
        #: Of a process that forked this one: SQLite connections must not be used or closed here.
        self._inherited: list[_Connection] = []

    def get(self, key: str) -> str | None:
        """The value; None if it is absent or expired."""
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """The values of the keys that are present, read in one query."""
        marks = ", ".join("?" * len(keys))
        with self._open() as db:
            rows = db.execute(
                f"SELECT key, value FROM entry WHERE key IN ({marks}) AND expires > ?",  # noqa: S608  # only "?"s
                (*keys, time.time()),
            ).fetchall()
        return {str(key): str(value) for key, value in rows}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Store the value for `ttl_s` seconds."""
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO entry VALUES (?, ?, ?)", (key, value, time.time() + ttl_s))

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        """Store the value if the key is absent or expired. Returns whether it was stored."""
        now = time.time()
        with self._open() as db:
            done = db.execute(
                "INSERT INTO entry VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE"
                " SET value = excluded.value, expires = excluded.expires WHERE entry.expires <= ?",
                (key, value, now + ttl_s, now),
            )
            return done.rowcount == 1

    def count(self, key: str, ttl_s: float) -> int:
        """Add one to a counter and return it. The counter expires `ttl_s` seconds after its first count."""
        now = time.time()
        with self._open() as db:
            (row,) = db.execute(
                "INSERT INTO entry VALUES (?, '1', ?) ON CONFLICT (key) DO UPDATE SET"
                " value = CASE WHEN entry.expires <= ? THEN '1' ELSE CAST(entry.value AS INTEGER) + 1 END,"
                " expires = CASE WHEN entry.expires <= ? THEN excluded.expires ELSE entry.expires END"
                " RETURNING value",
                (key, now + ttl_s, now, now),
            ).fetchall()
        return int(row[0])

    def delete(self, key: str) -> None:
        """Delete the key."""
        with self._open() as db:
            db.execute("DELETE FROM entry WHERE key = ?", (key,))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Give a connection for one statement. Failures become `StateUnavailable`."""
        with self._watching():
            try:
                held = self._take()
                try:
                    self._purge(held.db)
                    yield held.db
                finally:
                    self._give_back(held)
            except (sqlite3.Error, OSError, UnicodeError) as exc:
                if isinstance(exc, _OtherTables) or getattr(exc, "sqlite_errorcode", None) in _CORRUPT:
                    self._remove_file()
                raise StateUnavailable(
                    f"the state file cannot be used ({type(exc).__name__}: {exc})"
                ) from exc

    def _take(self) -> _Connection:
        """A connection that no other thread has, to the file that is there now."""
        require_own_folder(self._directory)
        with contextlib.suppress(FileNotFoundError):
            there = _identity(self._file)
            while self._idle:
                try:
                    held = self._idle.pop()
                except IndexError:  # another thread was faster
                    break
                if held.process != os.getpid():
                    self._inherited.append(held)
                elif held.file == there:
                    return held
                else:  # its file was deleted
                    held.db.close()
        return self._connect()

    def _give_back(self, held: _Connection) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(held)
        else:
            held.db.close()

    def _purge(self, db: sqlite3.Connection) -> None:
        """Delete expired entries once a minute, unless another process is writing."""
        if time.monotonic() - self._purged > _PURGE_EVERY_S:
            self._purged = time.monotonic()
            with contextlib.suppress(sqlite3.OperationalError):
                db.execute("DELETE FROM entry WHERE expires <= ?", (time.time(),))

    def _remove_file(self) -> None:
        """Delete a file that is of no use: a full disk or a crash can leave one, or another program."""
        for suffix in ("", "-journal", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                self._file.with_name(self._file.name + suffix).unlink()

    def _connect(self) -> _Connection:
        """Connect to the file, which is created if missing."""
        db = sqlite3.connect(self._file, timeout=self._busy_s, check_same_thread=False)
        # Each use is one statement, which is a transaction by itself.
        db.isolation_level = None
        try:
            with contextlib.suppress(sqlite3.OperationalError):  # another process is changing the mode
                db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")
            # Negative: in KiB. https://www.sqlite.org/pragma.html#pragma_cache_size
            db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            find = "SELECT sql FROM sqlite_schema WHERE name = 'entry'"
            if (found := db.execute(find).fetchone()) is None:
                db.execute(_TABLE.replace("TABLE", "TABLE IF NOT EXISTS"))
            elif found[0] != _TABLE:
                raise _OtherTables("it has other tables")  # noqa: TRY301  # closes the connection as well
            return _Connection(db, _identity(self._file), os.getpid())
        except BaseException:
            db.close()
            raise


def require_own_folder(directory: Path, *, parents: bool = True) -> None:
    """Create the folder for this user alone. Raises `OSError` if it is anything else.

    `parents`: create missing folders above it, too, with the usual mode. A parent that must be this user's
    alone may be deleted at any moment, and must not come back in that way.
    """
    owner = None
    with contextlib.suppress(FileNotFoundError):
        owner = directory.lstat()
    if owner is None or not stat.S_ISDIR(owner.st_mode):
        directory.mkdir(mode=0o700, parents=parents, exist_ok=True)
        owner = directory.lstat()
    if owner.st_uid != os.getuid() or owner.st_mode & 0o077 or not stat.S_ISDIR(owner.st_mode):
        raise PermissionError(f"{directory} must be a folder of this user alone (mode 700)")


def require_writable_folder(directory: Path) -> None:
    """Create the folder for this user alone. Raises `OSError` if that or writing in it is impossible.

    A full disk raises nothing: a store can start on it.
    """
    try:
        require_own_folder(directory)
    except OSError as exc:
        if exc.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        return
    if not os.access(directory, os.W_OK | os.X_OK):
        raise PermissionError(f"{directory} cannot be written")


def _identity(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_dev, found.st_ino
