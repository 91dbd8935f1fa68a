"""The account pages: profile, linked customer, billing portal, and closing the account."""

from __future__ import annotations

import logging
import time
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import quote

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webstore import linking
from webstore.errors import DirectoryError, DirectoryRefused, OverBudget, PaymentsUnavailable, UserGone
from webstore.linking import LinkStatus
from webstore.linking.models import Comparison
from webstore.sessions.closing import close_account
from webstore.settings import Settings

from . import services
from .customer import NOTHING_LOST, PENDING, REFUSED, unusable_link, user_gone
from .errors import not_available
from .limits import limited_per_shopper
from .session_cookie import (
    ABSOLUTE_S,
    ask_provider_if_unsure,
    end_session,
    logged_in_shopper,
    login_required,
    remember_customer,
    require_csrf_token,
)

log = logging.getLogger(__name__)
blueprint = Blueprint("account", __name__, url_prefix="/account")
blueprint.before_request(ask_provider_if_unsure)

_NO_BILLING = "Billing can't be opened right now"
#: The words that a shopper types to close the account.
_CONFIRMATION = "close my account"
_NOT_CLOSED = "Your account could not be closed just now."
_SHOP_NOTIFIED = "Something in the shop's set-up has to be corrected first; the shop has been notified."
_MAY_BE_CLOSED = "That may still happen: look again in a minute, and try again if it is still there."


@dataclass(frozen=True, slots=True)
class LinkView:
    """The link between user and customer, as the account page shows it."""

    status: str
    customer_id: str | None
    message: str | None
    can_retry: bool


@blueprint.get("")
@login_required
def show() -> Response | str:
    """Show the shopper's profile and customer. A pending link is tried again."""
    shopper = logged_in_shopper()
    message, can_retry = None, False
    if shopper.customer_id is None:
        outcome = linking.verified_customer(services().linker, shopper.user_id, None)
        if outcome.status is LinkStatus.USER_GONE:
            return user_gone()
        remember_customer(outcome.customer_id)
        shopper = logged_in_shopper()
        if shopper.customer_id is None:
            refused = outcome.status is LinkStatus.REFUSED
            message, can_retry = REFUSED if refused else PENDING, not refused
    link = LinkView(shopper.link_status, shopper.customer_id, message, can_retry)
    return render_template("account/show.html", profile=shopper, link=link)


@blueprint.get("/link")
@login_required
@limited_per_shopper
def link() -> Response | str:
    """Show the Auth0 user and the Stripe customer side by side, both read now."""
    try:
        found = linking.compare(services().linker, logged_in_shopper().user_id)
    except UserGone:
        return user_gone()
    if found.status != "unavailable":
        remember_customer(found.customer_id)
    return render_template(
        "account/link.html",
        comparison=found,
        auth0_url=_auth0_url(services().settings, found),
        stripe_url=_stripe_url(services().settings, found),
    )


@blueprint.post("/portal")
@login_required
@limited_per_shopper
def portal() -> ResponseReturnValue:
    """Redirect to Stripe's billing portal for the customer's cards, invoices and subscriptions."""
    require_csrf_token()
    shopper = logged_in_shopper()
    link = linking.verified_customer(services().linker, shopper.user_id, shopper.customer_id)
    if link.customer_id is None:
        return unusable_link(link, again=url_for("account.show"), title=_NO_BILLING)
    remember_customer(link.customer_id)
    back = f"{services().settings.base_url}{url_for('account.show')}"
    try:
        address = services().checkouts.portal_url(link.customer_id, back)
    except PaymentsUnavailable as exc:
        return not_available(_NO_BILLING, NOTHING_LOST, str(exc), url_for("account.show"))
    return redirect(address, 303)


@blueprint.get("/close")
@login_required
def ask_to_close() -> str:
    """Show the page that explains what closing the account means, with its form."""
    return render_template("account/close.html", confirmation=_CONFIRMATION, problem=None)


@blueprint.post("/close")
@login_required
@limited_per_shopper
def close() -> Response | str | tuple[str, int]:
    """Delete the user in Auth0. The Stripe customer is kept: the law requires that its invoices are kept."""
    require_csrf_token()
    shopper = logged_in_shopper()
    if " ".join(request.form.get("confirmation", "").split()).casefold() != _CONFIRMATION:
        problem = f"Nothing was done. To close your account, type “{_CONFIRMATION}” into the field."
        return render_template("account/close.html", confirmation=_CONFIRMATION, problem=problem), 400
    try:
        close_account(
            services().linker,
            services().state,
            services().settings.auth0_issuer,
            shopper.user_id,
            now=time.time(),
            kept_s=ABSOLUTE_S,
        )
    except (DirectoryError, OverBudget) as exc:
        refused = isinstance(exc, DirectoryRefused)
        log.log(
            logging.ERROR if refused else logging.WARNING,
            "user=%s could not be deleted: %s: %s",
            shopper.user_id,
            type(exc).__name__,
            exc,
        )
        problem = f"{_NOT_CLOSED} {_SHOP_NOTIFIED if refused else _MAY_BE_CLOSED}"
        page = render_template("account/close.html", confirmation=_CONFIRMATION, problem=problem)
        return page, 409 if refused else 503
    log.info("user=%s closed the account; customer=%s is kept", shopper.user_id, shopper.customer_id)
    end_session()
    return render_template("account/closed.html")


def _stripe_url(settings: Settings, found: Comparison) -> str | None:
    """The customer's page in Stripe's dashboard; None without a customer, or if such links are off."""
    if not settings.dashboard_links or found.customer_id is None:
        return None
    return f"{settings.stripe_dashboard_url}/customers/{quote(found.customer_id)}"


def _auth0_url(settings: Settings, found: Comparison) -> str | None:
    """The user's page in Auth0's dashboard; None if such links are off.

    The page's address contains the unpadded base64 of the percent-encoded user ID.
    """
    if not settings.dashboard_links or settings.auth0_dashboard_url is None:
        return None
    encoded = b64encode(quote(found.user_id, safe="").encode()).decode().rstrip("=")
    return f"{settings.auth0_dashboard_url.rstrip('/')}/users/{quote(encoded, safe='')}"
