"""Whether a process of the store should get traffic from a load balancer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .errors import StateUnavailable
from .state import SERVER_RUN, Records

#: Seconds between two looks at the shared state, however often a load balancer asks.
_LOOK_EVERY_S = 1.0


class Readiness:
    """Remembers what a process has reached since it started. What it has reached once, it has reached."""

    def __init__(
        self, *, state: Records | None, warm: Callable[[], bool], now: Callable[[], float] = time.monotonic
    ) -> None:
        """`state`: the shared state without which no process should begin; None if there is no such.

        `warm`: whether the catalogue has been read, or a reading of it has failed; it begins a reading.
        """
        self._state, self._warm, self._now = state, warm, now
        self._looking = threading.Lock()
        self._looked = float("-inf")

    def waiting_for(self) -> str | None:
        """What the process waits for before it should get traffic, in words; None if it is ready."""
        if not self._state_has_answered():
            return "waiting for the shared state"
        return None if self._warm() else "reading the catalogue"

    def _state_has_answered(self) -> bool:
        # A second thread does not wait for the first one's look.
        state = self._state
        if state is not None and self._looking.acquire(blocking=False):
            try:
                if self._now() - self._looked >= _LOOK_EVERY_S:
                    self._looked = self._now()
                    state.get(SERVER_RUN)
                    self._state = None
            except StateUnavailable:
                pass
            finally:
                self._looking.release()
        return self._state is None
