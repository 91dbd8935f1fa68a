"""Free ports, for servers that need a given address."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from random import SystemRandom

#: Below the ports that systems give to outgoing connections (from 32768 on, RFC 6335 from 49152 on): one of
#: those could take the port before the server does.
_FIRST, _LAST = 10_000, 32_000


def free_port() -> int:
    """A port that nothing listens on."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """The first of so many ports in a row that nothing listens on."""
    while True:
        first = SystemRandom().randint(_FIRST, _LAST - count)
        with ExitStack() as probes:
            try:
                for port in range(first, first + count):
                    probes.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return first
