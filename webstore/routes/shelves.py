"""The products of a page of the catalogue, rendered once for strangers and for everybody who is logged in."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask, current_app
from markupsafe import Markup

from webstore.shop.browsing import ORDERS, Shelf, browse
from webstore.shop.models import Catalogue, Product

from .bounded_memory import BoundedMemory
from .formats import reader_locale

_KEY = "webstore_shelves"
#: Bytes of the shelves of one process, and seconds for which one is kept.
_MOST_BYTES, _KEPT_S = 2 * 1024 * 1024, 60.0


@dataclass(frozen=True, slots=True)
class _Rendered:
    shelf: Shelf
    html: Markup
    #: What the catalogue had.
    products: tuple[Product, ...]


#: Collection, order, page and notation.
_Shelves = BoundedMemory[tuple[str | None, str, int, str], _Rendered]


def install(app: Flask) -> None:
    """Give the application its memory of shelves."""
    app.extensions[_KEY] = _Shelves(_MOST_BYTES, _KEPT_S, lambda it: len(it.html) + 1024)


def shelf_of_page(
    catalogue: Catalogue, query: str, order: str, page: int, collection: str | None
) -> tuple[Shelf, Markup]:
    """What `browse` finds, and its markup, which is the same for everybody.

    Only the shelves without a search are kept: anybody can make up a search, or a collection.
    """
    # Also when the shelf is kept: the page depends on the reader's language.
    locale = reader_locale()
    if query.strip():
        shelf = browse(catalogue, query, order, page, collection)
        return shelf, _rendered(shelf)
    kept: _Shelves = current_app.extensions[_KEY]
    order = order if order in ORDERS else next(iter(ORDERS))
    found = kept.get((collection, order, page, locale))
    if found is None or found.products is not catalogue.products:
        shelf = browse(catalogue, "", order, page, collection)
        found = _Rendered(shelf, _rendered(shelf), catalogue.products)
        if page <= shelf.pages and (collection is None or shelf.collection is not None):
            kept.put((collection, order, page, locale), found)
    return found.shelf, found.html


def _rendered(shelf: Shelf) -> Markup:
    """The markup. As in `parts.py`, the template sees nothing of the session."""
    template = current_app.jinja_env.get_template("shop/_shelf.html")
    return Markup(template.render(shelf=shelf, orders=ORDERS))  # noqa: S704
