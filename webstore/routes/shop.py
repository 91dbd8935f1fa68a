"""The shop's public pages: catalogue, products and texts, and the files for search engines."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webstore.errors import PaymentsUnavailable
from webstore.shop.browsing import collections, related, slug
from webstore.shop.cart import MAX_QUANTITY
from webstore.shop.texts import TITLES

from . import services
from .errors import OwnTitle
from .kept_pages import catalogue_of_page
from .login_guards import ask_provider_if_unsure
from .marks import public_page
from .paid_items import drops_paid_items
from .shelves import shelf_of_page
from .shoppers_pages import shoppers_page
from .structured_data import product_data

blueprint = Blueprint("shop", __name__)
blueprint.before_request(ask_provider_if_unsure)

#: Maximum digits of a page number. At most 20,000 prices are read, so higher pages cannot exist.
_MAX_PAGE_DIGITS = 4
_RETRY_AFTER_S = 5
_SIMILAR = "This {} is not available. You may find something similar in our store."


@blueprint.get("/")
@public_page
@drops_paid_items(closely=False)
def home() -> ResponseReturnValue:
    """Show the products: the search text is `q`, the order `sort`, and the page number `page`."""
    return _shelf(None)


@blueprint.get("/collections/<name>")
@public_page
@drops_paid_items(closely=False)
def collection(name: str) -> ResponseReturnValue:
    """Show the products of one collection; the query is the home page's."""
    return _shelf(name)


def _shelf(name: str | None) -> ResponseReturnValue:
    """The page of products of the collection with this name, or of all products."""
    number = _page_number(request.args.get("page", "1"))
    try:
        catalogue = catalogue_of_page()
    except PaymentsUnavailable:
        # Only the products are missing: shoppers can log in and use the cart and the account.
        return render_template("shop/home.html", shelf=None), {"Retry-After": str(_RETRY_AFTER_S)}
    shelf, products = shelf_of_page(
        catalogue, request.args.get("q", ""), request.args.get("sort", ""), number, name
    )
    if name is not None and shelf.collection is None:
        raise OwnTitle(404, "Collection not found", _SIMILAR.format("collection"))
    if number > shelf.pages:
        abort(404, "There are no more products on this page.")
    return shoppers_page("shop/home.html", shelf=shelf, products=products)


@blueprint.get("/products/<path:product_id>")
@public_page
@drops_paid_items(closely=False)
def product(product_id: str) -> ResponseReturnValue:
    """Show one product. Its ID comes from Stripe and may be any text."""
    catalogue = catalogue_of_page()
    found = catalogue.product(product_id)
    if found is None:
        raise OwnTitle(404, "Product not found", _SIMILAR.format("product"))
    url = _address(url_for(".product", product_id=found.id))
    return shoppers_page(
        "shop/product.html",
        product=found,
        canonical=url,
        data=product_data(found, url, returns_url=_address(url_for(".text", name="returns"))),
        collection=next((it for it in collections(catalogue) if it.slug == slug(found.category)), None),
        related=related(catalogue, found),
        max_quantity=MAX_QUANTITY,
    )


@blueprint.get(f"/<any({', '.join(TITLES)}):name>")
@public_page
def text(name: str) -> str:
    """Show one of the shop's texts: terms, privacy, returns or contact."""
    return render_template("shop/text.html", name=name, text=services().texts[name])


@blueprint.get("/sitemap.xml")
@public_page
def sitemap() -> Response:
    """The sitemap for search engines.

    Source: https://www.sitemaps.org/protocol.html
    """
    catalogue = catalogue_of_page()
    products = [(url_for(".product", product_id=it.id), _day(it.updated)) for it in catalogue.products]
    body = render_template("shop/sitemap.xml", products=products, collections=collections(catalogue))
    return Response(body, mimetype="application/xml")


@blueprint.get("/robots.txt")
@public_page
def robots() -> Response:
    """The rules for crawlers.

    Source: https://www.rfc-editor.org/rfc/rfc9309
    """
    return Response(render_template("shop/robots.txt"), mimetype="text/plain")


def _address(path: str) -> str:
    """The whole address of a page, given what `url_for` says."""
    return services().settings.base_url + path


def _day(at: float) -> str:
    """The ISO 8601 date of a Unix time. A time after the year 9999 gives that year's last day."""
    return datetime.fromtimestamp(min(at, 253_402_300_799.0), UTC).date().isoformat()


def _page_number(text: str) -> int:
    """The page number in a query parameter. An invalid one ends the request with 404."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_PAGE_DIGITS) or int(text) == 0:
        abort(404, "There are no more products on this page.")
    return int(text)
