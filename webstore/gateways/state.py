"""The shared state, a small cache: in a file for the workers of one machine, in Redis for several machines.

Losing it costs a few calls, never data. Every failure is raised as `StateUnavailable`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from webstore.errors import StateUnavailable

log = logging.getLogger(__name__)

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS entry (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires REAL NOT NULL)"
)
_PURGE_EVERY_S = 60.0
#: Seconds. After a failure that took longer than `_SLOW_S`, the state is not used for `_PAUSE_S`.
_SLOW_S, _PAUSE_S = 0.2, 2.0
_WARN_EVERY_S = 60.0
_FILE = "state.sqlite3"
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


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

    def __init__(self) -> None:
        self._down_until = self._warned = float("-inf")

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Wrap one use of the state. Raises `StateUnavailable` during the pause after a slow failure."""
        began = time.monotonic()
        if began < self._down_until:
            raise StateUnavailable("the shared state is paused: it took too long to fail a moment ago")
        try:
            yield
        except StateUnavailable as exc:
            now = time.monotonic()
            if now - began > _SLOW_S:
                self._down_until = now + _PAUSE_S
            if now - self._warned > _WARN_EVERY_S:
                self._warned = now
                log.warning("the store continues without its shared state: %s", exc)
            raise


class FileState:
    """The state in an SQLite file, for all workers of one machine.

    SQLite locks the file, and the file survives crashes.
    """

    def __init__(self, directory: Path, *, busy_s: float = 0.5, watch: Watch | None = None) -> None:
        """`directory`: created on first use. `busy_s`: seconds to wait for a lock."""
        self._directory, self._busy_s = directory, busy_s
        self._watching = watch.watching if watch else contextlib.nullcontext
        self._purged = 0.0

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
            row = db.execute(
                "INSERT INTO entry VALUES (?, '1', ?) ON CONFLICT (key) DO UPDATE SET"
                " value = CASE WHEN entry.expires <= ? THEN '1' ELSE CAST(entry.value AS INTEGER) + 1 END,"
                " expires = CASE WHEN entry.expires <= ? THEN excluded.expires ELSE entry.expires END"
                " RETURNING value",
                (key, now + ttl_s, now, now),
            ).fetchone()
        return int(row[0])

    def delete(self, key: str) -> None:
        """Delete the key."""
        with self._open() as db:
            db.execute("DELETE FROM entry WHERE key = ?", (key,))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the database for one transaction. Failures become `StateUnavailable`."""
        # One connection for each call: SQLite connections must not cross a fork, and opening one is cheap.
        with self._watching():
            try:
                db = self._connect()
                try:
                    with db:
                        yield db
                finally:
                    db.close()
            except (sqlite3.Error, OSError, UnicodeError) as exc:
                if getattr(exc, "sqlite_errorcode", None) in _CORRUPT:
                    self._remove_file()
                raise StateUnavailable(
                    f"the state file cannot be used ({type(exc).__name__}: {exc})"
                ) from exc

    def _remove_file(self) -> None:
        """Delete a corrupt state file, which a full disk or a crash can leave."""
        for name in (_FILE, f"{_FILE}-journal"):
            with contextlib.suppress(OSError):
                (self._directory / name).unlink()

    def _connect(self) -> sqlite3.Connection:
        """Connect to the file, which is created if missing, and delete expired entries once a minute."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = self._directory.lstat()
        if owner.st_uid != os.getuid() or owner.st_mode & 0o077 or self._directory.is_symlink():
            raise PermissionError(f"{self._directory} must be a folder of this user alone (mode 700)")
        db = sqlite3.connect(self._directory / _FILE, timeout=self._busy_s)
        db.execute("PRAGMA synchronous = OFF")
        db.execute(_SCHEMA)
        if time.monotonic() - self._purged > _PURGE_EVERY_S:
            self._purged = time.monotonic()
            with db:
                db.execute("DELETE FROM entry WHERE expires <= ?", (time.time(),))
        return db


class RedisState:
    """The state in Redis, for several machines."""

    def __init__(self, url: str, prefix: str, *, watch: Watch | None = None) -> None:
        """`prefix`: begins every key, so that several stores can share one Redis."""
        self._prefix = prefix
        self._watching = watch.watching if watch else contextlib.nullcontext
        self._redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=0.5,
            socket_timeout=0.5,
            retry=Retry(NoBackoff(), 1),
        )

    def get(self, key: str) -> str | None:
        """The value; None if it is absent or expired."""
        with self._guarded():
            value = self._redis.get(self._prefix + key)
        return value if isinstance(value, str) else None

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """The values of the keys that are present, read in one round trip."""
        with self._guarded():
            values = self._redis.mget([self._prefix + key for key in keys])
        return {key: value for key, value in zip(keys, values, strict=True) if isinstance(value, str)}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Store the value for `ttl_s` seconds."""
        with self._guarded():
            self._redis.set(self._prefix + key, value, px=max(1, int(ttl_s * 1000)))

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        """Store the value if the key is absent or expired. Returns whether it was stored."""
        with self._guarded():
            return bool(self._redis.set(self._prefix + key, value, px=max(1, int(ttl_s * 1000)), nx=True))

    def count(self, key: str, ttl_s: float) -> int:
        """Add one to a counter and return it. The counter expires `ttl_s` seconds after its first count."""
        name = self._prefix + key
        with self._guarded(), self._redis.pipeline(transaction=True) as pipe:
            pipe.set(name, 0, px=max(1, int(ttl_s * 1000)), nx=True)
            pipe.incr(name)
            return int(pipe.execute()[1])

    def delete(self, key: str) -> None:
        """Delete the key."""
        with self._guarded():
            self._redis.delete(self._prefix + key)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        """Wrap one use of Redis. Failures become `StateUnavailable`."""
        with self._watching():
            try:
                yield
            except (redis.RedisError, UnicodeError) as exc:
                raise StateUnavailable(f"Redis cannot be used ({type(exc).__name__})") from exc
