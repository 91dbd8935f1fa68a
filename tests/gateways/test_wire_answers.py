"""A call to the outside gets the answer whole, or an error; and calls do not get into each other's way."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.gateways.raw_server import OK, RawServer, answering, get, then_closing, wire_within
from tests.ports import free_port
from webstore.gateways.http_clients import HttpxTransport
from webstore.gateways.wire import MAX_ANSWER_BYTES, Wire, WireError, WireTimeout

# An answer


def test_an_answer_is_given_whole_whatever_its_status(wire: Wire) -> None:
    answer = b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 5\r\nX-Kind: Short\r\n\r\nstout"
    with RawServer(answering(answer)) as server:
        got = wire.send("POST", f"{server.url}pot?lid=on", [("X-Tea", "Ceylon")], b"two cups")
    assert (got.status, got.body, got.headers["x-kind"]) == (418, b"stout", "Short")
    (sent,) = server.received
    assert sent.startswith(b"POST /pot?lid=on HTTP/1.1\r\n")
    assert sent.endswith(b"\r\n\r\ntwo cups")
    assert b"X-Tea: Ceylon\r\n" in sent


def test_a_request_has_one_host_one_length_and_asks_for_no_compression(wire: Wire) -> None:
    theirs = [("Host", "evil.example"), ("content-length", "999"), ("Accept-Encoding", "gzip, br")]
    with RawServer(answering(OK)) as server:
        host = f"Host: {server.address}".encode()
        wire.send("POST", server.url, theirs, b"body")
    lines = server.received[0].split(b"\r\n")
    assert [line for line in lines if line.lower().startswith(b"host:")] == [host]
    assert [line for line in lines if line.lower().startswith(b"content-length:")] == [b"Content-Length: 4"]
    assert [line for line in lines if line.lower().startswith(b"accept-")] == [b"Accept-Encoding: identity"]


def test_connections_are_kept_for_the_next_request(wire: Wire) -> None:
    with RawServer(answering(OK)) as server:
        for _ in range(3):
            get(wire, server.url)
    assert (server.connections, len(server.received)) == (1, 3)


def test_a_kept_connection_that_the_server_closed_causes_no_failure(wire: Wire) -> None:
    closed = threading.Event()

    def talk(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_WR)
        closed.set()
        connection.recv(1)

    with RawServer(talk) as server:
        assert get(wire, server.url).body == b"ok"
        closed.wait(5)
        assert get(wire, server.url).body == b"ok"
    assert server.connections == 2


def test_a_redirect_is_an_answer_and_is_not_followed(wire: Wire) -> None:
    with RawServer(answering(OK)) as elsewhere:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with RawServer(answering(moved)) as server:
            assert get(wire, server.url).status == 307
    assert elsewhere.connections == 0


def test_a_refused_connection_is_an_error_at_once_and_no_time_out(wire: Wire) -> None:
    with pytest.raises(WireError, match="ConnectError") as failed:
        get(wire, f"http://127.0.0.1:{free_port()}/")
    assert not isinstance(failed.value, WireTimeout)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-", id="half a header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", id="half a body"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", id="half the chunks"
        ),
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: lots\r\n\r\n", id="length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000, id="header"),
    ],
)
def test_an_answer_that_is_cut_or_malformed_is_an_error(wire: Wire, answer: bytes) -> None:
    with RawServer(then_closing(answer)) as server, pytest.raises(WireError) as failed:
        get(wire, server.url)
    assert not isinstance(failed.value, WireTimeout)


def test_a_reset_connection_is_an_error(wire: Wire) -> None:
    def reset(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with RawServer(reset) as server, pytest.raises(WireError):
        get(wire, server.url)


@pytest.mark.parametrize("head", [b"", b"Content-Length: 900000000000\r\n"])
def test_an_endless_body_is_given_up_at_the_limit(wire: Wire, head: bytes) -> None:
    sent = 0

    def pour(connection: socket.socket, server: RawServer) -> None:
        nonlocal sent
        server.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        while True:
            sent += connection.send(b"x" * 65536)

    with RawServer(pour) as server, pytest.raises(WireError, match="sent more than") as failed:
        get(wire, server.url)
    assert not isinstance(failed.value, WireTimeout)
    # What the kernel holds between the two comes on top.
    assert sent < MAX_ANSWER_BYTES + 16_000_000


def test_an_answer_of_exactly_the_limit_is_taken(wire: Wire) -> None:
    body = b"x" * MAX_ANSWER_BYTES
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with RawServer(then_closing(whole)) as server:
        assert len(get(wire, server.url).body) == MAX_ANSWER_BYTES


def test_an_answer_that_is_compressed_all_the_same_is_not_inflated(wire: Wire) -> None:
    bomb = gzip.compress(b"x" * (4 * MAX_ANSWER_BYTES))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with (
        RawServer(answering(head + bomb)) as server,
        httpx.Client(transport=HttpxTransport(wire)) as client,
        pytest.raises(httpx.HTTPError),
    ):
        client.get(server.url)


# Several at once


def test_calls_of_several_threads_do_not_wait_for_one_another(wire: Wire) -> None:
    everybody = threading.Barrier(12)

    def talk(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        everybody.wait(10)
        connection.sendall(OK)

    with RawServer(talk) as server, ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: get(wire, server.url), range(12)))
    assert [answer.body for answer in answers] == [b"ok"] * 12


def test_many_calls_at_once_use_the_connections_of_those_before_them() -> None:
    everybody = threading.Barrier(24)

    def talk(connection: socket.socket, server: RawServer) -> None:
        while server.request(connection):
            everybody.wait(10)
            connection.sendall(OK)

    with RawServer(talk) as server, wire_within(20.0) as wire, ThreadPoolExecutor(24) as pool:
        for _ in range(5):
            assert list(pool.map(lambda _: get(wire, server.url).body, range(24))) == [b"ok"] * 24
    assert server.connections == 24


def test_many_threads_do_not_close_one_anothers_connections() -> None:
    with RawServer(answering(OK)) as server, wire_within(20.0) as wire, ThreadPoolExecutor(48) as pool:
        answers = list(pool.map(lambda _: get(wire, server.url).body, range(1000)))
    assert answers == [b"ok"] * 1000


def test_after_many_calls_at_once_a_few_connections_are_kept(wire: Wire) -> None:
    everybody, closed = threading.Barrier(40), threading.Semaphore(0)

    def talk(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        everybody.wait(10)
        connection.sendall(OK)
        while server.request(connection):
            connection.sendall(OK)
        closed.release()

    with RawServer(talk) as server, ThreadPoolExecutor(40) as pool:
        list(pool.map(lambda _: get(wire, server.url), range(40)))
        assert [closed.acquire(timeout=10) for _ in range(8)] == [True] * 8
        assert not closed.acquire(blocking=False)
        assert get(wire, server.url).body == b"ok"
        assert server.connections == 40


def test_a_call_of_a_wire_that_was_closed_keeps_no_connection(wire: Wire) -> None:
    """Work in the background may make one more call after the application was closed."""
    was_closed = threading.Event()

    def talk(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.sendall(OK)
        if connection.recv(1) == b"":
            was_closed.set()

    with RawServer(talk) as server:
        wire.close()
        assert get(wire, server.url).body == b"ok"
        assert was_closed.wait(10)


def test_a_child_process_does_not_speak_on_its_parents_connections() -> None:
    script = """
import os, sys
from webstore.gateways.wire import Wire
wire = Wire("the service")
def ask(): return wire.send("GET", sys.argv[1], [], None).body + b"\\n"
before = ask()
child = os.fork()
os.write(1, ask())
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
os.write(1, before)
"""
    with RawServer(telling_the_port) as server:
        done = subprocess.run(  # noqa: S603 (a script of this file)
            [sys.executable, "-c", script, server.url], capture_output=True, text=True, timeout=30, check=True
        )
    *both, before = done.stdout.split()
    assert len(both) == 2
    assert len(set(both)) == 2, "parent and child spoke on one connection"
    assert before in both


def telling_the_port(connection: socket.socket, server: RawServer) -> None:
    """Answer with the port of the other end, which tells connections apart."""
    port = str(connection.getpeername()[1]).encode()
    while server.request(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(port) + port)
