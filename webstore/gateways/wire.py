"""The only module through which the store calls other services.

All three SDKs send through a `Wire`: httpx in auth0-python, requests in Authlib, and Stripe's own interface.
Every call therefore has the same properties:

- a time-out for connecting;
- a wall-clock limit for the whole exchange, the name look-up included: it also ends an answer that arrives
  one byte a second. It is the smaller of the wire's own limit and the time that `deadline` leaves;
- a limit on the size of the answer;
- no redirects, no retries and no compression;
- https only, except to loopback addresses;
- a circuit breaker, which fails fast while a service hangs;
- the ID of the store's request in the header X-Request-ID, and a line in the log with the vendor's own ID.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import httpcore
import httpx

from webstore import deadline, metrics, request_id
from webstore.addresses import is_loopback

from .breaker import Breaker
from .call_log import note_call
from .names import NameLookup

#: The largest body of an answer.
MAX_ANSWER_BYTES = 4 * 1024 * 1024
_SLICE_BYTES = 64 * 1024
#: The share of `hang_s` that is enough: a deadline starts shortly before the call, so some time has passed.
_NEARLY = 0.9
#: Headers that the wire sets itself.
_OWN_HEADERS = ("accept-encoding", "content-length", "host", request_id.HEADER.lower())
#: Seconds that a thread waits for its turn if another one waits already. A waiting thread serves no page.
_MOMENT_S = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class WireError(Exception):
    """No usable answer: refused, cut off, malformed or too large.

    The message contains no secret and no query string.
    """


class WireTooLarge(WireError):
    """The answer is larger than `MAX_ANSWER_BYTES`."""


class WireTimeout(WireError):
    """No complete answer in time, or no call: the time is over, or the circuit breaker is open."""


def _cap(timeout: float | None, too_late: type[httpcore.TimeoutException] = httpcore.ReadTimeout) -> float:
    """The time-out of one socket operation in seconds: `timeout`, or less if the deadline is sooner.

    Raises `too_late` if the deadline has passed.
    """
    left = deadline.left()
    if left <= 0:
        raise too_late("the exchange took too long")
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection. Each read and write ends at the deadline at the latest."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _cap(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # The inner stream gives each of its sends the whole time-out. Each slice gets the remaining time.
        for start in range(0, len(buffer), _SLICE_BYTES):
            self._inner.write(buffer[start : start + _SLICE_BYTES], _cap(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _cap(timeout)))

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
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
        tls: ssl.SSLContext | None = None,
        plain_http: bool = False,
    ) -> None:
        """`service`: its name in messages. `connect_s`: seconds for connecting to one address.

        `hang_s`: a time-out counts for the circuit breaker only if the call had at least this many seconds
        (default `total_s`). A call near a request's deadline has fewer, so its time-out does not show that
        the service hangs. `tls`: one that another wire uses already, which saves reading the authorities.
        `plain_http`: allow http to any host, for questions that hold nothing secret.
        """
        self.service = service
        self.breaker = Breaker(on_change=partial(metrics.note_breaker, service))
        self._connect_s, self._total_s = connect_s, total_s
        self._hang_s = total_s if hang_s is None else min(hang_s, total_s)
        self._names, self._plain_http = names, plain_http
        self._tls = tls or httpx.create_ssl_context()
        self._pid, self._pool = os.getpid(), self._new_pool()
        self._closed = False

    def _new_pool(self) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            ssl_context=self._tls,
            max_connections=None,  # the callers are bounded
            max_keepalive_connections=16,
            keepalive_expiry=5.0,
            network_backend=_Backend(self._names or NameLookup()),
        )

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        """Make one call and return the answer, with any status. Raises `WireTimeout` and `WireError`."""
        target = urlsplit(url)
        plain = target.scheme == "http" and (self._plain_http or is_loopback(target.hostname or ""))
        if target.scheme != "https" and not plain:
            raise WireError(f"{self.service}: only https is allowed, and http to loopback")
        seconds = deadline.left(self._total_s)
        if seconds <= 0:
            metrics.count_not_called(self.service, "deadline")
            raise WireTimeout(f"{self.service} was not called: the time for this request is over")
        full_time = seconds >= _NEARLY * self._hang_s
        if not self.breaker.allows(full_time=full_time):
            metrics.count_not_called(self.service, "breaker")
            raise WireTimeout(f"{self.service} has been hanging and is not called just now")
        began = time.monotonic()
        answer: Answer | None = None
        try:
            with deadline.within(seconds):
                answer = self._exchange(method, url, headers, body)
        except httpcore.TimeoutException as exc:
            if full_time:
                self.breaker.timed_out()
            raise WireTimeout(f"{self.service} did not answer in time ({type(exc).__name__})") from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as exc:
            raise WireError(f"{self.service} cannot be reached ({type(exc).__name__})") from exc
        finally:
            note_call(
                self.service,
                method,
                target.path,
                time.monotonic() - began,
                status=None if answer is None else answer.status,
                headers={} if answer is None else answer.headers,
            )
            if self._closed:
                # Work in the background may call once more; nobody would close this connection.
                self._pool.close()
        self.breaker.succeeded()
        return answer

    def close(self) -> None:
        """Close the pooled connections. A later call keeps none."""
        self._closed = True
        self._pool.close()

    def _exchange(
        self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None
    ) -> Answer:
        # These headers are set below, to fit the body that is sent and to ask for no compression.
        kept = [(k, v) for k, v in headers if k.lower() not in _OWN_HEADERS]
        request_headers = [(k.encode(), v.encode("utf-8")) for k, v in kept]
        if own_id := request_id.current():
            request_headers.append((request_id.HEADER.encode(), own_id.encode()))
        request_headers += [(b"Host", urlsplit(url).netloc.encode()), (b"Accept-Encoding", b"identity")]
        if body is not None:
            request_headers.append((b"Content-Length", str(len(body)).encode()))
        timeouts = {"connect": self._connect_s, "read": self._total_s, "write": self._total_s}
        if self._pid != os.getpid():
            # After a fork, the connections belong to the parent: a shared one would mix up the answers.
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
                    raise WireTooLarge(f"{self.service} sent more than {MAX_ANSWER_BYTES} bytes")
            return Answer(response.status, answered, bytes(received))


class Bounded:
    """A wire with a limit on concurrent calls, for the threads of the web server.

    A vendor that hangs then blocks only some of the threads, and the others still serve pages. Linking does
    not need this limit, because it has its own fixed number of threads.
    """

    def __init__(
        self,
        wire: Wire,
        at_once: int,
        *,
        patience_s: float = 0.5,
        is_stranger: Callable[[], bool] = lambda: False,
    ) -> None:
        """`at_once`: the limit on concurrent calls.

        One more thread waits up to `patience_s` seconds for its turn; others wait up to `_MOMENT_S` seconds.
        `is_stranger`: whether the calling thread works for somebody who is not logged in. All strangers
        together make at most half of the calls, at least one, and none of them waits longer than a moment.
        """
        self._wire, self._patience_s, self._is_stranger = wire, patience_s, is_stranger
        self._inside = threading.BoundedSemaphore(at_once)
        self._strangers = threading.BoundedSemaphore(max(1, at_once // 2))
        self._waiting = threading.BoundedSemaphore(1)

    @property
    def service(self) -> str:
        """The name of the service, for messages."""
        return self._wire.service

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        """Like `Wire.send`. Also raises `WireError` when too many calls are in progress."""
        if not self._is_stranger():
            return self._send(self._wait, method, url, headers, body)
        if not self._strangers.acquire(timeout=deadline.left(_MOMENT_S)):
            metrics.count_not_called(self.service, "busy")
            raise WireError(f"too many calls to {self.service} for strangers are in progress")
        try:
            return self._send(self._wait_a_moment, method, url, headers, body)
        finally:
            self._strangers.release()

    def _send(
        self,
        wait: Callable[[], bool],
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]],
        body: bytes | None,
    ) -> Answer:
        if not self._inside.acquire(blocking=False) and not wait():
            metrics.count_not_called(self.service, "busy")
            raise WireError(f"too many calls to {self.service} are in progress")
        try:
            return self._wire.send(method, url, headers, body)
        finally:
            self._inside.release()

    def _wait(self) -> bool:
        """Wait for another call to end. Returns whether this call may now be made."""
        if not self._waiting.acquire(blocking=False):
            return self._wait_a_moment()
        try:
            return self._inside.acquire(timeout=deadline.left(self._patience_s))
        finally:
            self._waiting.release()

    def _wait_a_moment(self) -> bool:
        return self._inside.acquire(timeout=deadline.left(_MOMENT_S))


#: The type of object through which a gateway sends its calls.
Sender = Wire | Bounded
