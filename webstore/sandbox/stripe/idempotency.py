"""Idempotency keys. Source: https://docs.stripe.com/api/idempotent_requests

The first response of an endpoint, a success or an error, is kept and replayed. A request that did not
begin to execute (invalid parameters, unknown API key, rate limit, conflict) leaves no response.
"""

from dataclasses import dataclass

from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.forms import Params

MAX_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished response, which can be replayed."""

    status: int
    body: str
    request_id: str


@dataclass(slots=True)
class _Entry:
    path: str
    params: Params
    begun: float
    answer: Answer | None = None


class IdempotencyKeys:
    """The idempotency keys of one account and mode. The state's lock guards them."""

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    def begin(self, key: str, path: str, params: Params, now: float, ttl_s: float) -> Answer | None:
        """The response to replay, or None when the caller must execute the request.

        After None the caller calls either `finish` or `forget`. Raises StripeError when the key is too
        long, was used for a different request, or is in use by a request that is still executing.
        """
        if len(key) > MAX_KEY_LENGTH:
            raise StripeError(
                400,
                f"Idempotency keys must be at most {MAX_KEY_LENGTH} characters long; yours has {len(key)}.",
                type="idempotency_error",
            )
        self._prune(now, ttl_s)
        entry = self._entries.get(key)
        if entry is None:
            self._entries[key] = _Entry(path, params, now)
            return None
        if entry.path != path:
            raise _reused(key, f"for the same endpoint they were first used for ('{entry.path}' vs '{path}')")
        if entry.params != params:
            raise _reused(key, "with the same parameters they were first used with")
        if entry.answer is None:
            raise StripeError(
                409,
                "There is currently another in-progress request using this Idempotent Key (that probably"
                " means you submitted twice, and the other request is still going through):"
                f" {key}. Please try again later.",
                code="idempotency_key_in_use",
            )
        return entry.answer

    def finish(self, key: str, answer: Answer) -> None:
        """Keep the response under the key."""
        if key in self._entries:  # a reset may have removed it
            self._entries[key].answer = answer

    def forget(self, key: str) -> None:
        """Free the key, because its request did not execute."""
        self._entries.pop(key, None)

    def failures(self) -> dict[str, float]:
        """The requests whose kept response is a failure of the server's, by ID, and when each began."""
        return {
            entry.answer.request_id: entry.begun
            for entry in self._entries.values()
            if entry.answer is not None and entry.answer.status >= 500
        }

    def _prune(self, now: float, ttl_s: float) -> None:
        """Remove expired entries. The oldest entries are at the front."""
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if entry.answer is None or entry.begun + ttl_s > now:
                return
            del self._entries[key]


def _reused(key: str, how: str) -> StripeError:
    return StripeError(
        400,
        f"Keys for idempotent requests can only be used {how}. Try using a key other than '{key}' if you"
        " meant to execute a different request.",
        type="idempotency_error",
    )
