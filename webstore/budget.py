"""Work with a limit on the wall clock.

Time limits of HTTP clients are per read or per connection; here the caller stops waiting at a moment on
the clock, whatever the work does. A fixed number of threads bounds what can hang at the same time.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar

from .errors import OverBudget

T = TypeVar("T")

#: Seconds that a page, or a webhook, may wait for Stripe.
PAGE_S = 8.0
#: How long a burst may wait for a free thread. Short: whoever waits holds a thread of the server.
_PATIENCE_S = 0.05


class BoundedExecutor:
    """Runs functions on at most `threads` threads; refuses more instead of queueing them for long."""

    def __init__(self, threads: int, name: str, patience_s: float = _PATIENCE_S) -> None:
        """`patience_s`: how long a caller waits for a thread to become free."""
        self._threads = threads
        self._name = name
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._pid = 0
        self._fresh()

    def _fresh(self) -> None:
        self._pid = os.getpid()
        self._free = threading.BoundedSemaphore(self._threads)
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix=self._name)

    def submit(self, work: Callable[[], T], most_s: float = math.inf) -> Future[T]:
        """Start the work; `OverBudget` when every thread stays busy, at the latest after `most_s` seconds."""
        with self._lock:
            # Threads do not survive a fork: a server that loads the application before it forks its
            # workers needs new ones in each.
            if self._pid != os.getpid():
                self._fresh()
            free, pool = self._free, self._pool
        if not free.acquire(timeout=min(self._patience_s, most_s)):
            raise OverBudget("every thread is busy")
        try:
            future = pool.submit(work)
        except BaseException:
            free.release()
            raise
        future.add_done_callback(lambda _: free.release())
        return future

    def run(self, work: Callable[[], T], budget_s: float) -> T:
        """Give the work's result, or its exception; `OverBudget` after `budget_s` or with no thread free.

        Work that runs over its budget goes on until it ends by itself.
        """
        started = time.monotonic()
        future = self.submit(work, budget_s)
        try:
            return future.result(timeout=max(0.0, budget_s - (time.monotonic() - started)))
        except FutureTimeout:
            if future.done():
                # It ended this very moment; or the work itself timed out, which is its own exception.
                return future.result()
            raise OverBudget(f"no answer within {budget_s:g} s") from None
