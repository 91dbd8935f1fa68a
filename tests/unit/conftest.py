"""Unit tests open no socket: they run anywhere, at once, and in any order."""

from __future__ import annotations

import socket
from typing import NoReturn

import pytest


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every connection and every listening socket of this process a failure."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a unit test opened a socket; tests with sockets belong outside tests/unit")

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
