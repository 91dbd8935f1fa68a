"""The shop's public pages: catalogue, products, texts, and the files for search engines."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue

from webstore.errors import PaymentsUnavailable
from webstore.shop.browsing import ORDERS, browse, leading_price
from webstore.shop.cart import MAX_QUANTITY
from webstore.shop.texts import TITLES

from . import services
from .marks import public_page
from .paid_items import drops_paid_items
from .session_cookie import ask_provider_if_unsure
from .structured_data import product_data

blueprint = Blueprint("shop", __name__)
blueprint.before_request(ask_provider_if_unsure)

#: Beyond this no page can exist: 200 pages of 100 prices are read.
_MAX_PAGE_DIGITS = 4
_RETRY_AFTER_S = 5


@blueprint.app_context_processor
def _parts() -> dict[str, object]:
    return {"leading_price": leading_price, "shop_texts": TITLES, "base_url": services().settings.base_url}


@blueprint.get("/")
@public_page
@drops_paid_items(closely=False)
def home() -> ResponseReturnValue:
    """The front page: the products, searched (`q`), sorted (`sort`) and in pages (`page`)."""
    number = _page_number(request.args.get("page", "1"))
    try:
        catalogue = services().catalogue.current()
    except PaymentsUnavailable:
        # Only the products are missing: shoppers can log in and use the cart and the account.
        return render_template("shop/home.html", shelf=None), {"Retry-After": str(_RETRY_AFTER_S)}
    shelf = browse(catalogue, request.args.get("q", ""), request.args.get("sort", ""), number)
    if number > shelf.pages:
        abort(404, "The shop has fewer pages of products than that.")
    return render_template("shop/home.html", shelf=shelf, orders=ORDERS)


@blueprint.get("/products/<path:product_id>")
@public_page
@drops_paid_items(closely=False)
def product(product_id: str) -> ResponseReturnValue:
    """One product, by its ID at Stripe, which may be any text."""
    found = services().catalogue.current().product(product_id)
    if found is None:
        abort(404, "This product is not sold here, or not any more. The shop may have something like it.")
    url = services().settings.base_url + url_for(".product", product_id=found.id)
    return render_template(
        "shop/product.html",
        product=found,
        canonical=url,
        data=product_data(found, url),
        max_quantity=MAX_QUANTITY,
    )


@blueprint.get(f"/<any({', '.join(TITLES)}):name>")
@public_page
def text(name: str) -> str:
    """Terms, privacy, returns, contact."""
    return render_template("shop/text.html", name=name, text=services().texts[name])


@blueprint.get("/sitemap.xml")
@public_page
def sitemap() -> Response:
    """https://www.sitemaps.org/protocol.html"""
    products = [
        (url_for(".product", product_id=it.id), _day(it.updated))
        for it in services().catalogue.current().products
    ]
    body = render_template("shop/sitemap.xml", products=products)
    return Response(body, mimetype="application/xml")


@blueprint.get("/robots.txt")
@public_page
def robots() -> Response:
    """https://www.rfc-editor.org/rfc/rfc9309"""
    return Response(render_template("shop/robots.txt"), mimetype="text/plain")


def _day(at: float) -> str:
    """The date of a Unix time; the last one of the calendar for a later time."""
    return datetime.fromtimestamp(min(at, 253_402_300_799.0), UTC).date().isoformat()


def _page_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_PAGE_DIGITS) or int(text) == 0:
        abort(404, "There is no such page of products.")
    return int(text)
