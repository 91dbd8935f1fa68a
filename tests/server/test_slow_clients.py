"""Clients that send a request slowly keep nobody else waiting."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.server.under_gunicorn import COMMAND, ROOT, Store, running_store
from tests.support import NO_AUTHORITIES, until
from webstore.worker import WAITING_BYTES

FORM = "Host: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
#: Beginnings of requests, and the rest of each.
SLOW = {
    "request line": ("GET /heal", "thz HTTP/1.1\r\nHost: x\r\n\r\n"),
    "headers": ("GET /healthz HTTP/1.1\r\nHost: x\r\nA: ", "b\r\n\r\n"),
    "chunks": (
        f"POST /nowhere HTTP/1.1\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n3\r\na=",
        "b\r\n0\r\n\r\n",
    ),
    "small body": (f"POST /nowhere HTTP/1.1\r\n{FORM}Content-Length: 20000\r\n\r\na=", "x" * 19_998),
}


#: Added to the server's configuration: clients that do not read are given up soon, and the buffer of a
#: connection holds little of an answer.
IMPATIENT = """
import webstore.worker
webstore.worker.ANSWER_S = 1.0

def when_ready(server):
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One process with two threads. It soon gives up clients that do not read."""
    folder = tmp_path_factory.mktemp("slow")
    configuration = folder / "impatient.conf.py"
    configuration.write_text((ROOT / "gunicorn.conf.py").read_text() + IMPATIENT)
    command = [*COMMAND[:-2], str(configuration), "wsgi:app"]
    with running_store(folder, command=command, WEB_CONCURRENCY="1", WEB_THREADS="2") as running:
        yield running


def connect(store: Store, text: str = "") -> socket.socket:
    url = httpx.URL(store.url)
    connection = socket.create_connection((url.host, url.port or 80), timeout=60)
    connection.sendall(text.encode())
    return connection


def is_served(store: Store) -> bool:
    """Whether somebody else gets an answer."""
    return (
        httpx.get(f"{store.url}/healthz", timeout=30, verify=NO_AUTHORITIES, trust_env=False).status_code
        == 200
    )


@pytest.mark.parametrize(("beginning", "rest"), SLOW.values(), ids=SLOW)
def test_clients_that_have_sent_half_a_request_occupy_no_thread(
    store: Store, beginning: str, rest: str
) -> None:
    with ExitStack() as opened:
        slow = [opened.enter_context(connect(store, beginning)) for _ in range(24)]
        assert [is_served(store) for _ in range(4)] == [True] * 4
        # Nothing is lost: who sends the rest gets an answer.
        for connection in slow[:3]:
            connection.sendall(rest.encode())
            assert connection.recv(12) in (b"HTTP/1.1 200", b"HTTP/1.1 404")


def test_clients_that_wait_for_100_continue_occupy_no_thread(store: Store) -> None:
    beginning = f"POST /nowhere HTTP/1.1\r\n{FORM}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    with ExitStack() as opened:
        waiting = [opened.enter_context(connect(store, beginning)) for _ in range(24)]
        for connection in waiting:
            assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert [is_served(store) for _ in range(4)] == [True] * 4
        waiting[0].sendall(b"a=b")
        answer = b""
        while b"404 NOT FOUND" not in answer:
            more = waiting[0].recv(4096)
            assert more, answer
            answer += more


def test_half_of_a_second_request_on_a_connection_occupies_no_thread(store: Store) -> None:
    with ExitStack() as opened:
        slow = [opened.enter_context(connect(store, "".join(SLOW["request line"]))) for _ in range(8)]
        for connection in slow:
            while b"ok\n" not in connection.recv(4096):
                pass
            connection.sendall(b"GET /heal")
        assert [is_served(store) for _ in range(4)] == [True] * 4
        slow[0].sendall(SLOW["request line"][1].encode())
        assert slow[0].recv(12) == b"HTTP/1.1 200"


def test_half_of_a_second_request_beside_the_first_occupies_no_thread(store: Store) -> None:
    both = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP"
    with ExitStack() as opened:
        slow = [opened.enter_context(connect(store, both)) for _ in range(24)]
        assert [connection.recv(12) for connection in slow] == [b"HTTP/1.1 200"] * 24
        assert [is_served(store) for _ in range(4)] == [True] * 4
        for connection in slow:
            connection.recv(4096)
            connection.sendall(b"/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 200"


#: Requests after whose answer the server closes the connection.
LAST = {
    "the last one": b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "HTTP/1.0": b"GET /healthz HTTP/1.0\r\n\r\n",
    "malformed": b"GET /healthz\r\n\r\n",
    # https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt, section 2.2
    "a PROXY header": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x01\x7f\0\0\x01\x12\x34\x1f\x90",
}


@pytest.mark.parametrize("last", LAST.values(), ids=LAST)
def test_clients_that_keep_their_side_open_after_the_last_answer_stop_nobody(
    store: Store, last: bytes
) -> None:
    with ExitStack() as opened:
        slow = [opened.enter_context(connect(store)) for _ in range(24)]
        for connection in slow:
            connection.sendall(last)
        assert [is_served(store) for _ in range(4)] == [True] * 4
        for connection in slow[:3]:
            answer = b""
            while more := connection.recv(4096):
                answer += more
            assert b" 200 OK\r\n" in answer or b" 400 Bad Request\r\n" in answer
            with suppress(OSError):
                connection.sendall(b"more" * 20_000)
        assert is_served(store)
    assert "WORKER TIMEOUT" not in store.said()


@pytest.mark.skipif(sys.platform != "linux", reason="needs TCP_USER_TIMEOUT")
def test_clients_that_never_read_their_answers_are_given_up(store: Store) -> None:
    with ExitStack() as opened:
        url = httpx.URL(store.url)
        for _ in range(4):
            connection = opened.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            connection.connect((url.host, url.port))
            connection.sendall(b"GET /static/css/store.css HTTP/1.1\r\nHost: x\r\n\r\n")
        assert [is_served(store) for _ in range(4)] == [True] * 4
    assert "Traceback" not in store.said()


def test_a_request_that_does_not_come_to_its_end_is_given_up(store: Store) -> None:
    large = f"POST /logout HTTP/1.1\r\n{FORM}Content-Length: 60000\r\n\r\na="
    chunked = f"POST /logout HTTP/1.1\r\n{FORM}Transfer-Encoding: chunked\r\n\r\n5\r\na="
    beginnings = ("", *(beginning for beginning, _ in SLOW.values()), large, chunked)
    with ExitStack() as opened:
        slow = [opened.enter_context(connect(store, beginning)) for beginning in beginnings]
        for connection in slow:
            # A reset ends it, too. TimeoutError: the server keeps the connection.
            with suppress(ConnectionResetError):
                while connection.recv(4096):
                    pass
    assert is_served(store)
    assert "Traceback" not in store.said()


def test_clients_that_break_off_leave_no_trace(store: Store) -> None:
    for beginning, _ in SLOW.values():
        connect(store, beginning).close()
        with connect(store, beginning) as connection:
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    assert is_served(store)
    assert "Traceback" not in store.said()


def test_a_process_that_can_open_no_more_files_goes_on(store: Store) -> None:
    (worker,) = store.workers()
    before = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    opened = len(list(Path(f"/proc/{worker}/fd").iterdir()))
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (opened + 5, before[1]))
    try:
        with ExitStack() as stack:
            for _ in range(20):
                stack.enter_context(connect(store, "GET /heal"))
            until(lambda: len(list(Path(f"/proc/{worker}/fd").iterdir())) >= opened + 5)
    finally:
        resource.prlimit(worker, resource.RLIMIT_NOFILE, before)
    assert is_served(store)
    assert store.workers() == {worker}
    assert "Traceback" not in store.said()


@pytest.mark.parametrize(("files", "most"), [(-1, 1000), (65536, 1000), (1024, 896), (256, 128), (100, 9)])
def test_a_process_takes_fewer_connections_than_it_can_open_files(
    store: Store, files: int, most: int
) -> None:
    assert configured(store, "connections_within", files, 8) == most


def test_what_waits_fits_into_a_sockets_buffer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        accepted, _ = server.accept()
        with accepted:
            # Half of it counts: the kernel uses the rest for its own data.
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) / 2 >= WAITING_BYTES


@pytest.mark.parametrize(
    ("hosts", "stop_s", "budget_s", "words"),
    [
        (["127.0.0.1", "::1"], 8, 3, []),
        (["0.0.0.0"], 8, 3, ["Other machines may reach 0.0.0.0. Put a proxy in front"]),  # noqa: S104 (only asked)
        (["127.0.0.1", "::"], 8, 3, ["Other machines may reach ::."]),
        (["127.0.0.1"], 8, 8.5, ["LINK_BUDGET_S=8.5 is longer than the 8 s"]),
        (["192.0.2.1"], 2, 3, ["slow clients can stop the server", "LINK_BUDGET_S=3 is longer than the 2 s"]),
    ],
)
def test_a_start_tells_what_may_have_been_overlooked(
    store: Store, hosts: list[str], stop_s: float, budget_s: float, words: list[str]
) -> None:
    hints = configured(store, "hints", hosts, stop_s, budget_s)
    assert len(hints) == len(words)
    assert all(word in hint for word, hint in zip(words, hints, strict=True))


def configured(store: Store, name: str, *arguments: object) -> Any:
    """What this function of the server's configuration gives."""
    code = (
        "import json, runpy, sys; conf = runpy.run_path('gunicorn.conf.py');"
        "print(json.dumps(conf[sys.argv[1]](*json.loads(sys.argv[2]))))"
    )
    asked = [sys.executable, "-c", code, name, json.dumps(arguments)]
    shown = subprocess.run(  # noqa: S603 (as above)
        asked,
        cwd=ROOT,
        env={**store.environment, "WEBSTORE_ENV_FILE": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(shown.stdout)
