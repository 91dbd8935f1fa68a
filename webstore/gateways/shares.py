"""A share of the calls to a service, for requests of one kind."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from webstore import deadline

from .bounded import Bounded
from .wire import Answer, WireError

#: Seconds that a thread waits for its turn. A waiting thread serves no page.
_MOMENT_S = 0.05


class Share(Bounded):
    """A part of the places of a `Bounded` wire. Requests that use it leave the other places to others."""

    def __init__(self, whole: Bounded, at_once: int) -> None:
        """`at_once`: the limit on concurrent calls within the share."""
        self._whole, self._share = whole, threading.BoundedSemaphore(at_once)

    @property
    def service(self) -> str:
        """The name of the service, for messages."""
        return self._whole.service

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        """Like `Bounded.send`. Also raises `WireError` when the share is used up."""
        if not self._share.acquire(timeout=deadline.left(_MOMENT_S)):
            raise WireError(f"too many calls to {self.service} for the same purpose are in progress")
        try:
            return self._whole.send(method, url, headers, body)
        finally:
            self._share.release()
