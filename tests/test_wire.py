"""A call to the outside ends in time, with an answer or one of two errors, whatever the other side does."""

from __future__ import annotations

import datetime
import gzip
import ipaddress
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import requests
import stripe
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from webstore.gateways.stripe.client import WireHTTPClient
from webstore.gateways.wire import (
    MAX_ANSWER_BYTES,
    Answer,
    Breaker,
    HttpxTransport,
    RequestsAdapter,
    Wire,
    WireError,
    WireTimeout,
)

#: The limit on the clock in these tests, and what a busy machine may need on top of it (seconds).
TOTAL_S, ROOM_S = 0.4, 3.0
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Talk = Callable[[socket.socket, "RawServer"], None]


@dataclass
class RawServer:
    """A server that does to each connection whatever a test wants."""

    talk: Talk
    tls: ssl.SSLContext | None = None
    #: What was received, one entry a connection that was read from.
    received: list[bytes] = field(default_factory=list)
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    _open: list[socket.socket] = field(default_factory=list)

    def __enter__(self) -> RawServer:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stopped.set()
        for sock in (self._listening, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(5)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.address}/"

    def request(self, connection: socket.socket) -> bytes:
        """Read one request, body included."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (chunk := connection.recv(65536)):
                return b""
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        self.received.append(head + b"\r\n\r\n" + body)
        return self.received[-1]

    def drip(self, connection: socket.socket, endless: bytes) -> None:
        """Send a byte at a time until the other side has enough."""
        while not self.stopped.wait(0.02):
            connection.sendall(endless)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                self._open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection:
                self.talk(connection, self)


def answering(answer: bytes) -> Talk:
    """Answer each request of a connection."""

    def talk(connection: socket.socket, server: RawServer) -> None:
        while server.request(connection):
            connection.sendall(answer)

    return talk


def then_closing(answer: bytes) -> Talk:
    """Answer one request and close."""

    def talk(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.sendall(answer)

    return talk


def dripping(start: bytes, endless: bytes) -> Talk:
    """Begin an answer and go on with it a byte at a time, for ever."""

    def talk(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.sendall(start)
        server.drip(connection, endless)

    return talk


def silence(connection: socket.socket, server: RawServer) -> None:
    """Never say a word."""
    del connection
    server.stopped.wait()


@contextmanager
def wire_within(total_s: float = TOTAL_S, connect_s: float = TOTAL_S) -> Iterator[Wire]:
    wire = Wire("the service", connect_s=connect_s, total_s=total_s)
    yield wire
    wire.close()


@pytest.fixture
def wire() -> Iterator[Wire]:
    with wire_within() as made:
        yield made


@pytest.fixture
def patient() -> Iterator[Wire]:
    """A wire for tests that are not about time."""
    with wire_within(total_s=20, connect_s=20) as made:
        yield made


@contextmanager
def in_time() -> Iterator[None]:
    """What is done within must end soon after the limit on the clock."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < TOTAL_S + ROOM_S


def get(wire: Wire, url: str) -> Answer:
    return wire.send("GET", url, [], None)


@contextmanager
def deaf_port() -> Iterator[int]:
    """A port whose queue of connections is full: one more gets no answer at all."""
    with ExitStack() as held:
        listening = held.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(8):
            waiting = held.enter_context(socket.socket())
            waiting.settimeout(0)
            with suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        yield listening.getsockname()[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# An answer


def test_an_answer_is_given_whole_whatever_its_status(patient: Wire) -> None:
    answer = b"HTTP/1.1 418 I'm a teapot\r\nContent-Length: 5\r\nX-Kind: Short\r\n\r\nstout"
    with RawServer(answering(answer)) as server:
        got = patient.send("POST", f"{server.url}pot?lid=on", [("X-Tea", "Ceylon")], b"two cups")
    assert (got.status, got.body, got.headers["x-kind"]) == (418, b"stout", "Short")
    (sent,) = server.received
    assert sent.startswith(b"POST /pot?lid=on HTTP/1.1\r\n")
    assert sent.endswith(b"\r\n\r\ntwo cups")
    assert b"X-Tea: Ceylon\r\n" in sent


def test_a_request_has_one_host_one_length_and_asks_for_no_compression(patient: Wire) -> None:
    theirs = [("Host", "evil.example"), ("content-length", "999"), ("Accept-Encoding", "gzip, br")]
    with RawServer(answering(OK)) as server:
        host = f"Host: {server.address}".encode()
        patient.send("POST", server.url, theirs, b"body")
    lines = server.received[0].split(b"\r\n")
    assert [line for line in lines if line.lower().startswith(b"host:")] == [host]
    assert [line for line in lines if line.lower().startswith(b"content-length:")] == [b"Content-Length: 4"]
    assert [line for line in lines if line.lower().startswith(b"accept-")] == [b"Accept-Encoding: identity"]


def test_connections_are_kept_for_the_next_request(patient: Wire) -> None:
    with RawServer(answering(OK)) as server:
        for _ in range(3):
            get(patient, server.url)
    assert (server.connections, len(server.received)) == (1, 3)


def test_a_kept_connection_that_the_server_closed_is_no_failure(patient: Wire) -> None:
    closed = threading.Event()

    def talk(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_WR)
        closed.set()
        connection.recv(1)

    with RawServer(talk) as server:
        assert get(patient, server.url).body == b"ok"
        closed.wait(5)
        assert get(patient, server.url).body == b"ok"
    assert server.connections == 2


def test_a_redirect_is_an_answer_and_is_not_followed(patient: Wire) -> None:
    with RawServer(answering(OK)) as elsewhere:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with RawServer(answering(moved)) as server:
            assert get(patient, server.url).status == 307
    assert elsewhere.connections == 0


# No answer, or none in time


def test_a_connection_that_is_not_accepted_times_out(wire: Wire) -> None:
    with deaf_port() as port, in_time(), pytest.raises(WireTimeout, match="ConnectTimeout"):
        get(wire, f"http://127.0.0.1:{port}/")


def test_connecting_has_a_limit_of_its_own() -> None:
    quick = wire_within(total_s=60, connect_s=0.2)
    with quick as wire, deaf_port() as port, in_time(), pytest.raises(WireTimeout):
        get(wire, f"http://127.0.0.1:{port}/")


def test_connecting_is_part_of_the_whole() -> None:
    quick = wire_within(total_s=0.2, connect_s=60)
    with quick as wire, deaf_port() as port, in_time(), pytest.raises(WireTimeout):
        get(wire, f"http://127.0.0.1:{port}/")


def test_a_server_that_never_answers_times_out(wire: Wire) -> None:
    with RawServer(silence) as server, in_time(), pytest.raises(WireTimeout):
        get(wire, server.url)


def test_a_tls_handshake_that_never_ends_times_out(wire: Wire) -> None:
    with RawServer(silence) as server, in_time(), pytest.raises(WireTimeout):
        get(wire, f"https://{server.address}/")


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
    wire: Wire, start: bytes, endless: bytes
) -> None:
    with RawServer(dripping(start, endless)) as server, in_time(), pytest.raises(WireTimeout):
        get(wire, server.url)


def test_a_server_that_takes_a_byte_now_and_then_is_cut_off_in_time(wire: Wire) -> None:
    def sip(connection: socket.socket, server: RawServer) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        while not server.stopped.wait(0.02):
            connection.recv(1)

    with RawServer(sip) as server, in_time(), pytest.raises(WireTimeout):
        wire.send("POST", server.url, [], b"x" * 20_000_000)


def test_a_wire_goes_on_after_a_time_out(wire: Wire) -> None:
    with RawServer(silence) as server, pytest.raises(WireTimeout):
        get(wire, server.url)
    with RawServer(answering(OK)) as server:
        assert get(wire, server.url).body == b"ok"


def test_a_refused_connection_is_an_error_at_once_and_no_time_out(patient: Wire) -> None:
    with pytest.raises(WireError, match="ConnectError") as failed:
        get(patient, f"http://127.0.0.1:{free_port()}/")
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
def test_an_answer_that_is_cut_or_malformed_is_an_error(patient: Wire, answer: bytes) -> None:
    with RawServer(then_closing(answer)) as server, pytest.raises(WireError) as failed:
        get(patient, server.url)
    assert not isinstance(failed.value, WireTimeout)


def test_a_reset_connection_is_an_error(patient: Wire) -> None:
    def reset(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with RawServer(reset) as server, pytest.raises(WireError):
        get(patient, server.url)


@pytest.mark.parametrize("head", [b"", b"Content-Length: 900000000000\r\n"])
def test_an_endless_body_is_given_up_at_the_limit(patient: Wire, head: bytes) -> None:
    sent = 0

    def pour(connection: socket.socket, server: RawServer) -> None:
        nonlocal sent
        server.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        while True:
            sent += connection.send(b"x" * 65536)

    with RawServer(pour) as server, pytest.raises(WireError, match="sent more than") as failed:
        get(patient, server.url)
    assert not isinstance(failed.value, WireTimeout)
    # What the kernel holds between the two comes on top.
    assert sent < MAX_ANSWER_BYTES + 16_000_000


def test_an_answer_of_exactly_the_limit_is_taken(patient: Wire) -> None:
    body = b"x" * MAX_ANSWER_BYTES
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with RawServer(then_closing(whole)) as server:
        assert len(get(patient, server.url).body) == MAX_ANSWER_BYTES


def test_an_answer_that_is_compressed_all_the_same_is_not_inflated(patient: Wire) -> None:
    bomb = gzip.compress(b"x" * (4 * MAX_ANSWER_BYTES))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with (
        RawServer(answering(head + bomb)) as server,
        httpx.Client(transport=HttpxTransport(patient)) as client,
        pytest.raises(httpx.HTTPError),
    ):
        client.get(server.url)


# Where it may go


@pytest.mark.parametrize("host", ["192.0.2.1", "shop.example.com", "127.0.0.1.example.com", "[2001:db8::1]"])
def test_http_to_another_machine_is_refused_without_connecting(patient: Wire, host: str) -> None:
    with pytest.raises(WireError, match="only https is allowed, and http to loopback"):
        get(patient, f"http://{host}/")


def test_http_to_this_machine_by_an_address_of_the_network_is_refused_without_connecting(
    patient: Wire,
) -> None:
    with RawServer(answering(OK)) as server, pytest.raises(WireError, match="only https"):
        get(patient, server.url.replace("127.0.0.1", "0.0.0.0"))  # noqa: S104 (an address to refuse)
    assert server.connections == 0


@pytest.mark.parametrize(
    "url", ["ftp://127.0.0.1/", "file:///etc/passwd", "//127.0.0.1/", "gopher://localhost/"]
)
def test_no_other_scheme_is_spoken(patient: Wire, url: str) -> None:
    with pytest.raises(WireError, match="only https"):
        get(patient, url)


def test_http_to_localhost_by_its_name_is_fine(patient: Wire) -> None:
    with RawServer(answering(OK)) as server:
        assert get(patient, server.url.replace("127.0.0.1", "localhost")).body == b"ok"


# TLS


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server of the tests")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_certificate_that_nobody_vouches_for_is_an_error(patient: Wire, tls: ssl.SSLContext) -> None:
    with RawServer(answering(OK), tls=tls) as server, pytest.raises(WireError):
        get(patient, server.url)
    assert server.received == []


def test_the_limit_on_the_clock_holds_over_tls_too(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with wire_within(20, 20) as patient, RawServer(answering(OK), tls=tls) as server:
        assert get(patient, server.url).body == b"ok"
    drip = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x")
    with wire_within() as wire, RawServer(drip, tls=tls) as server, in_time(), pytest.raises(WireTimeout):
        get(wire, server.url)


# The breaker


@dataclass
class Hands:
    """A clock whose hands a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands(wire: Wire) -> Hands:
    """The clock of the wire's breaker."""
    clock = Hands()
    wire.breaker = Breaker(failures=5, pause_s=3.0, clock=clock)
    return clock


def time_out(wire: Wire, times: int) -> None:
    """Let calls run into a time-out."""
    with deaf_port() as port:
        for _ in range(times):
            with pytest.raises(WireTimeout, match="did not answer in time"):
                get(wire, f"http://127.0.0.1:{port}/")


def test_after_five_time_outs_the_service_is_not_asked_any_more() -> None:
    with wire_within(total_s=0.05) as wire, RawServer(answering(OK)) as server:
        wire.breaker = Breaker(failures=5, pause_s=3.0, clock=Hands())
        time_out(wire, times=4)
        assert get(wire, server.url).status == 200
        time_out(wire, times=5)
        with pytest.raises(WireTimeout, match="has been hanging and is not asked just now"):
            get(wire, server.url)
        assert len(server.received) == 1


def test_a_moment_later_one_call_is_let_through_and_its_answer_closes_the_breaker(
    wire: Wire, hands: Hands
) -> None:
    for _ in range(5):
        wire.breaker.timed_out()
    with RawServer(answering(OK)) as server:
        hands.now += 2.9
        with pytest.raises(WireTimeout, match="not asked just now"):
            get(wire, server.url)
        hands.now += 0.2
        assert [get(wire, server.url).status for _ in range(3)] == [200, 200, 200]


def test_while_one_call_tries_the_others_fail_fast(hands: Hands) -> None:
    breaker = Breaker(failures=5, pause_s=3.0, clock=hands)
    for _ in range(5):
        breaker.timed_out()
    hands.now += 3.1
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.timed_out()
    assert not breaker.allows()
    hands.now += 3.1
    assert [breaker.allows() for _ in range(2)] == [True, False]


def test_only_time_outs_open_the_breaker(wire: Wire, hands: Hands) -> None:
    del hands
    error = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
    for _ in range(8):
        with pytest.raises(WireError):
            get(wire, f"http://127.0.0.1:{free_port()}/")
    with RawServer(then_closing(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")) as server:
        for _ in range(8):
            with pytest.raises(WireError):
                get(wire, server.url)
    with RawServer(answering(error)) as server:
        for _ in range(8):
            assert get(wire, server.url).status == 500
    assert wire.breaker.allows()


def test_an_answer_between_two_time_outs_starts_the_count_again() -> None:
    breaker = Breaker(failures=2, clock=Hands())
    breaker.timed_out()
    breaker.succeeded()
    breaker.timed_out()
    assert breaker.allows()
    breaker.timed_out()
    assert not breaker.allows()


# Several at once


def test_calls_of_several_threads_do_not_wait_for_one_another(patient: Wire) -> None:
    everybody = threading.Barrier(12)

    def talk(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        everybody.wait(10)
        connection.sendall(OK)

    with RawServer(talk) as server, ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: get(patient, server.url), range(12)))
    assert [answer.body for answer in answers] == [b"ok"] * 12


def test_the_limit_of_a_call_is_not_lifted_by_another_threads_call(wire: Wire) -> None:
    dripping_now = threading.Event()

    def drip(connection: socket.socket, server: RawServer) -> None:
        server.request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        dripping_now.set()
        server.drip(connection, b"x")

    with ThreadPoolExecutor(1) as pool, RawServer(answering(OK)) as quick, RawServer(drip) as slow:
        hanging = pool.submit(get, wire, slow.url)
        dripping_now.wait(20)
        assert get(wire, quick.url).body == b"ok"
        with pytest.raises(WireTimeout):
            hanging.result(TOTAL_S + ROOM_S)


def test_each_call_on_a_kept_connection_has_the_whole_limit_again(wire: Wire) -> None:
    with RawServer(answering(OK)) as server:
        assert get(wire, server.url).body == b"ok"
        time.sleep(TOTAL_S)
        assert get(wire, server.url).body == b"ok"
    assert server.connections == 1


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


# Through the libraries that are put onto it


@pytest.fixture
def with_httpx(wire: Wire) -> Iterator[httpx.Client]:
    with httpx.Client(transport=HttpxTransport(wire)) as client:
        yield client


@pytest.fixture
def with_requests(wire: Wire) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        for scheme in ("http://", "https://"):
            session.mount(scheme, RequestsAdapter(wire))
        yield session


@pytest.fixture
def with_stripe(wire: Wire) -> Callable[[str], stripe.StripeClient]:
    return lambda url: stripe.StripeClient(
        "sk_test_key",
        base_addresses={"api": url.rstrip("/")},
        http_client=WireHTTPClient(wire),
        max_network_retries=0,
    )


def test_all_three_libraries_get_the_answer(
    with_httpx: httpx.Client,
    with_requests: requests.Session,
    with_stripe: Callable[[str], stripe.StripeClient],
) -> None:
    body = '{"id": "acct_1", "object": "account", "name": "Käthe"}'.encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Kind: Json\r\nContent-Length: %d\r\n\r\n"
    with RawServer(answering(head % len(body) + body)) as server:
        from_httpx = with_httpx.post(server.url, data={"a": "b c"})
        from_requests = with_requests.post(server.url, data={"a": "b c"})
        from_stripe = with_stripe(server.url).v1.accounts.retrieve_current()
    assert from_httpx.json() == from_requests.json()
    assert from_httpx.json()["name"] == "Käthe"
    assert from_httpx.headers["x-kind"] == from_requests.headers["x-kind"] == "Json"
    assert from_stripe.id == "acct_1"
    assert [sent.endswith(b"\r\n\r\na=b+c") for sent in server.received] == [True, True, False]


def test_time_outs_are_the_libraries_own(
    with_httpx: httpx.Client,
    with_requests: requests.Session,
    with_stripe: Callable[[str], stripe.StripeClient],
) -> None:
    with RawServer(silence) as server:
        with pytest.raises(httpx.TimeoutException, match="the service did not answer in time"):
            with_httpx.get(server.url)
        with pytest.raises(requests.exceptions.Timeout, match="the service did not answer in time"):
            with_requests.get(server.url)
        with pytest.raises(stripe.APIConnectionError, match="the service did not answer in time"):
            with_stripe(server.url).v1.accounts.retrieve_current()


def test_failures_are_the_libraries_own(
    with_httpx: httpx.Client,
    with_requests: requests.Session,
    with_stripe: Callable[[str], stripe.StripeClient],
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/"
    with pytest.raises(httpx.NetworkError, match="the service cannot be reached"):
        with_httpx.get(nobody)
    with pytest.raises(requests.exceptions.ConnectionError, match="the service cannot be reached") as failed:
        with_requests.get(nobody)
    assert not isinstance(failed.value, requests.exceptions.Timeout)
    with pytest.raises(stripe.APIConnectionError, match="the service cannot be reached"):
        with_stripe(nobody).v1.accounts.retrieve_current()


def test_no_library_follows_a_redirect_or_tries_again(
    with_httpx: httpx.Client,
    with_requests: requests.Session,
    with_stripe: Callable[[str], stripe.StripeClient],
) -> None:
    with RawServer(answering(OK)) as elsewhere:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with RawServer(answering(moved)) as server:
            with_httpx.post(server.url, data={"secret": "hush"})
            with suppress(requests.RequestException):
                with_requests.post(server.url, data={"secret": "hush"})
            with pytest.raises(stripe.StripeError):
                with_stripe(server.url).v1.customers.create({})
    assert len(server.received) == 3
    assert elsewhere.connections == 0


# What is told

SECRETS = ({"Authorization": "Bearer hush-1"}, {"code": "hush-2"}, {"secret": "hush-3"})


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(silence, id="time-out"),
        pytest.param(then_closing(b""), id="cut"),
        pytest.param(then_closing(b"HTTP/1.1 nonsense\r\n\r\n"), id="malformed"),
        pytest.param(
            then_closing(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_ANSWER_BYTES + 1)), id="too large"
        ),
    ],
)
def test_no_message_names_the_query_a_header_or_the_body(
    wire: Wire, with_httpx: httpx.Client, with_requests: requests.Session, talk: Talk
) -> None:
    wire.breaker = Breaker(failures=1000)
    headers, query, body = SECRETS
    told = []
    with RawServer(talk) as server:
        for call in (with_httpx.post, with_requests.post):
            with pytest.raises((httpx.HTTPError, requests.RequestException)) as failed:
                call(server.url, params=query, headers=headers, data=body)
            told += traceback.format_exception(failed.value)
    assert "the service" in "".join(told)
    assert "hush-" not in "".join(line for line in told if 'hush-2"}' not in line)


def test_a_refused_address_is_not_told_either(wire: Wire) -> None:
    with pytest.raises(WireError) as failed:
        get(wire, "http://shop.example.com/callback?code=hush")
    assert "hush" not in str(failed.value)
