"""Checks answers of Stripe and the events of webhooks against the fields that the SDK declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Literal, get_args

import stripe
from stripe._error_object import ErrorObject
from stripe._stripe_object import StripeObject, UntypedStripeObject

from tests.traffic.expanding import INCLUDABLE, Tree, object_of, substituted, tree_of
from tests.traffic.recorder import Exchange
from tests.traffic.requests import decoded, expanded
from tests.traffic.sdk import (
    Field,
    Hint,
    endpoint_of,
    error_codes,
    fields_of,
    in_words,
    options_of,
    origin_of,
    resource_called,
)

#: Items of a list inside of an object: https://docs.stripe.com/api/pagination
MAX_EMBEDDED = 10
#: Items of a list without `limit`.
DEFAULT_LIMIT = 10
#: The types of errors and their statuses. Source: https://docs.stripe.com/api/errors
STATUSES: Mapping[str, frozenset[int]] = {
    "api_error": frozenset({500, 502, 503, 504}),
    "card_error": frozenset({402}),
    "idempotency_error": frozenset({400, 409}),
    "invalid_request_error": frozenset({400, 401, 403, 404, 409, 429}),
}
#: The fields of a deleted object.
_OF_DELETED = ("deleted", "id", "object")
#: Fields that the SDK's classes leave out or misname. Sources:
#: https://docs.stripe.com/api/pagination and https://docs.stripe.com/api/pagination/search
_UNDECLARED: Mapping[type[StripeObject], Mapping[str, Field]] = {
    stripe.ListObject: {"object": Field(Literal["list"], required=True)},
    # The SDK declares it for each type of event: https://docs.stripe.com/api/v2/core/events/object
    stripe.v2.core.Event: {"related_object": Field(Any, required=True)},
    stripe.SearchResultObject: {
        "object": Field(Literal["search_result"], required=True),
        "next_page": Field(str | None, required=False),
        "url": Field(str, required=True),
    },
}

# JSON as it came. Any: it may be anything, which is what is checked.
Json = Any


def answer_problems(exchange: Exchange) -> list[str]:
    """The faults of an answer."""
    endpoint = endpoint_of(exchange.method, exchange.path)
    if endpoint is None:
        return ["the SDK has no such endpoint"]
    if exchange.status != 200:
        return error_problems(exchange.status, exchange.answer)
    form, _ = decoded(exchange)
    problems = _problems(exchange.answer, endpoint.answer, tree_of(expanded(form)), "")
    if not problems and origin_of(endpoint.answer) in (stripe.ListObject, stripe.SearchResultObject):
        limit = form.get("limit", str(DEFAULT_LIMIT))
        problems += _page_problems(exchange.answer, int(str(limit)), "")
    return problems


def error_problems(status: int, answer: Json) -> list[str]:
    """The faults of an error's body. Source: https://docs.stripe.com/api/errors"""
    if not isinstance(answer, dict) or set(answer) != {"error"}:
        return [f"{answer!r} is not the body of an error"]
    error = answer["error"]
    problems = _problems(error, ErrorObject, {}, "error")
    if problems:
        return problems
    if status not in STATUSES.get(error["type"], ()):
        problems.append(f"error: an error of the type {error['type']} has not the status {status}")
    if error.get("code") is not None and error["code"] not in error_codes():
        problems.append(f"error.code: {error['code']} is not a code of Stripe")
    if not error.get("message"):
        problems.append("error.message is missing")
    return problems


def event_problems(event: Json) -> list[str]:
    """The faults of an event, and of the object in it.

    Sources: https://docs.stripe.com/api/events/object and
    https://docs.stripe.com/event-destinations#thin-events
    """
    if isinstance(event, dict) and event.get("object") == "v2.core.event":
        return _problems(event, stripe.v2.core.Event, {}, "") or _thin_problems(event["related_object"])
    problems = _problems(event, stripe.Event, {}, "")
    if problems:
        return problems
    found, before = event["data"]["object"], event["data"].get("previous_attributes")
    kind = resource_called(str(found.get("object")))
    if kind is None:
        return [*problems, f"data.object: {found.get('object')} is not an object of Stripe"]
    problems += _problems(found, kind, {}, "data.object")
    unknown = set(before or ()) - set(fields_of(kind))
    problems += [f"data.previous_attributes: {name} is not a field" for name in sorted(unknown)]
    # Other types have it at times, such as charge.refunded, although the page says only ".updated".
    if before is None and event["type"].endswith(".updated"):
        problems.append("data.previous_attributes is missing")
    if before is not None and event["type"].endswith(".created"):
        problems.append("data.previous_attributes is there, and nothing was before")
    return problems


def _thin_problems(related: Json) -> list[str]:
    """The faults of the object's name in a thin event."""
    if not isinstance(related, dict) or set(related) != {"id", "type", "url"}:
        return [f"related_object: {related} is not an ID, a type and a URL"]
    endpoint, kind = endpoint_of("GET", related["url"]), resource_called(related["type"])
    if endpoint is None or endpoint.answer is not kind or not related["url"].endswith(f"/{related['id']}"):
        return [f"related_object: {related['type']} is not at {related['url']}"]
    return []


def _problems(value: Json, hint: Hint, tree: Tree | None, where: str) -> list[str]:
    """The faults of a value, seen as the annotation `hint`.

    `tree`: the fields expanded below it; None if the field itself is not expanded.
    """
    if value is None:
        return [] if {Any, type(None)} & {*options_of(hint)} else [f"{where} is null"]
    options, objects, lists = _kinds(hint)
    if Any in options:
        return []
    if str in options and objects and isinstance(value, dict) != (tree is not None):
        return [f"{where} is {'an ID' if isinstance(value, str) else 'expanded'}"]
    if isinstance(value, dict) and objects:
        return min((_object_problems(value, it, tree or {}, where) for it in objects), key=len)
    if isinstance(value, list) and lists:
        item = get_args(lists[0])[0]
        return [
            it for place, one in enumerate(value) for it in _problems(one, item, tree, f"{where}[{place}]")
        ]
    if any(_is_of(value, it) for it in options):
        return []
    return [f"{where}: {str(value)[:60]!r} is not {in_words(options)}"]


@cache
def _kinds(hint: Hint) -> tuple[tuple[Hint, ...], ...]:
    """The alternatives of an annotation, the objects among them, and the lists among them."""
    options = options_of(hint)
    if any(origin_of(it) is Literal for it in options):
        # The SDK takes any text for values that a later version of the API may have.
        options = tuple(it for it in options if it is not str)
    lists = tuple(it for it in options if origin_of(it) is list)
    return options, tuple(it for it in options if it not in lists and object_of(it) is not None), lists


def _object_problems(value: dict[str, Json], hint: Hint, tree: Tree, where: str) -> list[str]:
    """The faults of an object of the class `hint`."""
    kind = object_of(hint)
    assert kind is not None
    if kind is UntypedStripeObject:
        (item,) = get_args(hint)
        return [it for name, one in value.items() for it in _problems(one, item, None, f"{where}.{name}")]
    fields = {**fields_of(kind), **_UNDECLARED.get(kind, {})}
    if value.get("deleted") is True:
        fields = {name: it for name, it in fields.items() if name in _OF_DELETED}
    problems = [
        f"{where}.{name} is missing" for name, it in fields.items() if it.required and name not in value
    ]
    problems += [f"{where}.{name} is not a field of {kind.__name__}" for name in value if name not in fields]
    problems += _includable_problems(value, kind, tree, where)
    for name, it in fields.items():
        if name in value:
            inner = f"{where}.{name}".lstrip(".")
            problems += _problems(value[name], substituted(it.hint, hint), tree.get(name), inner)
    if kind is stripe.ListObject and where and isinstance(value.get("data"), list):
        problems += _page_problems(value, MAX_EMBEDDED, where)
    return problems


def _includable_problems(
    value: dict[str, Json], kind: type[StripeObject], tree: Tree, where: str
) -> Iterator[str]:
    for name in INCLUDABLE.get(kind, ()):
        if name in value and name not in tree:
            yield f"{where}.{name} is there without being expanded"
        if name not in value and name in tree:
            yield f"{where}.{name} is not expanded"


def _page_problems(page: dict[str, Json], limit: int, where: str) -> Iterator[str]:
    """Whether a list holds as many items as its `has_more` allows."""
    count = len(page["data"])
    if count > limit:
        yield f"{where}.data has {count} items, {limit} at most"
    if page.get("has_more") is True and count < limit:
        yield f"{where}.has_more is true, and data has only {count} items"
    ids = [it.get("id") for it in page["data"] if isinstance(it, dict)]
    if len(set(ids)) < len(ids):
        yield f"{where}.data has an item twice"


def _is_of(value: Json, hint: Hint) -> bool:
    if origin_of(hint) is Literal:
        return any(value == it and type(value) is type(it) for it in get_args(hint))
    if origin_of(hint) is dict:
        return isinstance(value, dict)
    if hint is Decimal:
        try:
            return isinstance(value, str) and Decimal(value).is_finite()
        except InvalidOperation:
            return False
    if isinstance(value, bool):
        return hint is bool
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, origin_of(hint) or hint)
