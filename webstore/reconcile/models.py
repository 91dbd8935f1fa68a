"""What reconcile finds, as frozen values. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from webstore.linking.models import Customer, User


class Kind(StrEnum):
    """The kinds of findings, those that need a person first.

    The first finding about a link hides the others about the same link: `unpinned` and `drift` are only
    looked for where both sides name each other. Deleted customers name nobody. A customer that is noted in
    `stripe_replaced` of the user whom it names is not a duplicate: its orders are in sight.
    """

    #: The same as `orphan_customer`, and a subscription runs on it, so somebody is being charged.
    #: `user_id`: whom the customer names. Such a customer is no `orphan_customer` besides.
    ORPHAN_SUBSCRIPTION = "orphan_subscription"
    #: Two or more users record one customer. One finding a customer: `user_id` is the user who wrongly
    #: records it, `users` are all who do. If the customer names one of them, that one has no finding, and
    #: `user_id` is the first of the others; else it is the first of all.
    SHARED_CUSTOMER = "shared_customer"
    #: The recorded customer names another user of this tenant.
    WRONG_BACK_REFERENCE = "wrong_back_reference"
    #: The customer names a user of a tenant that is neither this one nor a former domain of it. A former
    #: domain is repaired ("safe"). `user_id`: whom the customer names.
    OTHER_TENANT = "other_tenant"
    #: Recorded for this account and mode, but the customer was deleted ("safe") or is missing.
    DANGLING_ID = "dangling_id"
    #: Several living customers name one user, or would: the recorded one may name nobody, until the store
    #: claims it at the next use. One finding a user: `customer_id` is the one that the store uses,
    #: `customers` are all.
    DUPLICATE_CUSTOMERS = "duplicate_customers"
    #: The customer names an identity that was merged into another user. `user_id`: the primary.
    MERGED_SECONDARY = "merged_secondary"
    #: The user records a living customer that names nobody: the seed's Action, or Auth0's old Rule. No other
    #: customer names the user.
    BACK_REFERENCE_MISSING = "back_reference_missing"
    #: A living customer names a user who records none.
    CUSTOMER_NOT_RECORDED = "customer_not_recorded"
    #: Both sides name each other, but the record does not say in which account and mode.
    UNPINNED = "unpinned"
    #: Both sides name each other, but e-mail or name differ.
    DRIFT = "drift"
    #: The customer names a user who does not exist. `user_id`: whom it names.
    ORPHAN_CUSTOMER = "orphan_customer"
    #: The user has no customer on either side, in no account and mode. `customer_id` is None; `customers` are
    #: those that the store may adopt by the address (LINK_EXISTING_BY_EMAIL).
    UNLINKED_USER = "unlinked_user"


class Repair(StrEnum):
    """Who repairs a finding."""

    #: It was repaired in this run, and both sides were read again.
    DONE = "done"
    #: The linking protocol may do it: `--apply` does (`unlinked_user`: with `--backfill`).
    SAFE = "safe"
    #: A person has to decide; `commands` are what they can run.
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a user, a customer, or the link between them."""

    kind: Kind
    user_id: str | None
    customer_id: str | None
    repair: Repair
    #: The finding in a sentence, for the operator.
    message: str = ""
    #: The user's address, or the customer's where there is no user; None if neither has one.
    email: str | None = None
    #: All customers that the finding is about, `customer_id` first; empty if it is that one alone.
    customers: tuple[str, ...] = ()
    #: All users that the finding is about, `user_id` first; empty if it is that one alone.
    users: tuple[str, ...] = ()
    #: Subscriptions that run on the customer.
    subscriptions: tuple[str, ...] = ()
    #: Shell commands, for a finding that needs a person: one of them repairs it.
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run looked at, and how it ended. The findings themselves may be too many to hold."""

    #: How many findings of each kind there are, 0 included; only the kinds that were asked for (`--only`).
    #: Those beyond `--limit` are counted, too.
    counts: Mapping[Kind, int]
    users: int
    customers: int
    #: "acct_... test", or the mode alone if the key may not read its account.
    account: str = ""
    #: The tenant's canonical domain.
    tenant: str = ""
    #: How many findings are done, safe and for a person.
    repairs: Mapping[Repair, int] = field(default_factory=dict)
    #: Users who are linked in another account or mode only. This is not a finding.
    elsewhere: int = 0
    #: Users with a link of another live account, which this store refuses (LINK_SECOND_ACCOUNT).
    refused: int = 0
    #: Why the run is not clean, even without findings; empty if it is.
    warning: str = ""
    #: When the reading began, and how long it took until the end, with the time that the run was interrupted.
    started_at: float = 0.0
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Exported:
    """A user as the export has them."""

    user: User
    #: 0 if never. Negative if the user's record cannot be read; such a user is left out of the findings.
    last_login: float


@dataclass(frozen=True, slots=True)
class Slice:
    """A span of time, in whole Unix seconds, in which customers were created."""

    since: int
    #: The first second after the span.
    before: int


@dataclass(frozen=True, slots=True)
class CustomersPage:
    """Living customers, the newest first."""

    customers: tuple[Customer, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class SubscriptionsPage:
    """Subscriptions that have not ended."""

    #: Customer and subscription.
    running: tuple[tuple[str, str], ...]
    #: The last subscription on the page, running or not.
    last: str | None
    more: bool
