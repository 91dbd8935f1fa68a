"""The class of gunicorn's worker processes: slow clients occupy none of their threads.

Gunicorn's own threaded worker gives a connection to a thread as soon as its first byte has come, and the
thread waits for the rest, however long that takes. Here the worker's main loop waits until the whole request
has come: its headers and a small body. A larger body is read on a thread, within a time limit. After the last
answer on a connection, gunicorn's main loop waits up to two seconds for the client to close it. Here it goes
on meanwhile.

This does not replace a proxy that buffers requests and answers: somebody who opens thousands of connections,
or who takes large answers bit by bit, still uses up the server.
"""

from __future__ import annotations

import contextlib
import errno
import select
import selectors
import signal
import socket
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from gunicorn.workers.gthread import TConn, ThreadWorker

from .whole_requests import expects_continue, is_complete

if TYPE_CHECKING:
    from collections.abc import Callable

    from gunicorn.config import Config

#: Seconds from the connection, or from the first byte of a later request, until a request has to be complete.
ARRIVAL_S = 10.0
#: Seconds that a thread waits for the rest of a large body.
BODY_S = 5.0
#: Seconds for which a client may take nothing of an answer. Linux alone can limit that.
ANSWER_S = 10.0
#: Seconds, and bytes, for which a client may go on sending after the last answer.
LEAVING_S, LEAVING_BYTES = 2.0, 64 * 1024
#: Bytes that may wait outside of a thread. Less than a socket's buffer holds by default.
WAITING_BYTES = 32 * 1024
#: Seconds between two attempts to accept a connection while no more files can be opened.
FULL_S = 0.05
_NO_MORE_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class _TimedSocket:
    """The reading side of a socket, for gunicorn's parser. All reads of a request end by the same moment."""

    def __init__(self, sock: socket.socket, conn: Connection) -> None:
        self._sock, self._conn = sock, conn

    def recv(self, size: int) -> bytes:
        """Read the bytes that are there. Raises `TimeoutError`, at which gunicorn closes the connection."""
        readable = select.poll()
        readable.register(self._sock, select.POLLIN)
        left = self._conn.read_until - time.monotonic()
        if left <= 0 or not readable.poll(left * 1000):
            raise TimeoutError(errno.ECONNRESET, "the request came too slowly")
        return self._sock.recv(size)


class Connection(TConn):
    """A client's connection. Each of its requests is read within a time limit."""

    def __init__(self, cfg: Config, sock: socket.socket, client: Any, server: Any) -> None:  # as in gunicorn
        super().__init__(cfg, sock, client, server)
        #: Bytes of the next request that have come.
        self.come = 0
        #: Whether the client that waits for "100 Continue" has got it.
        self.told_to_continue = False
        #: When it has to be complete, and when its body has to be read, on the monotonic clock.
        self.late_at = self.read_until = 0.0
        #: Bytes that came after the last answer.
        self.dropped = 0

    def init(self) -> None:
        """Make the parser."""
        if not self.initialized:
            super().init()
            parser: Any = self.parser  # gunicorn's type leaves out what it reads from
            parser.unreader.sock = _TimedSocket(self.sock, self)

    def held(self) -> bytes:
        """What the parser has read of the next request already."""
        parser: Any = self.parser
        return bytes(parser.unreader.buf.getvalue()) if self.initialized else b""

    def has_request(self) -> bool:
        """Whether a thread need not wait for the next request: it is complete, too large or broken off."""
        held = self.held()
        try:
            data = self.sock.recv(WAITING_BYTES, socket.MSG_PEEK)
        except BlockingIOError:
            return is_complete(held)
        except OSError:
            return True
        # The socket is readable without anything new: the client has closed it.
        ended = len(data) <= self.come
        if not self.told_to_continue and expects_continue(held + data):
            # Only then does the client send the body. Gunicorn says it again, which does no harm: RFC 9110,
            # section 15.2.
            self.told_to_continue = True
            with contextlib.suppress(OSError):
                self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if ended or len(data) == WAITING_BYTES or is_complete(held + data):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            return True
        self.come = len(data)
        # Not readable again until there is more.
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, self.come + 1)
        return False


class Worker(ThreadWorker):
    """Gunicorn's threaded worker, in which only complete requests occupy a thread."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # as in gunicorn
        super().__init__(*args, **kwargs)
        #: Connections whose next request, or whose end, the main loop waits for.
        self._awaited: set[Connection] = set()

    def accept(self, listener: Any) -> None:
        """Accept a connection. A UNIX socket is for a proxy on this machine, so its requests come at once.

        While no more files can be opened, the connection waits in the listener's queue.
        """
        try:
            if self.cfg.is_ssl or listener.family == socket.AF_UNIX:
                super().accept(listener)
                return
            client, address = listener.accept()
        except OSError as exc:
            if exc.errno in _NO_MORE_FILES:
                # The listener stays readable, and the loop must not spin.
                time.sleep(FULL_S)
            elif exc.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                raise
            return
        if sys.platform == "linux":
            # tcp(7). Without it, a client that never reads would keep a thread forever.
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(ANSWER_S * 1000))
        self.nr_conns += 1
        self._await_request(Connection(self.cfg, client, address, listener.getsockname()))

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """The first bytes of another request on a connection that was kept open."""
        if not isinstance(conn, Connection):
            super().on_client_socket_readable(conn, client)
            return
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await_request(conn)

    def handle_quit(self, sig: int, frame: Any) -> None:
        """End at once; but at the first Ctrl-C, end after the requests in progress, as for SIGTERM."""
        if sig == signal.SIGINT and self.alive:
            self.handle_exit(sig, frame)
        else:
            super().handle_quit(sig, frame)

    def handle(self, conn: Any) -> Any:
        """Answer a request, on a thread."""
        if isinstance(conn, Connection):
            conn.read_until = time.monotonic() + BODY_S
        return super().handle(conn)

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request that was read. A client that takes nothing of the answer counts as gone."""
        try:
            return super().handle_request(req, conn)
        except TimeoutError as exc:
            # Which gunicorn passes over; it would log a traceback of the other.
            raise ConnectionResetError(errno.ECONNRESET, "the client did not take the answer") from exc

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Go on after an answer. The client may have sent the beginning of its next request before it."""
        answered = isinstance(conn, Connection) and not fs.cancelled() and fs.exception() is None
        if answered and not fs.result():
            self._await_end(conn)
        elif answered and conn.held():
            conn.sock.settimeout(0)
            self._await_request(conn)
        else:
            super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Close the connections whose request is not complete in time, or that the client does not close."""
        super().murder_pending()
        now = time.monotonic()
        for conn in [conn for conn in self._awaited if conn.late_at <= now]:
            self._stop_waiting(conn)
            self._close(conn)

    def _cap_keepalive(self, deadline: float) -> None:
        """Close connections without a request by `deadline`: the worker is stopping."""
        self._leave_no_connection_waiting()
        super()._cap_keepalive(deadline)  # type: ignore[misc]  # the types are of an older release
        for conn in self._awaited:
            conn.late_at = min(conn.late_at, deadline)

    def _leave_no_connection_waiting(self) -> None:
        """Accept the connections that wait already, then close the listeners.

        Gunicorn's own worker keeps its listeners open until its last answer, then resets the connections that
        came in the meantime. Their forms are lost. If a machine refuses the connection, a proxy asks
        the next one.
        """
        for listener in self.sockets:
            before = -1
            while (
                before < self.nr_conns < self.worker_connections and select.select([listener], [], [], 0)[0]
            ):
                before = self.nr_conns
                self.accept(listener)
            listener.close()

    def _await_request(self, conn: Connection) -> None:
        conn.come, conn.told_to_continue = 0, False
        if conn.has_request():
            self._hand_over(conn)
            return
        self._wait(conn, ARRIVAL_S, self._on_more)

    def _on_more(self, conn: Connection, _: Any) -> None:
        if conn.has_request():
            self._stop_waiting(conn)
            self._hand_over(conn)

    def _await_end(self, conn: Connection) -> None:
        """Close a connection after its last answer.

        What the client sends until it closes its side is dropped. Unread, it would make the kernel reset the
        connection, and the client could lose the answer (RFC 9112, section 9.6).
        """
        try:
            conn.sock.settimeout(0)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
        else:
            self._wait(conn, LEAVING_S, self._on_leftover)

    def _on_leftover(self, conn: Connection, _: Any) -> None:
        try:
            left = conn.sock.recv(WAITING_BYTES)
        except BlockingIOError:
            return
        except OSError:
            left = b""
        conn.dropped += len(left)
        if not left or conn.dropped > LEAVING_BYTES:
            self._stop_waiting(conn)
            self._close(conn)

    def _wait(self, conn: Connection, seconds: float, then: Callable[[Connection, Any], None]) -> None:
        """Wait for more on the connection, for so many seconds at most."""
        conn.late_at = time.monotonic() + seconds
        self._awaited.add(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(then, conn))

    def _stop_waiting(self, conn: Connection) -> None:
        self._awaited.discard(conn)
        self.poller.unregister(conn.sock)

    def _close(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def _hand_over(self, conn: Connection) -> None:
        conn.data_ready = True
        self.enqueue_req(conn)
