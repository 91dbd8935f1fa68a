"""The guard that keeps unit tests away from the network."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import pytest


@contextmanager
def refused_sockets() -> Iterator[None]:
    """Make every connection and every listening socket a failure, in this thread and those that it starts.

    The other threads of the process, and those that they start, go on as before: a sandbox or a store of
    tests that ran earlier in this process may still serve, or deliver something.
    """
    strangers = WeakSet(threading.enumerate())
    strangers.discard(threading.current_thread())
    start = threading.Thread.start

    def start_as_its_starter(thread: threading.Thread) -> None:
        if threading.current_thread() in strangers:
            strangers.add(thread)
        start(thread)

    def guarded(original: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: Any) -> object:  # Any: those of a socket's method
            if threading.current_thread() in strangers:
                return original(*arguments)
            raise AssertionError("a unit test opened a socket; tests with sockets belong outside tests/unit")

        return call

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(threading.Thread, "start", start_as_its_starter)
        for name in ("connect", "connect_ex", "bind"):
            patched.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        yield
