"""The findings about one user or one customer, from the facts of both sides: pure functions.

`of_user` and `of_customer` together give every finding once. They follow the linking protocol
(docs/linking.md): what it would repair by itself is safe, what it reports or refuses is for a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from webstore.linking.models import Account, Customer, User
from webstore.linking.protocol import CUSTOMER_ID, Policy, customer_draft

from . import advice
from .models import Finding, Kind, Repair


class Gone(StrEnum):
    """Why there is no living customer with the recorded ID."""

    #: It was deleted: proven.
    DELETED = "deleted"
    #: Stripe does not know it in this account and mode: this proves nothing.
    MISSING = "missing"
    #: It exists in the other mode (test or live).
    OTHER_MODE = "other mode"
    #: It is not among the account's customers, and Stripe was not asked about it, or does not take the ID.
    NOT_LISTED = "not listed"


@dataclass(frozen=True, slots=True)
class Setting:
    """Whose links are looked at: the store's policy, and the account and mode of its key."""

    policy: Policy
    account: Account

    @property
    def former(self) -> tuple[str, ...]:
        """Domains that the tenant had before."""
        return tuple(it for it in self.policy.former_tenants if it != self.policy.tenant)

    def ours(self, customer: Customer) -> bool:
        """Whether the customer names a user of this tenant. One that was linked by hand names no tenant."""
        return customer.tenant in (None, self.policy.tenant, *self.former)


@dataclass(frozen=True, slots=True)
class UserFacts:
    """A user, and every customer that has to do with them."""

    #: With the keys of this account and mode.
    user: User
    #: The recorded customer, or why there is none; None if nothing is recorded.
    recorded: Customer | Gone | None = None
    #: Other users who record the same customer.
    sharers: tuple[str, ...] = ()
    #: Living customers whose metadata has this user's ID, without those that another user records.
    naming: tuple[Customer, ...] = ()
    #: Whether another user records a customer that names this one: that user's finding tells it.
    taken: bool = False
    #: Living customers that name an identity of this user.
    merged: tuple[Customer, ...] = ()
    #: Whether the user is linked in another account or mode.
    elsewhere: bool = False
    #: Customers with the user's verified address that name nobody, if the store may adopt those.
    adoptable: tuple[Customer, ...] = ()
    #: The subscriptions that run on customers in `merged`.
    running: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def of_user(facts: UserFacts, setting: Setting) -> Iterator[Finding]:
    """The findings about a user and the customers that are the user's."""
    user, recorded = facts.user, facts.recorded
    own = _best_first([it for it in facts.naming if setting.ours(it)], user)
    if recorded is None:
        yield from _unrecorded(facts, own)
    elif isinstance(recorded, Gone):
        yield _dangling(facts, recorded, own, setting)
    else:
        yield from _recorded(facts, recorded, own, setting)
    yield from _duplicates(facts, own)
    for customer in facts.merged:
        yield from _merged(facts, customer, setting)


def of_customer(customer: Customer, setting: Setting, *, running: tuple[str, ...]) -> Finding:
    """The finding about a customer that nobody records, and that names no user of this tenant who exists."""
    if not setting.ours(customer):
        return Finding(
            Kind.OTHER_TENANT,
            customer.owner,
            customer.id,
            Repair.PERSON,
            advice.other_tenant(customer),
            email=customer.email,
            commands=advice.take_over(customer.owner or "", customer.id),
        )
    return Finding(
        Kind.ORPHAN_SUBSCRIPTION if running else Kind.ORPHAN_CUSTOMER,
        customer.owner,
        customer.id,
        Repair.PERSON,
        advice.orphan(customer, running),
        email=customer.email,
        subscriptions=running,
        commands=advice.of_orphan(customer.id),
    )


def _unrecorded(facts: UserFacts, own: list[Customer]) -> Iterator[Finding]:
    user = facts.user
    if own:
        yield _finding(Kind.CUSTOMER_NOT_RECORDED, user, own[0].id, _safe(user))
    elif facts.merged or facts.elsewhere or facts.taken or user.blocked:
        # A blocked user needs no customer, and one of another account and mode is not a finding.
        return
    else:
        yield _finding(Kind.UNLINKED_USER, user, None, Repair.SAFE, customers=facts.adoptable)


def _dangling(facts: UserFacts, gone: Gone, own: list[Customer], setting: Setting) -> Finding:
    """The finding about an ID without a customer, as `protocol.before_use` decides."""
    user, account = facts.user, setting.account
    ours = account.pin is not None and user.account == account.pin
    unknown = gone in (Gone.MISSING, Gone.OTHER_MODE)
    proven = gone is Gone.DELETED or (unknown and not setting.policy.livemode and ours)
    repair = _safe(user) if proven and CUSTOMER_ID.fullmatch(user.customer_id or "") else Repair.PERSON
    return _finding(Kind.DANGLING_ID, user, user.customer_id, repair, gone=gone, customers=own)


def _recorded(
    facts: UserFacts, customer: Customer, own: list[Customer], setting: Setting
) -> Iterator[Finding]:
    """The findings about the pair of a user and the living customer that is recorded."""
    user = facts.user
    if facts.sharers and customer.owner != user.user_id:
        everybody = sorted((user.user_id, *facts.sharers))
        wrong = [it for it in everybody if it != customer.owner]
        if user.user_id == wrong[0]:
            users = (wrong[0], *(it for it in everybody if it != wrong[0]))
            yield _finding(
                Kind.SHARED_CUSTOMER, user, customer.id, Repair.PERSON, named=customer.owner, users=users
            )
        return
    if customer.owner is None:
        # The store claims it at the next use. If others name the user, that makes it one of several.
        if not _other_own(own, user):
            yield _finding(Kind.BACK_REFERENCE_MISSING, user, customer.id, _safe(user))
        return
    if customer.owner not in user.owners:
        yield _finding(Kind.WRONG_BACK_REFERENCE, user, customer.id, Repair.PERSON, named=customer.owner)
        return
    if customer.tenant is not None and customer.tenant != setting.policy.tenant:
        former = customer.tenant in setting.former
        repair = _safe(user) if former else Repair.PERSON
        yield _finding(Kind.OTHER_TENANT, user, customer.id, repair, named=customer.tenant)
        return
    if customer.owner != user.user_id:
        # It is in `merged`, too.
        return
    if user.account is None and setting.account.pin is not None and not user.suffix:
        yield _finding(Kind.UNPINNED, user, customer.id, _safe(user))
    wanted = customer_draft(user, setting.policy, None, 0)
    drifted = [
        name
        for name, ours, theirs in (
            ("e-mail", wanted.email, customer.email),
            ("name", wanted.name, customer.name),
        )
        if ours is not None and ours != theirs
    ]
    if drifted:
        yield _finding(Kind.DRIFT, user, customer.id, _safe(user), named=" and ".join(drifted))


def _merged(facts: UserFacts, customer: Customer, setting: Setting) -> Iterator[Finding]:
    """The finding about a customer of an account that was merged into this user."""
    user = facts.user
    if not setting.ours(customer):
        return
    noted = customer.id in user.replaced
    running = facts.running.get(customer.id, ())
    if noted and not running:
        return
    # The protocol takes up such a customer where none is recorded, and looks each identity up once.
    open_ = user.customer_id in (None, customer.id) or customer.owner not in user.merged
    usable = not isinstance(facts.recorded, Gone)
    repair = _safe(user) if open_ and usable and not noted else Repair.PERSON
    yield _finding(
        Kind.MERGED_SECONDARY, user, customer.id, repair, named=customer.owner, subscriptions=running
    )


def _duplicates(facts: UserFacts, own: list[Customer]) -> Iterator[Finding]:
    """Several living customers of one user. Predecessors are none: their orders are in sight."""
    user, recorded = facts.user, facts.recorded
    several = _other_own(own, user)
    nameless = None
    if isinstance(recorded, Customer):
        if recorded.owner not in user.owners and (recorded.owner is not None or facts.sharers):
            return
        nameless = "nobody" if recorded.owner is None else None
        several = [recorded, *several]
    if len(several) > 1:
        yield _finding(
            Kind.DUPLICATE_CUSTOMERS, user, several[0].id, Repair.PERSON, named=nameless, customers=several
        )


def _other_own(own: list[Customer], user: User) -> list[Customer]:
    """The customers that name the user, without the recorded one and the predecessors."""
    return [it for it in own if it.id != user.customer_id and it.id not in user.replaced]


def _best_first(customers: Sequence[Customer], user: User) -> list[Customer]:
    """In the order in which the protocol takes them (`protocol._look_up`)."""
    return sorted(customers, key=lambda c: (c.owner != user.user_id, -c.generation, c.created, c.id))


def _safe(user: User) -> Repair:
    """Who repairs a finding that is safe: a person if the user is blocked."""
    return Repair.PERSON if user.blocked else Repair.SAFE


def _finding(
    kind: Kind,
    user: User,
    customer_id: str | None,
    repair: Repair,
    *,
    named: str | None = None,
    gone: Gone | None = None,
    customers: Sequence[Customer] = (),
    users: tuple[str, ...] = (),
    subscriptions: tuple[str, ...] = (),
) -> Finding:
    ids = tuple(it.id for it in customers)
    told = {
        Kind.DUPLICATE_CUSTOMERS: ids,
        Kind.UNLINKED_USER: ids,
        Kind.DANGLING_ID: (customer_id or "", *ids),
    }
    about = advice.About(user, customer_id, named=named, gone=gone, customers=ids, users=users)
    return Finding(
        kind,
        user.user_id,
        customer_id,
        repair,
        advice.message(kind, about, subscriptions),
        email=user.email,
        customers=told.get(kind, ()) if ids else (),
        users=users,
        subscriptions=subscriptions,
        commands=advice.commands(kind, about) if repair is Repair.PERSON else (),
    )
