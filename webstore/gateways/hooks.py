"""Imports the fulfil hooks that the setting FULFIL names."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence

from webstore.errors import SettingsError
from webstore.shop.ports import Fulfil


def load_hooks(names: Sequence[str]) -> tuple[Fulfil, ...]:
    """The functions with these names (`package.module:function`).

    Raises `SettingsError` with every name that cannot be used.
    """
    hooks, problems = [], []
    for name in names:
        try:
            hooks.append(_load(name))
        except ValueError as exc:
            problems.append(f"FULFIL: {name} {exc}.")
    if problems:
        raise SettingsError(problems)
    return tuple(hooks)


def _load(name: str) -> Fulfil:
    """Import one function. Raises `ValueError` with the fault, in the operator's words."""
    module_name, _, attribute = name.partition(":")
    try:
        found: object = importlib.import_module(module_name)
    except (Exception, SystemExit) as exc:  # the module is the operator's: it may raise anything
        raise ValueError(f"cannot be imported ({type(exc).__name__}: {exc})") from exc
    for part in attribute.split("."):
        found = getattr(found, part, None)
        if found is None:
            raise ValueError(f"does not exist: {module_name} has no {attribute}")
    if not callable(found):
        raise ValueError("is not a function")
    try:
        inspect.signature(found).bind(object())
    except TypeError as exc:
        raise ValueError("must take exactly one argument, the order event") from exc
    except ValueError:
        pass  # written in C: it does not say what it takes
    hook: Fulfil = found
    return hook
