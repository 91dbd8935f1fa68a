"""Threads for linking, so that a login is answered in time whatever its calls do.

The wire ends every call at a moment on the clock, but a login has to be answered even when the thread that
links does not come back at all. So linking runs on threads of its own; the request stops waiting at the end
of the budget, and the attempt may finish in the background.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Protocol, TypeVar

from webstore import deadline, request_id
from webstore.errors import OverBudget

T = TypeVar("T")

#: Seconds that a caller waits for a free thread. Short, because the caller holds a thread of the server.
_PATIENCE_S = 0.05


class Executor(Protocol):
    """Runs work for linking."""

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Start the work. Raises `OverBudget` when every thread is busy."""

    def run(self, work: Callable[[], T], budget_s: float) -> T:
        """Do the work and return its result. Raises its exception, or `OverBudget` after `budget_s`."""


class InlineExecutor:
    """Runs the work at once on the caller's thread: for scripts and tests, without a guarantee on time."""

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Do the work now."""
        future = Future[T]()
        try:
            future.set_result(work())
        except Exception as exc:  # noqa: BLE001  # handed on to the caller, as by any future
            future.set_exception(exc)
        return future

    def run(self, work: Callable[[], T], budget_s: float) -> T:  # part of the interface
        """Do the work now, however long it takes."""
        return work()


class BoundedExecutor:
    """Runs work on at most `threads` threads; refuses more instead of queueing it for long."""

    def __init__(self, threads: int, name: str, patience_s: float = _PATIENCE_S) -> None:
        """`patience_s`: seconds that a caller waits for a thread to become free."""
        self._threads = threads
        self._name = name
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._free = threading.BoundedSemaphore(self._threads)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)

    def submit(self, work: Callable[[], T], at_most_s: float = math.inf) -> Future[T]:
        """Start the work. Raises `OverBudget` when every thread stays busy, at the latest after `at_most_s`.

        The work runs under the request's ID, but without its deadline, because it may outlast the request.
        """
        with self._lock:
            # Threads do not survive a fork: a server that loads the application before it forks its
            # workers needs new ones in each.
            if self._pid != os.getpid():
                self._start()
            free, pool = self._free, self._pool
        if not free.acquire(timeout=deadline.left(min(self._patience_s, at_most_s))):
            raise OverBudget("every thread is busy")
        try:
            future = pool.submit(request_id.carried(work))
        except BaseException:
            free.release()
            raise
        future.add_done_callback(lambda _: free.release())
        return future

    def run(self, work: Callable[[], T], budget_s: float) -> T:
        """Return the work's result. Raises its exception, or `OverBudget` after `budget_s` seconds.

        A surrounding deadline may end the wait earlier. Work that runs over its budget goes on until it ends
        by itself.
        """
        ends = time.monotonic() + deadline.left(budget_s)
        future = self.submit(work, budget_s)
        try:
            return future.result(timeout=max(0.0, ends - time.monotonic()))
        except FutureTimeout:
            if future.done():
                # It ended just now, or the work itself raised a time-out, which is its own exception.
                return future.result()
            raise OverBudget(f"no answer within {budget_s:g} s") from None
