"""A Redis whose round trips are counted: a relay in front of it, in this process."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.redis_server import running_redis


class Relay:
    """Passes bytes on between clients and a server, and counts the trips.

    A trip begins when a client sends something after an answer; what it sends before the next answer belongs
    to the same trip, as the commands of a pipeline do. Source: https://redis.io/docs/latest/develop/using-commands/pipelining/
    """

    def __init__(self, server: tuple[str, int]) -> None:
        self.trips = 0
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._other: dict[socket.socket, socket.socket] = {}
        self._clients: set[socket.socket] = set()
        #: Clients that wait for an answer.
        self._waiting: set[socket.socket] = set()
        self._poller = selectors.DefaultSelector()
        self._poller.register(self._listener, selectors.EVENT_READ)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close all connections."""
        self._stopping.set()
        self._thread.join()
        for opened in (self._listener, *self._other):
            opened.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for key, _ in self._poller.select(0.1):
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._pass_on(key.fileobj)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(self._server)
        self._clients.add(client)
        for one, other in ((client, server), (server, client)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._other[one] = other
            self._poller.register(one, selectors.EVENT_READ)

    def _pass_on(self, sender: socket.socket) -> None:
        other = self._other.get(sender)
        if other is None:  # the pair was closed in this round
            return
        try:
            data = sender.recv(1 << 16)
        except ConnectionError:
            data = b""
        if not data:
            for ended in (sender, other):
                self._poller.unregister(ended)
                del self._other[ended]
                self._clients.discard(ended)
                self._waiting.discard(ended)
                ended.close()
            return
        if sender not in self._clients:
            self._waiting.discard(other)
        elif sender not in self._waiting:
            self._waiting.add(sender)
            self.trips += 1
        other.sendall(data)


@contextmanager
def counted_redis(folder: Path) -> Iterator[tuple[str, Relay]]:
    """A Redis: its address through the relay, and the relay."""
    folder.mkdir(parents=True, exist_ok=True)
    with running_redis(folder) as server:
        relay = Relay(("127.0.0.1", server.port))
        try:
            yield f"redis://127.0.0.1:{relay.port}/0", relay
        finally:
            relay.stop()
