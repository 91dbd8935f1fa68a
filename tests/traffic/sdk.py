"""What the SDK says about Stripe's API: its endpoints, their parameters, and the fields of its objects.

Stripe generates the SDK from its description of the API. The store and the sandbox were not made from it, so
the SDK's types can show mistakes of both. Source: https://github.com/stripe/stripe-python
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import FunctionType, ModuleType, UnionType
from typing import Any, ClassVar, Literal, Union, cast, get_args, get_origin, get_type_hints

import stripe
from stripe._object_classes import OBJECT_CLASSES
from stripe._stripe_object import StripeObject

# Any: an annotation may be a class, a union, a literal and more; Python has no common type for them.
Hint = Any

_VERBS = ("get", "post", "delete")
#: Arguments of the SDK that are headers or stay on the machine.
_OPTIONS = frozenset(stripe.RequestOptions.__annotations__)


@dataclass(frozen=True)
class Endpoint:
    """A method and a path of Stripe's API, such as GET `/v1/customers/{customer}`."""

    method: str
    path: str
    #: The `TypedDict` of the parameters.
    params: Hint
    answer: Hint

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Field:
    """A parameter or a field of an object."""

    hint: Hint
    required: bool


@cache
def endpoint_of(method: str, path: str) -> Endpoint | None:
    """The endpoint of a request; None if the SDK knows none.

    If several fit, it is the one with the fewest placeholders.
    """
    fitting = [it for it in _signatures() if it[0] == method and _pattern(it[1]).fullmatch(path)]
    found = min(fitting, key=lambda it: it[1].count("{"), default=None)
    return None if found is None else _endpoint(*found)


def operations() -> frozenset[str]:
    """Method and path of every operation, such as `GET /v1/customers/{customer}`."""
    return frozenset(f"{method} {path}" for method, path, _ in _signatures())


def endpoint_of_method(method: FunctionType) -> Endpoint:
    """The endpoint that a method of one of the SDK's services calls."""
    signature = _signature(method)
    assert signature is not None, method
    return _endpoint(*signature)


def is_params(hint: Hint) -> bool:
    """Whether it is a `TypedDict` of parameters. The SDK's are no `typing.TypedDict` in every Python."""
    return hasattr(hint, "__required_keys__")


@cache
def params_of(params: type) -> Mapping[str, Field]:
    """The parameters of a `TypedDict` of the SDK, by their names."""
    wanted = {name: hint for name, hint in params.__annotations__.items() if name not in _OPTIONS}
    required: frozenset[str] = params.__required_keys__  # type: ignore[attr-defined]  # `is_params`
    hints = _resolved(wanted, sys.modules[params.__module__])
    return {name: Field(hint, name in required) for name, hint in hints.items()}


def fields_of(resource: type[StripeObject]) -> Mapping[str, Field]:
    """The fields of a class of the SDK's objects, by their names.

    For the SDK, a field is `Optional` if it can be null and also if it can be missing.
    """
    key: Hint = resource  # mypy takes the hash of an object for that of its class
    return _fields_of(key)


@cache
def _fields_of(resource: Hint) -> Mapping[str, Field]:
    found: dict[str, Field] = {}
    for base in reversed(resource.__mro__):
        if issubclass(base, StripeObject) and base is not StripeObject:
            hints = _resolved(inspect.get_annotations(base), sys.modules[base.__module__])
            public = {name: hint for name, hint in hints.items() if origin_of(hint) is not ClassVar}
            found |= {
                name: Field(hint, not _takes_none(hint))
                for name, hint in public.items()
                if not name.startswith("_") and name != "OBJECT_NAME"
            }
    # "from" and the like are no names in Python.
    return {name.removesuffix("_") if name.endswith("_") else name: it for name, it in found.items()}


@cache
def resource_called(name: str) -> type[StripeObject] | None:
    """The class of the objects with this value in their field `object`; None if the SDK has none."""
    if name not in OBJECT_CLASSES:
        return None
    module, class_name = OBJECT_CLASSES[name]
    found: type[StripeObject] = getattr(importlib.import_module(module), class_name)
    return found


def error_codes() -> frozenset[str]:
    """The codes of errors, https://docs.stripe.com/error-codes, as a failed payment lists them."""
    codes = fields_of(stripe.PaymentIntent.LastPaymentError)["code"].hint
    return frozenset(value for option in options_of(codes) for value in get_args(option))


@cache
def origin_of(hint: Hint) -> Any:
    """`typing.get_origin`, without its type, which is too narrow for `Any`."""
    return cast(Any, get_origin)(hint)


@cache
def options_of(hint: Hint) -> tuple[Hint, ...]:
    """The alternatives of a union, nested ones too; of any other annotation, the annotation itself."""
    if origin_of(hint) in (Union, UnionType):
        return tuple(option for part in get_args(hint) for option in options_of(part))
    return (hint,)


def _takes_none(hint: Hint) -> bool:
    return type(None) in options_of(hint)


def in_words(options: Sequence[Hint]) -> str:
    """The alternatives of an annotation, for a message."""
    return " or ".join(_name(it) for it in options)[:200]


def _name(hint: Hint) -> str:
    if origin_of(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    return str(getattr(hint, "__name__", hint))


@cache
def _signatures() -> tuple[tuple[str, str, FunctionType], ...]:
    """Method, path and Python method of every endpoint that `stripe.StripeClient` offers."""
    client = stripe.StripeClient("sk_test_nothing_is_sent")
    return tuple(
        signature
        for service in (*_services(client.v1), *_services(client.v2))
        for method in vars(service).values()
        if isinstance(method, FunctionType) and (signature := _signature(method)) is not None
    )


def _services(service: object) -> Iterator[type]:
    """The classes of a service and of those below it."""
    yield type(service)
    for name in vars(sys.modules[type(service).__module__]).get("_subservices", {}):
        yield from _services(getattr(service, name))


def _signature(method: FunctionType) -> tuple[str, str, FunctionType] | None:
    """What a method of a service sends; None if it is a helper, or the asynchronous twin of another one."""
    texts = [it for it in method.__code__.co_consts if isinstance(it, str)]
    path = next((it for it in texts if re.match(r"/v[12]/", it)), None)
    verb = next((it for it in texts if it in _VERBS), None)
    if path is None or verb is None or method.__name__.endswith("_async"):
        return None
    return verb.upper(), path, method


@cache
def _endpoint(method: str, path: str, function: FunctionType) -> Endpoint:
    wanted = {name: function.__annotations__[name] for name in ("params", "return")}
    hints = _resolved(wanted, sys.modules[function.__module__])
    (params,) = (it for it in options_of(hints["params"]) if it is not type(None))
    return Endpoint(method, path, params, hints["return"])


@cache
def _pattern(path: str) -> re.Pattern[str]:
    return re.compile("[^/]+".join(map(re.escape, re.split(r"\{\w+\}", path))))


def _resolved(annotations: Mapping[str, Hint], module: ModuleType) -> dict[str, Hint]:
    """The annotations with their names looked up, `NotRequired` left out."""
    holder = type("Holder", (), {"__annotations__": dict(annotations)})
    return get_type_hints(holder, globalns=_names(module))


@cache
def _names(module: ModuleType) -> dict[str, object]:
    """The names in a module, together with those that it imports for type checkers only."""
    found = dict(vars(module))
    for block in ast.parse(inspect.getsource(module)).body:
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING":
            for statement in block.body:
                if isinstance(statement, ast.ImportFrom) and statement.module:
                    source = importlib.import_module(statement.module)
                    found |= {it.asname or it.name: getattr(source, it.name) for it in statement.names}
    return found
