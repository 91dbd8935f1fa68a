"""Refusals: what an operator has to change when Stripe refuses a request."""

from __future__ import annotations

import re
from typing import NamedTuple

import stripe

#: A key in a message. Stripe masks all of it but its last characters.
_KEY = re.compile(r"((?:sk|rk)_(?:test|live)_)[A-Za-z0-9_*]+")
_MAX_MESSAGE = 500


class _Advice(NamedTuple):
    """What to do, and the page of the dashboard for it."""

    to_do: str
    page: str


_KEYS = "https://dashboard.stripe.com/apikeys"
#: Words in the message or in the parameter, in lower case, and the advice for them. The first match counts.
_BY_WORDS = (
    (
        ("portal settings", "customer portal", "no configuration provided"),
        _Advice(
            "save the settings of the customer portal", "https://dashboard.stripe.com/settings/billing/portal"
        ),
    ),
    (
        ("tax_behavior", "tax behavior"),
        _Advice("set a tax behavior on each price", "https://dashboard.stripe.com/products"),
    ),
    (
        ("automatic_tax", "automatic tax", "stripe tax", "origin address", "head office"),
        _Advice(
            "set up Stripe Tax, or set CHECKOUT_AUTOMATIC_TAX=0", "https://dashboard.stripe.com/settings/tax"
        ),
    ),
    (
        ("terms_of_service", "terms of service"),
        _Advice(
            "enter the address of your terms, or set CHECKOUT_TERMS=0",
            "https://dashboard.stripe.com/settings/public",
        ),
    ),
    (
        ("shipping_rate", "shipping rate", "shipping_options"),
        _Advice("check CHECKOUT_SHIPPING_RATES", "https://dashboard.stripe.com/shipping-rates"),
    ),
)


def explained(exc: stripe.StripeError, summary: str) -> str:
    """The refusal in words for the log: Stripe's message, the parameter, what to do and where.

    `summary`: status, code and request ID. Source: https://docs.stripe.com/api/errors
    """
    message = " ".join((exc.user_message or "").split())[:_MAX_MESSAGE]
    message = _KEY.sub(r"\1...", "".join(c if c.isprintable() else " " for c in message))
    param = getattr(exc, "param", None)
    parts = [f"{summary}: {message or 'no message'}"]
    if isinstance(param, str) and param:
        parts.append(f"parameter {param[:100]}")
    advice = _advice(exc, f"{message} {param or ''}".lower())
    if advice is not None:
        parts.append(f"to do: {advice.to_do}, {advice.page}")
    return "; ".join(parts)


def _advice(exc: stripe.StripeError, said: str) -> _Advice | None:
    if isinstance(exc, stripe.AuthenticationError):
        return _Advice("correct STRIPE_SECRET_KEY: the key is wrong, expired or was rolled", _KEYS)
    if isinstance(exc, stripe.PermissionError):
        return _Advice("give the restricted key the permission that the message names", _KEYS)
    return next((advice for words, advice in _BY_WORDS if any(word in said for word in words)), None)
