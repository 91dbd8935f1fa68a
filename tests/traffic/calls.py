"""Which of Stripe's endpoints the store's code calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from types import FunctionType

import stripe

from tests.traffic.sdk import endpoint_of_method


def endpoints_called(folder: Path) -> set[str]:
    """The endpoints behind every `...v1.customers.list` and the like in the modules of a folder."""
    return {
        str(endpoint_of_method(_method(names)))
        for path in folder.glob("*.py")
        for names in _chains(ast.parse(path.read_text("utf-8")))
    }


def _chains(module: ast.Module) -> Iterator[list[str]]:
    """The names from `v1` or `v2` on, of each expression that reaches a method of a service."""
    nodes = [it for it in ast.walk(module) if isinstance(it, ast.Attribute)]
    inner = {id(it.value) for it in nodes}
    for node in nodes:
        names = _names(node)
        if id(node) in inner or not {"v1", "v2"} & set(names):
            continue
        while names[0] not in ("v1", "v2"):
            names = names[1:]
        # `v1 = client.v1` is a beginning; what is called on the answer of a call is no part of its chain.
        if len(names) > 1:
            yield names


def _names(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Attribute):
        return [*_names(node.value), node.attr]
    return [node.id] if isinstance(node, ast.Name) else []


def _method(names: list[str]) -> FunctionType:
    *path, name = names
    service: object = reduce(getattr, path, stripe.StripeClient("sk_test_nothing_is_sent"))
    found = vars(type(service))[name]
    assert isinstance(found, FunctionType)
    return found
