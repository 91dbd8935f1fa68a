"""A small threaded HTTP/1.1 server on loopback. Each vendor of the sandbox runs in one.

Werkzeug's development server closes the connection after each response. Real vendors keep it open, and
connection pools in clients depend on that. So the request handler below keeps it open.
"""

import io
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import WSGIEnvironment

_BACKLOG = 1024
_BODILESS = frozenset({204, 304})


class ConnectionCut(Exception):
    """Raised by an application to close the connection at once, with or without a TCP reset."""

    def __init__(self, *, reset: bool = False) -> None:
        super().__init__("connection cut on purpose")
        self.reset = reset


class _Handler(WSGIRequestHandler):
    """Serves requests on one connection until the client closes it or the application cuts it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        self.environ = environ = self.make_environ()
        body = self._read_body(environ)
        if body is None:
            self.close_connection = True
            return
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ.pop("wsgi.input_terminated", None)
        try:
            self._answer(environ)
        except ConnectionCut as cut:
            self.close_connection = True
            if cut.reset:
                self._reset_connection()

    def _read_body(self, environ: "WSGIEnvironment") -> bytes | None:
        """The whole body, or None when the client closed the connection before sending all of it."""
        if environ.get("wsgi.input_terminated"):
            return bytes(environ["wsgi.input"].read())
        length = environ.get("CONTENT_LENGTH", "")
        if not length.isdecimal():
            return b""
        body = self.rfile.read(int(length))
        return body if len(body) == int(length) else None

    def _answer(self, environ: "WSGIEnvironment") -> None:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], _: "OptExcInfo | None" = None
        ) -> Callable[[bytes], None]:
            started[:] = [(status, headers)]
            return _refuse_write

        chunks = self.server.app(environ, start_response)
        try:
            self._send(started, chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    def _send(self, started: list[tuple[str, list[tuple[str, str]]]], chunks: Iterable[bytes]) -> None:
        stream = iter(chunks)
        first = next(stream, b"")
        status, headers = started[0]
        code, _, reason = status.partition(" ")
        names = {name.lower() for name, _ in headers}
        if "content-length" not in names and int(code) not in _BODILESS:
            # On a connection that stays open, a client finds the end of the response by its length.
            first += b"".join(stream)
            headers = [*headers, ("Content-Length", str(len(first)))]
        self.send_response_only(int(code), reason)
        self.send_header("Server", self.version_string())
        if "date" not in names:  # an application may say another time
            self.send_header("Date", self.date_time_string())
        for name, value in headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(first)
        for chunk in stream:
            self.wfile.write(chunk)

    def _reset_connection(self) -> None:
        """Close with SO_LINGER 0, which makes the kernel send RST instead of FIN."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # `close` alone would wait for the file objects on the socket, and FIN would go out first.
        socket.close(self.connection.detach())

    def log(self, type: str, message: str, *args: object) -> None:
        """Log nothing, because URLs contain authorization codes and tokens."""


def _refuse_write(data: bytes) -> None:
    """WSGI's legacy `write` callable, which Flask never uses."""
    raise NotImplementedError("the sandbox's server takes bodies from the iterable only")


class _Listener(ThreadedWSGIServer):
    """A listening server that tracks its open connections, so that it can close them."""

    def __init__(self, listening: socket.socket, app: Flask) -> None:
        host, port = listening.getsockname()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self.accepted = 0
        super().__init__(host, port, app, _Handler, fd=listening.fileno())

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        with self._open_lock:
            self._open.add(connection)
            self.accepted += 1
        return connection, address

    def close_request(self, request: socket.socket) -> None:  # type: ignore[override]  # TCP only here
        with self._open_lock:
            self._open.discard(request)
        super().close_request(request)

    def wake(self) -> None:
        """End the wait for a connection: `shutdown` would otherwise take until the next look at its flag."""
        with suppress(OSError):  # not every system shuts down a listening socket
            self.socket.shutdown(socket.SHUT_RDWR)

    def close_connections(self) -> None:
        """Shut down every open connection, which ends the thread that serves it."""
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # already closed


class Server:
    """Serves a Flask application over HTTP/1.1 in a daemon thread.

    The constructor binds the port (0 picks a free one), so `url` is known before `start`. An application
    that needs its own URL can be built then and set as `app`. After `stop`, new connections are refused
    and open ones are closed. `start` works again afterwards, on the same port. Raises OSError when the
    port is not available, and ValueError for a host other than 127.0.0.1.
    """

    def __init__(self, app: Flask | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        if host != "127.0.0.1":
            raise ValueError("the sandbox listens on 127.0.0.1 only")
        self.host = host
        self.app = app
        self._bound: socket.socket | None = _bind(host, port)
        self.port: int = self._bound.getsockname()[1]
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The base URL without a trailing slash, like `http://127.0.0.1:8001`."""
        return f"http://{self.host}:{self.port}"

    @property
    def connections(self) -> int:
        """How many connections were accepted since the last start."""
        return self._listener.accepted if self._listener is not None else 0

    def start(self) -> None:
        """Start serving, unless it already serves. Raises ValueError when no application is set."""
        if self._listener is not None:
            return
        if self.app is None:
            raise ValueError("there is no application to serve")
        bound = self._bound or _bind(self.host, self.port)
        self._bound = None
        with bound:
            bound.listen(_BACKLOG)
            self._listener = _Listener(bound, self.app)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.05,), name=f"sandbox-{self.port}", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the listening socket and every open connection, unless it is already stopped."""
        if self._bound is not None:
            self._bound.close()
            self._bound = None
        if self._listener is None or self._thread is None:
            return
        self._listener.wake()
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()
        self._listener.close_connections()
        self._listener = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()


def _bind(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except BaseException:
        bound.close()
        raise
    return bound
