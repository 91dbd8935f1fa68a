"""What the light client of the benchmarks understands of HTTP."""

from __future__ import annotations

import pytest

from tests.benchmarks.ratios.hammer import Order
from tests.benchmarks.ratios.imports import by_package
from tests.benchmarks.ratios.raw import Answer, cookie_header, length_of, request

ANSWER = (
    b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: b=; Max-Age=0\r\n"
    b'Content-Length: 5\r\nETag: "x"\r\n\r\nhello'
)


def test_an_answer_is_complete_with_its_body() -> None:
    assert length_of(ANSWER) == len(ANSWER)
    assert length_of(ANSWER[:-5]) == len(ANSWER)
    assert length_of(ANSWER + b"HTTP/1.1 200 OK\r\n") == len(ANSWER)


def test_nothing_is_known_before_the_headers_are_complete() -> None:
    assert length_of(ANSWER[:40]) is None


@pytest.mark.parametrize("status", [b"304 NOT MODIFIED", b"204 NO CONTENT"])
def test_an_answer_without_a_body_ends_with_its_headers(status: bytes) -> None:
    data = b"HTTP/1.1 " + status + b"\r\nContent-Length: 99\r\n\r\n"
    assert length_of(data) == len(data)


def test_an_answer_of_unknown_length_is_refused() -> None:
    with pytest.raises(ValueError, match="Content-Length"):
        length_of(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_a_length_in_the_body_is_none() -> None:
    with pytest.raises(ValueError, match="Content-Length"):
        length_of(b"HTTP/1.1 200 OK\r\n\r\n\r\nContent-Length: 5\r\n")


def test_an_answer_has_a_status_headers_and_cookies() -> None:
    answer = Answer(ANSWER)
    assert (answer.status, answer.header("etag"), answer.header("Location")) == (200, '"x"', "")
    assert answer.cookies == {"a": "1", "b": ""}
    assert answer.body == b"hello"


def test_a_request_is_whole() -> None:
    data = request("/a?b=c", "127.0.0.1:80", cookie_header({"a": "1", "b": "2"})).decode()
    assert data.startswith("GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:80\r\n")
    assert "\r\nCookie: a=1; b=2\r\n" in data
    assert data.endswith("\r\n\r\n")


def test_a_stranger_sends_no_cookie() -> None:
    assert cookie_header({}) == {}


def test_an_order_survives_the_way_to_another_process() -> None:
    order = Order("127.0.0.1:80", (b"\x00\xff", b"GET"), 1.5, 304, workers=(1, 2))
    assert Order.from_json(order.to_json()) == order


def test_the_time_of_imports_is_added_up_for_each_top_package() -> None:
    report = (
        "import time: self [us] | cumulative | imported package\n"
        "import time:       100 |        100 |   json.decoder\n"
        "import time:       200 |        300 | json\n"
        "import time:        50 |         50 | _abc\n"
    )
    assert by_package(report) == {"json": pytest.approx(0.0003), "_abc": pytest.approx(0.00005)}
