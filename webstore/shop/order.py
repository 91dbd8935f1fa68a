"""An order as money: what was bought, what it cost, what was paid, and what was given back.

An order is a completed Checkout Session or an invoice. Its status follows from its payments. Times are Unix
seconds, amounts minor units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from .models import BoughtLine, Money
from .order_charges import Charge, Disputed, DisputeState, Payment

__all__ = [
    "Charge",
    "DisputeState",
    "Disputed",
    "InvoiceLine",
    "Order",
    "OrderKind",
    "OrderStatus",
    "Part",
    "Payment",
]


class OrderKind(StrEnum):
    """What led to the order. All but `PURCHASE` are invoices.

    Source: https://docs.stripe.com/api/invoices/object#invoice_object-billing_reason
    """

    PURCHASE = "purchase"
    #: The first invoice of a subscription that was not begun in the store.
    SUBSCRIPTION = "subscription"
    RENEWAL = "renewal"
    #: A subscription was changed: another plan or quantity.
    CHANGE = "change"
    #: Any other invoice, such as one that the shop wrote by hand.
    INVOICE = "invoice"


class OrderStatus(StrEnum):
    """The state of an order, in the shopper's terms."""

    PAID = "paid"
    #: The total is too small to be charged, and becomes a part of the next invoice.
    CARRIED = "carried"
    #: There was nothing to pay.
    FREE = "free"
    #: A payment method that takes days, e.g. a bank debit.
    PROCESSING = "processing"
    FAILED = "failed"
    #: An invoice that is not paid yet.
    DUE = "due"
    PARTLY_PAID = "partly_paid"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    #: A dispute about the payment is not decided, as far as is known.
    DISPUTED = "disputed"
    #: The shop lost the dispute: the bank has given all of the money back.
    DISPUTE_LOST = "dispute_lost"
    #: The invoice or the payment was cancelled; nothing is to be paid.
    VOID = "void"
    #: The shop does not expect to be paid any more.
    UNCOLLECTIBLE = "uncollectible"
    #: The invoice gave the customer a credit, for a smaller plan for instance.
    CREDIT = "credit"


class Part(StrEnum):
    """A line between the items and the total, or between the total and the amount to pay."""

    DISCOUNT = "discount"
    SHIPPING = "shipping"
    TAX = "tax"
    #: Whatever else makes up the total.
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class InvoiceLine(BoughtLine):
    """A line of an invoice."""

    #: It charges or credits a part of a period, after a change of the subscription.
    proration: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """A completed Checkout Session, or an invoice."""

    #: The Checkout Session's or invoice's ID.
    id: str
    number: str
    created: float
    kind: OrderKind
    lines: tuple[BoughtLine, ...]
    total: Money
    #: The lines between the items and the total; zero amounts are left out.
    parts: tuple[tuple[Part, Money], ...] = ()
    #: The tax in the items' prices, if there is any.
    included_tax: int = 0
    payments: tuple[Payment, ...] = ()
    #: What was paid by payments or outside of Stripe; of an unpaid order 0.
    paid: int = 0
    #: What the customer's credit balance and earlier credit notes took off the total.
    balance: int = 0
    #: The debt from earlier invoices that was charged with this one.
    earlier: int = 0
    #: The part that is too small to be charged; the next invoice contains it.
    carried: int = 0
    #: The amount that is still to be paid.
    due: int = 0
    #: Credit notes after the payment; they may or may not have led to a refund.
    credit_notes: int = 0
    #: What of `credit_notes` was refunded to the payment methods; None: not read.
    credit_refunds: int | None = None
    void: bool = False
    uncollectible: bool = False
    #: A payment was tried.
    attempted: bool = False
    #: Whether `lines` are all lines.
    complete: bool = True
    #: The invoice has more payments than `payments`.
    more_payments: bool = False
    #: Its charges could not be read just now.
    charges_missing: bool = False
    #: The first invoice of a subscription that names the buyer: it may belong to a purchase in the store.
    maybe_of_purchase: bool = False
    #: The invoice at Stripe, where it can be paid as well.
    invoice_url: str | None = None
    invoice_number: str | None = None
    #: Of a Checkout Session: the invoice that belongs to it.
    invoice_id: str | None = None
    #: What the shopper paid, in their own currency, if Stripe converted it.
    presented: Money | None = None
    #: The metadata's `auth0_user_id`: the buyer.
    owner: str | None = None

    @property
    def subtotal(self) -> int:
        """The items together."""
        return self.total.amount - sum(money.amount for _, money in self.parts)

    @property
    def charges(self) -> tuple[Charge, ...]:
        """The charges that are known."""
        return tuple(payment.charge for payment in self.payments if payment.charge is not None)

    @property
    def unread(self) -> bool:
        """Whether a payment was made whose charge has not been read: its refunds are not known."""
        return self.more_payments or any(it.paid and it.id and not it.charge for it in self.payments)

    @property
    def refunded(self) -> int:
        """The amount that was refunded to the payment methods, as far as it is known."""
        known = sum(charge.refunded for charge in self.charges if charge.status == "succeeded")
        return max(known, self.credit_refunds or 0) if self.unread else known

    @property
    def returned(self) -> int:
        """The sum that the bank gave back after disputes."""
        return sum(charge.returned for charge in self.charges)

    @property
    def unclear(self) -> bool:
        """Whether the credit notes and the refunds may be the same money: only their least sum is known."""
        return self.credit_notes > 0 and self.credit_refunds is None and (self.refunded > 0 or self.unread)

    @property
    def credited(self) -> int:
        """What credit notes gave beyond refunds, to the credit balance for instance; 0 if `unclear`."""
        return 0 if self.unclear else max(0, self.credit_notes - (self.credit_refunds or 0))

    @property
    def given_back(self) -> int:
        """All that was given back; if `unclear` or `unread`, at least this."""
        least = max(self.refunded, self.credit_notes) if self.unclear else self.refunded + self.credited
        return least + self.returned

    @property
    def paid_in_own_currency(self) -> Money | None:
        """What the shopper paid in their own currency; None unless Stripe converted it."""
        return self.presented or next((it.presented for it in self.charges if it.presented), None)

    @property
    def receipt(self) -> Charge | None:
        """The last charge that was paid and has a receipt."""
        paid = (it for it in reversed(self.charges) if it.status == "succeeded" and not it.released)
        return next((charge for charge in paid if charge.receipt_url), None)

    @property
    def owed(self) -> int:
        """What the shopper still owes. A purchase without an invoice is bought again instead."""
        is_asked_for = self.invoice_id is not None and not self.void and not self.uncollectible
        return max(0, self.due) if is_asked_for else 0

    @property
    def to_be_paid(self) -> bool:
        """Whether the shopper can still pay it, on the invoice's page."""
        return self.owed > 0 and self.invoice_url is not None

    @property
    def dispute_open(self) -> bool:
        """Whether the bank is known to be looking into every dispute that is not decided."""
        return all(charge.dispute is not None for charge in self.charges if charge.disputed)

    @property
    def status(self) -> OrderStatus:
        """The state of the order, from its payments."""
        if self.void:
            return OrderStatus.VOID
        if 0 < self.returned >= self.paid + self.balance and self.due == 0:
            return OrderStatus.DISPUTE_LOST
        disputes = [charge.dispute for charge in self.charges if charge.disputed]
        if any(dispute is None or dispute.state is DisputeState.OPEN for dispute in disputes):
            return OrderStatus.DISPUTED
        if self.given_back > 0:
            in_full = self.given_back >= self.paid + self.balance and self.due == 0
            return OrderStatus.REFUNDED if in_full else OrderStatus.PARTLY_REFUNDED
        return self._paid_or_not()

    def _paid_or_not(self) -> OrderStatus:
        if self.total.amount < 0:
            return OrderStatus.CREDIT
        if self.total.amount == 0:
            return OrderStatus.FREE
        if self.due <= 0:
            return OrderStatus.CARRIED if self.carried > 0 and self.paid == 0 else OrderStatus.PAID
        if self.uncollectible:
            return OrderStatus.UNCOLLECTIBLE
        open_ones = [payment for payment in self.payments if not payment.paid]
        last = max((charge for payment in open_ones if (charge := payment.charge)), key=_made, default=None)
        if last is not None and last.status == "pending":
            return OrderStatus.PROCESSING
        if self.paid > 0:
            return OrderStatus.PARTLY_PAID
        if (last is not None and last.status == "failed") or any(payment.failed for payment in open_ones):
            return OrderStatus.FAILED
        if self.kind is OrderKind.PURCHASE:
            return OrderStatus.PROCESSING
        return OrderStatus.DUE

    def as_money(self, value: int) -> Money:
        """An amount of this order, in its currency."""
        return Money(value, self.total.currency)

    def with_charges(self, charges: Mapping[str, Charge]) -> Order:
        """The order with these charges, which are found by payment intent ID or charge ID."""
        payments = (
            replace(payment, charge=charges.get(payment.id or "", payment.charge))
            for payment in self.payments
        )
        return replace(self, payments=tuple(payments))


def _made(charge: Charge) -> float:
    return charge.created
