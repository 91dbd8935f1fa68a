"""Users, customers and links, as frozen values. Times are Unix seconds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import unquote

#: The keys in `app_metadata` of one world. A PATCH merges root keys, so each is one.
ID, PIN, REPLACED = "stripe_customer_id", "stripe_account", "stripe_replaced"
FAILED_AT, FAILED_TRY = "stripe_link_failed_at", "stripe_link_failed_try"
MERGED = "stripe_merged"
KEYS = (ID, PIN, REPLACED, FAILED_AT, FAILED_TRY, MERGED)
#: Deleted predecessors that are remembered, the newest ones: older orders hang off them.
MAX_REPLACED = 20
#: An account and mode. Any other text in the place of a pin names no world, and counts as none.
_PIN = re.compile(r"acct_[A-Za-z0-9_]+ (?:live|test)")
#: The end of the year 9999, as a Unix time.
_MAX_TIME = 253_402_300_799


@dataclass(frozen=True, slots=True)
class User:
    """An Auth0 user as the Management API gives it.

    Source: https://auth0.com/docs/api/management/v2/users/get-users-by-id
    """

    user_id: str
    email: str | None = None
    email_verified: bool = False
    name: str | None = None
    picture: str | None = None
    created_at: float = 0.0
    #: Whether an operator has blocked the user in Auth0.
    blocked: bool = False
    #: When the user's password was last reset or changed; 0 if never.
    password_reset_at: float = 0.0
    #: `app_metadata.stripe_customer_id`, exactly as recorded (it may be garbage); None when absent.
    customer_id: str | None = None
    #: `app_metadata.stripe_account`: "acct_... test" or "acct_... live"; None also for anything else.
    account: str | None = None
    #: `app_metadata.stripe_link_failed_at`: when a create ended with an answer that proves nothing.
    link_failed_at: float | None = None
    #: `app_metadata.stripe_link_failed_try`: its predecessor, if it had one, its generation and world.
    link_failed_try: str | None = None
    #: `app_metadata.stripe_replaced`: customers that were recorded before and deleted, or left because they
    #: name somebody else; the oldest first.
    replaced: tuple[str, ...] = ()
    #: `app_metadata.stripe_merged`: which of the `identities` were looked up already.
    merged: tuple[str, ...] = ()
    #: The user IDs of accounts that were merged into this one, read fresh:
    #: https://auth0.com/docs/manage-users/user-accounts/user-account-linking
    identities: tuple[str, ...] = ()
    #: The e-mail addresses of those accounts.
    merged_emails: tuple[str, ...] = ()
    #: All keys of `app_metadata` that begin with "stripe_", as recorded: the links of every world.
    records: Mapping[str, object] = field(default_factory=dict)
    #: The record as it was read, for the side-by-side page; without tokens of identity providers.
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)
    #: What follows the names of the keys above in `app_metadata`; see `worlds.py`.
    suffix: str = ""
    #: What follows the names of the keys with a failure note: another world's may be in the plain keys.
    note_suffix: str = ""
    #: What else is written when the link is recorded: key and value; None removes a key.
    moved: tuple[tuple[str, object], ...] = ()

    @property
    def owners(self) -> tuple[str, ...]:
        """The user IDs that a customer of this user may name."""
        return (self.user_id, *self.identities)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The e-mail addresses that a customer of this user may have been made with, the user's own first."""
        return tuple(dict.fromkeys(it for it in (self.email, *self.merged_emails) if it))

    @property
    def logins_since(self) -> float:
        """From when on logins count. Earlier ones used another password, or were of another account."""
        return max(self.created_at, self.password_reset_at)

    def with_keys(self, suffix: str) -> User:
        """The user with the link in the keys that have this suffix; "" for the plain keys."""
        records = self.records
        return replace(
            self,
            suffix=suffix,
            note_suffix=suffix,
            moved=(),
            customer_id=_text(records.get(ID + suffix)),
            account=_pin(records.get(PIN + suffix)),
            link_failed_at=_moment(records.get(FAILED_AT + suffix)),
            link_failed_try=_text(records.get(FAILED_TRY + suffix)),
            replaced=tuple((_text(records.get(REPLACED + suffix)) or "").split()),
            merged=tuple(map(unquote, (_text(records.get(MERGED + suffix)) or "").split())),
        )


def _text(value: object) -> str | None:
    """A recorded value as text. Another type becomes JSON text: it is recorded and invalid, not absent."""
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value)


def _pin(value: object) -> str | None:
    return value if isinstance(value, str) and _PIN.fullmatch(value) else None


def _moment(value: object) -> float | None:
    """A recorded Unix time in seconds; None if it is missing, of another type, or after the year 9999."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _MAX_TIME else None


@dataclass(frozen=True, slots=True)
class Customer:
    """A Stripe customer. A deleted one keeps nothing but its ID.

    Source: https://docs.stripe.com/api/customers/object
    """

    id: str
    email: str | None = None
    name: str | None = None
    description: str | None = None
    created: float = 0.0
    deleted: bool = False
    #: `metadata.auth0_user_id`; None when it names nobody.
    owner: str | None = None
    #: `metadata.auth0_tenant`; None on customers that were linked by hand.
    tenant: str | None = None
    #: `metadata.link_generation`.
    generation: int = 0
    #: The customer as it was read by its ID, for the side-by-side page.
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class CustomerDraft:
    """The parameters of a customer to create or change; None leaves a field out."""

    email: str | None
    name: str | None
    description: str | None
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Creation:
    """Stripe's answer to a create; `replayed` when it is the answer stored under the idempotency key."""

    customer: Customer
    replayed: bool
    #: Seconds that the call took. During them somebody else may have recorded a customer.
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """Customers from a bounded listing; `complete` when the listing was read to its end."""

    customers: tuple[Customer, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Account:
    """The Stripe account and mode that the store's key belongs to."""

    #: None when the key may not read its own account (a restricted key).
    id: str | None
    livemode: bool

    @property
    def pin(self) -> str | None:
        """What `app_metadata.stripe_account` holds for this account and mode."""
        return f"{self.id} {self.mode}" if self.id else None

    @property
    def mode(self) -> str:
        """The mode's name: `live` or `test`."""
        return "live" if self.livemode else "test"

    def may_be(self, other: Account) -> bool:
        """Whether the two are the same world, as far as their accounts are known."""
        return self.livemode == other.livemode and (None in (self.id, other.id) or self.id == other.id)


@dataclass(frozen=True, slots=True)
class ClaimedLink:
    """What an ID token says about the link: the namespaced claims, if the tenant adds them."""

    #: The claims by their names without the namespace, as `User.records`.
    records: Mapping[str, object] = field(default_factory=dict)


class LinkStatus(StrEnum):
    """How an attempt to link a user and a customer ended."""

    ALREADY_LINKED = "already_linked"
    CREATED = "created"
    ADOPTED = "adopted"
    CLAIMED = "claimed"
    HEALED = "healed"
    VERIFIED = "verified"
    PENDING = "pending"
    REFUSED = "refused"
    USER_GONE = "user_gone"
    #: An operator has blocked the user in Auth0.
    BLOCKED = "blocked"
    #: The login is older than the last password reset, or than the account.
    OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class LinkOutcome:
    """How one attempt ended, with the reason in words for the log.

    `customer_id` is set exactly when the store may show the customer as linked. `alarm` marks an outcome that
    no retry can change, so that an operator has to look at it.
    """

    status: LinkStatus
    customer_id: str | None
    reason: str
    alarm: bool = False
    #: Other living customers that name the user, or nobody but have the user's address. They are reported,
    #: never deleted.
    others: tuple[str, ...] = ()
    #: Customers that were recorded for the user before this one: older orders hang off them.
    predecessors: tuple[str, ...] = ()
    #: `User.identities`: an order of a predecessor may name one of them.
    identities: tuple[str, ...] = ()
    #: `User.logins_since`, if the user was read.
    logins_since: float = 0.0


@dataclass(frozen=True, slots=True)
class ComparedField:
    """One line of the side-by-side page; `matches` is None where there is nothing to compare."""

    label: str
    auth0_field: str
    auth0: str | None
    stripe_field: str
    stripe: str | None
    matches: bool | None
    #: Why the link cannot be used, if it is this line's fault.
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that only one side knows about the link."""

    label: str
    value: str
    #: The field that says it.
    source: str


@dataclass(frozen=True, slots=True)
class RecordedLink:
    """A link in a user's record."""

    #: Where it is recorded.
    field: str
    customer_id: str
    #: "acct_... test" or "acct_... live"; None if it names no account.
    account: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The Auth0 user and the Stripe customer, both read fresh."""

    #: "linked", "pending", "refused", "mismatch" or "unavailable".
    status: str
    user_id: str
    customer_id: str | None = None
    rows: tuple[ComparedField, ...] = ()
    problems: tuple[str, ...] = field(default=())
    #: The links that are recorded for the user, of every account and mode.
    links: tuple[RecordedLink, ...] = ()
    #: The customer ID that is recorded for this account and mode, usable or not; None if there is none.
    recorded: str | None = None
    facts: tuple[Fact, ...] = ()
    #: The living customers that name the user; None if they could not be counted.
    living: tuple[str, ...] | None = None
    #: Both records as JSON, without what looks like a secret. The customer's only if it names the user.
    raw_user: Mapping[str, object] | None = None
    raw_customer: Mapping[str, object] | None = None
    #: When the reading began (Unix seconds), and how long it took (seconds).
    read_at: float = 0.0
    took_s: float = 0.0
