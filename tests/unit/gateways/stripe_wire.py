"""A Stripe in memory behind the SDK: each test says what it answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import httpx
import stripe

from webstore.gateways.stripe import stripe_client
from webstore.gateways.wire import Answer, Wire


@dataclass(frozen=True)
class Call:
    """A request to Stripe."""

    method: str
    path: str
    #: The parameters as they were sent, for instance `metadata[x]`.
    params: dict[str, str]
    key: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class StripeWire:
    """A wire whose other end is `answer`: it returns a status, a document and whether it is a replay."""

    answer: Callable[[Call], tuple[int, Any, bool]]
    calls: list[Call] = field(default_factory=list)

    @property
    def client(self) -> stripe.StripeClient:
        return stripe_client(cast(Wire, self), api_key="sk_test_x", api_base="http://127.0.0.1:1")

    @property
    def asked(self) -> list[str]:
        """Method and path of every call."""
        return [str(call) for call in self.calls]

    def send(self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes | None) -> Answer:
        parts = urlsplit(url)
        sent = dict(parse_qsl((body or b"").decode() or parts.query, keep_blank_values=True))
        call = Call(method, parts.path, sent, dict(headers).get("Idempotency-Key"))
        self.calls.append(call)
        status, document, replayed = self.answer(call)
        answered = {"content-type": "application/json", "request-id": "req_1"}
        if replayed:
            answered["idempotent-replayed"] = "true"
        return Answer(status, httpx.Headers(answered), json.dumps(document).encode())


def listed(*items: object, more: bool = False) -> dict[str, Any]:
    """A page of a list."""
    return {"object": "list", "data": list(items), "has_more": more, "url": "/v1/things"}


def refusal(status: int = 400, message: str = "No.", **error: str) -> tuple[int, Any, bool]:
    """An answer with an error."""
    return status, {"error": {"type": "invalid_request_error", "message": message, **error}}, False
