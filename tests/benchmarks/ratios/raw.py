"""A light HTTP/1.1 client: prepared bytes on kept-alive connections.

It understands what gunicorn and nginx answer to its own requests: a Content-Length, or no body. A client that
understands more costs as much of the machine as the server that it measures.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

#: Seconds; far beyond every promise, so that a slow answer is measured and not cut off.
PATIENCE_S = 30.0
#: What a browser sends with every request for a page.
_OF_A_BROWSER = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "en-GB,en;q=0.7",
    "Connection": "keep-alive",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
}
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_COOKIE = re.compile(rb"\r\nset-cookie: *([^=;\r]+)=([^;\r]*)", re.IGNORECASE)
_BODILESS = (b"204", b"304")


def request(path: str, host: str, headers: Mapping[str, str] | None = None) -> bytes:
    """A GET as a browser sends it. `host`: with the port."""
    fields = {"Host": host, **_OF_A_BROWSER, **(headers or {})}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def cookie_header(cookies: Mapping[str, str]) -> dict[str, str]:
    """The Cookie header, if there are any."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}


def length_of(data: bytes | bytearray) -> int | None:
    """How many bytes the answer has that `data` begins with; None while its headers are incomplete.

    Raises `ValueError` for an answer without a length.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    if data[9:12] in _BODILESS:
        return end + 4
    found = _LENGTH.search(data, 0, end)
    if found is None:
        raise ValueError("an answer without Content-Length")
    return end + 4 + int(found[1])


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    data: bytes

    @property
    def status(self) -> int:
        """The status."""
        return int(self.data[9:12])

    @property
    def head(self) -> bytes:
        """The status line and the headers."""
        return self.data[: self.data.find(b"\r\n\r\n")]

    @property
    def body(self) -> bytes:
        """The body, as it was sent."""
        return self.data[len(self.head) + 4 :]

    def header(self, name: str) -> str:
        """The first header of this name; empty if there is none."""
        found = re.search(rb"\r\n%s: *([^\r]*)" % re.escape(name.encode()), self.head, re.IGNORECASE)
        return found[1].decode() if found else ""

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that it sets; those that it deletes are empty."""
        return {name.decode(): value.decode() for name, value in _COOKIE.findall(self.head)}


@dataclass
class Client:
    """One kept-alive connection with the cookies of its server."""

    host: str
    cookies: dict[str, str] = field(default_factory=dict)
    _socket: socket.socket | None = None

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for a page with the cookies, and keep those that are set."""
        answer = self.exchange(request(path, self.host, {**cookie_header(self.cookies), **(headers or {})}))
        self.cookies |= answer.cookies
        return answer

    def exchange(self, data: bytes) -> Answer:
        """Send prepared bytes, and read the whole answer. Connects if necessary. Raises `OSError`."""
        if self._socket is None:
            self._socket = connect(self.host)
        self._socket.sendall(data)
        come, whole = bytearray(), None
        while whole is None or len(come) < whole:
            more = self._socket.recv(1 << 18)
            if not more:
                raise ConnectionError("the server closed the connection within an answer")
            come += more
            whole = length_of(come)
        return Answer(bytes(come))

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(host: str) -> socket.socket:
    """A connection to `host:port` without Nagle's delay."""
    name, _, port = host.partition(":")
    opened = socket.create_connection((name, int(port)), timeout=PATIENCE_S)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened
