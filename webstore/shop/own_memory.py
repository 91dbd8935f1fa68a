"""What a process remembers itself while the shared state cannot be reached."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

#: Entries of one process.
MAX_ENTRIES = 10_000


class OwnMemory:
    """Values and counters of one process, for its threads. They expire; there are at most `MAX_ENTRIES`."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._lock = now, threading.Lock()
        self._entries: dict[str, tuple[str, float]] = {}

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Those of the keys that are there."""
        with self._lock:
            found = {key: self._entries[key] for key in keys if key in self._entries}
        return {key: value for key, (value, until) in found.items() if until > self._now()}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Keep the value for `ttl_s` seconds."""
        with self._lock:
            self._store(key, value, self._now() + ttl_s)

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        """Keep the value for `ttl_s` seconds unless the key has one. Returns whether it is kept."""
        with self._lock:
            if key in self._entries and self._entries[key][1] > self._now():
                return False
            return self._store(key, value, self._now() + ttl_s)

    def count(self, key: str, ttl_s: float) -> int:
        """Add one to a counter that lives `ttl_s` seconds from its first count; how many there are now."""
        with self._lock:
            value, until = self._entries.get(key, ("0", 0.0))
            if until <= self._now():
                value, until = "0", self._now() + ttl_s
            kept = self._store(key, str(int(value) + 1), until)
            # A counter that cannot be kept is over any limit.
            return int(value) + 1 if kept else MAX_ENTRIES

    def _store(self, key: str, value: str, until: float) -> bool:
        """Keep the value if there is space, at least without the expired ones. Returns whether it is kept."""
        if len(self._entries) >= MAX_ENTRIES:
            now = self._now()
            self._entries = {key: kept for key, kept in self._entries.items() if kept[1] > now}
        if key not in self._entries and len(self._entries) >= MAX_ENTRIES:
            return False
        self._entries[key] = value, until
        return True
