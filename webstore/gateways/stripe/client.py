"""Stripe's own `StripeClient` with an HTTP client on the store's wire; its errors in the store's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import stripe

from webstore.errors import (
    EmailRefused,
    KeyInFlight,
    KeyReused,
    NoSuchCustomer,
    PaymentsError,
    PaymentsFailed,
    PaymentsRefused,
    PaymentsUnavailable,
)
from webstore.gateways.wire import Sender, WireError

T = TypeVar("T")

#: Far beyond what Stripe charges (twelve digits, https://docs.stripe.com/currencies), and the year 9999.
_MOST, _END_OF_TIME = 10**15, 253_402_300_799


class WireHTTPClient(stripe.HTTPClient):
    """Stripe's SDK on the store's wire."""

    name = "webstore"

    def __init__(self, wire: Sender) -> None:
        super().__init__()
        self._wire = wire

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,  # the SDK's own type: text, bytes or None
        **_: object,
    ) -> tuple[Any, int, Mapping[str, str]]:
        """See `stripe.HTTPClient.request`."""
        body = post_data.encode() if isinstance(post_data, str) else post_data
        try:
            answer = self._wire.send(method.upper(), url, list((headers or {}).items()), body)
        except WireError as exc:
            raise stripe.APIConnectionError(str(exc)) from exc  # type: ignore[no-untyped-call]  # the SDK leaves this constructor untyped
        return answer.body, answer.status, answer.headers

    def close(self) -> None:
        """Nothing to close: the wire outlives the client."""


def stripe_client(wire: Sender, *, api_key: str, api_base: str) -> stripe.StripeClient:
    """A client for one API key. It never repeats a call by itself.

    `api_base`: the address of the API, without a path.
    """
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base},
        http_client=WireHTTPClient(wire),
        max_network_retries=0,
    )


def text(value: object) -> str:
    """An ID or another text that has to be there; `translated` makes an error of its absence."""
    if not isinstance(value, str) or not value:
        raise TypeError("no text where an ID should be")
    return value


def amount(value: object) -> int:
    """An amount in minor units, 0 where there is none; `translated` makes an error of what cannot be one."""
    found = 0 if value is None else value
    if not isinstance(found, int) or isinstance(found, bool) or abs(found) > _MOST:
        raise TypeError("no amount")
    return found


def moment(value: object) -> float:
    """A Unix time; `translated` makes an error of what cannot be one."""
    if not isinstance(value, int | float) or not 0 <= value <= _END_OF_TIME:
        raise TypeError("no time")
    return float(value)


def is_replay(headers: Mapping[str, str]) -> bool:
    """Whether the answer is the one stored under the idempotency key."""
    return headers.get("idempotent-replayed") == "true"


def translated(send: Callable[[], T]) -> T:
    """Make the call, read its answer, and turn Stripe's errors into the store's.

    Source: https://docs.stripe.com/api/errors
    """
    try:
        return send()
    except stripe.StripeError as exc:
        _raise_translated(exc)
    except (ValueError, AttributeError, KeyError, TypeError, ArithmeticError, RecursionError) as exc:
        raise PaymentsUnavailable(f"malformed answer ({type(exc).__name__})") from exc


def _raise_translated(exc: stripe.StripeError) -> NoReturn:
    status, request_id = exc.http_status, exc.request_id or "-"
    seen = f"Stripe answered {status} {exc.code or ''} (request {request_id})"
    replayed = is_replay(exc.headers or {})
    if status is not None and status >= 500:
        raise PaymentsFailed(seen, replayed=replayed) from exc
    if isinstance(exc, stripe.APIConnectionError):
        raise PaymentsUnavailable(exc.user_message or "no answer") from exc
    if isinstance(exc, stripe.IdempotencyError):
        raise KeyReused(seen) from exc
    if status == 409:
        raise KeyInFlight(seen) from exc
    if isinstance(exc, stripe.RateLimitError):
        raise PaymentsUnavailable(seen) from exc
    if isinstance(exc, stripe.InvalidRequestError):
        _raise_invalid_request(exc, seen, replayed=replayed)
    if isinstance(exc, stripe.AuthenticationError | stripe.PermissionError) or status == 402:
        raise PaymentsRefused(seen) from exc
    raise PaymentsUnavailable(seen) from exc


def _raise_invalid_request(exc: stripe.InvalidRequestError, seen: str, *, replayed: bool) -> NoReturn:
    if exc.code == "resource_missing":
        raise NoSuchCustomer(
            seen, other_mode="a similar object exists in" in (exc.user_message or "")
        ) from exc
    if exc.param == "email":
        raise EmailRefused(seen, replayed=replayed) from exc
    error: PaymentsError = PaymentsRefused(seen)
    raise error from exc
