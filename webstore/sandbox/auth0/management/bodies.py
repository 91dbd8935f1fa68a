"""Checks of the bodies that the Management API takes."""

from collections.abc import Collection, Mapping
from typing import Any

from flask import request

from webstore.sandbox.auth0.api_errors import bad_body, not_implemented

# Any: bodies are JSON.
Body = dict[str, Any]
#: The properties that a body may have, and their types.
Shape = Mapping[str, type]

_JSON_NAMES = {str: "string", bool: "boolean", dict: "object", int: "integer", float: "number", list: "array"}


def body_of(
    shape: Shape,
    *,
    required: Collection[str] = (),
    nullable: Collection[str] = (),
    lacking: Collection[str] = (),
    empty: bool = False,
) -> Body:
    """The request's JSON object, with the properties of `shape` only. Raises ApiError (400).

    `lacking`: properties that Auth0 takes and the sandbox does not (501). `empty`: a request without a body
    is one with an empty object.
    """
    if empty and not request.get_data():
        return {}
    body = request.get_json(force=True, silent=True)
    for name in lacking:
        if isinstance(body, dict) and name in body:
            raise not_implemented(f"the property {name}")
    return checked(body, shape, required=required, nullable=nullable)


def checked(
    body: object,
    shape: Shape,
    *,
    required: Collection[str] = (),
    nullable: Collection[str] = (),
    within: str = "",
) -> Body:
    """The JSON object, if it has the required properties and no others than those of `shape`.

    `within` is the path of a nested object, for the message. Raises ApiError (400).
    """
    if not isinstance(body, dict):
        raise _wrong_type(dict, body, within)
    unknown = [name for name in body if name not in shape]
    if unknown:
        raise bad_body(f"Additional properties not allowed: {','.join(unknown)}")
    missing = [name for name in required if name not in body]
    if missing:
        raise bad_body(f"Missing required property: {missing[0]}")
    for name, value in body.items():
        if value is None and name in nullable:
            continue
        if not isinstance(value, shape[name]) or (shape[name] is not bool and isinstance(value, bool)):
            raise _wrong_type(shape[name], value, f"{within}.{name}" if within else name)
    return body


def texts(body: Body, name: str, *, most: int | None = None, path: str | None = None) -> list[str]:
    """The array of different texts under this name; empty if it is not there. Raises ApiError (400)."""
    items, path = body.get(name) or [], path or name
    for number, item in enumerate(items):
        if not isinstance(item, str):
            raise _wrong_type(str, item, f"{path}[{number}]")
        if item in items[:number]:
            first = items.index(item)
            raise bad_body(f"Array items are not unique (indexes {first} and {number})' on property '{path}")
    if most is not None and len(items) > most:
        raise bad_body(f"Array is too long ({len(items)}), maximum {most}' on property '{path}")
    return list(items)


def _wrong_type(expected: type, value: object, path: str) -> Exception:
    found = "null" if value is None else _JSON_NAMES.get(type(value), "unknown")
    where = f"' on property '{path}" if path else ""
    return bad_body(f"Expected type {_JSON_NAMES[expected]} but found type {found}{where}")
