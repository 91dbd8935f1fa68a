"""The one door through which the store calls out.

All three SDKs (httpx in auth0-python, requests in Authlib, Stripe's own interface) are put onto a `Wire`, so
that every call has the same properties: a limit on connecting, a limit on the wall clock for the whole
exchange (a server that sends a byte a second is cut off too), a limit on the answer's size, no redirects,
no retries, no compression, plain HTTP to loopback only, and a breaker that fails fast while a service hangs.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import urlsplit

import httpcore
import httpx
from requests.adapters import BaseAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout as RequestsReadTimeout
from requests.models import PreparedRequest, Response
from requests.structures import CaseInsensitiveDict

from webstore.settings import is_loopback

MAX_ANSWER_BYTES = 4 * 1024 * 1024


class WireError(Exception):
    """No answer: refused, cut off, malformed or too large. The message names no secret and no query."""


class WireTimeout(WireError):
    """No whole answer in time, or the service has been hanging and is not asked just now."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Breaker:
    """Stops asking a service that hangs: after `failures` time-outs in a row, one try each `pause_s` seconds.

    Only time-outs count: an answer, even a 500, and a refused connection are quick by themselves. Packages
    for this hold a lock during the call, which would make the calls wait for one another.
    """

    def __init__(
        self, failures: int = 5, pause_s: float = 3.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures, self._pause_s, self._clock = failures, pause_s, clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._next_try = 0.0

    def allows(self) -> bool:
        """Whether a call may be made now; while open, True once each `pause_s`."""
        with self._lock:
            if self._in_a_row < self._failures:
                return True
            if self._clock() < self._next_try:
                return False
            self._next_try = self._clock() + self._pause_s
            return True

    def succeeded(self) -> None:
        """The service answered."""
        with self._lock:
            self._in_a_row = 0

    def timed_out(self) -> None:
        """The service did not answer in time."""
        with self._lock:
            self._in_a_row += 1
            self._next_try = self._clock() + self._pause_s


class _Deadline(threading.local):
    at: float = float("inf")

    def cut(self, timeout: float | None) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the exchange took too long")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection whose every read and write ends at the calling thread's deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._inner, self._deadline = inner, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.cut(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.cut(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._inner.start_tls(ssl_context, server_hostname, self._deadline.cut(timeout))
        return _Stream(inner, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    def __init__(self, deadline: _Deadline) -> None:
        self._inner, self._deadline = httpcore.SyncBackend(), deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        inner = self._inner.connect_tcp(
            host, port, self._deadline.cut(timeout), local_address, socket_options
        )
        return _Stream(inner, self._deadline)


class Wire:
    """Calls to one service, each within `total_s` seconds; safe to share between threads and across forks."""

    def __init__(self, service: str, *, connect_s: float = 1.5, total_s: float = 5.0) -> None:
        self.service = service
        self.breaker = Breaker()
        self._connect_s, self._total_s = connect_s, total_s
        self._deadline = _Deadline()
        self._tls = httpx.create_ssl_context()
        self._pid, self._pool = os.getpid(), self._new_pool()

    def _new_pool(self) -> httpcore.ConnectionPool:
        return httpcore.ConnectionPool(
            ssl_context=self._tls,
            max_connections=64,
            max_keepalive_connections=16,
            keepalive_expiry=5.0,
            network_backend=_Backend(self._deadline),
        )

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        """The service's answer, whatever its status. Raises `WireTimeout` and `WireError`."""
        target = urlsplit(url)
        if target.scheme != "https" and not (target.scheme == "http" and is_loopback(target.hostname or "")):
            raise WireError(f"{self.service}: only https is allowed, and http to loopback")
        if not self.breaker.allows():
            raise WireTimeout(f"{self.service} has been hanging and is not asked just now")
        self._deadline.at = time.monotonic() + self._total_s
        try:
            answer = self._exchange(method, url, headers, body)
        except httpcore.TimeoutException as exc:
            self.breaker.timed_out()
            raise WireTimeout(f"{self.service} did not answer in time ({type(exc).__name__})") from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError) as exc:
            raise WireError(f"{self.service} cannot be reached ({type(exc).__name__})") from exc
        finally:
            self._deadline.at = float("inf")
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


class HttpxTransport(httpx.BaseTransport):
    """Puts an `httpx.Client` onto the wire."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """See `httpx.BaseTransport`; time-outs and failures come out as httpx's own exceptions."""
        try:
            answer = self._wire.send(
                request.method, str(request.url), request.headers.multi_items(), request.read() or None
            )
        except WireTimeout as exc:
            raise httpx.ReadTimeout(str(exc), request=request) from exc
        except WireError as exc:
            raise httpx.NetworkError(str(exc), request=request) from exc
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)


class RequestsAdapter(BaseAdapter):
    """Puts a `requests.Session` onto the wire."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def send(self, request: PreparedRequest, *args: object, **kwargs: object) -> Response:
        """See `requests.adapters.BaseAdapter`; the session's own time-out and proxies are not used."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        try:
            answer = self._wire.send(
                request.method or "GET", request.url or "", list(request.headers.items()), body
            )
        except WireTimeout as exc:
            raise RequestsReadTimeout(str(exc), request=request) from exc
        except WireError as exc:
            raise RequestsConnectionError(str(exc), request=request) from exc
        if 300 <= answer.status < 400:  # the statuses that requests would follow
            raise RequestsConnectionError("the answer is a redirect", request=request)
        response = Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.encoding = "utf-8"
        response.raw = BytesIO(answer.body)
        response.request = request
        response.url = request.url or ""
        return response

    def close(self) -> None:
        """Nothing to close: the wire outlives the session."""
