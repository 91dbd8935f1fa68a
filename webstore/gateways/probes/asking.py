"""One question over a wire: the answer as JSON, or why there is none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Self, TypeVar
from urllib.parse import urlencode

from webstore.doctor.facts import Trouble
from webstore.gateways.profiles import printable
from webstore.gateways.wire import Wire, WireError, WireTimeout

T = TypeVar("T")

_MAX_REASON = 200
#: Questions to one service at the same time. Vendors limit how many they answer in a second.
_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of any status."""

    status: int
    headers: Mapping[str, str]
    text: str
    #: The body as JSON; None if it is none.
    json: object = None
    #: How far this machine's clock is ahead of the server's, in seconds; None if it does not say its time.
    clock_ahead_s: float | None = None

    @property
    def document(self) -> Mapping[str, object]:
        """The body as a JSON object; empty if it is something else."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def trouble(self) -> Trouble:
        """The answer as an error, with the vendor's code and words."""
        found = self.document
        nested = found.get("error")
        inner: Mapping[str, object] = nested if isinstance(nested, dict) else found
        code = inner.get("errorCode") or inner.get("code") or inner.get("error") or inner.get("type")
        # Stripe's messages quote parts of keys and addresses; Auth0's say which audience or grant is wrong.
        words = "" if isinstance(nested, dict) else printable(found.get("error_description"), _MAX_REASON)
        code_text = printable(code, 60) if isinstance(code, str) else ""
        reason = " ".join(filter(None, (f"status {self.status}", code_text, f"({words})" if words else "")))
        return Trouble(reason, self.status, code_text)


class Asker:
    """Asks one service. `now`: this machine's clock."""

    def __init__(self, wire: Wire, now: Callable[[], float] = time.time) -> None:
        self._wire, self._now = wire, now

    def get(
        self, url: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply | Trouble:
        """Ask with GET."""
        return self._ask("GET", f"{url}?{urlencode(query)}" if query else url, headers or {})

    def post(
        self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Reply | Trouble:
        """Ask with POST, with a form."""
        named = {**(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", url, named, urlencode(form).encode())

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Reply | Trouble:
        """Ask. The answer may have any status; a redirect is an answer."""
        began = self._now()
        try:
            answer = self._wire.send(method, url, [*headers.items(), ("Accept", "application/json")], body)
        except WireError as exc:
            return Trouble(_reason(exc), late=isinstance(exc, WireTimeout))
        found: object = None
        with suppress(ValueError, RecursionError):
            found = json.loads(answer.body)
        ahead = _ahead(answer.headers, (began + self._now()) / 2)
        return Reply(answer.status, answer.headers, answer.body.decode("utf-8", "replace"), found, ahead)


def _reason(exc: WireError) -> str:
    """Why the answer is missing, with the system's reason, such as an unknown name or a bad certificate."""
    cause = printable(str(exc.__cause__ or ""), _MAX_REASON)
    return f"{printable(str(exc), _MAX_REASON)}: {cause}" if cause else printable(str(exc), _MAX_REASON)


def _ahead(headers: Mapping[str, str], now: float) -> float | None:
    """How far `now` is ahead of the server's clock, which tells whole seconds.

    A cache keeps the header Date and tells the seconds since in Age: RFC 9110, section 6.6.1, and RFC 9111,
    section 5.1
    """
    age = headers.get("age", "")
    try:
        told = parsedate_to_datetime(headers.get("date", "")).timestamp()
        return now - (told + (int(age) if age.isascii() and age.isdecimal() else 0) + 0.5)
    except (ValueError, TypeError, OverflowError):
        return None


class Together:
    """Asks several questions at the same time, under the deadline of the thread that makes it."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="doctor")

    def begin(self, question: Callable[[], T]) -> Future[T]:
        """Begin one question."""
        return self._pool.submit(copy_context().run, question)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._pool.shutdown()
