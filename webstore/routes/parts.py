"""Parts of pages that are the same for everybody, rendered once: the footer, the search form, a shelf.

A template calls `part("_footer.html", text=None)`. The part's template sees the arguments, and
values that are the same for the whole process. It cannot see the request or the session, so a kept part
cannot contain anything personal.
"""

from __future__ import annotations

from flask import Flask
from markupsafe import Markup

from webstore.settings import Settings
from webstore.shop.browsing import leading_price, other_rhythms
from webstore.shop.texts import TITLES

from .bounded_memory import BoundedMemory

STORE_NAME = "Webstore"
#: Bytes of the parts of one process, and seconds for which one is kept.
_MOST_BYTES, _KEPT_S = 2 * 1024 * 1024, 3600.0
#: What Flask shows to all templates, also to parts and to macros.
_PERSONAL = ("request", "session", "g", "get_flashed_messages")

_Parts = BoundedMemory[tuple[str, tuple[tuple[str, object], ...]], Markup]


def install(app: Flask, settings: Settings) -> None:
    """Let templates call `part`, and keep the request and the session from parts and macros."""
    environment, kept = app.jinja_env, _Parts(_MOST_BYTES, _KEPT_S, lambda markup: len(markup) + 1024)
    for name in _PERSONAL:
        environment.globals.pop(name)
    environment.globals |= {
        "store_name": STORE_NAME,
        "base_url": settings.base_url,
        "shop_texts": TITLES,
        "leading_price": leading_price,
        "other_rhythms": other_rhythms,
    }

    def part(name: str, **arguments: object) -> Markup:
        key = name, tuple(arguments.items())
        found = kept.get(key)
        if found is None:
            found = Markup(environment.get_template(name).render(arguments))  # noqa: S704
            kept.put(key, found)
        return found

    environment.globals["part"] = part
    environment.globals["ui"] = environment.get_template("_macros.html").module
