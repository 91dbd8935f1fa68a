"""The small shared cache: a file for the workers of one machine, Redis for many machines.

Losing it costs a few calls, never data. Whatever goes wrong inside comes out as `StateUnavailable`.
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
#: A failure that took longer than this is not asked for again before `_REST_S` have passed.
_SLOW_S, _REST_S = 0.2, 2.0
_WARN_EVERY_S = 60.0
_FILE = "state.sqlite3"
_BEYOND_REPAIR = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def default_directory(name: str) -> Path:
    """The folder of the file unless STATE_DIR names another one: for this user alone."""
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"webstore-{os.getuid()}-{name}"


class Watch:
    """Leaves a state alone for a moment after it took long to fail, and logs its failures once a minute."""

    def __init__(self) -> None:
        self._down_until = self._warned = float("-inf")

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Around each use of the state. Raises `StateUnavailable` while the state is left alone."""
        began = time.monotonic()
        if began < self._down_until:
            raise StateUnavailable("the shared state took too long to fail a moment ago")
        try:
            yield
        except StateUnavailable as exc:
            now = time.monotonic()
            if now - began > _SLOW_S:
                self._down_until = now + _REST_S
            if now - self._warned > _WARN_EVERY_S:
                self._warned = now
                log.warning("the store goes on without its shared state: %s", exc)
            raise


class FileState:
    """A file shared by all workers of this machine (SQLite does the locking and survives crashes)."""

    def __init__(self, directory: Path, *, busy_s: float = 0.5, watch: Watch | None = None) -> None:
        """`directory` is made when first needed; `busy_s`: seconds to wait for a lock."""
        self._directory, self._busy_s = directory, busy_s
        self._watched = watch.watching if watch else contextlib.nullcontext
        self._purged = 0.0

    def get(self, key: str) -> str | None:
        """The value, or None when absent or expired."""
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Those of the keys that are there, in one round."""
        marks = ", ".join("?" * len(keys))
        with self._open() as db:
            rows = db.execute(
                f"SELECT key, value FROM entry WHERE key IN ({marks}) AND expires > ?",  # noqa: S608  # only marks
                (*keys, time.time()),
            ).fetchall()
        return {str(key): str(value) for key, value in rows}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Store the value for `ttl_s` seconds."""
        with self._open() as db:
            db.execute("INSERT OR REPLACE INTO entry VALUES (?, ?, ?)", (key, value, time.time() + ttl_s))

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        """Store only when absent; whether it was."""
        now = time.time()
        with self._open() as db:
            done = db.execute(
                "INSERT INTO entry VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE"
                " SET value = excluded.value, expires = excluded.expires WHERE entry.expires <= ?",
                (key, value, now + ttl_s, now),
            )
            return done.rowcount == 1

    def count(self, key: str, ttl_s: float) -> int:
        """Add one to a counter that lives `ttl_s` seconds from its first count; how many there are now."""
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
        """Forget the key."""
        with self._open() as db:
            db.execute("DELETE FROM entry WHERE key = ?", (key,))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # A connection a call: SQLite's must not be carried across a fork, and opening one is cheap.
        with self._watched():
            try:
                db = self._connect()
                try:
                    with db:
                        yield db
                finally:
                    db.close()
            except (sqlite3.Error, OSError, UnicodeError) as exc:
                if getattr(exc, "sqlite_errorcode", None) in _BEYOND_REPAIR:
                    self._remove_file()
                raise StateUnavailable(
                    f"the state file cannot be used ({type(exc).__name__}: {exc})"
                ) from exc

    def _remove_file(self) -> None:
        """Remove a file that is no longer a database: a full disk or a crash may leave one."""
        for name in (_FILE, f"{_FILE}-journal"):
            with contextlib.suppress(OSError):
                (self._directory / name).unlink()

    def _connect(self) -> sqlite3.Connection:
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
    """Redis, shared by many machines."""

    def __init__(self, url: str, prefix: str, *, watch: Watch | None = None) -> None:
        """`prefix` keeps several stores apart in one Redis."""
        self._prefix = prefix
        self._watched = watch.watching if watch else contextlib.nullcontext
        self._redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_connect_timeout=0.5,
            socket_timeout=0.5,
            retry=Retry(NoBackoff(), 1),
        )

    def get(self, key: str) -> str | None:
        """The value, or None when absent or expired."""
        with self._used():
            value = self._redis.get(self._prefix + key)
        return value if isinstance(value, str) else None

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Those of the keys that are there, in one round."""
        with self._used():
            values = self._redis.mget([self._prefix + key for key in keys])
        return {key: value for key, value in zip(keys, values, strict=True) if isinstance(value, str)}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Store the value for `ttl_s` seconds."""
        with self._used():
            self._redis.set(self._prefix + key, value, px=max(1, int(ttl_s * 1000)))

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        """Store only when absent; whether it was."""
        with self._used():
            return bool(self._redis.set(self._prefix + key, value, px=max(1, int(ttl_s * 1000)), nx=True))

    def count(self, key: str, ttl_s: float) -> int:
        """Add one to a counter that lives `ttl_s` seconds from its first count; how many there are now."""
        name = self._prefix + key
        with self._used(), self._redis.pipeline(transaction=True) as pipe:
            pipe.set(name, 0, px=max(1, int(ttl_s * 1000)), nx=True)
            pipe.incr(name)
            return int(pipe.execute()[1])

    def delete(self, key: str) -> None:
        """Forget the key."""
        with self._used():
            self._redis.delete(self._prefix + key)

    @contextlib.contextmanager
    def _used(self) -> Iterator[None]:
        with self._watched():
            try:
                yield
            except (redis.RedisError, UnicodeError) as exc:
                raise StateUnavailable(f"Redis cannot be used ({type(exc).__name__})") from exc
