"""The heart of the store: each Auth0 user is linked to exactly one Stripe customer.

It is usable without the rest: give a `Linker` a `Directory` and a `Payments`, then call `ensure_customer` at
each login, and `verified_customer` before money or anybody's data is involved. docs/linking.md specifies it.
"""

from .attempt import Linker, ensure_customer, verified_customer
from .comparison import compare
from .models import ClaimedLink, LinkOutcome, LinkStatus
from .ports import Directory, Payments
from .protocol import Policy

__all__ = [
    "ClaimedLink",
    "Directory",
    "LinkOutcome",
    "LinkStatus",
    "Linker",
    "Payments",
    "Policy",
    "compare",
    "ensure_customer",
    "verified_customer",
]
