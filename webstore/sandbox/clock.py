"""The sandbox's clock: real time plus an offset that tests move on."""

import threading
import time


class Clock:
    """Unix time in seconds that can be moved forward, never back (except by `reset`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = 0.0

    def now(self) -> float:
        """Unix seconds: real time plus whatever `advance` added."""
        with self._lock:
            return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Move on by `seconds`. Raises ValueError for a negative or infinite number."""
        if not 0 <= seconds < float("inf"):
            raise ValueError("the clock only moves forward, by a finite number of seconds")
        with self._lock:
            self._offset += seconds

    def reset(self) -> None:
        """Back to real time."""
        with self._lock:
            self._offset = 0.0
