"""Connections whose reads and writes all end by the deadline of `deadline.py`, and which are kept."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import httpcore

from webstore import deadline

from .names import NameLookup

_SLICE_BYTES = 64 * 1024
#: Seconds for which an idle connection is kept: less than the 60 s after which common servers close theirs.
KEPT_S = 30.0
#: As many calls as a process with the default number of threads makes to one vendor at a time.
_MOST_KEPT = 32


def _cap(timeout: float | None, too_late: type[httpcore.TimeoutException] = httpcore.ReadTimeout) -> float:
    """The time-out of one socket operation in seconds: `timeout`, or less if the deadline is sooner.

    Raises `too_late` if the deadline has passed.
    """
    left = deadline.left()
    if left <= 0:
        raise too_late("the exchange took too long")
    return left if timeout is None else min(timeout, left)


class Stream(httpcore.NetworkStream):
    """A connection. Each read and write ends at the deadline at the latest.

    httpcore writes the headers and the body of a request one after the other. They are sent together, before
    the answer is read.
    """

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._unsent = bytearray()
        self._write_timeout: float | None = None

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Send the bytes that are not sent yet, then read."""
        if self._unsent:
            # httpcore reads the answer even so: the server may have said why it closed its side.
            with suppress(httpcore.WriteError):
                self._send()
        return self._inner.read(max_bytes, _cap(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Keep the bytes for the next read; a large amount is sent at once."""
        _cap(timeout, httpcore.WriteTimeout)
        self._unsent += buffer
        self._write_timeout = timeout
        if len(self._unsent) > _SLICE_BYTES:
            self._send()

    def _send(self) -> None:
        unsent, self._unsent = bytes(self._unsent), bytearray()
        # The inner stream gives each of its sends the whole time-out. Each slice gets the remaining time.
        for start in range(0, len(unsent), _SLICE_BYTES):
            timeout = _cap(self._write_timeout, httpcore.WriteTimeout)
            self._inner.write(unsent[start : start + _SLICE_BYTES], timeout)

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The connection under TLS. It is closed if that fails."""
        try:
            return Stream(self._inner.start_tls(ssl_context, server_hostname, _cap(timeout)))
        except BaseException:
            self._inner.close()
            raise

    def get_extra_info(self, info: str) -> object:
        """What the socket or TLS knows."""
        return self._inner.get_extra_info(info)


class Backend(httpcore.NetworkBackend):
    """Opens connections. The name look-up and the attempts to connect end at the deadline at the latest."""

    def __init__(self, names: NameLookup) -> None:
        self._inner, self._names = httpcore.SyncBackend(), names

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Look the name up, and connect to the first address that answers."""
        try:
            addresses = self._names.addresses(host, port, _cap(None))
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpcore.ConnectError(str(exc)) from exc
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                inner = self._inner.connect_tcp(address, port, _cap(timeout), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
            else:
                return Stream(inner)
        raise failure


class Connections:
    """Keeps connections for the next calls. A connection belongs to one call at a time.

    In httpcore's own pool, a thread may close a connection that another thread has just begun to use. That
    call waits in vain for its whole time limit: https://github.com/encode/httpcore/issues/1110
    And with more connections in use than are kept, it closes each one after its call.
    """

    def __init__(self, tls: ssl.SSLContext, names: NameLookup) -> None:
        self._tls, self._backend = tls, Backend(names)
        self._lock = threading.Lock()
        #: The one that was used last comes last.
        self._idle: list[httpcore.HTTPConnection] = []
        self._closed = False

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Sequence[tuple[bytes, bytes]],
        content: bytes | None = None,
        timeouts: Mapping[str, float],
    ) -> Iterator[httpcore.Response]:
        """Send a request; gives its answer, whose body is not read yet. Raises httpcore's exceptions.

        `timeouts`: seconds for each operation, by httpcore's names for them.
        """
        connection = self._take(httpcore.URL(url).origin)
        try:
            with connection.stream(
                method, url, headers=headers, content=content, extensions={"timeout": timeouts}
            ) as response:
                yield response
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close the idle connections, and from now on each of the others as soon as its call is over."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self, origin: httpcore.Origin) -> httpcore.HTTPConnection:
        """A connection that no other call has: a kept one if there is one, else a new one."""
        with self._lock:
            expired = [it for it in self._idle if it.has_expired()]
            self._idle = [it for it in self._idle if it not in expired]
            found = next((it for it in reversed(self._idle) if it.can_handle_request(origin)), None)
            if found is not None:
                self._idle.remove(found)
        for connection in expired:
            connection.close()
        return found or httpcore.HTTPConnection(
            origin, ssl_context=self._tls, keepalive_expiry=KEPT_S, network_backend=self._backend
        )

    def _give_back(self, connection: httpcore.HTTPConnection) -> None:
        """Keep the connection, unless its call has failed or there are enough."""
        with self._lock:
            if connection.is_available() and len(self._idle) < _MOST_KEPT and not self._closed:
                self._idle.append(connection)
                return
        connection.close()
