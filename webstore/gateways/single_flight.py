"""One call for all threads that want its answer at the same time."""

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
    """The first caller does the work; callers that come while it works share its result, or its error.

    A lock would make them try one after the other, each for a whole time limit, while a service hangs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Future[T] | None = None

    def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, or of the work that is under way. Raises `OverBudget` at the deadline."""
        mine = Future[T]()
        with self._lock:
            shared = self._under_way
            if shared is None:
                self._under_way = mine
        if shared is not None:
            return _result(shared)
        try:
            mine.set_result(work())
        except BaseException as exc:
            mine.set_exception(exc)
            raise
        finally:
            with self._lock:
                self._under_way = None
        return mine.result()


def _result(shared: Future[T]) -> T:
    left = deadline.left()
    try:
        return shared.result(timeout=None if math.isinf(left) else left)
    except FutureTimeout:
        if shared.done():
            # The work itself raised a time-out.
            return shared.result()
        raise OverBudget("what another request asked for was not there in time") from None
