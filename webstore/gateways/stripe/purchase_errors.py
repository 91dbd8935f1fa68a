"""Why Stripe refused a Checkout Session: the store's error for it."""

from __future__ import annotations

import stripe

from webstore.errors import (
    AmountRefused,
    CurrencyRefused,
    EmailRefused,
    NoSuchCustomer,
    NoSuchObject,
    PaymentsError,
    PaymentsRefused,
)

from .client import is_replay
from .refusals import explained

#: Error codes for an amount that cannot be charged, https://docs.stripe.com/error-codes
_TOO_SMALL, _TOO_LARGE = "amount_too_small", "amount_too_large"
#: Phrases in Stripe's messages about a second currency of a customer, which have no error code.
_CURRENCY_PHRASES = ("combine currencies", "does not match the customer currency")
#: What Stripe says about a price that is missing, archived, of an archived product, or without the currency.
_NOT_FOR_SALE_PHRASES = (
    "no such price",
    "price specified is inactive",
    "product is not active",
    "marked as inactive",
    "price specified supports currencies",
)


def _is_missing_price(cause: stripe.StripeError, param: str) -> bool:
    """Whether a price of the purchase does not exist; other refusals about it are for the operator."""
    return cause.code == "resource_missing" and param.startswith("line_items")


def purchase_error(exc: PaymentsError) -> PaymentsError:
    """The specific error for a refused Checkout Session, such as `AmountRefused`; else the error itself.

    Source: https://docs.stripe.com/error-codes
    """
    cause = exc.__cause__
    if not isinstance(cause, stripe.StripeError):
        return exc
    param, message = str(getattr(cause, "param", None) or ""), (cause.user_message or "").lower()
    error = exc
    if param.endswith("[receipt_email]"):
        error = EmailRefused(str(exc))
    elif cause.code in (_TOO_SMALL, _TOO_LARGE):
        error = AmountRefused(str(exc), too_large=cause.code == _TOO_LARGE)
    elif any(words in message for words in _CURRENCY_PHRASES):
        error = CurrencyRefused(str(exc))
    elif any(words in message for words in _NOT_FOR_SALE_PHRASES) or _is_missing_price(cause, param):
        error = NoSuchObject(str(exc))
    elif isinstance(exc, NoSuchCustomer) and param != "customer" and "no such customer" not in message:
        error = PaymentsRefused(explained(cause, str(exc)))
    error.replayed = is_replay(cause.headers or {})
    return error
