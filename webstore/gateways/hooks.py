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
    except BaseException as exc:  # the module is the operator's: it may raise anything
        raise ValueError(f"cannot be imported ({type(exc).__name__}: {exc})") from exc
    for part in attribute.split("."):
        try:
            found = getattr(found, part, None)
        except BaseException as exc:
            raise ValueError(f"cannot be read ({type(exc).__name__}: {exc})") from exc
        if found is None:
            raise ValueError(f"does not exist: {module_name} has no {attribute}")
    if not callable(found) or inspect.isclass(found):
        raise ValueError("is not a function")
    if _is_async(found) or _is_async(type(found).__call__):
        raise ValueError(
            "is an async function or a generator, which would never run: write a plain function, for example "
            "one that calls asyncio.run"
        )
    try:
        inspect.signature(found).bind(object())
    except TypeError as exc:
        raise ValueError("must take exactly one argument, the order event") from exc
    except ValueError:
        pass  # written in C: it does not say what it takes
    hook: Fulfil = found
    return hook


def _is_async(function: object) -> bool:
    """Whether a call only makes a coroutine or a generator, and does nothing yet."""
    return (
        inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
        or inspect.isasyncgenfunction(function)
    )
