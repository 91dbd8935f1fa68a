"""Everything about payments that one account has in one mode. The state's lock guards it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from webstore.sandbox.stripe.documents import Document, Documents
from webstore.sandbox.stripe.payments.cards import Card


@dataclass(frozen=True)
class Entered:
    """What a shopper entered on the payment page."""

    email: str | None = None
    name: str | None = None
    phone: str | None = None
    billing: Mapping[str, str | None] | None = None
    shipping: Mapping[str, object] | None = None
    shipping_rate: str | None = None
    terms_accepted: bool = False


@dataclass
class Attempt:
    """A payment that waits for its 3-D Secure page: what the shopper entered, and the card."""

    entered: Entered
    card: Card


@dataclass
class SessionDetails:
    """What a Checkout Session keeps to itself: its lines, and what its payment is to be made with."""

    lines: list[Document]
    intent_data: Mapping[str, object]
    subscription_data: Mapping[str, object]
    customer_update: Mapping[str, object]
    # The payment intent of the attempts so far, in both modes.
    intent: str | None = None
    attempt: Attempt | None = None


@dataclass
class Payments:
    """The tables, and what the sessions keep to themselves by their IDs."""

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
    # The portal's sessions by what stands in their addresses, and when each was last used.
    portals: Documents = field(default_factory=Documents)
    portal_tokens: dict[str, str] = field(default_factory=dict)
    portal_used: dict[str, float] = field(default_factory=dict)
    # The card behind each payment method.
    cards: dict[str, Card] = field(default_factory=dict)
