"""The payment service: Stripe. No other package imports Stripe's SDK."""

from .account import account_of_key
from .account_listing import StripeListing
from .catalogue import StripeCatalogue
from .checkout import StripeCheckouts
from .client import API_VERSION, stripe_client
from .customers import StripePayments
from .events import StripeEvents, StripeRecords
from .open_sessions import StripeOpenSessions
from .orders import StripeOrders
from .portal import StripePortals
from .sales import StripeSales
from .subscriptions import StripeSubscriptions
from .webhooks import read_event, verify

__all__ = [
    "API_VERSION",
    "StripeCatalogue",
    "StripeCheckouts",
    "StripeEvents",
    "StripeListing",
    "StripeOpenSessions",
    "StripeOrders",
    "StripePayments",
    "StripePortals",
    "StripeRecords",
    "StripeSales",
    "StripeSubscriptions",
    "account_of_key",
    "read_event",
    "stripe_client",
    "verify",
]
