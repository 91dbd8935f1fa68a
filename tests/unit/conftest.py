"""Unit tests open no socket: they run anywhere, at once, and in any order."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import NoReturn

import pytest


@pytest.fixture(autouse=True, scope="package")
def no_sockets() -> Iterator[None]:
    """Make every connection and every listening socket of this process a failure."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a unit test opened a socket; tests with sockets belong outside tests/unit")

    with pytest.MonkeyPatch.context() as patched:
        for name in ("connect", "connect_ex", "bind"):
            patched.setattr(socket.socket, name, refuse)
        yield
