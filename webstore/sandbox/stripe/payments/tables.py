"""The tables of all objects about payments of one account and mode. The state's lock guards them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from webstore.sandbox.stripe.documents import Document, Documents
from webstore.sandbox.stripe.payments.cards import Card
from webstore.sandbox.stripe.payments.money import NOTHING, Amounts, Money


@dataclass(frozen=True)
class Entered:
    """What a shopper entered on the payment page."""

    email: str | None = None
    name: str | None = None
    phone: str | None = None
    billing: Mapping[str, str | None] | None = None
    shipping: Mapping[str, object] | None = None


@dataclass
class Attempt:
    """A payment that waits for 3-D Secure: the shopper's input and the card."""

    entered: Entered
    card: Card


@dataclass
class SessionDetails:
    """A Checkout Session's data that its JSON does not contain: its lines, and parameters for its payment."""

    lines: list[Document]
    intent_data: Mapping[str, object]
    subscription_data: Mapping[str, object]
    customer_update: Mapping[str, object]
    # The ID of the payment intent, in payment and in subscription mode.
    intent: str | None = None
    attempt: Attempt | None = None
    # The taxes and the discount that apply, and the amounts of the lines and of the shipping after them.
    money: Money = NOTHING
    amounts: dict[str, Amounts] = field(default_factory=dict)


@dataclass
class Payments:
    """The tables of payments. `details` has the sessions' additional data by session ID."""

    sessions: Documents = field(
        default_factory=lambda: Documents("customer", "payment_intent", "subscription", "invoice")
    )
    details: dict[str, SessionDetails] = field(default_factory=dict)
    intents: Documents = field(default_factory=lambda: Documents("customer"))
    charges: Documents = field(default_factory=lambda: Documents("customer", "payment_intent"))
    refunds: Documents = field(default_factory=lambda: Documents("charge", "payment_intent"))
    methods: Documents = field(default_factory=lambda: Documents("customer"))
    subscriptions: Documents = field(default_factory=lambda: Documents("customer"))
    invoices: Documents = field(default_factory=lambda: Documents("customer"))
    invoice_payments: Documents = field(default_factory=lambda: Documents("invoice"))
    invoice_of_intent: dict[str, str] = field(default_factory=dict)
    shipping_rates: Documents = field(default_factory=Documents)
    payment_records: Documents = field(default_factory=Documents)
    setup_intents: Documents = field(default_factory=lambda: Documents("customer"))
    disputes: Documents = field(default_factory=lambda: Documents("charge", "payment_intent"))
    credit_notes: Documents = field(default_factory=lambda: Documents("invoice", "customer"))
    tax_rates: Documents = field(default_factory=Documents)
    coupons: Documents = field(default_factory=Documents)
    promotion_codes: Documents = field(default_factory=Documents)
    discounts: Documents = field(default_factory=Documents)
    # The amounts of the lines of Checkout Sessions, by their IDs.
    line_amounts: dict[str, Amounts] = field(default_factory=dict)
    # What applies to each subscription's renewals, by its ID.
    money: dict[str, Money] = field(default_factory=dict)
    portal_configurations: Documents = field(default_factory=Documents)
    # Portal sessions, their IDs by the token in their URL, and the time of each session's last use.
    portals: Documents = field(default_factory=Documents)
    portal_tokens: dict[str, str] = field(default_factory=dict)
    portal_used: dict[str, float] = field(default_factory=dict)
    # The card of each payment method, by the method's ID.
    cards: dict[str, Card] = field(default_factory=dict)
