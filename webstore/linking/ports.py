"""What linking needs of the outside. Gateways implement these and raise the errors of `errors.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from .models import Account, Creation, Customer, CustomerDraft, CustomerPage, User


class Directory(Protocol):
    """The users. Errors: `UserGone`, `DirectoryRefused`, `DirectoryUnavailable`."""

    def read_user(self, user_id: str) -> User:
        """The user, immediately consistent."""

    def list_users(self, page: int, per_page: int) -> tuple[User, ...]:
        """A page of the users, the newest first, for operators. It lags; `page` counts from 0."""

    def find_by_email(self, email: str) -> tuple[str, ...]:
        """The IDs of the users with this address, for operators."""

    def find_by_identity(self, user_id: str) -> tuple[str, ...]:
        """The IDs of the users into whom this account was merged, for operators. It lags."""

    def write_records(self, user_id: str, records: Mapping[str, object]) -> None:
        """Write these root keys of `app_metadata` in one PATCH; None removes a key."""

    def delete_user(self, user_id: str) -> None:
        """Delete the user for good; deleting one who is gone is not an error."""


class Payments(Protocol):
    """The customers. Errors: the children of `PaymentsError`."""

    def account(self) -> Account:
        """The account and mode of the store's key."""

    def known_account(self) -> Account:
        """The same as far as this process knows it; makes no call."""

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
        """Customers whose metadata names this user; lags. Raises `SearchUnavailable`."""

    def search_by_email(self, email: str) -> tuple[Customer, ...]:
        """Customers with this address in any case; lags. Raises `SearchUnavailable`."""

    def list_running(self, customer_id: str) -> tuple[str, ...]:
        """The IDs of the customer's subscriptions that have not ended."""

    def list_created_since(self, since: float) -> CustomerPage:
        """Customers created at or after `since`, bounded."""
