"""The only module through which the store calls other services.

All three SDKs send through a `Wire`: httpx in auth0-python, and the interfaces of Authlib and Stripe.
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
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Protocol
from urllib.parse import SplitResult, urlsplit

import httpcore
import httpx

from webstore import deadline, metrics, request_id
from webstore.addresses import is_loopback

from .breaker import Breaker
from .call_log import note_call
from .connections import Connections
from .names import NameLookup

#: The largest body of an answer.
MAX_ANSWER_BYTES = 4 * 1024 * 1024
#: The share of `hang_s` that is enough: a deadline starts shortly before the call, so some time has passed.
_NEARLY = 0.9
#: Headers that the wire sets itself.
_OWN_HEADERS = ("accept-encoding", "content-length", "host", request_id.HEADER.lower())


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
        self._pid, self._connections = os.getpid(), self._no_connections()

    def _no_connections(self) -> Connections:
        return Connections(self._tls, self._names or NameLookup())

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        """Make one call and return the answer, with any status. Raises `WireTimeout` and `WireError`."""
        target = self._target(url)
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
        self.breaker.succeeded()
        return answer

    def download(self, url: str, into: BinaryIO, *, at_most_s: float) -> int:
        """Write the body of a GET, of any size, to a file within `at_most_s` seconds; returns the status.

        Each read has the wire's own limit. The circuit breaker has no part in it. Raises as `send`.
        """
        target, began, status = self._target(url), time.monotonic(), None
        headers = [(b"Host", target.netloc.encode()), (b"Accept-Encoding", b"identity")]
        timeouts = {"connect": self._connect_s, "read": self._total_s, "write": self._total_s}
        try:
            with (
                deadline.within(at_most_s),
                self._connections.stream("GET", url, headers=headers, timeouts=timeouts) as response,
            ):
                status = response.status
                for chunk in response.iter_stream():
                    into.write(chunk)
        except httpcore.TimeoutException as exc:
            raise WireTimeout(f"{self.service} did not answer in time ({type(exc).__name__})") from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as exc:
            raise WireError(f"{self.service} cannot be reached ({type(exc).__name__})") from exc
        finally:
            seconds = time.monotonic() - began
            note_call(self.service, "GET", "(a file)", seconds, status=status, headers={})
        return status

    def _target(self, url: str) -> SplitResult:
        """The parts of an address that may be called. Raises `WireError`."""
        target = urlsplit(url)
        plain = target.scheme == "http" and (self._plain_http or is_loopback(target.hostname or ""))
        if target.scheme != "https" and not plain:
            raise WireError(f"{self.service}: only https is allowed, and http to loopback")
        return target

    def close(self) -> None:
        """Close the kept connections. A later call keeps none, such as one of work in the background."""
        self._connections.close()

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
            self._connections = self._no_connections()
            self._pid = os.getpid()
        with self._connections.stream(
            method, url, headers=request_headers, content=body, timeouts=timeouts
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


class Sender(Protocol):
    """What a gateway sends its calls through: a wire, or one with limits in front of it."""

    @property
    def service(self) -> str:
        """The name of the service, for messages."""

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        """Like `Wire.send`."""
