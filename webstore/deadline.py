"""The time that is left for the request at hand.

The deadline is ambient, as a cancel scope is in trio: `within` sets it where a request begins, and everything
that waits for the outside (`gateways/wire.py`) takes the smaller of its own limit and what is left. So no
function in between has to pass a time limit on. It is local to the thread: work on another thread has no
deadline until it sets one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from .errors import OverBudget

#: When the time ends, on the monotonic clock.
_ends: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Everything in this block has at most so many seconds; a surrounding block may leave it fewer."""
    token = _ends.set(min(_ends.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends.reset(token)


def left(at_most: float = math.inf) -> float:
    """Seconds that are left, never less than 0 and at most `at_most`; infinite without a deadline."""
    return max(0.0, min(at_most, _ends.get() - time.monotonic()))


def sleep(seconds: float) -> None:
    """Sleep, but not past the deadline. Raises `OverBudget` if the deadline has passed."""
    allowed = left(seconds)
    if allowed <= 0 < seconds:
        raise OverBudget("the time for this request is over")
    time.sleep(allowed)
