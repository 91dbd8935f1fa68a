"""What the shop needs of the outside. Gateways implement these; errors are those of `errors.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from webstore.settings import CheckoutOptions

from .models import Catalogue, CheckoutSession, Purchase, StripeEvent, Subscription
from .order import Charge, Disputed, Order
from .order_events import Dispute, Invoice, OrderEvent, Refund, SubscriptionState


@dataclass(frozen=True, slots=True)
class SessionDraft:
    """A Checkout Session to be made. Source: https://docs.stripe.com/api/checkout/sessions/create"""

    customer_id: str
    user_id: str
    lines: tuple[Purchase, ...]
    success_url: str
    cancel_url: str
    options: CheckoutOptions = field(default_factory=CheckoutOptions)
    #: Where the receipt goes, if the options ask for one.
    email: str | None = None
    #: The order's number; Stripe keeps it in the metadata and in the payment's description.
    number: str = ""
    #: Unix seconds: when the session can no longer be paid. 0: Stripe's own limit, a day.
    expires_at: int = 0


class Catalogues(Protocol):
    """The products and their prices. Errors: the children of `PaymentsError`."""

    def read_catalogue(self) -> Catalogue:
        """Every active product with a sellable active price, all pages, read fresh."""


class Availability(StrEnum):
    """Whether a product can be bought right now."""

    FOR_SALE = "for_sale"
    OUT_OF_STOCK = "out_of_stock"
    #: Archived, deleted, or never there.
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Offer:
    """A Checkout Session with its lines, and which of their prices are not sold at any more."""

    session: CheckoutSession
    #: The IDs of the archived prices.
    archived: frozenset[str] = frozenset()


class Checkouts(Protocol):
    """Checkout Sessions. Errors: the children of `PaymentsError`."""

    def create_session(self, draft: SessionDraft, idempotency_key: str) -> tuple[CheckoutSession, bool]:
        """Create a session, or replay the key's first answer; the bool says whether it is a replay.

        `NoSuchObject`: a price is unknown or not for sale. `EmailRefused`: no receipt can be sent there.
        `NoSuchCustomer`, `AmountRefused` and `CurrencyRefused`.
        """

    def get_session(self, session_id: str) -> CheckoutSession:
        """One session with its lines; `NoSuchObject` otherwise."""

    def get_offer(self, session_id: str) -> Offer:
        """One session with its lines and archived prices; `NoSuchObject` otherwise."""

    def list_offers(self, customer_id: str) -> tuple[Offer, ...]:
        """The customer's newest open sessions, at most one page of them. Raises `NoSuchCustomer`."""

    def availability(self, product_ids: Sequence[str]) -> Mapping[str, Availability]:
        """Whether these products (at most 100) can be bought, read fresh."""

    def expire_session(self, session_id: str) -> None:
        """Expire this session, so that nobody can pay it.

        Raises `PaymentsRefused` if it is not open, and `NoSuchObject`.
        """


class OpenSessions(Protocol):
    """Checkout Sessions that can still be paid. Errors: the children of `PaymentsError`."""

    def list_open_sessions(self, customer_id: str) -> tuple[CheckoutSession, ...]:
        """All open sessions of the customer, also those of other programs. Raises `NoSuchCustomer`."""


class Portals(Protocol):
    """The billing portal. Errors: the children of `PaymentsError`."""

    def portal_url(self, customer_id: str, return_url: str) -> str:
        """Where the customer manages cards and subscriptions; good for a few minutes."""


@dataclass(frozen=True, slots=True)
class OrderSlice:
    """A slice of a listing, the newest first."""

    orders: tuple[Order, ...]
    #: The ID after which the next slice begins; None if nothing was listed.
    last: str | None
    #: Whether there is a next slice.
    more: bool


class Orders(Protocol):
    """What a customer bought. Errors: the children of `PaymentsError`."""

    def list_purchases(
        self, customer_id: str, after: str | None, created: tuple[int, int] | None = None
    ) -> OrderSlice:
        """Checkout Sessions that were completed, in this interval of Unix seconds if one is given."""

    def list_invoices(
        self, customer_id: str, after: str | None, created: tuple[int, int] | None = None
    ) -> OrderSlice:
        """Invoices that do not belong to a purchase."""

    def with_all_lines(self, order: Order) -> Order:
        """The order with all of its lines."""

    def with_payments(self, order: Order) -> Order:
        """The order with the charges of its invoice's payments."""

    def read_charges(self, customer_id: str, since: int, until: int | None) -> tuple[Charge, ...]:
        """The newest hundred charges from `since` to `until`."""

    def read_charge(self, payment_id: str) -> Charge | None:
        """The latest charge of one payment."""

    def read_disputes(self, charges: Sequence[Charge]) -> Mapping[str, Disputed]:
        """How the disputes about these charges stand, by charge ID; those not found are left out."""

    def read_credit_refunds(self, invoice_id: str) -> int:
        """What the invoice's credit notes refunded to the payment methods."""


class Subscriptions(Protocol):
    """A customer's subscriptions. Errors: the children of `PaymentsError`."""

    def list_subscriptions(self, customer_id: str) -> tuple[Subscription, ...]:
        """All subscriptions that have not ended, the newest first. Raises `NoSuchCustomer`."""

    def cancel_subscription(self, subscription_id: str) -> None:
        """End a subscription at once, without a further charge. One that has ended already is fine."""


class Records(Protocol):
    """What Stripe says about payments now. Errors: `NoSuchObject`, and other children of `PaymentsError`."""

    def get_invoice(self, invoice_id: str) -> Invoice:
        """One invoice, with all of its lines."""

    def get_refund(self, refund_id: str) -> Refund:
        """One refund."""

    def list_refunds(self, charge_id: str) -> tuple[Refund, ...]:
        """All refunds of a charge, the newest first."""

    def get_dispute(self, dispute_id: str) -> Dispute:
        """One dispute."""

    def get_subscription(self, subscription_id: str) -> SubscriptionState:
        """One subscription, also one that has ended."""

    def session_of_payment(self, payment_id: str) -> CheckoutSession | None:
        """The Checkout Session that was paid with this payment intent."""

    def session_of_subscription(self, subscription_id: str) -> CheckoutSession | None:
        """The Checkout Session that this subscription began with."""

    def invoice_of_payment(self, payment_id: str) -> Invoice | None:
        """The invoice that was paid with this payment intent."""


class EventLog(Protocol):
    """Stripe's list of events, which goes back 30 days. Errors: the children of `PaymentsError`."""

    def has_event(self, event: StripeEvent) -> bool:
        """Whether the account of the store's key has this event."""

    def list_events(self, types: Sequence[str], since: float) -> Iterator[StripeEvent]:
        """The events of these types (20 at most) since the Unix time, the newest first."""


class Sales(Protocol):
    """What a price sells, and the open Checkout Sessions. Errors: the children of `PaymentsError`."""

    def product_at(self, price_id: str) -> str | None:
        """The product that is sold at this price; None if nothing is."""

    def list_open_since(self, since: float) -> tuple[CheckoutSession, ...]:
        """The newest of the store's open sessions that were created since the Unix time, with their lines."""


#: A fulfil hook: called with each order event at least once, so it must be idempotent.
Fulfil = Callable[[OrderEvent], None]
