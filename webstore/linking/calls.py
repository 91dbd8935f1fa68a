"""The calls of the linking protocol: each is a request to the outside, as a value.

`protocol.py` yields them and receives their answers; `attempt.py` makes them on the ports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from webstore.errors import PaymentsError

from .models import Account, Creation, Customer, CustomerDraft, CustomerPage, User

T = TypeVar("T")


class Call(Generic[T]):
    """A request to the outside whose answer is a T."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ReadUser(Call[User]):
    """`GET /api/v2/users/{id}`."""

    user_id: str


@dataclass(frozen=True, slots=True)
class RecordLink(Call[None]):
    """One PATCH of `app_metadata`: writes the ID and the account, removes the failure note."""

    user_id: str
    #: None removes the link. The account stays: it says whose keys these are.
    customer_id: str | None
    #: The account and mode that the link names; None if they are not known.
    account: str | None
    #: Deleted customers that were recorded before; empty: the list in the directory stays.
    replaced: tuple[str, ...] = ()
    #: As `User.suffix`, `User.note_suffix` and `User.moved`.
    suffix: str = ""
    note_suffix: str = ""
    moved: tuple[tuple[str, object], ...] = ()
    #: Merged accounts that were looked up; None: the list in the directory stays.
    merged: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class NoteFailure(Call[None]):
    """PATCH `app_metadata.stripe_link_failed_at`: later attempts look up first."""

    user_id: str
    at: float
    #: The create that failed: its predecessor, if there was one, its generation, and its world.
    which: str
    #: As `User.note_suffix`.
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class ReadAccount(Call[Account]):
    """`GET /v1/account`, answered from memory after the first time.

    `patience_s`: seconds that a login waits for an answer that it does not need.
    """

    patience_s: float | None = None


@dataclass(frozen=True, slots=True)
class GetCustomer(Call[Customer]):
    """`GET /v1/customers/{id}`."""

    customer_id: str


@dataclass(frozen=True, slots=True)
class CreateCustomer(Call[Creation]):
    """`POST /v1/customers` under an idempotency key."""

    draft: CustomerDraft
    key: str


@dataclass(frozen=True, slots=True)
class UpdateCustomer(Call[Customer]):
    """`POST /v1/customers/{id}`."""

    customer_id: str
    draft: CustomerDraft
    key: str | None


@dataclass(frozen=True, slots=True)
class ListByEmail(Call[tuple[Customer, ...]]):
    """`GET /v1/customers?email=`: exact and case-sensitive; assumed to be immediately consistent."""

    email: str


@dataclass(frozen=True, slots=True)
class SearchByOwner(Call[tuple[Customer, ...]]):
    """`GET /v1/customers/search` on `metadata['auth0_user_id']`: it lags."""

    user_id: str


@dataclass(frozen=True, slots=True)
class SearchByEmail(Call[tuple[Customer, ...]]):
    """`GET /v1/customers/search` on `email`: its exact match ignores case; it lags."""

    email: str


@dataclass(frozen=True, slots=True)
class ListRunning(Call[tuple[str, ...]]):
    """`GET /v1/subscriptions?customer=`: the IDs of those that have not ended."""

    customer_id: str


@dataclass(frozen=True, slots=True)
class ListCreatedSince(Call[CustomerPage]):
    """`GET /v1/customers?created[gte]=`, bounded."""

    since: float


@dataclass(frozen=True, slots=True)
class Pause(Call[None]):
    """Wait a moment."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ReadBoth(Call[tuple[User, Customer | PaymentsError | None]]):
    """The user and, at the same time, the customer that the session remembers, if it remembers one."""

    user_id: str
    customer_id: str | None
