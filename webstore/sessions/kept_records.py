"""Records that a process keeps until they are written: a logout during an outage of the state still counts.

Other processes see such a record only when the state takes it, so its writer gets `StateUnavailable`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from webstore.errors import StateUnavailable
from webstore.state import Records

log = logging.getLogger(__name__)

#: Seconds between two attempts to write the kept records.
RETRY_S = 1.0


class KeptRecords:
    """`Records` that keeps what could not be written, for this process and until it is written."""

    def __init__(
        self,
        records: Records,
        *,
        background: Callable[[Callable[[], None]], object],
        now: Callable[[], float] = time.time,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """`background`: starts a thread for the attempts. `now`: Unix seconds."""
        self._records, self._background, self._now, self._wait = records, background, now, wait
        self._lock = threading.Lock()
        #: Value and end of each record that is not written yet.
        self._unwritten: dict[str, tuple[str, float]] = {}
        self._retrying = self._closed = False
        self._worked = float("-inf")

    @property
    def last_worked(self) -> float:
        """When the records could be used last (Unix seconds), as far as this process knows."""
        return self._worked

    def get(self, key: str) -> str | None:
        """The value, or None when absent or expired."""
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Those of the keys that are there. What this process keeps is there without the state, too."""
        now = self._now()
        kept = {
            key: kept[0] for key in keys if (kept := self._unwritten.get(key)) is not None and kept[1] > now
        }
        try:
            found = self._records.get_many(keys)
        except StateUnavailable:
            self._watch()
            if kept:
                return kept
            raise
        self._worked = now
        return {**found, **kept}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Record the value. If that fails, keep it, try again later, and raise `StateUnavailable`."""
        with self._lock:
            self._unwritten.pop(key, None)
        try:
            self._records.set(key, value, ttl_s)
        except StateUnavailable:
            with self._lock:
                self._unwritten[key] = value, self._now() + ttl_s
            self._watch()
            raise

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        """Record the value if the key is absent. It is not kept if that fails."""
        return self._records.add(key, value, ttl_s)

    def delete(self, key: str) -> None:
        """Forget the key."""
        with self._lock:
            self._unwritten.pop(key, None)
        self._records.delete(key)

    def close(self) -> None:
        """End the attempts. Records that are not written yet are lost, as at the end of the process."""
        self._closed = True

    def _watch(self) -> None:
        """Try again in the background until the records can be used and all is written."""
        with self._lock:
            if self._retrying:
                return
            self._retrying = True
        try:
            self._background(self._retry)
        except RuntimeError:  # no thread can be started: the next failure tries again
            self._retrying = False

    def _retry(self) -> None:
        told = False
        while True:
            self._wait(RETRY_S)
            if self._closed:
                return
            try:
                written = self._write_all()
            except StateUnavailable:
                continue
            except Exception:
                # This thread must not end: no other one writes the kept records.
                if not told:
                    log.exception(
                        "kept records of ended sessions could not be written; the store goes on trying"
                    )
                told = True
                continue
            with self._lock:
                if self._unwritten:  # since then
                    continue
                self._retrying = False
            if written:
                log.warning("%d ended sessions that could not be recorded at once are recorded now", written)
            return

    def _write_all(self) -> int:
        """Write everything that is kept; how many records that were. Raises `StateUnavailable`."""
        with self._lock:
            waiting = dict(self._unwritten)
        if not waiting:
            self._records.get_many(("",))
        for key, (value, until) in waiting.items():
            if until > self._now():
                self._records.set(key, value, until - self._now())
            with self._lock:
                if self._unwritten.get(key) == (value, until):
                    del self._unwritten[key]
        self._worked = self._now()
        return len(waiting)
