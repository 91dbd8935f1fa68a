"""Looks up host names within a time limit."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

#: A function like `socket.getaddrinfo`. The last item of each tuple it returns begins with the address.
Resolve = Callable[..., list[tuple[Any, Any, Any, Any, Any]]]


class NameLookup:
    """Looks up host names on separate threads, because the system's look-up has no time limit.

    Concurrent callers share one look-up of the same name. A name server that hangs therefore blocks one
    thread for each name. The callers themselves wait no longer than their time limit.
    """

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve
        self._lock = threading.Lock()
        self._in_progress: dict[tuple[str, int], Future[list[str]]] = {}

    def addresses(self, host: str, port: int, timeout_s: float) -> list[str]:
        """The host's addresses, the preferred one first. Raises `TimeoutError`; `OSError` if it has none."""
        try:
            return [str(ipaddress.ip_address(host.strip("[]")))]
        except ValueError:
            pass
        with self._lock:
            found = self._in_progress.get((host, port))
            if found is None:
                found = self._in_progress[host, port] = Future()
                self._start(host, port, found)
        try:
            return found.result(timeout=timeout_s)
        except FutureTimeout:
            raise TimeoutError(f"the name {host} could not be looked up in time") from None

    def _start(self, host: str, port: int, found: Future[list[str]]) -> None:
        """Look up the name on a new thread, which puts the result into `found`."""

        def look_up() -> None:
            try:
                # Read `socket.getaddrinfo` now and not at import, so that a later replacement is used.
                rows = (self._resolve or socket.getaddrinfo)(host, port, type=socket.SOCK_STREAM)
                answer: list[str] | None = [str(row[4][0]) for row in rows]
                failure: Exception = OSError(f"the name {host} has no address")
            except Exception as exc:  # noqa: BLE001  # passed on to the callers
                answer, failure = None, exc
            with self._lock:
                self._in_progress.pop((host, port), None)
            if answer:
                found.set_result(answer)
            else:
                found.set_exception(failure)

        try:
            threading.Thread(target=look_up, name="name look-up", daemon=True).start()
        except RuntimeError as exc:
            # The process has too many threads or is ending.
            self._in_progress.pop((host, port), None)
            found.set_exception(OSError(str(exc)))
