"""Work on many things with several threads, and no more waiting in memory than there are threads."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def _nothing() -> None:
    """Nothing has to be stopped."""


def spread(
    items: Iterable[T], work: Callable[[T], None], threads: int, *, stop: Callable[[], None] = _nothing
) -> None:
    """Do the work for each item. Raises the first error, after the work that is under way has ended.

    `stop`: called right after the error, so that long work can end early.
    """
    waiting = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="reconcile") as pool:
        running: set[Future[None]] = set()
        try:
            while True:
                running |= {pool.submit(work, it) for it in islice(waiting, 2 * threads - len(running))}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
        except BaseException:
            stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class Heap(deque[T]):
    """Work that makes more work, shared by threads that end together."""

    def __init__(self, first: Iterable[T]) -> None:
        super().__init__(first)
        self._changed = threading.Condition()
        self._busy = 0
        self.stopped = False
        #: Threads that have nothing to do.
        self.idle = 0

    def give(self, item: T) -> None:
        """Add work."""
        with self._changed:
            self.append(item)
            self._changed.notify()

    def take(self) -> T | None:
        """The next piece of work; None if there is none, and nobody is busy with what may give more."""
        with self._changed:
            self.idle += 1
            try:
                while not self and self._busy and not self.stopped:
                    self._changed.wait()
                if not self or self.stopped:
                    self._changed.notify_all()
                    return None
                self._busy += 1
                return self.popleft()
            finally:
                self.idle -= 1

    def done(self) -> None:
        """The piece that was taken is done."""
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Give out no more work."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()
