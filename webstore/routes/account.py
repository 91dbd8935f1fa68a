"""The shopper's account and the linked customer."""

from __future__ import annotations

import logging
import time
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from webstore import linking, revocation
from webstore.budget import PAGE_S
from webstore.comparison import compare
from webstore.errors import DirectoryError, DirectoryRefused, OverBudget, StateUnavailable, UserGone
from webstore.models import Comparison, LinkStatus
from webstore.orders import forget_verdict
from webstore.settings import Settings

from . import services
from .customer import PENDING, REFUSED, unusable_link, user_gone
from .limits import paced
from .shopper import (
    ABSOLUTE_S,
    csrf_matches,
    end_session,
    login_required,
    remember_customer,
    the_shopper,
)

log = logging.getLogger(__name__)
blueprint = Blueprint("account", __name__, url_prefix="/account")

#: What a shopper types to close the account.
_CONFIRMATION = "close my account"
_NOT_CLOSED = "Your account could not be closed just now."
_MAY_BE_CLOSED = "That may still happen: look again in a minute, and try again if it is still there."


@dataclass(frozen=True, slots=True)
class LinkView:
    """What the account page says about the link."""

    status: str
    customer_id: str | None
    message: str | None
    can_retry: bool


@blueprint.get("")
@login_required
def show() -> Response | str:
    """Who the shopper is and which customer belongs to them; a pending link is tried again."""
    shopper = the_shopper()
    message, can_retry = None, False
    if shopper.customer_id is None:
        outcome = linking.verified_customer(services().linker, shopper.user_id, None)
        if outcome.status is LinkStatus.USER_GONE:
            return user_gone()
        remember_customer(outcome.customer_id)
        shopper = the_shopper()
        if shopper.customer_id is None:
            refused = outcome.status is LinkStatus.REFUSED
            message, can_retry = REFUSED if refused else PENDING, not refused
    link = LinkView(shopper.link_status, shopper.customer_id, message, can_retry)
    return render_template("account/show.html", profile=shopper, link=link)


@blueprint.get("/link")
@login_required
@paced
def link() -> Response | str:
    """The Auth0 user and the Stripe customer side by side, read fresh from both."""
    shopper, linker = the_shopper(), services().linker
    try:
        found = linker.executor.run(
            lambda: compare(shopper.user_id, linker.directory, linker.payments, linker.policy),
            linker.budget_s,
        )
    except OverBudget:
        found = Comparison(
            "unavailable", shopper.user_id, problems=("No answer in time. Try again in a minute.",)
        )
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
@paced
def portal() -> Response | tuple[str, int]:
    """Go to Stripe's pages for the customer's cards, invoices and subscriptions."""
    _refuse_without_token()
    shopper = the_shopper()
    link = linking.verified_customer(services().linker, shopper.user_id, shopper.customer_id)
    if link.customer_id is None:
        return unusable_link(link, again=url_for("account.show"))
    remember_customer(link.customer_id)
    customer_id, back = link.customer_id, f"{services().settings.base_url}{url_for('account.show')}"
    checkouts = services().checkouts
    address = services().shop.run(lambda: checkouts.portal_url(customer_id, back), PAGE_S)
    return redirect(address, 303)


@blueprint.get("/close")
@login_required
def ask_to_close() -> str:
    """What closing the account means, and the form for it."""
    return render_template("account/close.html", confirmation=_CONFIRMATION, problem=None)


@blueprint.post("/close")
@login_required
@paced
def close() -> Response | str | tuple[str, int]:
    """Delete the user in Auth0; the customer at Stripe stays, as the law wants its invoices kept."""
    _refuse_without_token()
    shopper, linker = the_shopper(), services().linker
    if " ".join(request.form.get("confirmation", "").split()).casefold() != _CONFIRMATION:
        problem = f"Nothing was done. To close your account, type “{_CONFIRMATION}” into the field."
        return render_template("account/close.html", confirmation=_CONFIRMATION, problem=problem), 400
    try:
        linker.executor.run(lambda: linker.directory.delete_user(shopper.user_id), linker.budget_s)
    except (DirectoryError, OverBudget) as exc:
        log.warning("user=%s could not be deleted: %s: %s", shopper.user_id, type(exc).__name__, exc)
        refused = isinstance(exc, DirectoryRefused)
        problem = f"{_NOT_CLOSED} {'Try again in a minute.' if refused else _MAY_BE_CLOSED}"
        return render_template("account/close.html", confirmation=_CONFIRMATION, problem=problem), 503
    log.info("user=%s closed the account; customer=%s is kept", shopper.user_id, shopper.customer_id)
    _forget_everywhere(shopper.user_id)
    end_session()
    return render_template("account/closed.html")


def _refuse_without_token() -> None:
    if not csrf_matches(request.form.get("csrf_token", "")):
        abort(400, "This form is out of date. Go back, reload the page and try again.")


def _forget_everywhere(user_id: str) -> None:
    """End the sessions that the user has on other devices, and what was verified about them."""
    with suppress(StateUnavailable):
        forget_verdict(services().state, user_id)
        revocation.revoke_at_provider(
            services().state,
            services().settings.auth0_issuer,
            sid=None,
            user_id=user_id,
            now=time.time(),
            kept_s=ABSOLUTE_S,
        )


def _stripe_url(settings: Settings, found: Comparison) -> str | None:
    if not settings.dashboard_links or found.customer_id is None:
        return None
    return f"{settings.stripe_dashboard_url}/customers/{quote(found.customer_id)}"


def _auth0_url(settings: Settings, found: Comparison) -> str | None:
    """Auth0's dashboard addresses a user by the unpadded base64 of the percent-encoded ID."""
    if not settings.dashboard_links or settings.auth0_dashboard_url is None:
        return None
    encoded = b64encode(quote(found.user_id, safe="").encode()).decode().rstrip("=")
    return f"{settings.auth0_dashboard_url.rstrip('/')}/users/{quote(encoded, safe='')}"
