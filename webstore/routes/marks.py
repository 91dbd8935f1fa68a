"""Decorators that mark a view. `edge.py` treats requests to marked views differently."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from flask import current_app, request

P = ParamSpec("P")
T = TypeVar("T")

_PUBLIC, _SIGNED = "webstore_public_page", "webstore_signed"


def public_page(view: Callable[P, T]) -> Callable[P, T]:
    """Mark a page that is the same for all logged-out visitors. Caches in front of the store may keep it."""
    setattr(view, _PUBLIC, True)
    return view


def signed(view: Callable[P, T]) -> Callable[P, T]:
    """Mark a view for programs that authenticate by a signature or a bearer token, not by a cookie.

    Another site's page cannot act in a shopper's name there, so cross-site requests are allowed.
    """
    setattr(view, _SIGNED, True)
    return view


def is_public_page() -> bool:
    """Whether the view of this request is marked with `public_page`."""
    return _has(_PUBLIC)


def is_signed() -> bool:
    """Whether the view of this request is marked with `signed`."""
    return _has(_SIGNED)


def _has(mark: str) -> bool:
    # `functools.wraps` copies a function's attributes, so other decorators keep the mark.
    return hasattr(current_app.view_functions.get(request.endpoint or ""), mark)
