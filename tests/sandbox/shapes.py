"""The shape of Stripe's API objects, to compare the sandbox's answers with.

The classes of the pinned `stripe` package declare the fields. They do not tell a field that is null from one
that is left out; `stripe_fields.json` does. For each class, `absent` are the fields that Stripe leaves out
without a value, and `either` those that it leaves out or sends as null. Every other field is always sent.
The file is made from the types of the npm package `stripe` 23.1.0, which has the same API version and marks a
field that may be missing with `?`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from stripe import ListObject, StripeObject
from stripe._object_classes import OBJECT_CLASSES, get_object_class
from stripe._stripe_object import UntypedStripeObject

_SELDOM: dict[str, dict[str, list[str]]] = json.loads(
    Path(__file__).with_name("stripe_fields.json").read_text("utf-8")
)
_LISTS = {
    "list": {"object", "data", "has_more", "url"},
    "search_result": {"object", "data", "has_more", "next_page", "url"},
}
Class = type[StripeObject]


def name_of(cls: Class) -> str:
    """The name of a class in `stripe_fields.json`: with those of its package and of the classes around it."""
    package = [part for part in cls.__module__.split(".")[1:] if not part.startswith("_")]
    return ".".join([*package, cls.__qualname__])


# Any: a part of a JSON object.
def faults(value: Any, cls: Class | None = None, place: str = "") -> Iterator[str]:
    """The faults of an answer: undeclared fields, wrong nulls and missing fields, each with its place."""
    kind = value.get("object") if isinstance(value, dict) else None
    if not isinstance(kind, str):
        kind = None
    if kind in _LISTS:
        yield from _names(value, _LISTS[kind], _LISTS[kind], place or kind)
        for item in value["data"]:
            yield from faults(item, place=place)
        return
    if kind in OBJECT_CLASSES:
        cls, place = get_object_class("V1", kind), place or kind
    if cls is None or not isinstance(value, dict):
        return
    if value.get("deleted") is True and "created" not in value:
        yield from _names(value, {"id", "object", "deleted"}, {"id", "object", "deleted"}, place)
        return
    seldom = _SELDOM.get(name_of(cls), {})
    absent, either = set(seldom.get("absent", ())), set(seldom.get("either", ()))
    # The names in JSON, also of those that are keywords in Python.
    types = {
        cls._field_remappings.get(name, name): type_
        for name, type_ in cls.__annotations__.items()
        if name != "OBJECT_NAME"
    }
    always = {name for name, type_ in types.items() if name not in absent | either | {"deleted"}}
    yield from _names(value, set(types), always, f"{place} ({name_of(cls)})")
    for name, part in value.items():
        if name not in types:
            continue
        where = f"{place}.{name}"
        if part is None:
            if name in absent or type(None) not in get_args(types[name]):
                yield f"{where} is null"
            continue
        inner = _nested(types[name])
        parts = part.values() if inner is not None and _is_map(types[name]) else part
        for item in parts if isinstance(parts, list | type({}.values())) else [part]:
            yield from faults(item, inner, where)
    if kind == "event":
        yield from faults(value["data"]["object"], place=f"event.{value['data']['object']['object']}")


def _names(value: dict[str, Any], allowed: set[str], needed: set[str], place: str) -> Iterator[str]:
    yield from (f"{place} has {name}, which is not declared" for name in sorted(set(value) - allowed))
    yield from (f"{place} has no {name}" for name in sorted(needed - set(value)))


# Any: a type or its arguments.
def _is_map(type_: Any) -> bool:
    """Whether the names in a part are data, such as currencies."""
    return any(get_origin(one) is UntypedStripeObject for one in (type_, *get_args(type_)))


def _nested(type_: Any) -> Class | None:
    """The class of a part that is not an API object of its own, or None."""
    if isinstance(type_, type):
        own = issubclass(type_, StripeObject) and type_ not in (ListObject, UntypedStripeObject)
        return type_ if own else None
    return next((found for one in get_args(type_) if (found := _nested(one)) is not None), None)
