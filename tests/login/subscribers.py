"""Shoppers with subscriptions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.fakes import Subscribers
from tests.goods import Good, go_to_payment, pay, put_in, sell
from tests.support import ADA, Browser, Shop
from webstore.routes import Services, attach
from webstore.shop.models import Subscription
from webstore.shop.subscription_changes import mark_event


def buy(shop: Shop, browser: Browser, good: Good, quantity: int = 1) -> str:
    """Buy a subscription on the store's pages and at Stripe; returns its ID."""
    put_in(browser, good, quantity)
    page = pay(browser, go_to_payment(browser))
    assert page.url.path == "/checkout/success", page.text
    newest: dict[str, Any] = shop.stripe("GET", "/subscriptions", limit="1")["data"][0]
    return str(newest["id"])


def subscribe(shop: Shop, name: str = "Tea box", amount: int = 1900, **details: Any) -> str:
    """Let Ada have a subscription to a new product for a month; returns its ID.

    `details`: what the sandbox's control takes, for instance the quantity.
    """
    good = sell(shop, name, amount, every="month")
    customer = shop.app_metadata(ADA)["stripe_customer_id"]
    made = shop.sandbox.stripe.subscribe(customer=customer, prices=[good.price], **details)
    tell_of_changes(shop)
    return str(made["id"])


def tell_of_changes(shop: Shop, customer: str | None = None) -> None:
    """Let the store know, as a webhook does, that subscriptions change: it asks for them each time.

    `customer`: whose they are; Ada if it is None.
    """
    services: Services = shop.app.extensions["webstore"]
    mark_event(services.state, customer or shop.app_metadata(ADA)["stripe_customer_id"])


def statuses(shop: Shop) -> dict[str, str]:
    """The status of every subscription at Stripe, also of ended ones, by ID."""
    listed = shop.stripe("GET", "/subscriptions", status="all", limit="100")["data"]
    return {it["id"]: it["status"] for it in listed}


def let_stripe_list(shop: Shop, *subscriptions: Subscription) -> Subscribers:
    """Have Stripe list these subscriptions for Ada, in states that are hard to come by."""
    services: Services = shop.app.extensions["webstore"]
    customer = shop.app_metadata(ADA)["stripe_customer_id"]
    subscribers = Subscribers({customer: list(subscriptions)})
    attach(shop.app, replace(services, subscriptions=subscribers))
    tell_of_changes(shop)
    return subscribers
