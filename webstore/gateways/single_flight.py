"""One call for all who want its answer at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """The first caller does the work; those who come meanwhile share its result, or its error.

    A lock would make them try one after the other, each for a whole time limit, while a service hangs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: Future[T] | None = None

    def run(self, work: Callable[[], T]) -> T:
        """Give the result of `work`, or of the same work that is under way already."""
        mine = Future[T]()
        with self._lock:
            shared = self._under_way
            if shared is None:
                self._under_way = mine
        if shared is not None:
            return shared.result()
        try:
            mine.set_result(work())
        except BaseException as exc:
            mine.set_exception(exc)
            raise
        finally:
            with self._lock:
                self._under_way = None
        return mine.result()
