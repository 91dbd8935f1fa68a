"""Failures that a test orders from Stripe's endpoints: a 500 that is stored and replayed.

Unlike with a transport fault, the endpoint has begun to execute, so the 500 is stored under the
idempotency key. The effect of a 500 is indeterminate.
Sources: https://docs.stripe.com/api/idempotent_requests and
https://docs.stripe.com/error-low-level#server-errors
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Effect = Literal["none", "now", "later"]
_FIELDS = {"method", "path", "times", "effect", "delay_s"}


@dataclass
class Failure:
    """One ordered failure. The request answers 500.

    `effect` says whether it has its effect anyway: never, now, or after `delay_s` seconds of the
    sandbox's clock. `left` is how many more requests fail (None: until cleared).
    """

    method: str | None
    path: re.Pattern[str]
    left: int | None
    effect: Effect
    delay_s: float


class Failures:
    """The ordered failures. The first match applies. The state's lock guards them."""

    def __init__(self) -> None:
        self._failures: list[Failure] = []

    def add(self, given: Mapping[str, object]) -> None:
        """Add a failure from a test's JSON. Raises ValueError when it is invalid."""
        if unknown := set(given) - _FIELDS:
            raise ValueError(f"unknown failure fields: {', '.join(sorted(unknown))}")
        effect, times, delay_s = given.get("effect", "none"), given.get("times", 1), given.get("delay_s", 0)
        method = given.get("method", "POST")
        if effect not in ("none", "now", "later"):
            raise ValueError("effect must be none, now or later")
        if times is not None and (isinstance(times, bool) or not isinstance(times, int) or times < 1):
            raise ValueError("times must be a number from 1 up, or null")
        if isinstance(delay_s, bool) or not isinstance(delay_s, int | float) or delay_s < 0:
            raise ValueError("delay_s must be a number of seconds")
        try:
            path = re.compile(str(given.get("path", ".*")))
        except re.error as exc:
            raise ValueError(f"path is not a regular expression: {exc}") from exc
        self._failures.append(
            Failure(
                method=None if method is None else str(method).upper(),
                path=path,
                left=times,
                effect=effect,
                delay_s=float(delay_s),
            )
        )

    def take(self, method: str, path: str) -> Failure | None:
        """The failure for this request, or None. Counts the request."""
        for failure in self._failures:
            if failure.left == 0 or failure.method not in (None, method) or not failure.path.fullmatch(path):
                continue
            if failure.left is not None:
                failure.left -= 1
            return failure
        return None

    def clear(self) -> None:
        """Remove all failures."""
        self._failures.clear()
