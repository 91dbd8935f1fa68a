"""A circuit breaker, which stops calls to a service that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """The circuit breaker of one service. It opens after `failures` time-outs in a row.

    While it is open, it lets one call through every `pause_s` seconds. Only time-outs count, because an
    answer, even a 500, and a refused connection take little time. Published circuit breakers hold a lock
    during the call, which would make calls wait for each other.
    """

    def __init__(
        self,
        failures: int = 5,
        pause_s: float = 3.0,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[int], object] = lambda _open: None,
    ) -> None:
        """`on_change`: called with 1 when the breaker opens, and with 0 when it closes."""
        self._failures, self._pause_s, self._clock = failures, pause_s, clock
        self._on_change = on_change
        self._lock = threading.Lock()
        self._timeouts = 0
        self._next_try = 0.0

    def allows(self, *, full_time: bool = True) -> bool:
        """Whether a call may be made now. While the breaker is open, True once every `pause_s` seconds.

        `full_time`: whether the call has time enough to show that the service works again. An open breaker
        lets only such calls through.
        """
        with self._lock:
            if self._timeouts < self._failures:
                return True
            if not full_time or self._clock() < self._next_try:
                return False
            self._next_try = self._clock() + self._pause_s
            return True

    def succeeded(self) -> None:
        """Record that the service answered: the breaker closes."""
        with self._lock:
            closes = self._timeouts >= self._failures
            self._timeouts = 0
        if closes:
            self._on_change(0)

    def timed_out(self) -> None:
        """Record that the service did not answer in time."""
        with self._lock:
            self._timeouts += 1
            opens = self._timeouts == self._failures
            self._next_try = self._clock() + self._pause_s
        if opens:
            self._on_change(1)
