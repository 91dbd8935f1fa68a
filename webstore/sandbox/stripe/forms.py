"""Decoding of forms with brackets: `metadata[a]=b`, `expand[]=x`, `created[gte]=1`.

Source: https://docs.stripe.com/api (request bodies are form-encoded).
"""

import re
from urllib.parse import parse_qsl

from webstore.sandbox.stripe.errors import StripeError

Value = str | list["Value"] | dict[str, "Value"]
Params = dict[str, Value]

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_BRACKET = re.compile(r"\[([^\[\]]*)\]")


def parse(encoded: str) -> Params:
    """Decode a query string or a form body. Raises StripeError when a name is malformed."""
    tree: dict[str, Value] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        match = _NAME.fullmatch(name)
        if match is None:
            raise StripeError(400, f"Invalid parameter name: {name}", param=name)
        _put(tree, [match[1], *_BRACKET.findall(match[2])], value, name)
    return {name: _with_lists(value) for name, value in tree.items()}


def _put(tree: dict[str, Value], keys: list[str], value: str, name: str) -> None:
    for key in keys[:-1]:
        inner = tree.setdefault(key, {})
        if not isinstance(inner, dict):
            raise StripeError(400, f"Invalid parameter name: {name}", param=name)
        tree = inner
    last = keys[-1] or str(len(tree))  # `[]` appends
    tree[last] = value


def _with_lists(value: Value) -> Value:
    """Convert objects with the keys 0, 1, 2 ... to arrays."""
    if not isinstance(value, dict):
        return value
    inner = {key: _with_lists(item) for key, item in value.items()}
    if inner and sorted(inner) == sorted(str(number) for number in range(len(inner))):
        return [inner[str(number)] for number in range(len(inner))]
    return inner
