"""An order as money: what was bought, what it cost, what was paid, and what was given back.

An order is a completed Checkout Session or an invoice. Its status follows from its payments. Times are Unix
seconds, amounts minor units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from .models import BoughtLine, Money


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
    #: The bank is looking at a dispute about the payment.
    DISPUTED = "disputed"
    #: The shop lost the dispute: the bank has given the money back.
    DISPUTE_LOST = "dispute_lost"
    #: The invoice was cancelled; nothing is to be paid.
    VOID = "void"
    #: The shop does not expect to be paid any more.
    UNCOLLECTIBLE = "uncollectible"
    #: The invoice gave the customer a credit, for a smaller plan for instance.
    CREDIT = "credit"


class Part(StrEnum):
    """A line between the items and the total, or between the total and what was to be paid."""

    DISCOUNT = "discount"
    SHIPPING = "shipping"
    TAX = "tax"
    #: Whatever else makes up the total.
    OTHER = "other"


class DisputeState(StrEnum):
    """How a dispute stands, https://docs.stripe.com/api/disputes/object#dispute_object-status"""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge of a payment. Source: https://docs.stripe.com/api/charges/object"""

    id: str
    intent_id: str | None
    #: "succeeded", "pending" or "failed".
    status: str
    amount: int
    refunded: int
    disputed: bool = False
    #: None: not read.
    dispute: DisputeState | None = None
    receipt_url: str | None = None
    #: As on the receipt; None until one was sent.
    receipt_number: str | None = None
    #: What the shopper paid, in their own currency.
    presented: Money | None = None
    created: float = 0.0


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
    #: What is between the items and the total; zero amounts are left out.
    parts: tuple[tuple[Part, Money], ...] = ()
    #: The tax in the items' prices, if there is any.
    included_tax: int = 0
    payments: tuple[Payment, ...] = ()
    #: What was paid by payments or outside of Stripe; of an unpaid order 0.
    paid: int = 0
    #: What the customer's credit balance and earlier credit notes took off the total.
    balance: int = 0
    #: What is still to be paid.
    due: int = 0
    #: Credit notes after the payment; they may or may not have led to a refund.
    credit_notes: int = 0
    void: bool = False
    uncollectible: bool = False
    #: A payment was tried.
    attempted: bool = False
    #: Whether `lines` are all lines.
    complete: bool = True
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
    def refunded(self) -> int:
        """What was given back to the payment methods."""
        return sum(charge.refunded for charge in self.charges if charge.status == "succeeded")

    @property
    def credited(self) -> int:
        """What credit notes gave beyond refunds, to the credit balance for instance."""
        return max(0, self.credit_notes - self.refunded)

    @property
    def unread(self) -> tuple[Payment, ...]:
        """The payments that were made and whose charge has not been read: their refunds are not known."""
        return tuple(
            payment for payment in self.payments if payment.paid and payment.id and not payment.charge
        )

    @property
    def paid_in_own_currency(self) -> Money | None:
        """What the shopper paid in their own currency; None unless Stripe converted it."""
        return self.presented or next((it.presented for it in self.charges if it.presented), None)

    @property
    def receipt(self) -> Charge | None:
        """The last charge that was paid and has a receipt."""
        paid = (charge for charge in reversed(self.charges) if charge.status == "succeeded")
        return next((charge for charge in paid if charge.receipt_url), None)

    @property
    def to_be_paid(self) -> bool:
        """Whether the shopper can still pay it, on the invoice's page."""
        return self.due > 0 and not self.void and not self.uncollectible and self.invoice_url is not None

    @property
    def status(self) -> OrderStatus:
        """The state of the order, from its payments."""
        if self.void:
            return OrderStatus.VOID
        disputes = {charge.dispute or DisputeState.OPEN for charge in self.charges if charge.disputed}
        if DisputeState.LOST in disputes:
            return OrderStatus.DISPUTE_LOST
        if DisputeState.OPEN in disputes:
            return OrderStatus.DISPUTED
        given_back = self.refunded + self.credited
        if given_back > 0:
            in_full = given_back >= self.paid + self.balance and self.due == 0
            return OrderStatus.REFUNDED if in_full else OrderStatus.PARTLY_REFUNDED
        return self._paid_or_not()

    def _paid_or_not(self) -> OrderStatus:
        if self.total.amount < 0:
            return OrderStatus.CREDIT
        if self.total.amount == 0:
            return OrderStatus.FREE
        if self.due <= 0:
            return OrderStatus.PAID
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
