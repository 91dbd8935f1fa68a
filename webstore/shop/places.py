"""A limit on the threads of the server that do something that may take long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Places:
    """Gives a number of threads a place at the same time. The others learn at once that none is free."""

    def __init__(self, number: int | None = None) -> None:
        """`number`: the limit in this process; None: there is none."""
        self._free = None if number is None else threading.BoundedSemaphore(number)

    @contextmanager
    def one(self) -> Iterator[bool]:
        """Take a place until the end of the block. Gives False if none is free."""
        if self._free is None:
            yield True
            return
        has_place = self._free.acquire(blocking=False)
        try:
            yield has_place
        finally:
            if has_place:
                self._free.release()
