"""A call to another service always ends in time: by its own limit, or by the deadline."""

from __future__ import annotations

import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.clocks import Hands
from tests.gateways.raw_server import (
    AMPLE_S,
    OK,
    SHORT_S,
    RawServer,
    answering,
    deaf_port,
    get,
    silence,
    wire_within,
)
from webstore import deadline
from webstore.gateways.names import NameLookup
from webstore.gateways.wire import Wire, WireTimeout

# The wire's own limits. A call that exceeds its limit fails the test by pytest's time limit.


def test_a_connection_that_is_not_accepted_times_out() -> None:
    with (
        deaf_port() as port,
        wire_within(SHORT_S) as wire,
        pytest.raises(WireTimeout, match="ConnectTimeout"),
    ):
        get(wire, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("limits", [{"connect_s": SHORT_S}, {"total_s": SHORT_S}], ids=str)
def test_connecting_has_a_limit_of_its_own_and_is_part_of_the_whole(limits: dict[str, float]) -> None:
    with wire_within(**limits) as wire, deaf_port() as port, pytest.raises(WireTimeout):
        get(wire, f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_sends_nothing_at_all_times_out(scheme: str) -> None:
    with RawServer(silence) as server, wire_within(SHORT_S) as wire, pytest.raises(WireTimeout):
        get(wire, f"{scheme}://{server.address}/")


def test_a_large_body_that_is_read_slowly_times_out_before_it_is_sent() -> None:
    body, read = b"x" * 40_000_000, 0

    def slowly(connection: socket.socket, server: RawServer) -> None:
        nonlocal read
        while not server.stopped.wait(0.01) and (data := connection.recv(200_000)):
            read += len(data)

    with RawServer(slowly) as server, wire_within(0.3) as wire, pytest.raises(WireTimeout, match="Write"):
        wire.send("POST", server.url, [], body)
    assert read < len(body)


@pytest.mark.parametrize(
    ("start", "endless"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", id="chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", b"x", id="body without a length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x", id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"X-More: x\r\n", id="headers"),
        pytest.param(b"HTTP/1.1 200 ", b"O", id="status line"),
        pytest.param(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", id="early hints"),
    ],
)
def test_a_server_that_sends_a_byte_now_and_then_is_cut_off_in_time(
    wire: Wire, deadline_clock: Hands, start: bytes, endless: bytes
) -> None:
    def drip(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.sendall(start)
        deadline_clock.now += AMPLE_S
        server.drip(connection, endless)

    with RawServer(drip) as server, pytest.raises(WireTimeout):
        get(wire, server.url)


def test_the_limit_holds_over_tls_too(certified: Wire, deadline_clock: Hands, tls: ssl.SSLContext) -> None:
    def drip(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        deadline_clock.now += AMPLE_S
        server.drip(connection, b"x")

    with RawServer(drip, tls=tls) as server, pytest.raises(WireTimeout):
        get(certified, server.url)
    assert len(server.received) == 1


def test_a_server_that_takes_a_byte_now_and_then_is_cut_off_in_time() -> None:
    def sip(connection: socket.socket, server: RawServer) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while not server.stopped.wait(0.02):
            connection.recv(1)

    with RawServer(sip) as server, wire_within(SHORT_S) as wire, pytest.raises(WireTimeout):
        wire.send("POST", server.url, [], b"x" * 20_000_000)


def test_a_wire_goes_on_after_a_time_out(wire: Wire) -> None:
    with RawServer(silence) as server, deadline.within(SHORT_S), pytest.raises(WireTimeout):
        get(wire, server.url)
    with RawServer(answering(OK)) as server:
        assert get(wire, server.url).body == b"ok"


def test_each_call_on_a_kept_connection_has_the_whole_limit_again(wire: Wire, deadline_clock: Hands) -> None:
    with RawServer(answering(OK)) as server:
        assert get(wire, server.url).body == b"ok"
        deadline_clock.now += AMPLE_S + 1
        assert get(wire, server.url).body == b"ok"
    assert server.connections == 1


# The deadline of the request


def test_a_call_takes_no_longer_than_the_deadline_leaves(wire: Wire) -> None:
    with RawServer(silence) as server, deadline.within(SHORT_S):
        with pytest.raises(WireTimeout, match="the service did not answer in time"):
            get(wire, server.url)
        assert deadline.left() == 0
    assert server.connections == 1


def test_a_deadline_that_leaves_more_than_the_wire_lifts_no_limit() -> None:
    with RawServer(silence) as server, wire_within(SHORT_S) as wire, deadline.within(AMPLE_S):
        with pytest.raises(WireTimeout):
            get(wire, server.url)
        assert deadline.left() > 0


def test_after_the_deadline_no_call_is_made(wire: Wire, deadline_clock: Hands) -> None:
    with RawServer(answering(OK)) as server, deadline.within(1):
        deadline_clock.now += 1
        for _ in range(10):
            with pytest.raises(WireTimeout, match="was not called: the time for this request is over"):
                get(wire, server.url)
    assert server.connections == 0
    assert wire.breaker.allows()


def test_a_deadline_that_passes_during_the_answer_cuts_it_off(wire: Wire, deadline_clock: Hands) -> None:
    def drip(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        deadline_clock.now += 2
        server.drip(connection, b"x")

    with RawServer(drip) as server, deadline.within(1), pytest.raises(WireTimeout):
        get(wire, server.url)


def test_the_deadline_of_one_thread_is_none_of_anothers(wire: Wire) -> None:
    dripping = threading.Event()

    def drip(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        dripping.set()
        server.drip(connection, b"x")

    def call_soon(url: str) -> None:
        with deadline.within(SHORT_S):
            get(wire, url)

    with ThreadPoolExecutor(1) as pool, RawServer(answering(OK)) as quick, RawServer(drip) as slow:
        hanging = pool.submit(call_soon, slow.url)
        dripping.wait(20)
        assert get(wire, quick.url).body == b"ok"
        assert isinstance(hanging.exception(), WireTimeout)
        assert get(wire, quick.url).body == b"ok"


# Looking up the name


def test_a_name_look_up_that_hangs_times_out() -> None:
    forever = threading.Event()

    def resolve(*_: object, **__: object) -> list[tuple[Any, ...]]:
        forever.wait()
        return []

    names = NameLookup(resolve=resolve)
    try:
        with (
            wire_within(SHORT_S, names=names) as wire,
            pytest.raises(WireTimeout, match="did not answer in time"),
        ):
            get(wire, "https://hanging.example/")
        with wire_within(names=names) as wire, deadline.within(SHORT_S), pytest.raises(WireTimeout):
            get(wire, "https://hanging.example/")
    finally:
        forever.set()
