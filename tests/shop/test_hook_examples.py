"""The hooks in docs/examples do what their pages say."""

from __future__ import annotations

import hmac
import json
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import cast

import pytest

from docs.examples import call_url
from tests.goods import sell
from tests.shop.counter import Counter
from tests.support import ADA, running_shop, until
from webstore.gateways.hooks import load_hooks
from webstore.gateways.wire import Wire, WireError
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


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_the_umask_decides_who_may_read_the_file(folder: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        hook("orders_to_folder:save")(EVENT)
    finally:
        os.umask(before)
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_a_failure_leaves_nothing_behind(folder: Path) -> None:
    save = hook("orders_to_folder:save")
    # It cannot be written as JSON.
    unwritable = replace(EVENT, money=cast(Money, object()))
    for _ in range(3):
        with pytest.raises(TypeError):
            save(unwritable)
    assert list(folder.iterdir()) == []
    save(EVENT)
    assert [file.name for file in folder.iterdir()] == ["refunded.re_1.json"]


def test_file_and_folder_are_on_the_disk_before_the_event_counts_as_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, list[str]]] = []

    def fsync(handle: int) -> None:
        names = [file.name for file in folder.iterdir() if not file.name.startswith(".")]
        synced.append((stat.S_ISDIR(os.fstat(handle).st_mode), names))

    monkeypatch.setattr(os, "fsync", fsync)
    hook("orders_to_folder:save")(EVENT)
    assert synced == [(False, []), (True, ["refunded.re_1.json"])]


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
    #: Whether it sends the answer a byte at a time, and never ends.
    drips: bool = False
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
            if receiver.drips:
                self.flush_headers()
                with suppress(OSError):
                    while receiver.drips:
                        self.wfile.write(b"x")
                        time.sleep(0.1)
                return
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


@pytest.mark.parametrize("secret", ["", " ", "x" * 31])
def test_a_secret_that_can_be_guessed_is_refused(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("ORDERS_SECRET", secret)
    with pytest.raises(ValueError, match="ORDERS_SECRET must have 32 characters or more"):
        hook("call_url:send")(EVENT)
    assert receiver.received == []


def test_the_limit_is_for_the_whole_exchange(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that sends a byte now and then is cut off, though no single wait is long."""
    monkeypatch.setattr(call_url, "wire", Wire("The receiver", total_s=0.5))
    receiver.drips = True
    with pytest.raises(WireError, match="did not answer in time"):
        hook("call_url:send")(EVENT)
    receiver.drips = False
    assert call_url.LIMIT_S == 5


def test_nothing_is_sent_in_the_clear(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_URL", "http://orders.example/")
    with pytest.raises(ValueError, match="must be https"):
        hook("call_url:send")(EVENT)
    assert receiver.received == []
