"""What the shop needs of the outside. Gateways implement these; errors are those of `errors.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from webstore.settings import CheckoutOptions

from .models import Catalogue, CheckoutSession, Order, Purchase, Subscription


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


class Checkouts(Protocol):
    """Checkout Sessions and the billing portal. Errors: the children of `PaymentsError`."""

    def create_session(self, draft: SessionDraft, idempotency_key: str) -> tuple[CheckoutSession, bool]:
        """Create a session, or replay the key's first answer; the bool says whether it is a replay.

        `NoSuchObject`: a price is unknown or not for sale. `EmailRefused`: no receipt can be sent there.
        `NoSuchCustomer`, `AmountRefused` and `CurrencyRefused`.
        """

    def get_session(self, session_id: str) -> CheckoutSession:
        """One session with its lines; `NoSuchObject` otherwise."""

    def expire_session(self, session_id: str) -> None:
        """Expire this session, so that nobody can pay it. Raises `PaymentsRefused` if it is not open."""

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

    def list_purchases(self, customer_id: str, after: str | None) -> OrderSlice:
        """Checkout Sessions that were completed."""

    def list_renewals(self, customer_id: str, after: str | None) -> OrderSlice:
        """Invoices of a subscription's further periods."""


class Subscriptions(Protocol):
    """A customer's subscriptions. Errors: the children of `PaymentsError`."""

    def list_subscriptions(self, customer_id: str) -> tuple[Subscription, ...]:
        """All subscriptions that have not ended, the newest first. Raises `NoSuchCustomer`."""

    def cancel_subscription(self, subscription_id: str) -> None:
        """End a subscription at once, without a further charge. One that has ended already is fine."""


#: A fulfil hook: called with each paid Checkout Session at least once, so it must be idempotent.
Fulfil = Callable[[CheckoutSession], None]
