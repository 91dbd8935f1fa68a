"""The linking protocol as pure steps: given what was seen, which call comes next.

Each function is a generator that yields calls and receives their answers; an error of the error tree is
thrown in where the answer would be. Nothing here does any input or output, so that a reader can hold it
against the specification, and a test can interleave several workers call by call. `linking.py` runs it.

The rules it keeps: a create follows only a proven absence, a replacement only a proven death; a value
that was not the one seen is never overwritten; what fails leaves everything as it is, for the next try.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from .errors import (
    DirectoryRefused,
    EmailRefused,
    KeyInFlight,
    KeyReused,
    NoSuchCustomer,
    OverBudget,
    PaymentsError,
    PaymentsFailed,
    PaymentsRefused,
    SearchUnavailable,
    UserGone,
    WebstoreError,
)
from .models import (
    Account,
    Creation,
    Customer,
    CustomerDraft,
    CustomerPage,
    Identity,
    LinkOutcome,
    LinkStatus,
    User,
)

T = TypeVar("T")
#: A part of the protocol that ends in a T. The first `Any` is a Call of any answer, the second its answer.
Steps = Generator["Call[Any]", Any, T]

#: What a customer ID may look like, https://docs.stripe.com/api/customers/object#customer_object-id
CUSTOMER_ID = re.compile(r"cus_[A-Za-z0-9_-]{1,250}")
#: Stripe's limits, https://docs.stripe.com/api/customers/create#create_customer-name and .../metadata
MAX_NAME, MAX_DESCRIPTION = 256, 350
#: Replays, e-mail variants and dead predecessors walked through in one attempt; then it stays pending.
MAX_CREATES = 12
#: How often a link that another worker just recorded is verified before giving up for now.
MAX_VERIFIED = 3
#: How long the login of a linked user waits to hear whose key the store has, once in a process (seconds).
ACCOUNT_PATIENCE_S = 0.5
#: Hits of a look-up that are read one by one.
MAX_CONFIRMED = 10
#: Dead predecessors that are remembered for the sake of their orders, the newest of them.
MAX_REPLACED = 20


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided, plus the protocol's constants (seconds)."""

    #: Canonical tenant domain; part of the idempotency key and of the customer's metadata.
    tenant: str
    livemode: bool
    lookup_always: bool = False
    adopt_by_email: bool = False
    #: How old an indeterminate failure must be before the next generation is tried.
    settle_s: float = 600.0
    #: Accounts younger than this need no look-up, the idempotency key finds an earlier attempt: Stripe
    #: keeps keys for at least 24 hours (https://docs.stripe.com/api/idempotent_requests), less a margin.
    key_window_s: float = 23 * 3600.0
    #: Pauses while another worker's create is in flight.
    in_flight_pauses_s: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8)


class Call(Generic[T]):
    """A request to the outside whose answer is a T."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ReadUser(Call[User]):
    """`GET /api/v2/users/{id}`."""

    user_id: str


@dataclass(frozen=True, slots=True)
class RecordLink(Call[None]):
    """One PATCH of `app_metadata`: the ID, the account, the failure note cleared."""

    user_id: str
    customer_id: str
    account: str | None
    #: Dead customers that were recorded before; none leaves what is written there.
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoteFailure(Call[None]):
    """PATCH `app_metadata.stripe_link_failed_at`: later attempts look up first."""

    user_id: str
    at: float
    #: The create that failed: its predecessor (if any) and its generation.
    which: str


@dataclass(frozen=True, slots=True)
class ReadAccount(Call[Account]):
    """`GET /v1/account`, answered from memory after the first time.

    `patience_s`: how long a login that could do without it waits for the answer.
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
    """`GET /v1/customers?email=`: exact, case-sensitive, taken to be consistent."""

    email: str


@dataclass(frozen=True, slots=True)
class SearchByOwner(Call[tuple[Customer, ...]]):
    """`GET /v1/customers/search` on `metadata['auth0_user_id']`: lags."""

    user_id: str


@dataclass(frozen=True, slots=True)
class ListCreatedSince(Call[CustomerPage]):
    """`GET /v1/customers?created[gte]=`, bounded."""

    since: float


@dataclass(frozen=True, slots=True)
class Pause(Call[None]):
    """Wait a moment."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ReadBoth(Call["tuple[User, Customer | PaymentsError | None]"]):
    """The user and, at the same time, the customer that the session remembers (None: it remembers none)."""

    user_id: str
    customer_id: str | None


def ask(call: Call[T]) -> Steps[T]:
    """Yield the call and give back its answer, with its type."""
    answer: T = yield call
    return answer


class NotYet(WebstoreError):
    """Nothing more can be done safely in this attempt; `alarm` as in LinkOutcome."""

    def __init__(self, reason: str, *, alarm: bool = False) -> None:
        super().__init__(reason)
        self.alarm = alarm


class WrongAccount(NotYet):
    """The link belongs to another Stripe account or mode than the store's key."""


# The two entry points


def at_login(identity: Identity, policy: Policy, now: float) -> Steps[LinkOutcome]:
    """Link the user who just logged in, if that is still to be done; never raises a `WebstoreError`.

    A linked user costs no call when the ID token carries the claim, else one user read.
    """
    return (yield from _settled(_at_login(identity, policy, now)))


def before_use(user_id: str, remembered: str | None, policy: Policy, now: float) -> Steps[LinkOutcome]:
    """The customer to use for money or anybody's data: linked on both sides, or none.

    `remembered` is the session's copy of the ID; it only saves time, the directory decides.
    """
    for _ in range(MAX_VERIFIED):
        outcome = yield from _settled(_before_use(user_id, remembered, policy, now))
        if outcome.status is not LinkStatus.ALREADY_LINKED:
            return outcome
        # Another worker recorded a customer meanwhile; it counts only when it is verified in turn.
        remembered = outcome.customer_id
    return LinkOutcome(LinkStatus.PENDING, None, "the recorded customer keeps changing")


def _settled(steps: Steps[LinkOutcome]) -> Steps[LinkOutcome]:
    try:
        return (yield from steps)
    except UserGone:
        return LinkOutcome(LinkStatus.USER_GONE, None, "the user does not exist any more")
    except WrongAccount as exc:
        return LinkOutcome(LinkStatus.REFUSED, None, str(exc), alarm=True)
    except NotYet as exc:
        return LinkOutcome(LinkStatus.PENDING, None, str(exc), alarm=exc.alarm)
    except (DirectoryRefused, PaymentsRefused) as exc:
        return LinkOutcome(LinkStatus.PENDING, None, f"{type(exc).__name__}: {exc}", alarm=True)
    except WebstoreError as exc:
        return LinkOutcome(LinkStatus.PENDING, None, f"{type(exc).__name__}: {exc}")


def _at_login(identity: Identity, policy: Policy, now: float) -> Steps[LinkOutcome]:
    claimed = identity.claimed_customer_id
    if claimed is not None and CUSTOMER_ID.fullmatch(claimed):
        yield from _believe(
            User(identity.user_id, customer_id=claimed, account=identity.claimed_account), policy
        )
        return LinkOutcome(LinkStatus.ALREADY_LINKED, claimed, "the ID token names the customer")
    user = yield from ask(ReadUser(identity.user_id))
    if user.customer_id is None:
        return (yield from _link(user, policy, now))
    yield from _believe(user, policy)
    return LinkOutcome(LinkStatus.ALREADY_LINKED, user.customer_id, "recorded")


def _before_use(user_id: str, remembered: str | None, policy: Policy, now: float) -> Steps[LinkOutcome]:
    user, customer = yield from ask(ReadBoth(user_id, remembered))
    if user.customer_id is None:
        return (yield from _link(user, policy, now))
    _check_shape(user)
    account = yield from ask(ReadAccount())
    _check_account(user, account)
    if user.customer_id != remembered:
        customer = None
    try:
        if isinstance(customer, PaymentsError):
            raise customer
        if customer is None:
            customer = yield from ask(GetCustomer(user.customer_id))
    except NoSuchCustomer as exc:
        if exc.other_mode:
            raise WrongAccount(f"{user.customer_id} exists in the other mode") from exc
        if policy.livemode or account.pin is None or user.account != account.pin:
            raise NotYet(f"Stripe does not know {user.customer_id}; this proves nothing", alarm=True) from exc
        # Test mode and the very account that the ID was recorded for: its test data was deleted.
        return (yield from _replace(user, user.customer_id, account, policy, now))
    if customer.deleted:
        bereft = replace(user, replaced=(*user.replaced, customer.id)[-MAX_REPLACED:])
        return (yield from _replace(bereft, customer.id, account, policy, now))
    if names(customer, user, policy):
        yield from _carry_over(user, customer, policy)
        return LinkOutcome(LinkStatus.VERIFIED, customer.id, "both sides agree", predecessors=user.replaced)
    if customer.owner is None:
        if (yield from _claim(user, customer, policy)) is None:
            raise NotYet(f"{customer.id} names nobody and could not be claimed")
        return LinkOutcome(
            LinkStatus.CLAIMED, customer.id, "recorded, and named nobody", predecessors=user.replaced
        )
    return (yield from _replace(user, customer.id, account, policy, now))


# Believing, looking up, creating, recording


def _believe(user: User, policy: Policy) -> Steps[None]:
    """At login a recorded ID counts unless it is known to belong to another account or mode."""
    _check_shape(user)
    if user.account is None:
        return
    try:
        _check_account(user, (yield from ask(ReadAccount(ACCOUNT_PATIENCE_S))))
    except (PaymentsError, OverBudget):
        _check_account(user, Account(None, policy.livemode))


def _check_shape(user: User) -> None:
    if not CUSTOMER_ID.fullmatch(user.customer_id or ""):
        raise NotYet("the recorded customer ID is no Stripe customer ID", alarm=True)


def _check_account(user: User, account: Account) -> None:
    if user.account is None or user.account == account.pin:
        return
    if account.id is None and user.account.endswith(f" {account.mode}"):
        return
    raise WrongAccount(f"recorded for {user.account}, the store's key is of {account.pin or account.mode}")


def _link(user: User, policy: Policy, now: float) -> Steps[LinkOutcome]:
    """Nothing is recorded: find an earlier attempt's customer, else create one."""
    account = yield from ask(ReadAccount())
    looked_up = (
        policy.lookup_always
        or policy.adopt_by_email
        or user.link_failed_at is not None
        or now - user.created_at >= policy.key_window_s
    )
    if looked_up:
        own = yield from _look_up(user, policy)
        if own:
            return (yield from _record(user, own, account, LinkStatus.ADOPTED))
    return (yield from _create(user, account, policy, now, replaces=None, looked_up=looked_up))


def _replace(user: User, unusable: str, account: Account, policy: Policy, now: float) -> Steps[LinkOutcome]:
    """The recorded customer is dead or somebody else's: find this user's own one, else create it."""
    own = yield from _look_up(user, policy)
    if own:
        return (yield from _record(user, own, account, LinkStatus.HEALED))
    return (yield from _create(user, account, policy, now, replaces=unusable, looked_up=True))


def _look_up(user: User, policy: Policy) -> Steps[list[Customer]]:
    """The living customers that name this user, the best first; none is a proven absence, doubt raises."""
    by_email = (yield from ask(ListByEmail(user.email))) if user.email else ()
    own = yield from _confirmed(by_email, user, policy)
    if not own:
        try:
            hits = yield from ask(SearchByOwner(user.user_id))
        except SearchUnavailable:
            page = yield from ask(ListCreatedSince(user.created_at))
            own = yield from _confirmed(page.customers, user, policy)
            if not own and not page.complete:
                raise NotYet("too many customers to look through without search", alarm=True) from None
        else:
            own = yield from _confirmed(hits, user, policy)
    if not own and policy.adopt_by_email and user.email_verified:
        return (yield from _adopt_unowned(by_email, user, policy))
    return sorted(own, key=lambda c: (-c.generation, c.created, c.id))


def _confirmed(hits: Iterable[Customer], user: User, policy: Policy) -> Steps[list[Customer]]:
    """Those hits that a fresh read shows alive and naming this user: listings and search may be stale."""
    own = []
    for hit in [hit for hit in hits if names(hit, user, policy)][:MAX_CONFIRMED]:
        try:
            customer = yield from ask(GetCustomer(hit.id))
        except NoSuchCustomer:
            continue
        if names(customer, user, policy):
            own.append(customer)
    return own


def _adopt_unowned(hits: Iterable[Customer], user: User, policy: Policy) -> Steps[list[Customer]]:
    for hit in sorted(hits, key=lambda c: (c.created, c.id))[:MAX_CONFIRMED]:
        if hit.deleted or hit.owner is not None:
            continue
        customer = yield from ask(GetCustomer(hit.id))
        if names(customer, user, policy):
            # Another worker has claimed it for this very user meanwhile.
            return [customer]
        if customer.deleted or customer.owner is not None or customer.email != user.email:
            continue
        claimed = yield from _claim(user, customer, policy)
        if claimed is not None:
            return [claimed]
    return []


def _claim(user: User, customer: Customer, policy: Policy) -> Steps[Customer | None]:
    """Write the user's name on a customer that names nobody; of two claimants the key lets one win."""
    draft = CustomerDraft(None, None, None, {"auth0_user_id": user.user_id, "auth0_tenant": policy.tenant})
    with suppress(KeyReused):
        call = UpdateCustomer(customer.id, draft, idempotency_key("claim", customer.id))
        yield from _patiently(call, policy)
    fresh = yield from ask(GetCustomer(customer.id))
    return fresh if names(fresh, user, policy) else None


def _patiently(call: Call[T], policy: Policy) -> Steps[T]:
    """Ask; while another request with the same idempotency key is in flight, wait a little and ask again."""
    for pause in policy.in_flight_pauses_s:
        try:
            return (yield from ask(call))
        except KeyInFlight:
            yield from ask(Pause(pause))
    return (yield from ask(call))


def _create(
    user: User, account: Account, policy: Policy, now: float, *, replaces: str | None, looked_up: bool
) -> Steps[LinkOutcome]:
    """Create under the key that every worker derives alike, and go on from whatever the key did before."""
    generation = 0
    for _ in range(MAX_CREATES):
        status = LinkStatus.HEALED if replaces else LinkStatus.CREATED
        try:
            creation = yield from _create_once(user, policy, replaces, generation)
        except KeyReused:
            return (yield from _find_earlier(user, account, policy))
        except PaymentsFailed as exc:
            noted = _noted_generation(user, replaces)
            if not exc.replayed or generation > noted:
                yield from ask(NoteFailure(user.user_id, now, f"{replaces or ''} {generation}".strip()))
                raise
            # Earlier generations have settled: otherwise the noted one would not have been tried.
            settled = looked_up and now - (user.link_failed_at or now) >= policy.settle_s
            if generation == noted and not settled:
                raise
            generation += 1
        else:
            if not creation.replayed:
                first = user.customer_id is None and replaces is None and generation == 0
                if first and not policy.adopt_by_email:
                    yield from ask(RecordLink(user.user_id, creation.customer.id, account.pin))
                    return LinkOutcome(status, creation.customer.id, "created and recorded")
                return (yield from _record(user, [creation.customer], account, status))
            customer = yield from _replayed(creation.customer, policy)
            if names(customer, user, policy):
                return (yield from _record(user, [customer], account, status))
            replaces, generation = customer.id, 0
    raise NotYet("too many dead predecessors in one attempt", alarm=True)


def _noted_generation(user: User, replaces: str | None) -> int:
    """The generation whose failure the note is about; -1 where it is about none in place of `replaces`."""
    predecessor, _, generation = (user.link_failed_try or "").rpartition(" ")
    known = user.link_failed_at is not None and predecessor == (replaces or "") and generation.isdecimal()
    return int(generation) if known else -1


def _create_once(user: User, policy: Policy, replaces: str | None, generation: int) -> Steps[Creation]:
    """One create; where Stripe refuses the e-mail address, the same without it.

    The key stays the same, so that an earlier attempt with another address is met (`KeyReused`) rather than
    doubled. Only where Stripe keeps the refusal itself under the key does the second try need its own.
    """
    key = link_key(user, policy, replaces, generation, "as-given")
    given = customer_draft(user, policy, replaces, generation)
    try:
        return (yield from _patiently(CreateCustomer(given, key), policy))
    except EmailRefused:
        bare = replace(given, email=None)
    try:
        return (yield from _patiently(CreateCustomer(bare, key), policy))
    except KeyReused:
        try:
            return (yield from _patiently(CreateCustomer(given, key), policy))
        except EmailRefused as exc:
            if not exc.replayed:
                raise KeyReused("an earlier attempt had another e-mail address") from exc
    key = link_key(user, policy, replaces, generation, "no-email")
    return (yield from _patiently(CreateCustomer(bare, key), policy))


def _find_earlier(user: User, account: Account, policy: Policy) -> Steps[LinkOutcome]:
    """The key was used with other details, so an attempt exists: find it, make no second one."""
    own = yield from _look_up(user, policy)
    if not own:
        raise NotYet("an earlier attempt with other details exists and is not visible yet")
    return (yield from _record(user, own, account, LinkStatus.ADOPTED))


def _replayed(customer: Customer, policy: Policy) -> Steps[Customer]:
    """The customer of a replayed create as it is now: it may have been deleted or given away since."""
    try:
        return (yield from ask(GetCustomer(customer.id)))
    except NoSuchCustomer:
        if policy.livemode:
            raise
        # Test data was deleted as a whole.
        return Customer(customer.id, deleted=True)


def _record(user: User, own: list[Customer], account: Account, status: LinkStatus) -> Steps[LinkOutcome]:
    """Record the first of what was found rather than made just now, unless somebody recorded another one."""
    customer, others = own[0], tuple(other.id for other in own[1:])
    fresh = yield from ask(ReadUser(user.user_id))
    if fresh.customer_id != user.customer_id:
        if fresh.customer_id is None:
            raise NotYet("the link was removed while it was being replaced")
        _check_shape(fresh)
        _check_account(fresh, account)
        return LinkOutcome(LinkStatus.ALREADY_LINKED, fresh.customer_id, "another worker recorded it")
    if fresh.customer_id != customer.id:
        # The dead one joins the list in the same PATCH, so that its orders are never out of sight.
        replaced = user.replaced if user.replaced != fresh.replaced else ()
        yield from ask(RecordLink(user.user_id, customer.id, account.pin, replaced))
    reason = f"recorded in place of {user.customer_id or 'nothing'}"
    return LinkOutcome(status, customer.id, reason, others=others, predecessors=user.replaced)


def _carry_over(user: User, customer: Customer, policy: Policy) -> Steps[None]:
    """Bring a changed e-mail or name to the customer; that it fails is no reason not to use the customer."""
    wanted = customer_draft(user, policy, None, 0)
    email = wanted.email if wanted.email != customer.email else None
    name = wanted.name if wanted.name != customer.name else None
    if email is None and name is None:
        return
    with suppress(PaymentsError):
        try:
            yield from ask(UpdateCustomer(customer.id, CustomerDraft(email, name, None, {}), None))
        except EmailRefused:
            if name is not None:
                yield from ask(UpdateCustomer(customer.id, CustomerDraft(None, name, None, {}), None))


# Names, keys and parameters


def names(customer: Customer, user: User, policy: Policy) -> bool:
    """Whether the customer is alive and its metadata names this user of this tenant."""
    return (
        not customer.deleted and customer.owner == user.user_id and customer.tenant in (None, policy.tenant)
    )


def idempotency_key(*parts: str | int | None) -> str:
    """A key of the given parts, the same in every worker (at most 255 characters are allowed).

    Source: https://docs.stripe.com/api/idempotent_requests
    """
    digest = hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()
    return f"webstore-{digest}"


def link_key(user: User, policy: Policy, replaces: str | None, generation: int, variant: str) -> str:
    """The key of one create.

    It must not tell a user with an address from one without: an address that is added or changed between
    two attempts has to meet the first attempt's key. `variant` is "as-given" or "no-email".
    """
    return idempotency_key("link", policy.tenant, user.user_id, replaces, generation, variant)


def customer_draft(user: User, policy: Policy, replaces: str | None, generation: int) -> CustomerDraft:
    """The parameters of a customer made for this user, from the directory's record alone."""
    metadata = {
        "auth0_user_id": user.user_id,
        "auth0_tenant": policy.tenant,
        "link_generation": str(generation),
    }
    if replaces:
        metadata["replaces"] = replaces
    description = f"Created by the web store for the Auth0 user {user.user_id}"
    return CustomerDraft(
        email=user.email,
        name=(user.name or "")[:MAX_NAME] or None,
        description=description[:MAX_DESCRIPTION],
        metadata=metadata,
    )
