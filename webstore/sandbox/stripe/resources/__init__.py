"""The resources of the API that the sandbox's Stripe supports: one file for each, with its `ROUTES`."""

from webstore.sandbox.stripe.resources import (
    account,
    billing_portal,
    charges,
    checkout_sessions,
    customers,
    events,
    invoices,
    payment_intents,
    prices,
    products,
    refunds,
    shipping_rates,
    subscriptions,
    webhook_endpoints,
)
from webstore.sandbox.stripe.routing import Route

ROUTES: tuple[Route, ...] = (
    *account.ROUTES,
    *customers.ROUTES,
    *events.ROUTES,
    *products.ROUTES,
    *prices.ROUTES,
    *webhook_endpoints.ROUTES,
    *checkout_sessions.ROUTES,
    *shipping_rates.ROUTES,
    *payment_intents.ROUTES,
    *charges.ROUTES,
    *refunds.ROUTES,
    *subscriptions.ROUTES,
    *invoices.ROUTES,
    *billing_portal.ROUTES,
)
