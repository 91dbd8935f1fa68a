"""The shopper's account and the linked customer."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import quote

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from webstore import linking
from webstore.comparison import compare
from webstore.errors import OverBudget, UserGone
from webstore.models import Comparison, LinkStatus
from webstore.settings import Settings

from . import services
from .shopper import Shopper, current_shopper, end_session, login_required, remember_customer

blueprint = Blueprint("account", __name__, url_prefix="/account")

_PENDING = "Your customer record is not ready yet. Nothing is lost: try again in a minute."
_REFUSED = (
    "Your customer record belongs to another set-up of this store, so it is not used here. "
    "The shop has been told; you need not do anything."
)


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
    shopper = _shopper()
    message, can_retry = None, False
    if shopper.customer_id is None:
        outcome = linking.verified_customer(services().linker, shopper.user_id, None)
        if outcome.status is LinkStatus.USER_GONE:
            return _gone()
        remember_customer(outcome.customer_id)
        shopper = _shopper()
        if shopper.customer_id is None:
            refused = outcome.status is LinkStatus.REFUSED
            message, can_retry = _REFUSED if refused else _PENDING, not refused
    link = LinkView(shopper.link_status, shopper.customer_id, message, can_retry)
    return render_template("account/show.html", profile=shopper, link=link)


@blueprint.get("/link")
@login_required
def link() -> Response | str:
    """The Auth0 user and the Stripe customer side by side, read fresh from both."""
    shopper, linker = _shopper(), services().linker
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
        return _gone()
    if found.status != "unavailable":
        remember_customer(found.customer_id)
    return render_template(
        "account/link.html",
        comparison=found,
        auth0_url=_auth0_url(services().settings, found),
        stripe_url=_stripe_url(services().settings, found),
    )


def _shopper() -> Shopper:
    shopper = current_shopper()
    if shopper is None:
        raise RuntimeError("login_required let a stranger through")
    return shopper


def _gone() -> Response:
    end_session()
    return redirect(url_for("shop.home"))


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
