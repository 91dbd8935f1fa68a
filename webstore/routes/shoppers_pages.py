"""Pages of shoppers, rendered again only when something in them has changed.

Many shoppers go back to a page, or reload it. Every request goes through Flask: the session is checked, and
the view finds out what the page shows. Only the rendering is left out. `kept_pages.py` has strangers' pages.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app, render_template, request

from webstore.shop.models import Cart

from .bounded_memory import BoundedMemory
from .cart_cookie import current_cart
from .csrf import csrf_token
from .formats import reader_locale
from .packed_texts import PackedText, Packer
from .session_cookie import Shopper, current_shopper

_KEY = "webstore_shoppers_pages"
#: Bytes of the pages of one process, and seconds for which one is kept.
_MOST_BYTES, _KEPT_S = 3 * 1024 * 1024, 60.0
#: Bytes of what a page has beside its text and query, and of each line of its cart.
_EACH_BYTES, _LINE_BYTES = 2048, 768
#: Bytes of the pages with a query. Made-up queries crowd out only these.
_MOST_BYTES_OF_QUERIES = 512 * 1024


@dataclass(frozen=True, slots=True)
class _Page:
    #: What the view gave to the template.
    arguments: dict[str, object]
    body: PackedText
    #: All that is kept for the page.
    size: int


#: Template, path, query, notation, shopper, CSRF token and cart.
_Pages = BoundedMemory[tuple[str, str, bytes, str, Shopper, str, Cart], _Page]


def install(app: Flask) -> None:
    """Give the application its memory of pages."""
    app.extensions[_KEY] = _Kept()


class _Kept:
    """What a process keeps of its pages."""

    def __init__(self) -> None:
        self.of_paths, self.of_queries = (
            _Pages(most, _KEPT_S, lambda page: page.size) for most in (_MOST_BYTES, _MOST_BYTES_OF_QUERIES)
        )
        self.packer = Packer(_KEPT_S)


def shoppers_page(template: str, **arguments: object) -> str | bytes:
    """Render the template. A page of somebody who is logged in is kept, and answers the same request again.

    The page may depend on the arguments, and on what all pages show: `viewer`, `csrf_token`, `current_cart`,
    `developer_bar`, and the request's address. The arguments must not change later, and have to say by `==`
    whether the page would be another.
    """
    shopper = current_shopper()
    if shopper is None:
        return render_template(template, **arguments)
    query = request.query_string
    cart = current_cart()
    key = template, request.path, query, reader_locale(), shopper, csrf_token(), cart
    kept: _Kept = current_app.extensions[_KEY]
    pages = kept.of_queries if query else kept.of_paths
    page = pages.get(key)
    if page is not None and page.arguments == arguments:
        return page.body.unpacked()
    body = render_template(template, **arguments).encode()
    packed = kept.packer.pack(template, body)
    size = len(packed.packed) + len(query) + _LINE_BYTES * len(cart.lines) + _EACH_BYTES
    pages.put(key, _Page(arguments, packed, size))
    return body
