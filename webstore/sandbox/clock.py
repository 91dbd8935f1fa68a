"""The sandbox's clock: real time plus an offset that tests increase."""

import threading
import time
from collections.abc import Callable


class Clock:
    """A clock in Unix seconds that tests can move forward. Only `reset` moves it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._offset = 0.0
        self._jobs: list[Callable[[], object]] = []

    def now(self) -> float:
        """The time in Unix seconds: real time plus the seconds that `advance` added."""
        with self._lock:
            return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`. Raises ValueError for a negative or infinite number."""
        if not 0 <= seconds < float("inf"):
            raise ValueError("the clock only moves forward, by a finite number of seconds")
        with self._lock:
            self._offset += seconds
        for job in self._jobs:
            job()

    def when_moved(self, job: Callable[[], object]) -> None:
        """Call `job` each time after the clock was moved forward, in the thread that moved it."""
        self._jobs.append(job)

    def reset(self) -> None:
        """Set the clock back to real time."""
        with self._lock:
            self._offset = 0.0
