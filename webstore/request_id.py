"""The ID of the request at hand. It is in every log line of the request and in its calls to the vendors.

The ID is ambient, as the deadline is: `within` sets it where a request begins. It is local to the thread.
`carried` takes it to another thread.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

#: The header that proxies and services use for it.
HEADER = "X-Request-ID"
#: UUIDs, hexadecimal numbers, trace IDs: one word, without characters that a log or a header gives a meaning.
_WELL_FORMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:=+/-]{0,127}")

_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def current() -> str | None:
    """The ID of the request that this thread works for; None outside of a request."""
    return _current.get()


def accepted(given: str | None) -> str:
    """The ID that a proxy has given to the request, if it is well-formed; otherwise a new one."""
    if given is not None and _WELL_FORMED.fullmatch(given):
        return given
    # No secret: `secrets` would ask the system for each request, and give other threads the processor.
    return f"{random.getrandbits(64):016x}"


@contextmanager
def within(request_id: str | None) -> Iterator[None]:
    """Everything in this block works for the request with this ID."""
    token = _current.set(request_id)
    try:
        yield
    finally:
        _current.reset(token)


def carried(work: Callable[[], T]) -> Callable[[], T]:
    """The same work, for another thread: it works for the request at hand there, too."""
    request_id = current()

    def run() -> T:
        with within(request_id):
            return work()

    return run
