"""The JSON API for single-page and mobile applications; `openapi.json` beside this file describes it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote

from flask import Blueprint, Response, abort, request

from webstore import cart, checkout, orders
from webstore.commerce import Price, Product, Purchase
from webstore.errors import AmountRefused, CannotBuy, NoSuchObject, StateUnavailable, WebstoreError
from webstore.models import Caller, LinkOutcome, LinkStatus
from webstore.money import exponent
from webstore.ports import SessionDraft

from . import services
from .bearer import authorized, refuse
from .problems import problem

log = logging.getLogger(__name__)
blueprint = Blueprint("api", __name__, url_prefix="/api")

MAX_LIMIT, DEFAULT_LIMIT = 100, 20
MAX_URL = 2000
_JSON = "application/json"
#: Stripe fills in the braces: https://docs.stripe.com/payments/checkout/custom-success-page
_SUCCESS = "/checkout/success?session_id={CHECKOUT_SESSION_ID}"
_DOCUMENT = Path(__file__).with_name("openapi.json").read_text("utf-8")
#: Seconds after which something that is not ready may be asked about again.
_SOON = {"Retry-After": "10"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants to buy, and where the shopper goes from Stripe's page."""

    #: How many at which price.
    lines: Mapping[str, int]
    success_url: str | None
    cancel_url: str | None


@blueprint.before_request
def negotiate() -> None:
    """Refuse clients that take no JSON."""
    wanted = request.accept_mimetypes
    if request.method != "OPTIONS" and wanted and not wanted.quality(_JSON):
        abort(problem(406, f"The API answers with {_JSON} alone."))


@blueprint.errorhandler(WebstoreError)
def unavailable(exc: WebstoreError) -> Response:
    """Whatever could not be had just now; what is wrong for good is the operator's business."""
    log.warning("the API cannot answer %s: %s: %s", request.path, type(exc).__name__, exc)
    return problem(503, "The store cannot do this just now. Try again soon.", _SOON)


@blueprint.get("/openapi.json")
def document() -> Response:
    """The OpenAPI document, for anybody."""
    content = json.loads(_DOCUMENT)
    content["components"]["schemas"]["ReturnAddress"]["pattern"] = _our_addresses()
    return _answer(content)


@blueprint.get("/products")
def list_products() -> Response:
    """What can be bought, a page at a time."""
    authorized()
    limit = _limit()
    products = services().catalogue.current().products
    after = request.args.get("starting_after")
    first = 0
    if after is not None:
        first = next((i for i, product in enumerate(products, 1) if product.id == after), 0)
        if first == 0:
            abort(problem(404, "starting_after names no product. Begin with the first page again."))
    page = products[first : first + limit]
    return _answer({"data": [_product(p) for p in page], "has_more": first + limit < len(products)})


@blueprint.get("/products/<path:product_id>")
def show_product(product_id: str) -> Response:
    """One product."""
    authorized()
    product = services().catalogue.current().product(product_id)
    if product is None:
        abort(problem(404, "No product that can be bought has this ID."))
    return _answer(_product(product))


@blueprint.get("/me")
def me() -> Response:
    """Who the token's user is, and which customer belongs to them."""
    caller = authorized("read:me")
    user_id = _user_id(caller)
    found = orders.verdict(services().linker, services().state, user_id, caller.claimed_customer_id)
    if found.customer_id is None:
        _refuse_unlinked(found)
    return _answer({"user_id": user_id, "customer_id": found.customer_id, "link_status": "linked"})


@blueprint.post("/checkout")
def begin_checkout() -> tuple[Response, int]:
    """A Checkout Session for the token's user, whose page is where the client sends them to pay."""
    caller = authorized("create:checkout")
    user_id = _user_id(caller)
    wish = _wish()
    shop, settings = services(), services().settings
    draft = SessionDraft(
        customer_id="",
        user_id=user_id,
        lines=_purchases(wish),
        success_url=wish.success_url
        or f"{settings.base_url}/checkout/success?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=wish.cancel_url or f"{settings.base_url}/cart",
        options=settings.checkout,
    )
    try:
        begun = checkout.begin(shop.linker, shop.checkouts, shop.shop, draft, caller.claimed_customer_id)
    except NoSuchObject:
        with suppress(StateUnavailable):
            shop.catalogue.forget()
        abort(problem(409, "One of the prices is not for sale any more."))
    except AmountRefused:
        abort(problem(409, "The total is too small or too large to be paid."))
    except CannotBuy as exc:
        abort(problem(409, str(exc)))
    if begun.session is None:
        _refuse_unlinked(begun.link)
    return _answer({"id": begun.session.id, "url": begun.session.url}), HTTPStatus.CREATED


def _user_id(caller: Caller) -> str:
    if caller.user_id is None:
        refuse(403, "the token belongs to a program, not to a user", error="insufficient_scope")
    return caller.user_id


def _refuse_unlinked(outcome: LinkOutcome) -> NoReturn:
    """End the request of a user whose customer cannot be used."""
    if outcome.status is LinkStatus.USER_GONE:
        refuse(401, "the user does not exist any more", error="invalid_token")
    if outcome.status is LinkStatus.REFUSED:
        abort(problem(409, "The user's customer belongs to another set-up of this store."))
    abort(problem(503, "The user's customer is not ready yet. Try again soon.", _SOON))


def _limit() -> int:
    text = request.args.get("limit", str(DEFAULT_LIMIT))
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_LIMIT:
        abort(problem(400, f"limit must be a whole number from 1 to {MAX_LIMIT}."))
    return int(text)


def _purchases(wish: Wish) -> tuple[Purchase, ...]:
    catalogue = services().catalogue.current()
    found: list[Purchase] = []
    try:
        for price_id, quantity in wish.lines.items():
            purchase = cart.purchase_of(catalogue, price_id, quantity)
            cart.together(found, purchase)
            found.append(purchase)
    except CannotBuy as exc:
        abort(problem(409, str(exc)))
    return tuple(found)


def _wish() -> Wish:
    body = _body()
    _only(body, "lines", "success_url", "cancel_url")
    lines = body.get("lines")
    if not isinstance(lines, list) or not 1 <= len(lines) <= cart.MAX_LINES:
        _malformed(f"lines must be a list of 1 to {cart.MAX_LINES} lines")
    wanted: dict[str, int] = {}
    for line in lines:
        price_id, quantity = _line(line)
        wanted[price_id] = wanted.get(price_id, 0) + quantity
    return Wish(wanted, _url(body, "success_url"), _url(body, "cancel_url"))


def _line(line: object) -> tuple[str, int]:
    if not isinstance(line, dict):
        _malformed("a line must be an object")
    _only(line, "price", "quantity")
    price_id, quantity = line.get("price"), line.get("quantity")
    if not isinstance(price_id, str) or not 0 < len(price_id) <= 255:
        _malformed("price must be the ID of a price")
    if isinstance(quantity, float) and quantity.is_integer():
        # JSON has one kind of number: to it, 1.0 is a whole one.
        quantity = int(quantity)
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 1 <= quantity <= cart.MAX_QUANTITY:
        _malformed(f"quantity must be a whole number from 1 to {cart.MAX_QUANTITY}")
    return price_id, quantity


def _url(body: Mapping[str, object], name: str) -> str | None:
    """An address of the store or of an application that may call this API; None where none is given."""
    if name not in body:
        return None
    url = body[name]
    if not isinstance(url, str) or len(url) > MAX_URL or not re.fullmatch(_our_addresses(), url):
        _malformed(f"{name} must be an address of the store or of an origin in API_CORS_ORIGINS")
    return url


def _our_addresses() -> str:
    """What a return address looks like, as a regular expression that clients understand, too."""
    settings = services().settings
    origins = "|".join((settings.base_url, *settings.api_cors_origins))
    # Not re.escape: what it makes of a hyphen is no regular expression to clients in JavaScript.
    escaped = re.sub(r"([.\[\]])", r"\\\1", origins)
    # ASCII without spaces and backslashes, which browsers take for slashes.
    return rf"^({escaped})([/?#][!-\[\]-~]*)?$"


def _body() -> Mapping[str, object]:
    """The JSON object that the client sent; a request without one ends here with 415 or 400."""
    if request.mimetype != _JSON or request.headers.get("Content-Encoding", "identity") != "identity":
        abort(problem(415, f"Send {_JSON}, not compressed.", {"Accept": _JSON}))
    try:
        found = json.loads(request.get_data(cache=False).decode(), object_pairs_hook=_members)
    except (ValueError, RecursionError):
        _malformed("the body is no JSON")
    if not isinstance(found, dict):
        _malformed("the body must be an object")
    return found


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: JSON
    """A JSON object whose names are different, so that nobody reads another one than the store does."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is there twice")
    return found


def _only(body: Mapping[str, object], *names: str) -> None:
    if unknown := sorted(set(body) - set(names)):
        _malformed(f"{unknown[0][:50]!r} is not known here")


def _malformed(what: str) -> NoReturn:
    abort(problem(400, f"This cannot be understood: {what}."))


def _answer(content: Mapping[str, object]) -> Response:
    return Response(json.dumps(content), content_type=_JSON)


def _product(product: Product) -> dict[str, object]:
    return {
        "id": product.id,
        "name": product.name,
        "description": product.description,
        "images": list(product.images),
        "in_stock": product.in_stock,
        "shippable": product.shippable,
        "url": f"{services().settings.base_url}/products/{quote(product.id, safe='')}",
        "prices": [_price(price) for price in product.prices],
    }


def _price(price: Price) -> dict[str, object]:
    recurrence = price.recurrence
    return {
        "id": price.id,
        "nickname": price.nickname,
        "amount": price.money.amount,
        "currency": price.money.currency,
        "exponent": exponent(price.money.currency),
        "recurring": recurrence and {"interval": recurrence.interval, "interval_count": recurrence.count},
    }


@blueprint.after_app_request
def allow_origins(response: Response) -> Response:
    """Let pages of the operator's other origins call the API, without cookies: https://fetch.spec.whatwg.org/#http-cors-protocol"""
    if not f"{request.path}/".startswith(f"{blueprint.url_prefix}/"):
        return response
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin is None or origin not in services().settings.api_cors_origins:
        return response
    response.headers["Access-Control-Allow-Origin"] = origin
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
        response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        response.headers["Access-Control-Max-Age"] = "600"
    else:
        response.headers["Access-Control-Expose-Headers"] = "Retry-After, WWW-Authenticate"
    return response
