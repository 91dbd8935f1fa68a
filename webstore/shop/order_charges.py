"""Payments towards an order: their charges, and disputes about them.

Times are Unix seconds, amounts minor units.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .models import Money


class DisputeState(StrEnum):
    """How a dispute stands, https://docs.stripe.com/api/disputes/object#dispute_object-status"""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Disputed:
    """How the disputes about one charge stand together."""

    state: DisputeState
    #: The sum that the bank gave back because of lost disputes, in the charge's currency.
    returned: int = 0


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge of a payment. Source: https://docs.stripe.com/api/charges/object"""

    id: str
    intent_id: str | None
    #: "succeeded", "pending" or "failed".
    status: str
    amount: int
    refunded: int
    #: In lower case; empty if it is not known.
    currency: str = ""
    disputed: bool = False
    #: None: not read.
    dispute: Disputed | None = None
    receipt_url: str | None = None
    #: As on the receipt; None until one was sent.
    receipt_number: str | None = None
    #: What the shopper paid, in their own currency.
    presented: Money | None = None
    created: float = 0.0
    #: The amount was reserved only, and the reservation ended: nothing was paid.
    released: bool = False

    @property
    def returned(self) -> int:
        """The sum that the bank gave back after a dispute."""
        if self.dispute is None:
            return 0
        return max(0, min(self.dispute.returned, self.amount - self.refunded))


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment towards an order.

    Source: https://docs.stripe.com/api/invoice-payment/object
    """

    #: The payment intent, or the charge of a payment without one; None if it was paid outside of Stripe.
    id: str | None
    #: Whether the order counts as paid by it.
    paid: bool
    amount: int
    created: float
    #: When it was paid.
    paid_at: float | None = None
    #: None: not read yet, or there is none.
    charge: Charge | None = None
    #: The payment method was refused, or the payment cancelled.
    failed: bool = False
