"""Template filters that write amounts and intervals for the reader's language."""

from __future__ import annotations

from flask import Flask, g, request

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
    if "locale" not in g:
        g.locale = negotiate(request.accept_languages.values())
    return str(g.locale)


def _money(money: Money) -> str:
    return format_money(money, reader_locale())
