"""As many requests as a server answers: `python -m tests.benchmarks.ratios.hammer`, the order on its stdin.

It runs as a process of its own, beside the server but not in its interpreter, and does little more than send
prepared bytes. Each connection sends its next request when the answer to the last one is complete.
"""

from __future__ import annotations

import base64
import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Self

from . import processor
from .raw import connect, length_of

TOP = Path(__file__).parents[3]
#: Enough to keep a worker of eight threads busy.
CONNECTIONS = 16


@dataclass(frozen=True)
class Order:
    """What to ask, and for how long."""

    host: str
    #: Whole requests, asked for one after the other.
    requests: tuple[bytes, ...]
    seconds: float
    #: The status that every answer must have.
    status: int = 200
    #: The window also ends after so many requests; 0: it does not.
    most: int = 0
    #: The processes whose CPU time counts.
    workers: tuple[int, ...] = ()
    connections: int = CONNECTIONS

    def to_json(self) -> str:
        """The order, for another process."""
        return json.dumps({**asdict(self), "requests": [base64.b64encode(r).decode() for r in self.requests]})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The order that `to_json` wrote."""
        given = json.loads(text)
        given["requests"] = tuple(map(base64.b64decode, given["requests"]))
        given["workers"] = tuple(given["workers"])
        return cls(**given)


@dataclass(frozen=True)
class Load:
    """What came of it, after each request was asked for once, which is not counted."""

    requests: int
    seconds: float
    #: CPU time of the workers, in seconds; None where the system does not tell.
    cpu_s: float | None
    #: CPU time of this client, in seconds.
    client_s: float
    #: Bytes of an answer with its headers, on average.
    bytes_each: float
    #: How often each other status came.
    wrong: dict[str, int] = field(default_factory=dict)

    @property
    def per_s(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def cpu_ms(self) -> float | None:
        """The workers' CPU time for one request, in milliseconds."""
        return None if self.cpu_s is None else 1000 * self.cpu_s / self.requests


def run(order: Order) -> Load:
    """Ask in a process of its own. Raises `subprocess.CalledProcessError` if it fails."""
    command = [sys.executable, "-m", "tests.benchmarks.ratios.hammer"]
    done = subprocess.run(  # noqa: S603 (ourselves)
        command, input=order.to_json(), cwd=TOP, stdout=subprocess.PIPE, text=True, check=True
    )
    return Load(**json.loads(done.stdout))


class _Hammer:
    def __init__(self, order: Order) -> None:
        self._order = order
        self._next = cycle(order.requests)
        self._expected = str(order.status).encode()
        self._poller = selectors.DefaultSelector()
        self._come: dict[socket.socket, bytearray] = {}
        self.done = self.bytes = 0
        self.wrong: Counter[str] = Counter()

    def open(self) -> None:
        for _ in range(self._order.connections):
            connection = connect(self._order.host)
            self._come[connection] = bytearray()
            self._poller.register(connection, selectors.EVENT_READ)
            connection.sendall(next(self._next))

    def forget(self) -> None:
        self.done = self.bytes = 0
        self.wrong.clear()

    def go_on(self, until: float, most: int) -> None:
        """Answer by answer, until that reading of the monotonic clock or so many answers."""
        while (not most or self.done < most) and time.monotonic() < until:
            for key, _ in self._poller.select(1.0):
                self._receive(key.fileobj)  # type: ignore[arg-type]  # the sockets of `open`

    def _receive(self, connection: socket.socket) -> None:
        come = self._come[connection]
        more = connection.recv(1 << 18)
        if not more:
            raise ConnectionError("the server closed a connection that was to be kept alive")
        come += more
        whole = length_of(come)
        if whole is None or len(come) < whole:
            return
        self.done += 1
        self.bytes += whole
        if come[9:12] != self._expected:
            self.wrong[come[9:12].decode("ascii", "replace")] += 1
        come.clear()
        connection.sendall(next(self._next))


def hammer(order: Order) -> Load:
    """Ask in this process."""
    at_work = _Hammer(order)
    at_work.open()
    at_work.go_on(time.monotonic() + 60, max(order.connections, len(order.requests)))
    wrong = at_work.wrong.copy()
    at_work.forget()
    began, own = time.monotonic(), time.process_time()
    before = processor.used_s(order.workers)
    at_work.go_on(began + order.seconds, order.most)
    after = processor.used_s(order.workers)
    return Load(
        requests=at_work.done,
        seconds=time.monotonic() - began,
        cpu_s=None if before is None or after is None else after - before,
        client_s=time.process_time() - own,
        bytes_each=at_work.bytes / at_work.done,
        wrong=dict(wrong + at_work.wrong),
    )


def main() -> None:
    """Run the command line."""
    json.dump(asdict(hammer(Order.from_json(sys.stdin.read()))), sys.stdout)


if __name__ == "__main__":
    main()
