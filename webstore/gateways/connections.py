"""Connections whose reads and writes all end by the deadline of `deadline.py`."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from contextlib import suppress

import httpcore

from webstore import deadline

from .names import NameLookup

_SLICE_BYTES = 64 * 1024


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
        """The connection under TLS."""
        return Stream(self._inner.start_tls(ssl_context, server_hostname, _cap(timeout)))

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
