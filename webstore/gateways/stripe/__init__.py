"""The payment service: Stripe. No other package imports Stripe's SDK."""

from .catalogue import StripeCatalogue
from .checkout import StripeCheckouts
from .client import stripe_client
from .customers import StripePayments
from .orders import StripeOrders
from .webhooks import read_event

__all__ = [
    "StripeCatalogue",
    "StripeCheckouts",
    "StripeOrders",
    "StripePayments",
    "read_event",
    "stripe_client",
]
