"""A request whose client disconnects before sending the whole body has no effect."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import httpx
import pytest

from tests.sandbox.conftest import RunningStripe
from webstore.sandbox.stripe import TEST_KEY

BODY = b"email=ada%40example.com&metadata[auth0_user_id]=auth0%7Cada"


@pytest.mark.parametrize("sent", [b"", BODY[:24]], ids=["no body", "a part of the body"])
def test_request_whose_body_does_not_arrive_whole_has_no_effect(
    running: RunningStripe, http: httpx.Client, sent: bytes
) -> None:
    head = (
        "POST /v1/customers HTTP/1.1\r\n"
        f"Host: {urlsplit(running.url).netloc}\r\n"
        f"Authorization: Bearer {TEST_KEY}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        "Idempotency-Key: broken-off\r\n"
        f"Content-Length: {len(BODY)}\r\n\r\n"
    )
    address = urlsplit(running.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=5) as connection:
        connection.sendall(head.encode() + sent)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(4096) == b""
    assert http.get("/v1/customers").json()["data"] == []
    whole = {"email": "ada@example.com", "metadata[auth0_user_id]": "auth0|ada"}
    again = http.post("/v1/customers", data=whole, headers={"Idempotency-Key": "broken-off"})
    assert again.status_code == 200
