"""Values that a process keeps because they are costly to make again: bounded in bytes and in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from cachetools import TTLCache

K = TypeVar("K")
V = TypeVar("V")


class BoundedMemory(Generic[K, V]):
    """Keeps values for all threads of a process. If it is full, the least recently used value is dropped.

    Source: https://cachetools.readthedocs.io/en/stable/#cachetools.TTLCache
    """

    def __init__(
        self,
        most_bytes: int,
        kept_s: float,
        size_of: Callable[[V], int],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`most_bytes`: of all values together, as `size_of` counts them. `kept_s`: seconds of one value."""
        self._most_bytes, self._size_of = most_bytes, size_of
        self._values: TTLCache[K, V] = TTLCache(most_bytes, kept_s, timer=now, getsizeof=size_of)
        self._lock = threading.Lock()

    def get(self, key: K) -> V | None:
        """The value; None if it is not kept, or not any more."""
        try:
            # `TTLCache.get` looks twice.
            with self._lock:
                return self._values[key]
        except KeyError:
            return None

    def put(self, key: K, value: V) -> None:
        """Keep the value, unless it alone is too large."""
        if self._size_of(value) <= self._most_bytes:
            with self._lock:
                self._values[key] = value

    def drop(self, key: K) -> None:
        """Forget the value, if it is kept."""
        with self._lock:
            self._values.pop(key, None)
