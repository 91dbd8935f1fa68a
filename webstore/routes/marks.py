"""Marks on views: what the whole application does differently for a view is said where the view is."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from flask import current_app, request

P = ParamSpec("P")
T = TypeVar("T")

_PUBLIC, _SIGNED = "webstore_public_page", "webstore_signed"


def public_page(view: Callable[P, T]) -> Callable[P, T]:
    """Mark a page that looks the same to every stranger: caches in front of the store may keep it."""
    setattr(view, _PUBLIC, True)
    return view


def signed(view: Callable[P, T]) -> Callable[P, T]:
    """Mark a view for programs that prove who they are by a signature or a bearer token, not by a cookie.

    Another site's page can do nothing there in a shopper's name, so cross-site requests are let through.
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
    # `functools.wraps` copies a function's attributes, so that further decorators keep a mark.
    return hasattr(current_app.view_functions.get(request.endpoint or ""), mark)
