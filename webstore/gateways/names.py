"""Looks up host names within a time limit."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

#: As `socket.getaddrinfo`: its answer is a list of tuples whose last item begins with the address.
Resolve = Callable[..., list[tuple[Any, Any, Any, Any, Any]]]


class NameLookup:
    """The addresses of host names, looked up on threads of its own: the system's look-up has no time limit.

    All who ask for the same name at the same time share one look-up, so that a name server that hangs holds
    one thread a name, and none of the server's.
    """

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve
        self._lock = threading.Lock()
        self._under_way: dict[tuple[str, int], Future[list[str]]] = {}

    def addresses(self, host: str, port: int, timeout_s: float) -> list[str]:
        """The host's addresses, the preferred one first. Raises `TimeoutError`, OSError if it has none."""
        try:
            return [str(ipaddress.ip_address(host.strip("[]")))]
        except ValueError:
            pass
        with self._lock:
            found = self._under_way.get((host, port))
            if found is None:
                found = self._under_way[host, port] = Future()
                self._start(host, port, found)
        try:
            return found.result(timeout=timeout_s)
        except FutureTimeout:
            raise TimeoutError(f"the name {host} could not be looked up in time") from None

    def _start(self, host: str, port: int, found: Future[list[str]]) -> None:
        def look_up() -> None:
            try:
                # Looked up here and not at import, so that what replaces it in the process is used.
                rows = (self._resolve or socket.getaddrinfo)(host, port, type=socket.SOCK_STREAM)
                answer: list[str] | None = [str(row[4][0]) for row in rows]
                failure: Exception = OSError(f"the name {host} has no address")
            except Exception as exc:  # noqa: BLE001  # handed to whoever asked
                answer, failure = None, exc
            with self._lock:
                self._under_way.pop((host, port), None)
            if answer:
                found.set_result(answer)
            else:
                found.set_exception(failure)

        try:
            threading.Thread(target=look_up, name="name look-up", daemon=True).start()
        except RuntimeError as exc:
            # Too many threads, or the process is ending.
            self._under_way.pop((host, port), None)
            found.set_exception(OSError(str(exc)))
