"""Stripe's SDK as the store uses it: it keeps to itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import httpx
import pytest

from webstore.gateways.stripe import stripe_client
from webstore.gateways.wire import Answer, Wire


class Recorder:
    """A wire on which Stripe answers every call with an account, and the headers that it was sent."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        self.headers.append({name.lower(): value for name, value in headers})
        answered = httpx.Headers({"request-id": "req_1", "content-type": "application/json"})
        return Answer(200, answered, b'{"id": "acct_1", "object": "account"}')


def test_the_sdk_reports_nothing_and_writes_nothing_into_the_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    wire = Recorder()
    client = stripe_client(cast(Wire, wire), api_key="sk_test_x", api_base="http://127.0.0.1:1")
    for _ in range(2):
        client.v1.accounts.retrieve_current()
    assert len(wire.headers) == 2
    assert [name for sent in wire.headers for name in sent if "telemetry" in name] == []
    assert [value for sent in wire.headers for value in sent.values() if "telemetry" in value] == []
    assert list(tmp_path.iterdir()) == []
