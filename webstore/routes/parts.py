"""Parts of pages that are rendered once: the footer for everybody, the header for one shopper.

A template calls `part("_footer.html", text=None)`, or `shoppers_part("_header.html", name=...)` for what
shows something of the shopper; `fresh_part` is never kept. The part's template sees the arguments, and values
that are the same for the whole process. It cannot see the request or the session: everything personal in a
part is one of its arguments, and a kept part answers only calls with the same arguments.
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
#: The same for the parts that show something of a shopper, who opens several pages within a minute or two.
#: They have a memory of their own, so that they do not crowd out the others.
_MOST_BYTES_OF_SHOPPERS, _KEPT_FOR_SHOPPER_S = 1024 * 1024, 120.0
#: What Flask shows to all templates, also to parts and to macros.
_PERSONAL = ("request", "session", "g", "get_flashed_messages")

_Parts = BoundedMemory[tuple[str, tuple[tuple[str, object], ...]], Markup]


def install(app: Flask, settings: Settings) -> None:
    """Let templates call `part`, and keep the request and the session from parts and macros."""
    environment = app.jinja_env
    of_everybody = _Parts(_MOST_BYTES, _KEPT_S, _size)
    of_shoppers = _Parts(_MOST_BYTES_OF_SHOPPERS, _KEPT_FOR_SHOPPER_S, _size)
    for name in _PERSONAL:
        environment.globals.pop(name)
    environment.globals |= {
        "store_name": STORE_NAME,
        "base_url": settings.base_url,
        "shop_texts": TITLES,
        "leading_price": leading_price,
        "other_rhythms": other_rhythms,
    }

    def fresh_part(template: str, /, **arguments: object) -> Markup:
        return Markup(environment.get_template(template).render(arguments))  # noqa: S704

    def kept_in(memory: _Parts, template: str, arguments: dict[str, object]) -> Markup:
        key = template, tuple(arguments.items())
        found = memory.get(key)
        if found is None:
            found = fresh_part(template, **arguments)
            memory.put(key, found)
        return found

    def part(template: str, /, **arguments: object) -> Markup:
        return kept_in(of_everybody, template, arguments)

    def shoppers_part(template: str, /, **arguments: object) -> Markup:
        return kept_in(of_shoppers, template, arguments)

    environment.globals |= {"part": part, "shoppers_part": shoppers_part, "fresh_part": fresh_part}
    environment.globals["ui"] = environment.get_template("_macros.html").module


def _size(markup: Markup) -> int:
    """The bytes of a part, with its arguments and its place in the memory."""
    return len(markup) + 1024
