"""Template filters that write amounts and intervals for the reader's language."""

from __future__ import annotations

from functools import lru_cache

from flask import Flask, g, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from webstore.shop.models import Money
from webstore.shop.money import every, format_money, negotiate, per


def install(app: Flask) -> None:
    """Register the filters `money`, for a `Money`, `per`, for a `Recurrence` or None, and `every`."""
    app.add_template_filter(_money, "money")
    app.add_template_filter(per, "per")
    app.add_template_filter(every, "every")


def reader_locale() -> str:
    """The locale of the request: the first language in Accept-Language that the store knows.

    A response for which this was called depends on the language: `edge.py` adds Vary: Accept-Language.
    """
    found: str | None = g.get("locale")
    if found is None:
        found = g.locale = notation_of(request.headers.get("Accept-Language", ""))
    return found


@lru_cache(maxsize=64)
def notation_of(accept_language: str) -> str:
    """The locale in which amounts are written for a reader with this Accept-Language header."""
    return negotiate(parse_accept_header(accept_language, LanguageAccept).values())


def _money(money: Money) -> str:
    return format_money(money, reader_locale())
