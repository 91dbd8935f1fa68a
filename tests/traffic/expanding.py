"""Which fields of Stripe's objects can be expanded. Source: https://docs.stripe.com/expand"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, TypeAlias, TypeVar, get_args

import stripe
from stripe._stripe_object import StripeObject

from tests.traffic.sdk import Hint, fields_of, options_of, origin_of

#: Expanded fields, and below each of them those of its object.
Tree: TypeAlias = dict[str, "Tree"]

_MAX_DEPTH = 4
#: Fields that an object has only if they are expanded. The SDK does not say so. Source: pages such as
#: https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-line_items
INCLUDABLE: Mapping[type[StripeObject], frozenset[str]] = {
    stripe.Charge: frozenset({"refunds"}),
    stripe.checkout.Session: frozenset({"line_items"}),
    stripe.checkout.Session.TotalDetails: frozenset({"breakdown"}),
    stripe.checkout.Session.ShippingCost: frozenset({"taxes"}),
    stripe.Customer: frozenset({"cash_balance", "sources", "subscriptions", "tax_ids"}),
    stripe.Invoice: frozenset({"payments"}),
    stripe.LineItem: frozenset({"discounts", "taxes"}),
    stripe.Price: frozenset({"currency_options", "tiers"}),
}


def tree_of(paths: Iterable[str]) -> Tree:
    """The paths of a request's `expand` as a tree."""
    tree: Tree = {}
    for path in paths:
        inner = tree
        for step in path.split("."):
            inner = inner.setdefault(step, {})
    return tree


def expand_problems(paths: Iterable[str], answer: Hint) -> list[str]:
    """The faults of the paths of a request's `expand`, for an answer of this type."""
    return [f"expand {path!r}: {problem}" for path in paths if (problem := _problem(path, answer))]


def _problem(path: str, hint: Hint) -> str | None:
    steps = path.split(".")
    if len(steps) > _MAX_DEPTH:
        return f"more than {_MAX_DEPTH} levels"
    can_be_expanded = False
    for step in steps:
        found = [(option, kind) for option in options_of(hint) if (kind := object_of(option)) is not None]
        owners = [(option, kind) for option, kind in found if step in fields_of(kind)]
        if not owners:
            return f"there is no field {step}"
        option, kind = owners[0]
        hint = substituted(fields_of(kind)[step].hint, option)
        can_be_expanded = is_expandable(hint) or step in INCLUDABLE.get(kind, ())
    return None if can_be_expanded else "the field is always there as it is"


def is_expandable(hint: Hint) -> bool:
    """Whether the field holds an ID (or a list of IDs) and, if it is expanded, objects."""
    options = tuple(
        inner
        for option in options_of(hint)
        for inner in (options_of(get_args(option)[0]) if origin_of(option) is list else (option,))
    )
    return str in options and any(object_of(it) is not None for it in options)


@cache
def object_of(hint: Hint) -> type[StripeObject] | None:
    """The class of an object; of a list of objects without pages, the class of the objects."""
    kind = origin_of(hint) or hint
    if kind is list:
        return next(filter(None, map(object_of, options_of(get_args(hint)[0]))), None)
    return kind if isinstance(kind, type) and issubclass(kind, StripeObject) else None


# Any: annotations have no common type.
def substituted(hint: Hint, owner: Hint) -> Any:
    """The annotation of a field of `owner`. In a `ListObject[Price]` the type variable is `Price`."""
    if origin_of(hint) is list and isinstance(get_args(hint)[0], TypeVar) and get_args(owner):
        return list.__class_getitem__(get_args(owner)[0])
    return hint
