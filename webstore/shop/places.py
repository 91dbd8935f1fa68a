"""A limit on the threads of the server that do something that may take long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Places:
    """So many threads at a time have a place. The others learn at once that there is none."""

    def __init__(self, number: int | None = None) -> None:
        """`number`: the limit in this process; None: there is none."""
        self._free = None if number is None else threading.BoundedSemaphore(number)

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Give whether there is a place for this thread, and hold it until the end of the block."""
        if self._free is None:
            yield True
            return
        has_place = self._free.acquire(blocking=False)
        try:
            yield has_place
        finally:
            if has_place:
                self._free.release()
