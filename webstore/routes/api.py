"""The JSON API for single-page and mobile applications. `openapi.json` in this folder describes it."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from flask import Blueprint, Response, abort, request

from webstore.errors import CannotBuy, PaymentsRefused, WebstoreError
from webstore.linking import LinkOutcome, LinkStatus
from webstore.linking.verdicts import verdict
from webstore.sessions.models import Caller
from webstore.shop import cart
from webstore.shop.checkout import Opened, Reason, Refused, Wanted, buy, second_digest
from webstore.shop.earlier_sessions import end_unavailable
from webstore.shop.models import Price, Product, Purchase, Subscription
from webstore.shop.money import exponent

from . import services
from .api_input import Wish, read_wish, return_addresses
from .bearer import authorized, refuse
from .checkout_result import success_url
from .customer import forget
from .marks import signed
from .problems import problem

log = logging.getLogger(__name__)
blueprint = Blueprint("api", __name__, url_prefix="/api")

MAX_LIMIT, DEFAULT_LIMIT = 100, 20
_JSON = "application/json"
_DOCUMENT = Path(__file__).with_name("openapi.json").read_text("utf-8")
_REFUSALS = {
    Reason.SUBSCRIBED: "The user has a subscription to this product. Tell them about it. If they want a "
    "second one, send the request again with the member `second` of this answer.",
    Reason.NOT_FOR_SALE: "One of the prices is not for sale any more.",
    Reason.OUT_OF_STOCK: "One of the products is out of stock.",
    Reason.TOO_SMALL: "The total is too small to be paid.",
    Reason.TOO_LARGE: "The total is too large to be paid.",
    Reason.CURRENCY: "The customer is bound to another currency, by a subscription for instance.",
}
_SET_UP = "An operator of the store has to correct its set-up first."
#: Seconds after which the client may ask again.
_RETRY_SOON = {"Retry-After": "10"}


@blueprint.before_request
def negotiate() -> None:
    """Answer 406 to clients that do not accept JSON."""
    wanted = request.accept_mimetypes
    if request.method != "OPTIONS" and wanted and not wanted.quality(_JSON):
        abort(problem(406, f"The API answers with {_JSON} alone."))


@blueprint.errorhandler(WebstoreError)
def unavailable(exc: WebstoreError) -> Response:
    """Answer 503 if a vendor or the store fails. The log has the cause for the operator."""
    log.warning("the API cannot answer %s: %s: %s", request.path, type(exc).__name__, exc)
    return problem(503, "The store cannot do this just now. Try again soon.", _RETRY_SOON)


@blueprint.errorhandler(PaymentsRefused)
def refused_by_stripe(exc: PaymentsRefused) -> Response:
    """Answer 409 if Stripe refuses a request: an operator has to correct the set-up."""
    log.error("the API cannot answer %s: %s: %s", request.path, type(exc).__name__, exc)
    return problem(409, _SET_UP)


@blueprint.get("/openapi.json")
def document() -> Response:
    """The OpenAPI document. It needs no access token."""
    content = json.loads(_DOCUMENT)
    content["components"]["schemas"]["ReturnAddress"]["pattern"] = return_addresses()
    return _answer(content)


@blueprint.get("/products")
def list_products() -> Response:
    """One page of the products for sale."""
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
    """One product for sale."""
    authorized()
    product = services().catalogue.current().product(product_id)
    if product is None:
        abort(problem(404, "No product that can be bought has this ID."))
    return _answer(_product(product))


@blueprint.get("/me")
def me() -> Response:
    """The token's user and the ID of the linked customer."""
    caller = authorized("read:me")
    user_id = _user_id(caller)
    found = verdict(services().linker, services().state, user_id, caller.claimed_customer_id, caller.since)
    if found.customer_id is None:
        _refuse_unlinked(found, user_id)
    return _answer({"user_id": user_id, "customer_id": found.customer_id, "link_status": "linked"})


@blueprint.post("/checkout")
@signed
def begin_checkout() -> tuple[Response, int]:
    """Create a Checkout Session for the token's user. The client sends the user to its URL to pay."""
    caller = authorized("create:checkout")
    user_id = _user_id(caller)
    wish = read_wish()
    shop, settings = services(), services().settings
    wanted = Wanted(
        user_id=user_id,
        lines=_purchases(wish, user_id, caller.claimed_customer_id),
        success_url=wish.success_url or success_url(),
        cancel_url=wish.cancel_url or f"{settings.base_url}/cart",
        options=settings.checkout,
        remembered=caller.claimed_customer_id,
        since=caller.since,
        second=wish.second,
    )
    result = buy(
        wanted,
        linker=shop.linker,
        checkouts=shop.checkouts,
        subscriptions=shop.subscriptions,
        catalogue=shop.catalogue,
        state=shop.state,
    )
    if not isinstance(result, Opened):
        _refuse(result, user_id)
    return _answer({"id": result.session.id, "url": result.url}), HTTPStatus.CREATED


def _user_id(caller: Caller) -> str:
    """The caller's user ID. An application's own token ends the request with 403."""
    if caller.user_id is None:
        refuse(403, "the token belongs to a program, not to a user", error="insufficient_scope")
    return caller.user_id


def _refuse(refused: Refused, user_id: str) -> NoReturn:
    """End the request of a purchase that was refused."""
    if refused.link is not None:
        _refuse_unlinked(refused.link, user_id)
    answer = problem(409, _REFUSALS[refused.reason])
    if refused.reason is Reason.SUBSCRIBED:
        told = {
            "type": f"{services().settings.base_url}/api/openapi.json#/components/schemas/Subscribed",
            "title": "Subscribed already",
            "subscriptions": [_subscription(found) for found in refused.subscriptions],
            "second": second_digest(refused.subscriptions),
        }
        answer.set_data(json.dumps({**json.loads(answer.get_data()), **told}))
    abort(answer)


def _refuse_unlinked(outcome: LinkOutcome, user_id: str) -> NoReturn:
    """End the request of a user whose customer cannot be used."""
    if outcome.status in (LinkStatus.USER_GONE, LinkStatus.BLOCKED):
        forget(user_id)
    if outcome.status in (LinkStatus.USER_GONE, LinkStatus.BLOCKED, LinkStatus.OUTDATED):
        # The token counts as revoked: RFC 6750, section 3.1.
        refuse(401, outcome.reason, error="invalid_token")
    if outcome.status is LinkStatus.REFUSED:
        abort(problem(409, "The user's customer belongs to another set-up of this store."))
    if outcome.alarm:
        abort(problem(409, _SET_UP))
    abort(problem(503, "The user's customer is not ready yet. Try again soon.", _RETRY_SOON))


def _limit() -> int:
    """The page size from the parameter `limit`. A wrong value ends the request with 400."""
    text = request.args.get("limit", str(DEFAULT_LIMIT))
    if not re.fullmatch("[0-9]{1,3}", text) or not 1 <= int(text) <= MAX_LIMIT:
        abort(problem(400, f"limit must be a whole number from 1 to {MAX_LIMIT}."))
    return int(text)


def _purchases(wish: Wish, user_id: str, customer_id: str | None) -> tuple[Purchase, ...]:
    """The requested items at today's prices. An item that cannot be bought ends the request with 409."""
    catalogue = services().catalogue.current()
    found: list[Purchase] = []
    try:
        for price_id, quantity in wish.lines.items():
            purchase = cart.purchase_of(catalogue, price_id, quantity)
            cart.require_payable_together(found, purchase)
            found.append(purchase)
    except CannotBuy as exc:
        end_unavailable(services().checkouts, catalogue, customer_id, user_id, wish.lines)
        abort(problem(409, str(exc)))
    return tuple(found)


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


def _subscription(found: Subscription) -> dict[str, object]:
    return {
        "id": found.id,
        "status": found.status,
        "items": [
            {
                "price": item.price_id,
                "product": item.product_id,
                "nickname": item.variant,
                "quantity": item.quantity,
            }
            for item in found.items
        ],
        "period_end": found.period_end and int(found.period_end),
        "ends_at": found.ends_at and int(found.ends_at),
    }


@blueprint.after_app_request
def allow_origins(response: Response) -> Response:
    """Let pages of the origins in API_CORS_ORIGINS call the API, without cookies.

    Source: https://fetch.spec.whatwg.org/#http-cors-protocol
    """
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
