"""The hooks in docs/examples do what their pages say."""

from __future__ import annotations

import hmac
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.goods import sell
from tests.shop.counter import Counter
from tests.support import ADA, running_shop, until
from webstore.gateways.hooks import load_hooks
from webstore.shop.models import BoughtLine, Money
from webstore.shop.order_events import Kind, OrderEvent
from webstore.shop.ports import Fulfil

SECRET = "a-secret-of-these-tests-with-32-characters"
EVENT = OrderEvent(
    kind=Kind.REFUNDED,
    id="refunded.re_1",
    at=1_790_000_000.0,
    order_number="261126-7K3QMX",
    user_id=ADA,
    object_id="re_1",
    livemode=False,
    money=Money(500, "eur"),
    lines=(BoughtLine("Mug", 2, Money(2400, "eur"), "price_1", "prod_1"),),
)


def hook(name: str) -> Fulfil:
    (found,) = load_hooks((f"docs.examples.{name}",))
    return found


# orders_to_folder.py


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ORDERS_FOLDER", str(tmp_path))
    return tmp_path


def test_an_order_event_becomes_a_file(folder: Path) -> None:
    hook("orders_to_folder:save")(EVENT)
    (file,) = folder.iterdir()
    assert file.name == "refunded.re_1.json"
    found = json.loads(file.read_text())
    assert (found["kind"], found["order_number"], found["money"]) == (
        "refunded",
        "261126-7K3QMX",
        {"amount": 500, "currency": "eur"},
    )
    assert found["lines"][0]["description"] == "Mug"
    assert set(found) == set(OrderEvent.__slots__)


def test_the_same_event_again_changes_nothing(folder: Path) -> None:
    save = hook("orders_to_folder:save")
    save(EVENT)
    (file,) = folder.iterdir()
    before = file.stat()
    save(replace(EVENT, at=EVENT.at + 1))
    assert list(folder.iterdir()) == [file]
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_folder_that_is_missing_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_FOLDER", str(folder / "missing"))
    with pytest.raises(OSError, match="missing"):
        hook("orders_to_folder:save")(EVENT)


def test_a_store_with_this_hook_writes_what_is_bought(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    state = tmp_path_factory.mktemp("store")
    with running_shop(state, FULFIL="docs.examples.orders_to_folder:save") as shop:
        counter = Counter(shop, sell(shop, "Mug", 1200), uses_own_hook=False)
        shop.sandbox.send_webhooks()
        session_id = counter.buy()
        until((folder / f"paid.{session_id}.json").exists)
    assert json.loads((folder / f"paid.{session_id}.json").read_text())["user_id"] == ADA


# call_url.py


@dataclass
class Receiver:
    """A program that receives order events over HTTP."""

    status: int = 204
    #: Headers and body of each request.
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.received.append((dict(self.headers), body))
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("ORDERS_URL", f"http://127.0.0.1:{server.server_port}/orders")
    monkeypatch.setenv("ORDERS_SECRET", SECRET)
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()


def test_an_order_event_is_posted_and_signed(receiver: Receiver) -> None:
    hook("call_url:send")(EVENT)
    ((headers, body),) = receiver.received
    assert json.loads(body)["id"] == headers["Idempotency-Key"] == "refunded.re_1"
    signed = headers["X-Timestamp"].encode() + b"." + body
    assert headers["X-Signature"] == hmac.digest(SECRET.encode(), signed, "sha256").hex()
    assert abs(int(headers["X-Timestamp"]) - time.time()) < 60
    assert SECRET.encode() not in body


@pytest.mark.parametrize("status", [302, 400, 500])
def test_any_other_answer_than_2xx_is_an_error(receiver: Receiver, status: int) -> None:
    receiver.status = status
    with pytest.raises(Exception, match=str(status)):
        hook("call_url:send")(EVENT)
    assert len(receiver.received) == 1


def test_nothing_is_sent_in_the_clear(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_URL", "http://orders.example/")
    with pytest.raises(ValueError, match="must be https"):
        hook("call_url:send")(EVENT)
    assert receiver.received == []
