"""What the use cases need of the outside. Gateways implement these; errors are those of `errors.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .commerce import Catalogue, CheckoutSession, Order, Purchase
from .models import Account, Caller, Creation, Customer, CustomerDraft, CustomerPage, PostLogin, User
from .settings import CheckoutOptions


@dataclass(frozen=True, slots=True)
class SessionDraft:
    """A Checkout Session to be made. Source: https://docs.stripe.com/api/checkout/sessions/create"""

    customer_id: str
    user_id: str
    lines: tuple[Purchase, ...]
    success_url: str
    cancel_url: str
    options: CheckoutOptions = field(default_factory=CheckoutOptions)
    #: Where receipts go, if the options ask for them.
    email: str | None = None


#: A post-login hook: it may raise, the login goes on all the same.
Hook = Callable[[PostLogin], None]


class Directory(Protocol):
    """The users. Errors: `UserGone`, `DirectoryRefused`, `DirectoryUnavailable`."""

    def read_user(self, user_id: str) -> User:
        """The user, immediately consistent."""

    def record_link(
        self, user_id: str, customer_id: str, account: str | None, replaced: Sequence[str] = ()
    ) -> None:
        """Write the customer's ID and the account it belongs to, and clear the failure note, in one PATCH.

        `replaced`: the dead customers that were recorded before, if there are any.
        """

    def note_failure(self, user_id: str, at: float, which: str) -> None:
        """Note that a create ended indeterminately at `at` (Unix seconds), and `which` one."""

    def delete_user(self, user_id: str) -> None:
        """Delete the user for good; deleting one who is gone is no error."""


class Payments(Protocol):
    """The customers. Errors: the children of `PaymentsError`."""

    def account(self) -> Account:
        """The account and mode of the store's key."""

    def get_customer(self, customer_id: str) -> Customer:
        """One customer, dead or alive; `NoSuchCustomer` otherwise."""

    def create_customer(self, draft: CustomerDraft, idempotency_key: str) -> Creation:
        """Create once under the key, or replay what the key did before."""

    def update_customer(
        self, customer_id: str, draft: CustomerDraft, idempotency_key: str | None
    ) -> Customer:
        """Change the fields that the draft gives."""

    def list_by_email(self, email: str) -> tuple[Customer, ...]:
        """Customers with exactly this address."""

    def search_by_owner(self, user_id: str) -> tuple[Customer, ...]:
        """Customers whose metadata names this user; lags. `SearchUnavailable` where there is no search."""

    def list_created_since(self, since: float) -> CustomerPage:
        """Customers created at or after `since`, bounded."""


class State(Protocol):
    """A small shared cache. Every call may raise `StateUnavailable`; losing it never loses data."""

    def get(self, key: str) -> str | None:
        """The value, or None when absent or expired."""

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Those of the keys that are there, in one round."""

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Store the value for `ttl_s` seconds."""

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        """Store only when absent; whether it was."""

    def count(self, key: str, ttl_s: float) -> int:
        """Add one to a counter that lives `ttl_s` seconds from its first count; how many there are now."""

    def delete(self, key: str) -> None:
        """Forget the key."""


class Catalogues(Protocol):
    """The products and their prices. Errors: the children of `PaymentsError`."""

    def read_catalogue(self) -> Catalogue:
        """Every active product with a sellable active price, all pages, read fresh."""


class Checkouts(Protocol):
    """Checkout Sessions and the billing portal. Errors: the children of `PaymentsError`."""

    def create_session(self, draft: SessionDraft, idempotency_key: str) -> tuple[CheckoutSession, bool]:
        """Create once under the key, or replay what the key did before; whether it was replayed.

        `NoSuchObject`: a price is unknown or not for sale. `EmailRefused`: no receipt can be sent there.
        `NoSuchCustomer`, `AmountRefused` and `CurrencyRefused`.
        """

    def get_session(self, session_id: str) -> CheckoutSession:
        """One session with its lines; `NoSuchObject` otherwise."""

    def expire_session(self, session_id: str) -> None:
        """Let nobody pay this open session any more; `PaymentsRefused` where it is not open."""

    def portal_url(self, customer_id: str, return_url: str) -> str:
        """Where the customer manages cards and subscriptions; good for a few minutes."""


@dataclass(frozen=True, slots=True)
class OrderSlice:
    """A part of a listing, the newest first."""

    orders: tuple[Order, ...]
    #: The ID that the next part comes after; None where nothing was listed.
    last: str | None
    #: Whether there is a next part.
    more: bool


class Orders(Protocol):
    """What a customer bought. Errors: the children of `PaymentsError`."""

    def list_purchases(self, customer_id: str, after: str | None) -> OrderSlice:
        """Checkout Sessions that were completed."""

    def list_renewals(self, customer_id: str, after: str | None) -> OrderSlice:
        """Invoices of a subscription's further periods."""


class AccessTokens(Protocol):
    """Whose access token it is. Errors: `TokenRejected`, and `LoginError` where the keys cannot be had."""

    def read(self, token: str) -> Caller:
        """The caller whom the provider gave this token for the store's API."""


#: Called when a Checkout Session turned out paid; at least once, so it must be idempotent.
Fulfil = Callable[[CheckoutSession], None]
