"""Transport faults that a test can order: latency, hangs, resets, error statuses, truncated or slow answers.

A fault works the same for both vendors. Errors that depend on the vendor's own logic, such as Stripe's
stored 500s, belong to the vendor.
"""

import json
import math
import random
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Self

from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from webstore.sandbox.server import ConnectionCut

ACTIONS = ("latency", "hang", "reset", "status", "truncate", "trickle")
_WHEN_FIELDS = ("method", "path", "times", "probability", "when", "skip")
_WHAT_FIELDS = ("action", "seconds", "status", "body", "headers")
_DEFAULT_SECONDS = {"hang": 120.0, "trickle": 1.0}


@dataclass
class Fault:
    """A transport fault for requests whose method and whole path match.

    The first `skip` matching requests pass. After that the fault strikes each matching request with
    `probability`, up to `times` times (None: until it is cleared). `when` says whether it strikes before
    or after the request has its effect. `truncate` and `trickle` need the real answer, so they always
    strike after the effect. `seconds` is the length of a latency, the longest duration of a hang, or the
    pause between two bytes of a trickle.
    """

    id: int
    action: str
    path: re.Pattern[str]
    method: str | None = None
    times: int | None = 1
    probability: float = 1.0
    when: str = "before"
    seconds: float = 0.0
    status: int = 500
    body: bytes = b""
    headers: Headers = field(default_factory=Headers)
    skip: int = 0
    hits: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def parse(cls, number: int, given: Mapping[str, object]) -> Self:
        """Build a fault from the JSON that a test sent. Raises ValueError when it is invalid."""
        if unknown := set(given) - {*_WHEN_FIELDS, *_WHAT_FIELDS}:
            raise ValueError(f"unknown fault fields: {', '.join(sorted(unknown))}")
        action = given.get("action")
        if action not in ACTIONS:
            raise ValueError(f"action must be one of {', '.join(ACTIONS)}")
        when = given.get("when", "before")
        if when not in ("before", "after"):
            raise ValueError("when must be before or after")
        method = given.get("method")
        times = given.get("times", 1)
        headers = given.get("headers", {})
        if not isinstance(headers, Mapping):
            raise ValueError("headers must be an object")
        body, content_type = _body(given.get("body", ""))
        answer_headers = Headers({"Content-Type": content_type})
        answer_headers.update({str(name): str(text) for name, text in headers.items()})
        seconds = given.get("seconds", _DEFAULT_SECONDS.get(str(action), 0.0))
        return cls(
            id=number,
            action=str(action),
            path=_pattern(given.get("path", ".*")),
            method=None if method is None else str(method).upper(),
            times=None if times is None else _integer("times", times),
            probability=_number("probability", given.get("probability", 1.0)),
            when=str(when),
            seconds=_number("seconds", seconds),
            status=_status(given.get("status", 500)),
            body=body,
            headers=answer_headers,
            skip=_integer("skip", given.get("skip", 0)),
        )

    def matches(self, method: str, path: str) -> bool:
        """Whether the request has this fault's method and path."""
        return self.method in (None, method) and self.path.fullmatch(path) is not None

    def describe(self) -> dict[str, object]:
        """The fault as `GET /_sandbox/faults` returns it."""
        return {
            "id": self.id,
            "action": self.action,
            "path": self.path.pattern,
            "method": self.method,
            "times": self.times,
            "probability": self.probability,
            "when": self.when,
            "seconds": self.seconds,
            "status": self.status,
            "skip": self.skip,
            "hits": self.hits,
        }

    def strike(self, serve: Callable[[], Response]) -> tuple[Response, bool]:
        """Apply the fault to a request that `serve` would answer.

        Returns the response, and whether the client receives it whole. Raises ConnectionCut when the
        client receives no response.
        """
        effect_first = self.when == "after" or self.action in ("truncate", "trickle")
        answer = serve() if effect_first else None
        if self.action in ("latency", "hang"):
            self.released.wait(self.seconds)
        if self.action == "latency":
            return answer or serve(), True
        if self.action in ("hang", "reset"):
            raise ConnectionCut(reset=self.action == "reset")
        if self.action == "status":
            return Response(self.body, self.status, self.headers), True
        real = answer or serve()
        content = real.get_data()
        broken = Response(status=real.status, headers=real.headers)
        broken.response = _half(content) if self.action == "truncate" else self._drip(content)
        broken.headers["Content-Length"] = str(len(content))
        return broken, self.action == "trickle"

    def _drip(self, content: bytes) -> Iterator[bytes]:
        yield b""  # the headers go out at once
        for position in range(len(content)):
            self.released.wait(self.seconds)
            yield content[position : position + 1]


class Faults:
    """The faults of one vendor, in order of creation. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._last_id = 0

    def add(self, given: Mapping[str, object]) -> int:
        """Add a fault and return its number. Raises ValueError for an invalid description."""
        with self._lock:
            fault = Fault.parse(self._last_id + 1, given)
            self._last_id = fault.id
            self._faults.append(fault)
            return fault.id

    def describe(self) -> list[dict[str, object]]:
        """All faults, used up or not, each with the number of its hits."""
        with self._lock:
            return [fault.describe() for fault in self._faults]

    def clear(self) -> None:
        """Remove all faults and release the requests that they delay."""
        with self._lock:
            for fault in self._faults:
                fault.released.set()
            self._faults.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that strikes this request, or None. Counts the hit."""
        with self._lock:
            for fault in self._faults:
                if not fault.matches(method, path) or fault.hits == fault.times:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                elif random.random() < fault.probability:  # noqa: S311 (dice, not secrets)
                    fault.hits += 1
                    return fault
        return None


def _half(content: bytes) -> Iterator[bytes]:
    yield content[: len(content) // 2]
    raise ConnectionCut


def _pattern(value: object) -> re.Pattern[str]:
    try:
        return re.compile(str(value))
    except re.error as exc:
        raise ValueError(f"path is not a regular expression: {exc}") from exc


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ValueError(f"{name} must be a number that is not negative")
    return float(value)


def _integer(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} must be a whole number that is not negative")
    return value


def _status(value: object) -> int:
    status = _integer("status", value)
    if status not in {known.value for known in HTTPStatus}:
        raise ValueError("status must be an HTTP status")
    return status


def _body(value: object) -> tuple[bytes, str]:
    if isinstance(value, str):
        return value.encode(), "text/plain; charset=utf-8"
    return json.dumps(value).encode(), "application/json"
