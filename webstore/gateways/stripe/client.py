"""Makes the Stripe client, which sends through the store's wire, and translates its values and errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import stripe

from webstore.errors import (
    AnswerTooLarge,
    EmailRefused,
    KeyInFlight,
    KeyReused,
    NoSuchCustomer,
    PaymentsFailed,
    PaymentsRefused,
    PaymentsUnavailable,
)
from webstore.gateways.wire import Sender, WireError, WireTooLarge

from .refusals import explained

T = TypeVar("T")

#: In minor units, far more than Stripe charges (twelve digits, https://docs.stripe.com/currencies).
_MAX_AMOUNT = 10**15
#: The end of the year 9999, as a Unix time.
_MAX_TIME = 253_402_300_799


#: The version of Stripe's API that the SDK asks for, https://docs.stripe.com/api/versioning
API_VERSION: str = stripe.api_version

# The SDK would write an ID into the home directory and report how long calls take.
stripe.enable_telemetry = False


class WireHTTPClient(stripe.HTTPClient):
    """An HTTP client that makes Stripe's SDK send through the store's wire."""

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
        """Send the request. Raises `stripe.APIConnectionError` without a usable answer."""
        body = post_data.encode() if isinstance(post_data, str) else post_data
        try:
            answer = self._wire.send(method.upper(), url, list((headers or {}).items()), body)
        except WireError as exc:
            raise stripe.APIConnectionError(str(exc)) from exc  # type: ignore[no-untyped-call]  # the SDK leaves this constructor untyped
        return answer.body, answer.status, answer.headers

    def close(self) -> None:
        """Do nothing: the wire outlives the client."""


def stripe_client(
    wire: Sender, *, api_key: str, api_base: str, account: str | None = None
) -> stripe.StripeClient:
    """Make a client for one API key. It never retries a call by itself.

    `api_base`: the address of the API, without a path. `account`: with an organization key, the account that
    the store acts for, https://docs.stripe.com/keys/organization-api-keys
    """
    return stripe.StripeClient(
        api_key,
        stripe_context=account,
        base_addresses={"api": api_base},
        http_client=WireHTTPClient(wire),
        max_network_retries=0,
    )


def text(value: object) -> str:
    """A required ID or text.

    Raises `TypeError` if it is missing. `translated` turns this into `PaymentsUnavailable`.
    """
    if not isinstance(value, str) or not value:
        raise TypeError("a required ID or text is missing")
    return value


def amount(value: object) -> int:
    """An amount in minor units; 0 if it is missing.

    Raises `TypeError` if it is not an amount. `translated` turns this into `PaymentsUnavailable`.
    """
    found = 0 if value is None else value
    if not isinstance(found, int) or isinstance(found, bool) or abs(found) > _MAX_AMOUNT:
        raise TypeError("this is not an amount")
    return found


def moment(value: object) -> float:
    """A Unix time in seconds.

    Raises `TypeError` if it is not a time. `translated` turns this into `PaymentsUnavailable`.
    """
    if not isinstance(value, int | float) or not 0 <= value <= _MAX_TIME:
        raise TypeError("this is not a Unix time")
    return float(value)


def is_replay(headers: Mapping[str, str]) -> bool:
    """Whether the answer was stored under the idempotency key by an earlier call."""
    return headers.get("idempotent-replayed") == "true"


def translated(send: Callable[[], T]) -> T:
    """Run `send`, which makes a call and reads the answer, and turn its errors into `PaymentsError`s.

    Source: https://docs.stripe.com/api/errors
    """
    try:
        return send()
    except stripe.StripeError as exc:
        _raise_translated(exc)
    except (ValueError, AttributeError, KeyError, TypeError, ArithmeticError, RecursionError) as exc:
        raise PaymentsUnavailable(f"malformed answer ({type(exc).__name__})") from exc


def _raise_translated(exc: stripe.StripeError) -> NoReturn:
    """Raise the store's error for an error of the SDK."""
    status, request_id = exc.http_status, exc.request_id or "-"
    summary = f"Stripe answered {status} {exc.code or ''} (request {request_id})"
    replayed = is_replay(exc.headers or {})
    if status is not None and status >= 500:
        raise PaymentsFailed(summary, replayed=replayed) from exc
    if isinstance(exc, stripe.APIConnectionError) and isinstance(exc.__cause__, WireTooLarge):
        raise AnswerTooLarge(str(exc.__cause__)) from exc
    if isinstance(exc, stripe.APIConnectionError):
        raise PaymentsUnavailable(exc.user_message or "no answer") from exc
    if isinstance(exc, stripe.IdempotencyError):
        raise KeyReused(summary) from exc
    if status == 409:
        raise KeyInFlight(summary) from exc
    if isinstance(exc, stripe.RateLimitError):
        raise PaymentsUnavailable(summary) from exc
    if isinstance(exc, stripe.InvalidRequestError):
        _raise_invalid_request(exc, summary, replayed=replayed)
    if isinstance(exc, stripe.AuthenticationError | stripe.PermissionError) or status == 402:
        raise PaymentsRefused(explained(exc, summary)) from exc
    raise PaymentsUnavailable(summary) from exc


def _raise_invalid_request(exc: stripe.InvalidRequestError, summary: str, *, replayed: bool) -> NoReturn:
    """Raise the store's error for invalid parameters: a missing object, an e-mail, or another one."""
    if exc.code == "resource_missing":
        raise NoSuchCustomer(
            summary, other_mode="a similar object exists in" in (exc.user_message or "")
        ) from exc
    if exc.param == "email":
        raise EmailRefused(summary, replayed=replayed) from exc
    refused = PaymentsRefused(explained(exc, summary))
    refused.only_this = True
    raise refused from exc
