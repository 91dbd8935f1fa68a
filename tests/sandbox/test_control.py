"""The server and the controls that both vendors share, tested over HTTP with a minimal application."""

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import pytest
from flask import Flask, request

from tests.support import NO_AUTHORITIES
from webstore.sandbox.clock import Clock
from webstore.sandbox.control import Control
from webstore.sandbox.server import Server


@dataclass
class Switches:
    """One setting of each type."""

    enabled: bool = False
    lag_s: float = 1.0
    word: Literal["on", "off"] = "on"
    limit: int | None = None


class Vendor:
    """A minimal vendor that counts its visits."""

    def __init__(self) -> None:
        self.visits = 0
        self.switches = Switches()
        self.control = Control(Clock())
        self.app = Flask(__name__)
        self.app.add_url_rule("/visits/<path:name>", "visit", self.visit, methods=["GET", "POST"])
        self.app.add_url_rule("/dashboard/visits", "page", lambda: "a page")
        self.control.install(self.app, reset=self.reset, seed=self.seed, settings=self.switches)

    def visit(self, name: str) -> dict[str, object]:
        """Count a visit and return the number of visits."""
        self.visits += 1
        return {"name": name, "visits": self.visits, "body": request.get_data(as_text=True)}

    def reset(self) -> None:
        """Set the number of visits to 0."""
        self.visits = 0

    # Any: each vendor decides the shape of its seeds.
    def seed(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Set the number of visits."""
        if set(spec) != {"visits"}:
            raise ValueError("seed visits")
        self.visits = spec["visits"]
        return {"visits": self.visits}


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def server(vendor: Vendor) -> Iterator[Server]:
    with Server(vendor.app) as server:
        yield server


@pytest.fixture
def web(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=5, verify=NO_AUTHORITIES, trust_env=False) as client:
        yield client


# The server


def test_a_connection_stays_open_between_requests(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        answers = connection.makefile("rb")
        for number in (1, 2):
            connection.sendall(b"GET /visits/a HTTP/1.1\r\nHost: sandbox\r\n\r\n")
            status = answers.readline()
            headers = dict(
                line.split(": ", 1) for line in iter(lambda: answers.readline().decode().strip(), "")
            )
            body = answers.read(int(headers["Content-Length"]))
            assert status.startswith(b"HTTP/1.1 200")
            assert f'"visits":{number}'.encode() in body
        answers.close()


def test_the_index_lists_every_control(vendor: Vendor, web: httpx.Client) -> None:
    listed = web.get("/_sandbox/").json()["endpoints"]
    there = {
        (method, rule.rule)
        for rule in vendor.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/_sandbox/") and rule.rule != "/_sandbox/"
    }
    assert {
        (method, path)
        for methods, path in (entry.rsplit(" ", 1) for entry in listed)
        for method in methods.split(", ")
    } == there


def test_bodies_arrive_with_a_length_and_in_chunks(web: httpx.Client) -> None:
    assert web.post("/visits/a", content=b"all at once").json()["body"] == "all at once"
    assert web.post("/visits/a", content=iter([b"in ", b"chunks"])).json()["body"] == "in chunks"


def test_head_answers_without_a_body(web: httpx.Client) -> None:
    answer = web.head("/visits/a")
    assert (answer.status_code, answer.content) == (200, b"")
    assert web.get("/visits/a").status_code == 200


def test_the_port_is_known_but_closed_before_the_start(vendor: Vendor) -> None:
    server = Server(vendor.app)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/visits/a", trust_env=False)
    with server:
        assert httpx.get(f"{server.url}/visits/a", trust_env=False).status_code == 200


def test_a_stopped_server_is_down_for_open_connections_too(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(b"GET /visits/a HTTP/1.1\r\nHost: sandbox\r\n\r\n")
        with connection.makefile("rb") as answers:
            while not answers.readline().endswith(b'"visits":1}\n'):
                pass
            server.stop()
            assert answers.read() == b""
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/visits/a", trust_env=False)


def test_a_stopped_server_starts_again_on_its_port(server: Server, web: httpx.Client) -> None:
    before = server.url
    web.get("/visits/a")
    server.stop()
    server.start()
    assert server.url == before
    assert web.get("/visits/a").json()["visits"] == 2


def test_it_listens_on_loopback_only(vendor: Vendor) -> None:
    with pytest.raises(ValueError, match=r"127\.0\.0\.1"):
        Server(vendor.app, host="0.0.0.0")  # noqa: S104 (this is what must be refused)


def test_a_port_in_use_is_an_error_and_no_exit(server: Server, vendor: Vendor) -> None:
    with pytest.raises(OSError, match="in use"):
        Server(vendor.app, port=server.port)


# The log


def test_requests_are_logged_as_they_were_sent(web: httpx.Client, vendor: Vendor) -> None:
    web.post("/visits/auth0%7C1?page=2", content=b"secret", headers={"Idempotency-Key": "k1"})
    web.get("/dashboard/visits")
    (entry,) = web.get("/_sandbox/requests").json()["requests"]
    assert entry.pop("started") == pytest.approx(time.time(), abs=10)
    assert 0 <= entry.pop("duration_s") < 5
    assert entry == {
        "method": "POST",
        "path": "/visits/auth0%7C1",
        "query": "page=2",
        "idempotency_key": "k1",
        "status": 200,
        "replayed": False,
    }
    web.post("/visits/a", headers={"X-Request-ID": "of-the-caller"})
    assert web.get("/_sandbox/requests").json()["requests"][1]["request_id"] == "of-the-caller"
    assert web.delete("/_sandbox/requests").status_code == 204
    assert vendor.control.requests() == []


def test_a_hanging_request_has_no_status(web: httpx.Client, vendor: Vendor) -> None:
    vendor.control.add_fault(action="hang")
    with pytest.raises(httpx.ReadTimeout):
        web.get("/visits/a", timeout=0.2)
    (entry,) = vendor.control.requests()
    assert (entry.status, entry.duration_s) == (None, None)
    vendor.control.clear_faults()


# Clock, settings, seed, reset


def test_the_clock_moves_forward_only(web: httpx.Client) -> None:
    assert web.get("/_sandbox/clock").json()["now"] == pytest.approx(time.time(), abs=10)
    web.post("/_sandbox/clock", json={"advance": 86400})
    assert web.get("/_sandbox/clock").json()["now"] == pytest.approx(time.time() + 86400, abs=10)
    for wrong in ({"advance": -1}, {"advance": "1"}, {"advance": True}, {}, [1]):
        assert web.post("/_sandbox/clock", json=wrong).status_code == 400


def test_settings_change_all_or_none(web: httpx.Client, vendor: Vendor) -> None:
    changed = web.patch("/_sandbox/settings", json={"enabled": True, "lag_s": 5, "word": "off", "limit": 3})
    assert changed.json() == {"enabled": True, "lag_s": 5, "word": "off", "limit": 3}
    assert vendor.switches == Switches(enabled=True, lag_s=5, word="off", limit=3)
    for wrong in ({"no_such": 1}, {"enabled": 1}, {"lag_s": "5"}, {"word": "maybe"}, {"limit": True}):
        assert web.patch("/_sandbox/settings", json={"enabled": False, **wrong}).status_code == 400
    assert web.get("/_sandbox/settings").json()["enabled"] is True


def test_reset_brings_everything_back(web: httpx.Client, vendor: Vendor) -> None:
    web.get("/visits/a")
    web.patch("/_sandbox/settings", json={"enabled": True})
    web.post("/_sandbox/clock", json={"advance": 1000})
    vendor.control.add_fault(action="status", path="/visits/b")
    assert web.post("/_sandbox/reset").status_code == 204
    assert (vendor.visits, vendor.switches) == (0, Switches())
    assert (vendor.control.requests(), vendor.control.faults()) == ([], [])
    assert vendor.control.clock.now() == pytest.approx(time.time(), abs=10)


def test_a_vendor_without_an_empty_state_says_so(web: httpx.Client, vendor: Vendor) -> None:
    web.get("/visits/a")
    refused = web.post("/_sandbox/reset", json={"empty": True})
    assert (refused.status_code, refused.json()) == (400, {"error": "this vendor has no empty state"})
    assert vendor.visits == 1


def test_seeds_go_to_the_vendor(web: httpx.Client, vendor: Vendor) -> None:
    assert web.post("/_sandbox/seed", json={"visits": 7}).json() == {"visits": 7}
    assert vendor.visits == 7
    refused = web.post("/_sandbox/seed", json={"users": 7})
    assert (refused.status_code, refused.json()) == (400, {"error": "seed visits"})


# Faults


@pytest.mark.parametrize(("when", "visits"), [("before", 0), ("after", 1)])
def test_a_reset_cuts_with_rst_before_or_after_the_effect(
    web: httpx.Client, vendor: Vendor, when: str, visits: int
) -> None:
    vendor.control.add_fault(action="reset", when=when)
    with pytest.raises(httpx.ReadError, match="reset by peer"):
        web.get("/visits/a")
    assert vendor.visits == visits


@pytest.mark.parametrize(("when", "visits"), [("before", 0), ("after", 1)])
def test_a_hang_ends_by_itself_without_an_answer(
    web: httpx.Client, vendor: Vendor, when: str, visits: int
) -> None:
    vendor.control.add_fault(action="hang", when=when, seconds=0.3)
    began = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError):
        web.get("/visits/a")
    assert time.monotonic() - began >= 0.3
    assert vendor.visits == visits


def test_clearing_the_faults_lets_go_of_hanging_requests(web: httpx.Client, vendor: Vendor) -> None:
    vendor.control.add_fault(action="hang", seconds=60)
    began = time.monotonic()
    timer = threading.Timer(0.3, vendor.control.clear_faults)
    timer.start()
    with pytest.raises(httpx.RemoteProtocolError):
        web.get("/visits/a", timeout=30)
    timer.join()
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(("when", "visits"), [("before", 0), ("after", 1)])
def test_a_status_replaces_the_answer(web: httpx.Client, vendor: Vendor, when: str, visits: int) -> None:
    spec = {"status": 503, "body": {"down": True}, "headers": {"Retry-After": "7", "content-type": "text/x"}}
    vendor.control.add_fault(action="status", when=when, **spec)
    answer = web.get("/visits/a")
    assert (answer.status_code, answer.json()) == (503, {"down": True})
    assert (answer.headers["retry-after"], answer.headers["content-type"]) == ("7", "text/x")
    assert vendor.visits == visits
    assert vendor.control.requests()[-1].status == 503


def test_latency_delays_a_good_answer(web: httpx.Client, vendor: Vendor) -> None:
    vendor.control.add_fault(action="latency", seconds=0.3)
    began = time.monotonic()
    assert web.get("/visits/a").json()["visits"] == 1
    assert time.monotonic() - began >= 0.3
    (entry,) = vendor.control.requests()
    assert entry.duration_s is not None
    assert entry.duration_s >= 0.3


def test_a_truncated_answer_promises_more_than_it_holds(web: httpx.Client, vendor: Vendor) -> None:
    whole = len(web.get("/visits/a").content)
    vendor.control.add_fault(action="truncate")
    with pytest.raises(httpx.RemoteProtocolError, match=f"received {whole // 2} bytes, expected {whole}"):
        web.get("/visits/a")
    assert vendor.visits == 2
    assert vendor.control.requests()[-1].status is None


def test_a_trickle_sends_headers_at_once_and_then_byte_by_byte(web: httpx.Client, vendor: Vendor) -> None:
    pause_s = 0.05
    vendor.control.add_fault(action="trickle", seconds=pause_s)
    began = time.monotonic()
    with web.stream("GET", "/visits/a") as answer:
        headers = time.monotonic()
        content = answer.read()
    ended = time.monotonic()
    assert ended - began >= pause_s * len(content)
    # A client that was kept waiting for the headers alone would read the rest at once.
    assert ended - headers >= pause_s * len(content) / 4
    assert answer.json()["visits"] == 1
    # The server logs the end after it has sent the last byte, which may be after the client has read it.
    deadline = time.monotonic() + 5
    while vendor.control.requests()[-1].status is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert vendor.control.requests()[-1].status == 200


def test_faults_match_method_and_whole_path_and_are_used_up(web: httpx.Client) -> None:
    web.post(
        "/_sandbox/faults",
        json={"action": "status", "status": 500, "method": "POST", "path": "/visits/a|/visits/b", "times": 2},
    ).raise_for_status()
    statuses = [
        web.get("/visits/a").status_code,
        web.post("/visits/abc").status_code,
        web.post("/visits/a").status_code,
        web.post("/visits/b").status_code,
        web.post("/visits/a").status_code,
    ]
    assert statuses == [200, 200, 500, 500, 200]
    (listed,) = web.get("/_sandbox/faults").json()["faults"]
    assert (listed["id"], listed["hits"]) == (1, 2)
    web.delete("/_sandbox/faults")
    assert web.get("/_sandbox/faults").json() == {"faults": []}


def test_the_first_of_several_faults_wins(web: httpx.Client, vendor: Vendor) -> None:
    vendor.control.add_fault(action="status", status=501)
    vendor.control.add_fault(action="status", status=502, times=None)
    assert [web.get("/visits/a").status_code for _ in range(3)] == [501, 502, 502]


def test_skip_lets_the_first_matches_through(web: httpx.Client, vendor: Vendor) -> None:
    vendor.control.add_fault(action="status", status=500, skip=2)
    assert [web.get("/visits/a").status_code for _ in range(4)] == [200, 200, 500, 200]


def test_a_probability_strikes_sometimes(web: httpx.Client, vendor: Vendor) -> None:
    vendor.control.add_fault(action="status", status=500, times=None, probability=0.5)
    statuses = {web.get("/visits/a").status_code for _ in range(60)}
    assert statuses == {200, 500}
    vendor.control.clear_faults()
    vendor.control.add_fault(action="status", status=500, times=None, probability=0)
    assert {web.get("/visits/a").status_code for _ in range(20)} == {200}


def test_faults_never_strike_the_controls(web: httpx.Client, vendor: Vendor) -> None:
    vendor.control.add_fault(action="reset", times=None)
    assert web.get("/_sandbox/clock").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"action": "explode"},
        {"action": "status", "status": 99},
        {"action": "status", "status": "500"},
        {"action": "status", "headers": ["a"]},
        {"action": "hang", "when": "during"},
        {"action": "hang", "seconds": -1},
        {"action": "hang", "seconds": "1"},
        {"action": "hang", "times": 1.5},
        {"action": "hang", "path": "("},
        {"action": "hang", "typo": 1},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(web: httpx.Client, wrong: dict[str, object]) -> None:
    answer = web.post("/_sandbox/faults", json=wrong)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_requests_and_refusals_are_counted_by_second(web: httpx.Client, vendor: Vendor) -> None:
    vendor.control.add_fault(action="status", status=429, path="/visits/b", times=None)
    for path in ("a", "b", "a", "b", "b"):
        web.post(f"/visits/{path}")
    seconds = web.get("/_sandbox/rates").json()["seconds"]
    assert sum(it["requests"] for it in seconds) == 5
    assert sum(it["refused"] for it in seconds) == 3
    assert abs(seconds[-1]["at"] - time.time()) < 60
    web.delete("/_sandbox/requests")
    assert web.get("/_sandbox/rates").json() == {"seconds": []}
