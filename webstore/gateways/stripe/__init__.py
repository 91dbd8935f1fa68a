"""The payment service: Stripe. The only place that imports its SDK."""

from .customers import StripePayments

__all__ = ["StripePayments"]
