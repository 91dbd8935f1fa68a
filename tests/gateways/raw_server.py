"""A server that does to each connection whatever a test wants, and wires to call it with."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from webstore.gateways.wire import Answer, Sender, Wire

#: Longer than any test may take: a call with this limit alone does not end in a time-out (seconds).
AMPLE_S = 600.0
#: A limit that a call to a server without an answer reaches soon.
SHORT_S = 0.1
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Talk = Callable[[socket.socket, "RawServer"], None]


@dataclass
class RawServer:
    """A server that does to each connection whatever a test wants."""

    talk: Talk
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    #: 0 takes a free one.
    port: int = 0
    #: The received bytes, one entry for each connection.
    received: list[bytes] = field(default_factory=list)
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    _open: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> RawServer:
        self._listening = socket.create_server((self.host, self.port))
        self.port = self._listening.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stopped.set()
        for sock in (self._listening, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}/"

    def request(self, connection: socket.socket) -> bytes:
        """Read one request, body included."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (chunk := connection.recv(65536)):
                return b""
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        self.received.append(head + b"\r\n\r\n" + body)
        return self.received[-1]

    def drip(self, connection: socket.socket, endless: bytes) -> None:
        """Send a byte at a time until the other side has enough."""
        while not self.stopped.wait(0.02):
            connection.sendall(endless)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection:
                self.talk(connection, self)


def answering(answer: bytes) -> Talk:
    """Answer each request of a connection."""

    def talk(connection: socket.socket, server: RawServer) -> None:
        while server.request(connection):
            connection.sendall(answer)

    return talk


def then_closing(answer: bytes) -> Talk:
    """Answer one request and close."""

    def talk(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.sendall(answer)

    return talk


def silence(connection: socket.socket, server: RawServer) -> None:
    """Send nothing at all."""
    del connection
    server.stopped.wait()


@contextmanager
def wire_within(total_s: float = AMPLE_S, connect_s: float = AMPLE_S, **more: Any) -> Iterator[Wire]:
    """A wire with these limits; tests that are not about time have ample ones."""
    wire = Wire("the service", connect_s=connect_s, total_s=total_s, **more)
    try:
        yield wire
    finally:
        wire.close()


def get(wire: Sender, url: str) -> Answer:
    return wire.send("GET", url, [], None)


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port whose queue of connections is full: one more gets no answer at all."""
    with ExitStack() as held:
        listening = held.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(8):
            waiting = held.enter_context(socket.socket())
            waiting.settimeout(0)
            with suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        yield listening.getsockname()[1]
