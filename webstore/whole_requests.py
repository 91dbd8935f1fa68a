"""Tells by the bytes that have come whether a request of HTTP/1.1 is whole."""

from __future__ import annotations

import re

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*+(?=[0-9])0*+([0-9]*+)[ \t]*+(?:\r|$)")
_EXPECTS = re.compile(
    rb"^[^\r\n]* http/1\.1\r\n(?:.*\r\n)?expect:[ \t]*100-continue[ \t]*(?:\r|$)", re.DOTALL
)


def expects_continue(data: bytes) -> bool:
    """Whether the headers are complete and the client sends the body only after "100 Continue"."""
    head, ended, _ = data.partition(b"\r\n\r\n")
    # RFC 9110, section 10.1.1: a client of HTTP/1.0 never waits.
    return bool(ended and _EXPECTS.search(head.lower())) and not is_complete(data)


def is_complete(data: bytes) -> bool:
    """Whether this is a request of HTTP/1.1 with all its headers and its body."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return False
    head = data[:end].lower()
    if b"\r\ntransfer-encoding:" in head:
        return _has_all_chunks(data, end + 4)
    length = _LENGTH.search(head)
    # Nine digits without leading zeros are more than anybody waits for.
    return length is None or len(data) >= end + 4 + int(length[1][:9] or b"0")


def _has_all_chunks(data: bytes, start: int) -> bool:
    """Whether the chunks that begin at `start` have their end, or are malformed (RFC 9112, section 7.1)."""
    while (end := data.find(b"\r\n", start)) >= 0:
        try:
            size = int(data[start:end].partition(b";")[0], 16)
        except ValueError:
            return True
        if size <= 0:
            return data.find(b"\r\n\r\n", end) >= 0
        start = end + 2 + size + 2
    return False
