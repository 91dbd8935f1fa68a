"""The sandbox's clock: real time plus an offset that tests move on."""

import threading
import time
from collections.abc import Callable


class Clock:
    """Unix time in seconds that can be moved forward, never back (except by `reset`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = 0.0
        self._jobs: list[Callable[[], object]] = []

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
        for job in self._jobs:
            job()

    def when_moved(self, job: Callable[[], object]) -> None:
        """Do something after each time that the clock is moved on, in the thread that moves it."""
        self._jobs.append(job)

    def reset(self) -> None:
        """Back to real time."""
        with self._lock:
            self._offset = 0.0
