"""Stops calls to a service that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """Opens after `failures` time-outs in a row; then it lets one call through each `pause_s` seconds.

    Only time-outs count: an answer, even a 500, and a refused connection are quick by themselves. Packages
    for this hold a lock during the call, which would make the calls wait for one another.
    """

    def __init__(
        self, failures: int = 5, pause_s: float = 3.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures, self._pause_s, self._clock = failures, pause_s, clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._next_try = 0.0

    def allows(self) -> bool:
        """Whether a call may be made now; while the breaker is open, True once each `pause_s`."""
        with self._lock:
            if self._in_a_row < self._failures:
                return True
            if self._clock() < self._next_try:
                return False
            self._next_try = self._clock() + self._pause_s
            return True

    def succeeded(self) -> None:
        """The service answered."""
        with self._lock:
            self._in_a_row = 0

    def timed_out(self) -> None:
        """The service did not answer in time."""
        with self._lock:
            self._in_a_row += 1
            self._next_try = self._clock() + self._pause_s
