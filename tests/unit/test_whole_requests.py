"""Whether a request has come whole, and whether its client waits before it sends the body."""

from __future__ import annotations

import pytest

from webstore.whole_requests import expects_continue, is_complete


@pytest.mark.parametrize(
    ("request_", "complete"),
    [
        (b"", False),
        (b"GET / HTTP/1.1\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", False),
        (b"POST / HTTP/1.1\r\ncontent-length:3 \r\nHost: x\r\n\r\nabc", True),
        (b"POST / HTTP/1.1\r\nX-Content-Length: 3\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n", False),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\n0\r\n\r\n\r\n0\r\nA: b\r\n\r\n",
            True,
        ),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: much\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: 0000000000003\r\n\r\nab", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 0000000000003\r\n\r\nabc", True),
        (b"POST / HTTP/1.1\r\nContent-Length: 000\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"0" * 16_000 + b"x\r\n\r\n", True),
    ],
)
def test_a_thread_gets_complete_requests(request_: bytes, complete: object) -> None:
    assert is_complete(request_) is complete


@pytest.mark.parametrize(
    ("request_", "expects"),
    [
        (b"POST / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nab", True),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n", False),
        (b"POST / HTTP/1.0\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: something\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n", False),
    ],
)
def test_a_client_that_waits_for_100_continue_gets_it(request_: bytes, expects: object) -> None:
    assert expects_continue(request_) is expects
