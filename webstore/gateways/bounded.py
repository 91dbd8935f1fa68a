"""A wire with a limit on concurrent calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from webstore import deadline, metrics

from .wire import Answer, Wire, WireError

#: Seconds that a thread waits for its turn if another one waits already. A waiting thread serves no page.
_MOMENT_S = 0.05


class Bounded:
    """A wire with a limit on concurrent calls, for the threads of the web server.

    A vendor that hangs then blocks only some of the threads, and the others still serve pages. Linking does
    not need this limit, because it has its own fixed number of threads.
    """

    def __init__(
        self,
        wire: Wire,
        at_once: int,
        *,
        patience_s: float = 0.5,
        is_stranger: Callable[[], bool] = lambda: False,
    ) -> None:
        """`at_once`: the limit on concurrent calls.

        One more thread waits up to `patience_s` seconds for its turn; others wait up to `_MOMENT_S` seconds.
        `is_stranger`: whether the calling thread works for somebody who is not logged in. All strangers
        together make at most half of the calls, at least one, and none of them waits longer than a moment.
        """
        self._wire, self._patience_s, self._is_stranger = wire, patience_s, is_stranger
        self._inside = threading.BoundedSemaphore(at_once)
        self._strangers = threading.BoundedSemaphore(max(1, at_once // 2))
        self._waiting = threading.BoundedSemaphore(1)

    @property
    def service(self) -> str:
        """The name of the service, for messages."""
        return self._wire.service

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        """Like `Wire.send`. Also raises `WireError` when too many calls are in progress."""
        if not self._is_stranger():
            return self._send(self._wait, method, url, headers, body)
        if not self._strangers.acquire(timeout=deadline.left(_MOMENT_S)):
            metrics.count_not_called(self.service, "busy")
            raise WireError(f"too many calls to {self.service} for strangers are in progress")
        try:
            return self._send(self._wait_a_moment, method, url, headers, body)
        finally:
            self._strangers.release()

    def _send(
        self,
        wait: Callable[[], bool],
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]],
        body: bytes | None,
    ) -> Answer:
        if not self._inside.acquire(blocking=False) and not wait():
            metrics.count_not_called(self.service, "busy")
            raise WireError(f"too many calls to {self.service} are in progress")
        try:
            return self._wire.send(method, url, headers, body)
        finally:
            self._inside.release()

    def _wait(self) -> bool:
        """Wait for another call to end. Returns whether this call may now be made."""
        if not self._waiting.acquire(blocking=False):
            return self._wait_a_moment()
        try:
            return self._inside.acquire(timeout=deadline.left(self._patience_s))
        finally:
            self._waiting.release()

    def _wait_a_moment(self) -> bool:
        return self._inside.acquire(timeout=deadline.left(_MOMENT_S))
