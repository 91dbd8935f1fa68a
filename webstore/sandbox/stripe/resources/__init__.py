"""What the sandbox's Stripe answers: a file for each resource, each with its `ROUTES`."""

from webstore.sandbox.stripe.resources import account, customers, events
from webstore.sandbox.stripe.routing import Route

ROUTES: tuple[Route, ...] = (*account.ROUTES, *customers.ROUTES, *events.ROUTES)
