"""How values are written on the pages, in the notation of the reader's language."""

from __future__ import annotations

from flask import Flask, g, request

from webstore.shop.models import Money
from webstore.shop.money import format_money, negotiate, per


def install(app: Flask) -> None:
    """Give the templates `|money` for a `Money` and `|per` for a `Recurrence`, or None."""
    app.add_template_filter(_money, "money")
    app.add_template_filter(per, "per")


def reader_locale() -> str:
    """The first of the reader's languages that is known.

    An answer that asked for it differs by language: `edge.py` says so to caches (Vary: Accept-Language).
    """
    if "locale" not in g:
        g.locale = negotiate(request.accept_languages.values())
    return str(g.locale)


def _money(money: Money) -> str:
    return format_money(money, reader_locale())
