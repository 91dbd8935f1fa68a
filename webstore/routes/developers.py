"""What developers see: a bar with the linked customer on every page, and a page with the store's design.

The bar is shown with test keys, or with `DASHBOARD_LINKS=1`; the design with test keys on this machine alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Blueprint, abort, render_template

from webstore.addresses import is_loopback
from webstore.dashboards import customer_page, user_page
from webstore.settings import Settings
from webstore.shop.models import Money, Price, Product, Recurrence

from . import services
from .login_guards import ask_provider_if_unsure
from .session_cookie import current_shopper

blueprint = Blueprint("developers", __name__)
blueprint.before_request(ask_provider_if_unsure)


@dataclass(frozen=True, slots=True)
class DeveloperBar:
    """The linked customer, and both records' pages in the vendors' dashboards, if they are known."""

    link_status: str
    customer_id: str | None
    stripe_url: str | None
    auth0_url: str | None


@blueprint.app_context_processor
def _bar() -> dict[str, object]:
    return {"developer_bar": developer_bar}


def developer_bar() -> DeveloperBar | None:
    """The bar of a logged-in shopper's page; None for strangers and for shoppers of a live store."""
    settings, shopper = services().settings, current_shopper()
    if shopper is None or not settings.dashboard_links:
        return None
    return DeveloperBar(
        shopper.link_status,
        shopper.customer_id,
        customer_url(settings, shopper.customer_id),
        auth0_url(settings, shopper.user_id),
    )


def customer_url(settings: Settings, customer_id: str | None) -> str | None:
    """The customer's page in Stripe's dashboard; None without a customer, or if such links are off."""
    if not settings.dashboard_links or customer_id is None:
        return None
    return customer_page(settings.stripe_dashboard_url, customer_id)


def auth0_url(settings: Settings, user_id: str) -> str | None:
    """The user's page in Auth0's dashboard; None if such links are off."""
    if not settings.dashboard_links or settings.auth0_dashboard_url is None:
        return None
    return user_page(settings.auth0_dashboard_url, user_id)


@blueprint.get("/design")
def design() -> str:
    """Show every part of the pages in every state, in development: on this machine, with test keys."""
    settings = services().settings
    if settings.stripe_livemode or not is_loopback(urlsplit(settings.base_url).hostname):
        abort(404)
    return render_template("design.html", products=_examples())


def _examples() -> list[Product]:
    """Products in every state that a card can have."""
    once = Price("price_1", "example", Money(1250, "eur"), nickname="Small")
    more = Price("price_2", "example", Money(123_456_789, "eur"), nickname="Large")
    month = Price("price_3", "example", Money(1490, "eur"), Recurrence("month"))
    year = Price("price_4", "example", Money(14_900, "eur"), Recurrence("year"))
    long = "A product whose name is far longer than any shop would want it to be, and goes on " * 2
    return [
        Product("example", "A product", (once,)),
        Product("example", "Prices from", (once, more)),
        Product("example", "Subscription", (month, year)),
        Product("example", "Sold out", (once,), in_stock=False),
        Product("example", long, (more,)),
    ]
