"""Refusals: what an operator has to change when Stripe refuses a request."""

from __future__ import annotations

import re
from typing import NamedTuple

import stripe

from webstore.gateways.profiles import printable

#: Patterns of secrets and addresses that a message may quote, and the text that replaces them in the log.
_MASKS = (
    # Client secrets, such as "pi_1_secret_2": https://docs.stripe.com/api/payment_intents/object
    (re.compile(r"_secret_[^\s\"'`<>,;]+"), "_secret_..."),
    # API keys, also those of organizations, and signing secrets of webhooks: https://docs.stripe.com/keys
    (
        re.compile(
            r"((?:sk|rk)_org_(?:test_|live_)?|(?:sk|rk|rkcs|ek)_(?:test|live)_|rkcs_|whsec_)[A-Za-z0-9_*+/=-]+"
        ),
        r"\1...",
    ),
    (re.compile(r"[^\s@\"'`<>(),;:=]{1,254}(?:@|%40)[\w.-]*\w"), "(e-mail address)"),
)
#: Characters of a message that are read, and characters that are logged.
_MAX_READ, _MAX_MESSAGE = 2000, 500


class _Advice(NamedTuple):
    """What to do, and the page for it: of the dashboard, or of the documentation."""

    to_do: str
    page: str


_KEYS = "https://dashboard.stripe.com/apikeys"
#: Words in the message or in the parameter, in lower case, and the advice for them. The first match counts.
_BY_WORDS = (
    (
        ("expires_at",),
        _Advice(
            "set the machine's clock, which differs from Stripe's by some minutes",
            "https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at",
        ),
    ),
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

    Keys, secrets and e-mail addresses that the message quotes are masked. `summary`: status, code and
    request ID. Source: https://docs.stripe.com/api/errors
    """
    message, param = _masked(exc.user_message or ""), getattr(exc, "param", None)
    parts = [f"{summary}: {message or 'no message'}"]
    if isinstance(param, str) and param:
        parts.append(f"parameter {_masked(param)[:100]}")
    advice = _advice(exc, f"{message} {param or ''}".lower())
    if advice is not None:
        parts.append(f"to do: {advice.to_do}, {advice.page}")
    return "; ".join(parts)


def _masked(text: str) -> str:
    """The beginning of the text in one line, without what a log must not have."""
    line = printable(" ".join(text.split()), _MAX_READ)
    for pattern, instead in _MASKS:
        line = pattern.sub(instead, line)
    return line[:_MAX_MESSAGE]


def _advice(exc: stripe.StripeError, said: str) -> _Advice | None:
    if isinstance(exc, stripe.AuthenticationError):
        return _Advice("correct STRIPE_SECRET_KEY: the key is wrong, expired or was rolled", _KEYS)
    if isinstance(exc, stripe.PermissionError):
        return _Advice("give the restricted key the permission that the message names", _KEYS)
    return next((advice for words, advice in _BY_WORDS if any(word in said for word in words)), None)
