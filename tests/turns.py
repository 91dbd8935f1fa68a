"""Counts round trips to a server: a proxy on a port of its own, which passes everything on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Turns:
    """A proxy in front of the server at `port`. A turn begins where a client speaks after an answer."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = self.turns = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for connection in (self._listener, *self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._behind))
                self.connections += 1
                self._open += [client, server]
                spoke = threading.Event()
                for source, sink, mine in ((client, server, True), (server, client, False)):
                    threading.Thread(
                        target=self._pass_on, args=(source, sink, spoke, mine), daemon=True
                    ).start()

    def _pass_on(
        self, source: socket.socket, sink: socket.socket, spoke: threading.Event, from_client: bool
    ) -> None:
        """`spoke`: whether the client spoke last on this connection."""
        with suppress(OSError):
            while data := source.recv(65536):
                if not from_client:
                    spoke.clear()
                elif not spoke.is_set():
                    spoke.set()
                    self.turns += 1
                sink.sendall(data)


@contextmanager
def counted_turns(port: int) -> Iterator[Turns]:
    """The proxy, for as long as the block lasts."""
    turns = Turns(port)
    try:
        yield turns
    finally:
        turns.close()
