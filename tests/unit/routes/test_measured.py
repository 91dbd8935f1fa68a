"""What is counted at `/metrics`."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import REGISTRY, Counter
from werkzeug.exceptions import TooManyRequests

from tests.clocks import Hands
from tests.unit.offline import offline_store
from webstore import deadline, metrics
from webstore.gateways.breaker import Breaker
from webstore.gateways.call_log import note_call
from webstore.gateways.wire import Wire, WireTimeout
from webstore.routes.limits import refuse_flood

URL = "http://127.0.0.1:8000"
TEXTS, FILES = "/<any(terms, privacy, returns, contact):name>", "/static/<path:filename>"


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def requests(route: str, status: str, method: str = "GET") -> float:
    return value("webstore_request_seconds_count", route=route, method=method, status=status)


@pytest.mark.parametrize(
    ("method", "path", "counted"),
    [
        ("GET", "/healthz", ("/healthz", "200", "GET")),
        ("GET", "/orders/4711", ("/orders/<number>", "302", "GET")),
        ("GET", "/nowhere/at/all", ("unmatched", "404", "GET")),
        ("GET", "/callback?code=a&state=b", ("/callback", "400", "GET")),
        ("PROPFIND", "/healthz", ("unmatched", "405", "other")),
        ("POST", "/webhooks/stripe", ("/webhooks/stripe", "400", "POST")),
    ],
)
def test_a_request_is_counted_under_the_pattern_of_its_address(
    tmp_path: Path, method: str, path: str, counted: tuple[str, str, str]
) -> None:
    with offline_store(tmp_path) as app:
        before = requests(*counted)
        app.test_client().open(path, method=method, base_url=URL)
        assert requests(*counted) == before + 1


def test_what_is_answered_in_front_of_flask_is_counted_too(tmp_path: Path) -> None:
    with offline_store(tmp_path) as app:
        client = app.test_client()
        pages, files = (
            requests(TEXTS, "200"),
            requests(FILES, "200"),
        )
        hits = value("webstore_cache_reads_total", cache="page", result="hit")
        for _ in range(2):
            client.get("/terms", base_url=URL)
        client.get("/static/img/logo.svg", base_url=URL)
        assert requests(TEXTS, "200") == pages + 2
        assert requests(FILES, "200") == files + 1
        assert value("webstore_cache_reads_total", cache="page", result="hit") == hits + 1


def test_a_request_that_another_site_sent_is_counted_too(tmp_path: Path) -> None:
    with offline_store(tmp_path) as app:
        before = requests("/logout", "403", "POST")
        app.test_client().post("/logout", base_url=URL, headers={"Sec-Fetch-Site": "cross-site"})
        assert requests("/logout", "403", "POST") == before + 1


def test_a_call_without_an_answer_is_counted() -> None:
    note_call("the Service of a Test", "GET", "/", 0.2, status=None, headers={})
    labels = {"service": "service_of_a_test", "method": "GET", "answer": "none"}
    assert value("webstore_upstream_seconds_count", **labels) == 1
    assert value("webstore_upstream_seconds_sum", **labels) == 0.2


def test_a_call_that_is_not_made_is_counted_with_the_reason() -> None:
    wire = Wire("the Silent Service")
    with deadline.within(0), pytest.raises(WireTimeout):
        wire.send("GET", "http://127.0.0.1:1/", (), None)
    assert value("webstore_upstream_not_called_total", service="silent_service", reason="deadline") == 1
    for _ in range(5):
        wire.breaker.timed_out()
    assert value("webstore_breaker_open", service="silent_service") == 1
    with pytest.raises(WireTimeout):
        wire.send("GET", "http://127.0.0.1:1/", (), None)
    assert value("webstore_upstream_not_called_total", service="silent_service", reason="breaker") == 1
    wire.breaker.succeeded()
    assert value("webstore_breaker_open", service="silent_service") == 0
    wire.close()


def test_a_breaker_tells_of_each_change_once() -> None:
    changes: list[int] = []
    breaker = Breaker(failures=2, clock=Hands(), on_change=changes.append)
    breaker.succeeded()
    for _ in range(4):
        breaker.timed_out()
    assert changes == [1]
    breaker.succeeded()
    breaker.succeeded()
    assert changes == [1, 0]


def test_a_refused_flood_is_counted_by_the_name_of_the_limit(tmp_path: Path) -> None:
    before = value("webstore_rate_limited_total", limit="a flood")
    with offline_store(tmp_path) as app, app.test_request_context(base_url=URL):
        refuse_flood("a flood", "192.0.2.1", 1)
        for _ in range(2):
            with pytest.raises(TooManyRequests):
                refuse_flood("a flood", "192.0.2.1", 1)
    assert value("webstore_rate_limited_total", limit="a flood") == before + 2


def test_a_webhook_that_nobody_signed_is_counted(tmp_path: Path) -> None:
    with offline_store(tmp_path) as app:
        before = value("webstore_webhook_events_total", type="unknown", outcome="rejected")
        app.test_client().post("/webhooks/stripe", base_url=URL, data=b"{}")
        assert value("webstore_webhook_events_total", type="unknown", outcome="rejected") == before + 1


def test_figures_that_cannot_be_written_stop_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Counter, "labels", full)
    metrics.count_rate_limited("login")
    metrics.count_rate_limited("login")
    assert caplog.text.count("the counters of /metrics are lost") <= 1
