"""Shares one call among all threads that need its result at the same time."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Generic, TypeVar

from webstore import deadline
from webstore.errors import OverBudget

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs the first caller's work; callers that arrive during it share its result or its error.

    With a lock instead, callers would try one after the other while a service hangs, and each would wait for
    a full time limit.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_progress: Future[T] | None = None

    def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, or of the work in progress.

        Raises `OverBudget` if the work in progress does not end before the deadline.
        """
        mine = Future[T]()
        with self._lock:
            shared = self._in_progress
            if shared is None:
                self._in_progress = mine
        if shared is not None:
            return _result(shared)
        try:
            mine.set_result(work())
        except BaseException as exc:
            mine.set_exception(exc)
            raise
        finally:
            with self._lock:
                self._in_progress = None
        return mine.result()


def _result(shared: Future[T]) -> T:
    """Wait for another caller's result until the deadline. Raises `OverBudget`."""
    left = deadline.left()
    try:
        return shared.result(timeout=None if math.isinf(left) else left)
    except FutureTimeout:
        if shared.done():
            # The work itself raised this error.
            return shared.result()
        raise OverBudget("the call that another request had started did not end in time") from None
