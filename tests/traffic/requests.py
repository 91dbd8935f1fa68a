"""Checks a request to Stripe against the parameters that the SDK declares for its endpoint."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Literal, TypeAlias, Union, get_args
from urllib.parse import parse_qsl

from stripe._stripe_object import StripeObject

from tests.traffic.expanding import expand_problems
from tests.traffic.recorder import Exchange
from tests.traffic.sdk import (
    Endpoint,
    Hint,
    endpoint_of,
    in_words,
    is_params,
    options_of,
    origin_of,
    params_of,
)

#: A value in a form: a text, or what stands below a name in brackets.
Value: TypeAlias = Union[str, dict[str, "Value"]]  # noqa: UP007 (it names itself)

#: Maximum numbers of characters, by endpoint and parameter. Sources:
#: https://docs.stripe.com/api/checkout/sessions/create, https://docs.stripe.com/api/customers/create and
#: https://docs.stripe.com/api/customer_portal/configurations/create
LENGTHS: Mapping[str, Mapping[str, int]] = {
    "POST /v1/checkout/sessions": {
        "client_reference_id": 200,
        "payment_intent_data[description]": 1000,
        "payment_intent_data[statement_descriptor]": 22,
        "payment_intent_data[statement_descriptor_suffix]": 22,
        "subscription_data[description]": 500,
    },
    "POST /v1/customers": {"description": 350, "email": 512, "name": 150},
    "POST /v1/customers/{customer}": {"description": 350, "email": 512, "name": 150},
    "POST /v1/billing_portal/configurations": {"business_profile[headline]": 60},
}
#: Maximum numbers of items, likewise.
COUNTS: Mapping[str, Mapping[str, int]] = {
    "POST /v1/checkout/sessions": {"line_items": 100, "shipping_options": 5, "custom_fields": 3},
    "GET /v1/events": {"types": 20},
    "GET /v1/products": {"ids": 100},
}
#: Seconds from the creation of a Checkout Session to `expires_at`, the least and the most.
_EXPIRY_S = (30 * 60, 24 * 3600)
#: https://docs.stripe.com/api/metadata
_MAX_KEYS, _MAX_KEY, _MAX_TEXT = 50, 40, 500
#: https://docs.stripe.com/api/idempotent_requests
_MAX_IDEMPOTENCY_KEY = 255


def request_problems(exchange: Exchange) -> list[str]:
    """The faults of a request."""
    endpoint = endpoint_of(exchange.method, exchange.path)
    if endpoint is None:
        return ["the SDK has no such endpoint"]
    form, problems = decoded(exchange)
    return [
        *problems,
        *_problems(form, endpoint.params, ""),
        *_rules(endpoint, form, exchange),
        *expand_problems(expanded(form), endpoint.answer),
    ]


def decoded(exchange: Exchange) -> tuple[dict[str, Value], list[str]]:
    """The parameters of a request as nested dictionaries, and the faults of their names."""
    form: dict[str, Value] = {}
    problems = []
    for name, value in [
        *parse_qsl(exchange.query, keep_blank_values=True),
        *parse_qsl(exchange.body, keep_blank_values=True),
    ]:
        match = re.fullmatch(r"([^\[\]]+)((?:\[[^\[\]]+\])*)", name)
        if match is None:
            problems.append(f"{name} is no name of a parameter")
            continue
        *outer, last = (match[1], *re.findall(r"\[([^\[\]]+)\]", match[2]))
        inner: Value = form
        for step in outer:
            inner = inner.setdefault(step, {}) if isinstance(inner, dict) else {}
        if not isinstance(inner, dict) or last in inner:
            problems.append(f"{name} is there twice")
        else:
            inner[last] = value
    return form, problems


def expanded(form: Mapping[str, Value]) -> list[str]:
    """The fields that a request wants to be expanded."""
    paths = form.get("expand", {})
    return [it for it in paths.values() if isinstance(it, str)] if isinstance(paths, dict) else []


def _problems(value: Value, hint: Hint, where: str) -> list[str]:
    """The faults of a parameter, seen as the annotation `hint`."""
    options = [it for it in options_of(hint) if not _is_an_object(it)]
    known = [it for it in options if origin_of(it) is Literal and get_args(it) != ("",)]
    if known and str in options:
        # The SDK takes any text for values that a later version of the API may have.
        options.remove(str)
    if isinstance(value, str):
        fits = any(_is_text_for(value, it) for it in options)
        return [] if fits else [f"{where}: {value[:60]!r} is not {in_words(options)}"]
    kinds = [it for it in options if is_params(it) or origin_of(it) in (list, dict)]
    if not kinds:
        return [f"{where}: {value} is not {in_words(options)}"]
    tries = [_nested_problems(value, kind, where) for kind in kinds]
    return min(tries, key=len)


def _nested_problems(value: dict[str, Value], kind: Hint, where: str) -> list[str]:
    if origin_of(kind) is list:
        (item,) = get_args(kind)
        if sorted(value) != sorted(map(str, range(len(value)))):
            return [f"{where}: {sorted(value)} are not the places of a list"]
        return [it for place, one in value.items() for it in _problems(one, item, f"{where}[{place}]")]
    if origin_of(kind) is dict:
        return _metadata_problems(value, where)
    params = params_of(kind)
    problems = [f"{_name(where, it)} is missing" for it in params if params[it].required and it not in value]
    for name, one in value.items():
        if name in params:
            problems += _problems(one, params[name].hint, _name(where, name))
        else:
            problems.append(f"{_name(where, name)} is not a parameter of {kind.__name__}")
    return problems


def _metadata_problems(value: dict[str, Value], where: str) -> list[str]:
    problems = [] if len(value) <= _MAX_KEYS else [f"{where} has {len(value)} keys"]
    for key, text in value.items():
        if len(key) > _MAX_KEY:
            problems.append(f"{where}: the key {key} is too long")
        if not isinstance(text, str) or len(text) > _MAX_TEXT:
            problems.append(f"{where}[{key}] is not a text of at most {_MAX_TEXT} characters")
    return problems


def _is_text_for(value: str, hint: Hint) -> bool:
    """Whether a text in a form is a value of this type. Only where "" is a literal, a text may be empty."""
    if origin_of(hint) is Literal:
        return value in {str(it).lower() if isinstance(it, bool) else it for it in get_args(hint)}
    if hint is bool:
        return value in ("true", "false")
    if hint is int:
        return re.fullmatch(r"-?\d+", value, re.ASCII) is not None
    if hint in (float, Decimal):
        try:
            return Decimal(value).is_finite()
        except InvalidOperation:
            return False
    return hint is str and value != ""


def _is_an_object(hint: Hint) -> bool:
    """Whether it is one of the SDK's objects, which a caller may pass in place of a dictionary."""
    kind = origin_of(hint) or hint
    return isinstance(kind, type) and issubclass(kind, StripeObject)


def _rules(endpoint: Endpoint, form: Mapping[str, Value], exchange: Exchange) -> Iterator[str]:
    """Breaches of the limits that only Stripe's documentation names."""
    for name, most in LENGTHS.get(str(endpoint), {}).items():
        value = _found(form, name)
        if isinstance(value, str) and len(value) > most:
            yield f"{name} has {len(value)} characters, {most} at most"
    for name, most in COUNTS.get(str(endpoint), {}).items():
        items = _found(form, name)
        if isinstance(items, dict) and len(items) > most:
            yield f"{name} has {len(items)} items, {most} at most"
    limit = _number(form.get("limit"))
    if limit is not None and not 1 <= limit <= 100:
        yield f"limit is {limit}, not 1 to 100"
    if "starting_after" in form and "ending_before" in form:
        yield "starting_after and ending_before exclude each other"
    key = exchange.headers.get("idempotency-key", "")
    if len(key) > _MAX_IDEMPOTENCY_KEY:
        yield f"the idempotency key has {len(key)} characters"
    if str(endpoint) == "POST /v1/checkout/sessions":
        yield from _session_rules(form, exchange.at)


def _session_rules(form: Mapping[str, Value], now: float) -> Iterator[str]:
    """Source: https://docs.stripe.com/api/checkout/sessions/create"""
    expires_at, mode = _number(form.get("expires_at")), form.get("mode")
    if expires_at is not None and not _EXPIRY_S[0] <= expires_at - now <= _EXPIRY_S[1]:
        yield f"expires_at is {expires_at - now:.0f} seconds ahead"
    for name, own in (("payment_intent_data", "payment"), ("subscription_data", "subscription")):
        if name in form and mode != own:
            yield f"{name} is for the mode {own}, not {mode}"
    if "customer_update" in form and "customer" not in form:
        yield "customer_update needs a customer"


def _number(value: Value | None) -> int | None:
    """The number in a form's text; None if it is none, which the check of types says."""
    return int(value) if isinstance(value, str) and _is_text_for(value, int) else None


def _found(form: Mapping[str, Value], name: str) -> Value | None:
    value: Value | None = dict(form)
    for step in re.findall(r"[^\[\]]+", name):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _name(where: str, name: str) -> str:
    return f"{where}[{name}]" if where else name
