"""What linking needs of the outside. Gateways implement these and raise the errors of `errors.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .models import Account, Creation, Customer, CustomerDraft, CustomerPage, User


class Directory(Protocol):
    """The users. Errors: `UserGone`, `DirectoryRefused`, `DirectoryUnavailable`."""

    def read_user(self, user_id: str) -> User:
        """The user, immediately consistent."""

    def record_link(
        self, user_id: str, customer_id: str, account: str | None, replaced: Sequence[str] = ()
    ) -> None:
        """Write the customer's ID and the account it belongs to, and clear the failure note, in one PATCH.

        `replaced`: the dead customers that were recorded before.
        """

    def note_failure(self, user_id: str, at: float, which: str) -> None:
        """Note that a create ended indeterminately at `at` (Unix seconds), and `which` one."""

    def delete_user(self, user_id: str) -> None:
        """Delete the user for good; deleting one who is gone is not an error."""


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
        """Customers whose metadata names this user; lags. Raises `SearchUnavailable`."""

    def search_by_email(self, email: str) -> tuple[Customer, ...]:
        """Customers with this address in any case; lags. Raises `SearchUnavailable`."""

    def list_created_since(self, since: float) -> CustomerPage:
        """Customers created at or after `since`, bounded."""
