"""The one door through which the store calls out.

All three SDKs (httpx in auth0-python, requests in Authlib, Stripe's own interface) are put onto a `Wire`, so
that every call has the same properties: a limit on connecting, a limit on the wall clock for the whole
exchange (a server that sends a byte a second is cut off too, and so is a name look-up that hangs), a limit on
the answer's size, no redirects, no retries, no compression, plain HTTP to loopback only, and a breaker that
fails fast while a service hangs. The time limit is the smaller of the wire's own and what `deadline` leaves.
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpcore
import httpx

from webstore import deadline
from webstore.addresses import is_loopback

from .breaker import Breaker
from .names import NameLookup

MAX_ANSWER_BYTES = 4 * 1024 * 1024


class WireError(Exception):
    """No answer: refused, cut off, malformed or too large. The message names no secret and no query."""


class WireTimeout(WireError):
    """No complete answer in time, or the service has been hanging and is not called just now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def _cut(timeout: float | None) -> float:
    """The time-out of one socket operation, in seconds: it ends at the deadline at the latest."""
    left = deadline.left()
    if left <= 0:
        raise httpcore.ReadTimeout("the exchange took too long")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection whose every read and write ends at the deadline."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _cut(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _cut(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _cut(timeout)))

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Opens connections: the name look-up and every address that is tried end at the deadline."""

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
        try:
            addresses = self._names.addresses(host, port, _cut(None))
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout(str(exc)) from exc
        except OSError as exc:
            raise httpcore.ConnectError(str(exc)) from exc
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                inner = self._inner.connect_tcp(address, port, _cut(timeout), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
            else:
                return _Stream(inner)
        raise failure


class Wire:
    """Calls to one service, each within `total_s` seconds; safe to share between threads and across forks."""

    def __init__(
        self,
        service: str,
        *,
        connect_s: float = 1.5,
        total_s: float = 5.0,
        hang_s: float | None = None,
        names: NameLookup | None = None,
    ) -> None:
        """`connect_s`: seconds for connecting to one address.

        `hang_s`: a call without an answer counts as hanging if it was given that many seconds (default
        `total_s`). A call at the end of a request's time has fewer, and says nothing about the service.
        """
        self.service = service
        self.breaker = Breaker()
        self._connect_s, self._total_s = connect_s, total_s
        self._hang_s = total_s if hang_s is None else min(hang_s, total_s)
        self._names = names
        self._tls = httpx.create_ssl_context()
        self._pid, self._pool = os.getpid(), self._new_pool()

    def _new_pool(self) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            ssl_context=self._tls,
            max_connections=64,
            max_keepalive_connections=16,
            keepalive_expiry=5.0,
            network_backend=_Backend(self._names or NameLookup()),
        )

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        """The service's answer, whatever its status. Raises `WireTimeout` and `WireError`."""
        target = urlsplit(url)
        if target.scheme != "https" and not (target.scheme == "http" and is_loopback(target.hostname or "")):
            raise WireError(f"{self.service}: only https is allowed, and http to loopback")
        seconds = deadline.left(self._total_s)
        if seconds <= 0:
            raise WireTimeout(f"{self.service} was not called: the time for this request is over")
        if not self.breaker.allows():
            raise WireTimeout(f"{self.service} has been hanging and is not called just now")
        try:
            with deadline.within(seconds):
                answer = self._exchange(method, url, headers, body)
        except httpcore.TimeoutException as exc:
            if seconds >= self._hang_s:
                self.breaker.timed_out()
            raise WireTimeout(f"{self.service} did not answer in time ({type(exc).__name__})") from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as exc:
            raise WireError(f"{self.service} cannot be reached ({type(exc).__name__})") from exc
        self.breaker.succeeded()
        return answer

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._pool.close()

    def _exchange(
        self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None
    ) -> Answer:
        # The length is set by httpcore; a second one, or a transfer coding, would not fit the body sent here.
        kept = [(k, v) for k, v in headers if k.lower() not in ("accept-encoding", "content-length", "host")]
        request_headers = [(k.encode(), v.encode("utf-8")) for k, v in kept]
        request_headers += [(b"Host", urlsplit(url).netloc.encode()), (b"Accept-Encoding", b"identity")]
        if body is not None:
            request_headers.append((b"Content-Length", str(len(body)).encode()))
        timeouts = {"connect": self._connect_s, "read": self._total_s, "write": self._total_s, "pool": 1.0}
        if self._pid != os.getpid():
            # Connections are the parent's: two processes on one would read each other's answers.
            self._pool = self._new_pool()
            self._pid = os.getpid()
        with self._pool.stream(
            method, url, headers=request_headers, content=body, extensions={"timeout": timeouts}
        ) as response:
            pairs = [(k.decode("latin-1"), v.decode("latin-1")) for k, v in response.headers]
            answered = httpx.Headers(pairs)
            if answered.get("content-encoding", "identity").lower() != "identity":
                raise WireError(f"{self.service} sent a compressed answer, which was not asked for")
            received = bytearray()
            for chunk in response.iter_stream():
                received += chunk
                if len(received) > MAX_ANSWER_BYTES:
                    raise WireError(f"{self.service} sent more than {MAX_ANSWER_BYTES} bytes")
            return Answer(response.status, answered, bytes(received))


class Bounded:
    """A wire as the threads of the server use it: only so many of them may be in it at the same time.

    A vendor that hangs then holds a part of the threads, and the others go on serving pages. Linking needs
    no such bound, because it has a fixed number of threads of its own.
    """

    def __init__(self, wire: Wire, at_once: int, *, patience_s: float = 0.5) -> None:
        """`at_once`: calls; one more thread waits up to `patience_s` seconds for its turn."""
        self._wire, self._patience_s = wire, patience_s
        self._inside = threading.BoundedSemaphore(at_once)
        self._waiting = threading.BoundedSemaphore(1)

    @property
    def service(self) -> str:
        """The name of the service, for messages."""
        return self._wire.service

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        """As `Wire.send`; also raises `WireError` when too many calls are under way."""
        if not self._inside.acquire(blocking=False) and not self._wait():
            raise WireError(f"too many calls to {self.service} are under way")
        try:
            return self._wire.send(method, url, headers, body)
        finally:
            self._inside.release()

    def _wait(self) -> bool:
        if not self._waiting.acquire(blocking=False):
            return False
        try:
            return self._inside.acquire(timeout=deadline.left(self._patience_s))
        finally:
            self._waiting.release()


#: What a gateway sends its calls through.
Sender = Wire | Bounded
