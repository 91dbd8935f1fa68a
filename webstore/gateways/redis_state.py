"""The shared state in Redis, for several machines. Every failure is raised as `StateUnavailable`."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from webstore.errors import StateUnavailable
from webstore.state import SERVER_RUN

from .profiles import printable
from .state import Watch

#: In place of a value that no release of the store wrote: one of another type, or not in UTF-8.
GARBAGE = "\N{REPLACEMENT CHARACTER}"
#: Seconds that a connection and an answer may take.
TIME_LIMIT_S = 0.5


class RedisState:
    """The state in Redis, for several machines."""

    def __init__(
        self, url: str, prefix: str, *, watch: Watch | None = None, urgent_writes: bool = False
    ) -> None:
        """`prefix`: begins every key, so that several stores can share one Redis.

        `urgent_writes`: `set` is tried during a pause of the watch, too.
        """
        self._urgent_writes = urgent_writes
        self._prefix = prefix
        self._watching = (watch or Watch(pause_s=0.0)).watching
        self._redis = open_redis(url)
        # The client would read and convert fifty fields each time.
        self._redis.set_response_callback("INFO", _only_run)

    def get(self, key: str) -> str | None:
        """The value; None if it is absent or expired."""
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """The values of the keys that are present, read in one round trip.

        Single reads: a Redis in cluster mode refuses MGET for keys of several slots, and MGET passes over
        keys of another type. Source: https://redis.io/docs/latest/commands/mget/
        """
        with self._guarded(), self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                if key == SERVER_RUN:
                    # A snapshot that a restart reads may be older than the last writes.
                    pipe.info("server")
                else:
                    pipe.get(self._prefix + key)
            answers = pipe.execute(raise_on_error=False)
            values = {key: _text(answer) for key, answer in zip(keys, answers, strict=True)}
        return {key: value for key, value in values.items() if value is not None}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Store the value for `ttl_s` seconds."""
        with self._guarded(urgent=self._urgent_writes):
            self._redis.set(self._prefix + key, value, px=max(1, int(ttl_s * 1000)))

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        """Store the value if the key is absent or expired. Returns whether it was stored."""
        name, ttl_ms = self._prefix + key, max(1, int(ttl_s * 1000))
        with self._guarded(), self._redis.pipeline(transaction=False) as pipe:
            pipe.set(name, value, px=ttl_ms, nx=True)
            pipe.pttl(name)
            stored, left_ms = pipe.execute()
            if not stored and left_ms == -1:
                # It never expires, so no store wrote it, and nobody would ever delete it.
                stored = self._redis.set(name, value, px=ttl_ms)
            return bool(stored)

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
    def _guarded(self, *, urgent: bool = False) -> Iterator[None]:
        """Wrap one use of Redis. Failures become `StateUnavailable`."""
        with self._watching(urgent=urgent):
            try:
                yield
            # The client lets some errors of the connection, and of values it cannot encode, pass as they are.
            except (redis.RedisError, OSError, ValueError, TypeError) as exc:
                raise StateUnavailable(f"Redis cannot be used ({reason(exc)})") from exc


def open_redis(url: str, limit_s: float = TIME_LIMIT_S) -> redis.Redis:
    """A client that connects on first use. `limit_s`: seconds that a connection and an answer may take."""
    client: redis.Redis = redis.Redis.from_url(
        url,
        socket_connect_timeout=limit_s,
        socket_timeout=limit_s,
        retry=Retry(NoBackoff(), 1),
    )
    return client


def reason(exc: Exception) -> str:
    """What the client says about a failure, for the log: without the arguments of a command."""
    return f"{type(exc).__name__}: {printable(str(exc).partition(', with args')[0])}"


def _only_run(answer: bytes, **_options: object) -> dict[str, str]:
    """The field `run_id` of an answer to INFO, if it has one. Source: https://redis.io/docs/latest/commands/info/"""
    found = re.search(rb"^run_id:(\w+)", answer, re.MULTILINE)
    return {"run_id": found[1].decode()} if found else {}


def _text(answer: object) -> str | None:
    """The answer to one GET. Raises an error answer, unless it is about this key alone."""
    if isinstance(answer, redis.ResponseError) and str(answer).startswith("WRONGTYPE"):
        return GARBAGE
    if isinstance(answer, dict):  # INFO
        return str(answer["run_id"]) if "run_id" in answer else None
    if isinstance(answer, redis.exceptions.NoPermissionError) and "info" in str(answer).lower():
        return None  # some providers do not allow it
    if isinstance(answer, Exception):
        raise answer
    return answer.decode(errors="replace") if isinstance(answer, bytes) else None
