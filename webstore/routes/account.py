"""The account pages: profile, linked customer, subscriptions, and the billing portal."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webstore import linking
from webstore.errors import PaymentsUnavailable, StateUnavailable, UserGone
from webstore.linking import LinkStatus, evidence
from webstore.linking.models import Comparison, LinkOutcome
from webstore.linking.verdicts import Asked, forget_verdict, new_verdict
from webstore.shop.subscription_changes import is_unmarked

from . import services, subscription_lists
from .csrf import require_csrf_token
from .customer import NOT_SET_UP, NOTHING_LOST, PENDING, REFUSED, ended_login, unusable_link, user_gone
from .developers import auth0_url, customer_url
from .errors import not_available, noted
from .known_links import known_link
from .limits import limited_per_shopper, refuse_flood_of_shopper
from .login_claims import kept_claims
from .login_guards import ask_provider_if_unsure, login_required
from .session_cookie import Shopper, logged_in_shopper, remember_customer
from .shoppers_pages import shoppers_page
from .subscription_lists import SubscriptionsView

blueprint = Blueprint("account", __name__, url_prefix="/account")
blueprint.before_request(ask_provider_if_unsure)

_NO_BILLING = "Billing can't be opened right now"


@dataclass(frozen=True, slots=True)
class LinkView:
    """The link between user and customer, as the account page shows it."""

    status: str
    customer_id: str | None
    #: Why there is no customer.
    message: str | None
    can_retry: bool


@blueprint.get("")
@login_required
def show() -> ResponseReturnValue:
    """Show the shopper's profile, customer and subscriptions. A pending link is tried again."""
    shopper, linker = logged_in_shopper(), services().linker
    asked = Asked(shopper.user_id, shopper.customer_id, shopper.since)
    found, outcome = known_link(asked)
    # Its subscriptions are not changing just now.
    calm = shopper.customer_id if found is not None and is_unmarked(shopper.customer_id, found) else None
    kept = None
    if outcome is not None and calm is not None and outcome.customer_id == calm:
        kept = subscription_lists.kept(calm)
    if kept is None:
        # The vendors are asked.
        refuse_flood_of_shopper()
    outcome = outcome or new_verdict(linker, services().state, found, asked)
    ended = ended_login(outcome, request.path)
    if ended is not None:
        return ended
    if outcome.customer_id is not None or outcome.status is LinkStatus.REFUSED:
        remember_customer(outcome.customer_id)
    shopper = logged_in_shopper()
    return shoppers_page(
        "account/show.html",
        profile=shopper,
        link=_link_view(shopper, outcome),
        subscriptions=kept or _subscriptions(shopper, outcome, keep=outcome.customer_id == calm),
    )


def _link_view(shopper: Shopper, outcome: LinkOutcome) -> LinkView:
    """The link as the page shows it. A shopper who is linked already only reads of a link that is refused."""
    message, can_retry = None, False
    if shopper.customer_id is None:
        if outcome.status is LinkStatus.REFUSED:
            message = REFUSED
        elif outcome.alarm:
            message = NOT_SET_UP
        else:
            message, can_retry = PENDING, True
    return LinkView(shopper.link_status, shopper.customer_id, message, can_retry)


def _subscriptions(shopper: Shopper, outcome: LinkOutcome, *, keep: bool) -> SubscriptionsView:
    """The subscriptions of the verified customer, from Stripe. `keep`: whether they may be shown again."""
    if outcome.customer_id is not None:
        return subscription_lists.read_now(outcome.customer_id, keep=keep)
    if shopper.customer_id is None:
        return SubscriptionsView()
    noted("subscriptions not shown", outcome.reason, logging.ERROR if outcome.alarm else logging.WARNING)
    return SubscriptionsView(problem="refused" if outcome.alarm else "unavailable")


@blueprint.get("/link")
@login_required
@limited_per_shopper
def link() -> Response | str:
    """Show the Auth0 user and the Stripe customer side by side, both read now."""
    try:
        shopper = logged_in_shopper()
        found = linking.compare(services().linker, shopper.user_id, shopper.since, count=True)
    except UserGone:
        return user_gone()
    if found.status not in ("linked", "unavailable"):
        # The verdict of a moment ago is not true any more: the next page verifies the link again.
        with suppress(StateUnavailable):
            forget_verdict(services().state, found.user_id)
    if found.status != "unavailable":
        remember_customer(found.customer_id)
    settings = services().settings
    return render_template(
        "account/link.html",
        comparison=found,
        read_at=datetime.fromtimestamp(found.read_at, UTC),
        auth0_url=auth0_url(settings, found.user_id),
        customers_url=f"{settings.stripe_dashboard_url}/customers" if settings.dashboard_links else None,
        customer_url=partial(customer_url, settings),
        raw=_raw(found) if settings.dashboard_links else {},
    )


@blueprint.post("/portal")
@login_required
@limited_per_shopper
def portal() -> ResponseReturnValue:
    """Redirect to Stripe's billing portal for the customer's cards, invoices and subscriptions."""
    require_csrf_token()
    shopper = logged_in_shopper()
    link = linking.verified_customer(services().linker, shopper.user_id, shopper.customer_id, shopper.since)
    if link.customer_id is None:
        return unusable_link(link, again=url_for("account.show"), title=_NO_BILLING)
    remember_customer(link.customer_id)
    subscription_lists.expect_changes(link.customer_id)
    back = f"{services().settings.base_url}{url_for('account.show')}"
    try:
        address = services().portals.portal_url(link.customer_id, back)
    except PaymentsUnavailable as exc:
        return not_available(_NO_BILLING, NOTHING_LOST, str(exc), url_for("account.show"))
    return redirect(address, 303)


def _raw(found: Comparison) -> dict[str, str]:
    """Both records and the claims of this session's ID token as JSON texts, by their titles."""
    claims = kept_claims()
    parts = {
        "Auth0 user": found.raw_user,
        "Stripe customer": found.raw_customer,
        "Claims of the ID token of this login": evidence.shown(claims) if claims is not None else None,
    }
    return {title: _json(it) for title, it in parts.items() if it}


def _json(value: object) -> str:
    """The value as JSON for a page. A lone surrogate, which UTF-8 cannot encode, stays an escape."""
    return json.dumps(value, indent=2, ensure_ascii=False).encode(errors="backslashreplace").decode()
