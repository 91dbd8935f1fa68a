"""The page of the shopper's orders."""

from __future__ import annotations

from datetime import UTC, datetime

from babel.dates import format_date
from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeSerializer

from webstore.errors import NoSuchObject, PaymentsUnavailable
from webstore.linking.verdicts import verdict
from webstore.shop import orders

from . import services
from .customer import NOTHING_LOST, unusable_link
from .errors import not_available
from .formats import reader_locale
from .limits import limited_per_shopper
from .session_cookie import ask_provider_if_unsure, logged_in_shopper, login_required, remember_customer

blueprint = Blueprint("orders", __name__)
blueprint.before_request(ask_provider_if_unsure)

_NOT_LOADED = "Your orders can't be loaded right now"


@blueprint.get("/orders")
@login_required
@limited_per_shopper
def show() -> ResponseReturnValue:
    """Show the shopper's orders, the newest first. `after`: the signed cursor of an older page."""
    shopper = logged_in_shopper()
    cursor = _cursor(shopper.user_id, request.args.get("after"))
    link = verdict(services().linker, services().state, shopper.user_id, shopper.customer_id)
    if link.customer_id is None:
        return unusable_link(link, again=url_for("orders.show"), title=_NOT_LOADED)
    remember_customer(link.customer_id)
    try:
        page = orders.page_of_orders(services().orders, shopper.user_id, link, cursor)
    except (orders.CursorUnknown, NoSuchObject):
        if cursor is None:
            raise
        return redirect(url_for("orders.show"))
    except PaymentsUnavailable as exc:
        return not_available(_NOT_LOADED, NOTHING_LOST, str(exc), request.full_path.rstrip("?"))
    older = _cursors(shopper.user_id).dumps(page.older) if page.older else None
    return render_template("orders/show.html", orders=page.orders, older=older, first=cursor is None)


@blueprint.app_template_filter("day")
def format_day(at: float) -> str:
    """The date of a Unix time in the notation of the reader's language."""
    return str(format_date(datetime.fromtimestamp(at, UTC), locale=reader_locale()))


@blueprint.app_template_filter("iso_day")
def iso_day(at: float) -> str:
    """The date of a Unix time in ISO 8601."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _cursor(user_id: str, text: str | None) -> orders.Cursor | None:
    """The cursor in a signed text. A wrong signature ends the request with 404."""
    if text is None:
        return None
    try:
        found: orders.Cursor = _cursors(user_id).loads(text)
    except BadData:
        abort(404)
    return found


def _cursors(user_id: str) -> URLSafeSerializer:
    """The signer of this shopper's cursors, so that they cannot be forged."""
    settings = services().settings
    keys = [*reversed(settings.app_secret_key_fallbacks), settings.app_secret_key]
    return URLSafeSerializer(keys, salt=f"webstore-orders {user_id}")
