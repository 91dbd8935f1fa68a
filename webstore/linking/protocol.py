"""The linking protocol as pure steps: from the answers so far, which call comes next.

Each function is a generator that yields calls (`calls.py`) and receives their answers; an error of the error
tree is thrown in where the answer would be. Nothing here does any input or output, so that a reader can
compare it with docs/linking.md, and a test can interleave several workers call by call. `attempt.py` runs it.

Its rules: a create follows only a proven absence, a replacement only a proven deletion. A value is replaced
only if it is the one that was seen. A failure leaves everything as it is for the next attempt.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from webstore.errors import (
    DirectoryError,
    DirectoryRefused,
    EmailRefused,
    KeyInFlight,
    KeyReused,
    LoginOutdated,
    NoSuchCustomer,
    OverBudget,
    PaymentsError,
    PaymentsFailed,
    PaymentsRefused,
    SearchUnavailable,
    UserBlocked,
    UserGone,
    WebstoreError,
)

from . import worlds
from .admission import require_admitted
from .calls import (
    Call,
    CreateCustomer,
    GetCustomer,
    ListByEmail,
    ListCreatedSince,
    ListRunning,
    NoteFailure,
    Pause,
    ReadAccount,
    ReadBoth,
    ReadUser,
    RecordLink,
    SearchByEmail,
    SearchByOwner,
    UpdateCustomer,
)
from .models import (
    MAX_REPLACED,
    Account,
    ClaimedLink,
    Creation,
    Customer,
    CustomerDraft,
    LinkOutcome,
    LinkStatus,
    User,
)

T = TypeVar("T")
#: A part of the protocol that returns a T. The first `Any` is a call with any answer, the second the answer.
Steps = Generator["Call[Any]", Any, T]

#: What a customer ID may look like, https://docs.stripe.com/api/customers/object#customer_object-id
CUSTOMER_ID = re.compile(r"cus_[A-Za-z0-9_-]{1,250}")
#: User IDs that Auth0 draws at random and never gives again. Others come again after a deletion: the ID of a
#: social or enterprise user is the provider's, that of an imported one the importer's.
RANDOM_USER_ID = re.compile(r"auth0\|[0-9a-f]{24}")
#: Stripe's limits in characters, https://docs.stripe.com/api/customers/create#create_customer-name
MAX_NAME, MAX_DESCRIPTION = 256, 350
#: Creates in one attempt (replays, generations, deleted predecessors); after that the link stays pending.
MAX_CREATES = 12
#: Claims of one customer whose failures Stripe may keep for a day, one after the other.
MAX_CLAIMS = 5
#: How often one attempt verifies a link that another worker has just recorded.
MAX_VERIFIED = 3
#: Seconds that the login of a linked user waits for the account of the store's key, once in a process.
ACCOUNT_PATIENCE_S = 0.5
#: Seconds after which a create counts as slow: somebody else may have recorded a customer by then.
SLOW_CREATE_S = 1.0
#: User IDs that one look-up searches for: the user's own, and those of merged accounts. More of them are
#: looked up at the next uses.
MAX_OWNERS = 6
#: Hits of a look-up that are confirmed by reading them one by one.
MAX_CONFIRMED = 10


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator decided, and the protocol's constants (seconds)."""

    #: Canonical tenant domain; part of the idempotency key and of the customer's metadata.
    tenant: str
    livemode: bool
    #: Domains that the tenant had before: customers that name them are this tenant's.
    former_tenants: tuple[str, ...] = ()
    #: Whether a second live account may have links of its own on the tenant (LINK_SECOND_ACCOUNT).
    second_account: bool = False
    lookup_always: bool = False
    adopt_by_email: bool = False
    #: How old an indeterminate failure must be before the next generation is tried (LINK_SETTLE_S).
    settle_s: float = 600.0
    #: Accounts younger than this need no look-up, because the idempotency key finds an earlier attempt.
    #: Stripe keeps keys for at least 24 hours: https://docs.stripe.com/api/idempotent_requests
    key_window_s: float = 23 * 3600.0
    #: Pauses while another worker's create is in flight.
    in_flight_pauses_s: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8)

    @property
    def looks_up_everyone(self) -> bool:
        """Whether a customer is looked for before one is created for any user, however new the account is.

        With a former tenant, users were imported from it, so the age of the record proves nothing.
        """
        return self.lookup_always or self.adopt_by_email or bool(self.former_tenants)


def ask(call: Call[T]) -> Steps[T]:
    """Yield the call and return its answer, with its type."""
    answer: T = yield call
    return answer


def advance(steps: Steps[T], call: Call[Any], answer: Callable[[Call[Any]], object]) -> Call[Any] | T:
    """Answer one call; returns the next call, or the result when there is none."""
    try:
        try:
            given = answer(call)
        except WebstoreError as exc:
            return steps.throw(exc)
        return steps.send(given)
    except StopIteration as stop:
        result: T = stop.value
        return result


def drive(steps: Steps[T], call: Call[Any], answer: Callable[[Call[Any]], object]) -> T:
    """Answer `call` and all that follow; returns the result."""
    while True:
        following = advance(steps, call, answer)
        if not isinstance(following, Call):
            return following
        call = following


class NotYet(WebstoreError):
    """This attempt can do no more safely; `alarm` as in `LinkOutcome`."""

    def __init__(self, reason: str, *, alarm: bool = False) -> None:
        super().__init__(reason)
        self.alarm = alarm


class WrongAccount(NotYet):
    """The link belongs to another Stripe account or mode than the store's key."""


class WrongTenant(NotYet):
    """The recorded customer names this user's ID, but another tenant."""


# The two entry points


def at_login(user_id: str, claimed: ClaimedLink, policy: Policy, now: float) -> Steps[LinkOutcome]:
    """Link the user who just logged in, unless the link is there already; never raises a `WebstoreError`.

    A linked user costs no call when the ID token has the claim, else one user read. `now`: Unix seconds.
    """
    return (yield from _errors_as_outcomes(_at_login(user_id, claimed, policy, now)))


def before_use(
    user_id: str, remembered: str | None, policy: Policy, now: float, since: float | None = None
) -> Steps[LinkOutcome]:
    """The customer to use for money or anybody's data: linked on both sides, or none.

    `remembered`: the session's copy of the ID. It only saves time; the directory decides. `since`: when the
    user logged in; see `admission.require_admitted`.
    """
    for _ in range(MAX_VERIFIED):
        outcome = yield from _errors_as_outcomes(_before_use(user_id, remembered, policy, now, since))
        if outcome.status is not LinkStatus.ALREADY_LINKED:
            return outcome
        # Another worker has just recorded a customer; it is verified in turn.
        remembered = outcome.customer_id
    return LinkOutcome(LinkStatus.PENDING, None, "the recorded customer keeps changing")


def _errors_as_outcomes(steps: Steps[LinkOutcome]) -> Steps[LinkOutcome]:
    try:
        return (yield from steps)
    except UserGone:
        return LinkOutcome(LinkStatus.USER_GONE, None, "the user does not exist any more")
    except UserBlocked as exc:
        return LinkOutcome(LinkStatus.BLOCKED, None, str(exc))
    except LoginOutdated as exc:
        return LinkOutcome(LinkStatus.OUTDATED, None, str(exc))
    except (WrongAccount, WrongTenant) as exc:
        return LinkOutcome(LinkStatus.REFUSED, None, str(exc), alarm=True)
    except NotYet as exc:
        return LinkOutcome(LinkStatus.PENDING, None, str(exc), alarm=exc.alarm)
    except (DirectoryRefused, PaymentsRefused) as exc:
        return LinkOutcome(LinkStatus.PENDING, None, f"{type(exc).__name__}: {exc}", alarm=True)
    except WebstoreError as exc:
        return LinkOutcome(LinkStatus.PENDING, None, f"{type(exc).__name__}: {exc}")


def _at_login(user_id: str, claimed: ClaimedLink, policy: Policy, now: float) -> Steps[LinkOutcome]:
    told = yield from _of_our_world(User(user_id, records=claimed.records), policy)
    if told.customer_id is not None and CUSTOMER_ID.fullmatch(told.customer_id):
        return LinkOutcome(LinkStatus.ALREADY_LINKED, told.customer_id, "the ID token names the customer")
    read = yield from ask(ReadUser(user_id))
    require_admitted(read, since=None)
    user = yield from _of_our_world(read, policy)
    if user.customer_id is None:
        return (yield from _link(user, policy, now))
    _check_shape(user)
    return LinkOutcome(LinkStatus.ALREADY_LINKED, user.customer_id, "recorded")


def _before_use(
    user_id: str, remembered: str | None, policy: Policy, now: float, since: float | None
) -> Steps[LinkOutcome]:
    read, customer = yield from ask(ReadBoth(user_id, remembered))
    require_admitted(read, since)
    outcome = yield from _use(read, customer, remembered, policy, now)
    return replace(outcome, logins_since=read.logins_since)


def _use(
    read: User,
    customer: Customer | PaymentsError | None,
    remembered: str | None,
    policy: Policy,
    now: float,
) -> Steps[LinkOutcome]:
    """The verified customer of the user who was just read. `customer`: the remembered one, read as well."""
    if not read.records:
        return (yield from _link(read, policy, now))
    account = yield from ask(ReadAccount())
    user = _in_world(read, account, policy)
    if user.customer_id is None:
        return (yield from _link(user, policy, now))
    _check_shape(user)
    if user.customer_id != remembered:
        customer = None
    try:
        if isinstance(customer, PaymentsError):
            raise customer
        if customer is None:
            customer = yield from ask(GetCustomer(user.customer_id))
    except NoSuchCustomer as exc:
        if not user.suffix and user.account is None and (exc.other_mode or not policy.livemode):
            # It belongs to another world, or nothing says to which: this one gets a link of its own.
            return (yield from _link_beside(user, account, policy, now))
        if policy.livemode or account.pin is None or user.account != account.pin:
            raise NotYet(
                f"Stripe does not know {user.customer_id}; this proves nothing: check the store's key, and "
                "if the customer is lost, name another one with `flask customers relink`",
                alarm=True,
            ) from exc
        # Test mode, and the ID was recorded for this account: its test data was deleted.
        return (yield from _replace(user, user.customer_id, account, policy, now))
    if customer.deleted:
        return (yield from _replace(_leaving(user, customer.id), customer.id, account, policy, now))
    if names(customer, user, policy):
        yield from _as_ours(user, customer, policy)
        yield from _settle(user, account, policy)
        yield from _carry_over(user, customer, policy)
        return (yield from _with_merged(user, customer, account, policy))
    if customer.owner is None:
        if (yield from claim(user, customer, policy)) is None:
            raise NotYet(f"{customer.id} names nobody and could not be claimed")
        return LinkOutcome(
            LinkStatus.CLAIMED,
            customer.id,
            "recorded, and named nobody",
            predecessors=user.replaced,
            identities=user.identities,
        )
    if customer.owner in user.owners:
        raise WrongTenant(
            f"{customer.id} names this user of the tenant {customer.tenant}; if that is a former domain of "
            "this tenant, add it to AUTH0_FORMER_TENANTS; for one user there is `flask customers relink`"
        )
    # Nobody but an operator writes somebody else's customer into a user's record.
    outcome = yield from _replace(_leaving(user, customer.id), customer.id, account, policy, now)
    reason = f"{customer.id} was recorded and names another user; {outcome.reason}"
    return replace(outcome, alarm=True, reason=reason)


# Believe, look up, create, record


def _of_our_world(user: User, policy: Policy) -> Steps[User]:
    """The user with the link of the key's world. A login does not wait long for the key's account."""
    if not worlds.are_named(user):
        return user.with_keys("")
    try:
        account = yield from ask(ReadAccount(ACCOUNT_PATIENCE_S))
    except (PaymentsError, OverBudget):
        account = Account(None, policy.livemode)
    return _in_world(user, account, policy)


def _in_world(user: User, account: Account, policy: Policy) -> User:
    """The user with the link of this account and mode. Raises `WrongAccount`."""
    try:
        return worlds.in_world(user, account, second_account=policy.second_account)
    except worlds.SecondAccount as exc:
        raise WrongAccount(str(exc)) from exc


def _check_shape(user: User) -> None:
    if not CUSTOMER_ID.fullmatch(user.customer_id or ""):
        raise NotYet(
            "the recorded customer ID is not a Stripe customer ID; `flask customers relink` replaces it",
            alarm=True,
        )


def _leaving(user: User, customer_id: str) -> User:
    """The user with the customer among the predecessors, whose orders stay in sight."""
    return replace(user, replaced=(*user.replaced, customer_id)[-MAX_REPLACED:])


def _link(user: User, policy: Policy, now: float) -> Steps[LinkOutcome]:
    """Nothing is recorded: use the customer of an earlier attempt, else create one."""
    account = yield from ask(ReadAccount())
    user = _in_world(user, account, policy)
    if user.customer_id is not None:
        # At first the account could not be read, so this world's own keys were not known.
        return LinkOutcome(LinkStatus.ALREADY_LINKED, user.customer_id, "recorded for this account")
    return (yield from _link_in(user, account, policy, now))


def _link_beside(user: User, account: Account, policy: Policy, now: float) -> Steps[LinkOutcome]:
    """The plain keys hold a link of another world without saying so: link in this world's own keys."""
    own = worlds.beside(user, account)
    if own.customer_id is not None:
        return LinkOutcome(LinkStatus.ALREADY_LINKED, own.customer_id, "recorded for this account")
    return (yield from _link_in(own, account, policy, now))


def _link_in(user: User, account: Account, policy: Policy, now: float) -> Steps[LinkOutcome]:
    looked_up = (
        policy.looks_up_everyone
        or user.link_failed_at is not None
        or not RANDOM_USER_ID.fullmatch(user.user_id)
        or bool(user.identities)
        or now - user.created_at >= policy.key_window_s
    )
    if looked_up:
        own = yield from _look_up(user, policy)
        if own:
            return (yield from _record(user, own, account, policy, LinkStatus.ADOPTED))
    return (yield from _create(user, account, policy, now, replaces=None, looked_up=looked_up))


def _replace(user: User, unusable: str, account: Account, policy: Policy, now: float) -> Steps[LinkOutcome]:
    """The recorded customer is deleted or somebody else's: use another one of this user, else create one."""
    own = yield from _look_up(user, policy)
    if own:
        return (yield from _record(user, own, account, policy, LinkStatus.HEALED))
    return (yield from _create(user, account, policy, now, replaces=unusable, looked_up=True))


def _look_up(user: User, policy: Policy) -> Steps[list[Customer]]:
    """The living customers that name this user, the best one first.

    An empty list is a proven absence. Raises where the absence is not proven.
    """
    by_email = yield from listed(user)
    own = yield from confirmed(by_email, user, policy)
    if not any(customer.owner == user.user_id for customer in own):
        try:
            hits: list[Customer] = []
            for owner in user.owners[:MAX_OWNERS]:
                hits += yield from ask(SearchByOwner(owner))
        except SearchUnavailable:
            page = yield from ask(ListCreatedSince(user.created_at))
            by_name = yield from confirmed(page.customers, user, policy)
            if not own and not by_name and not page.complete:
                raise NotYet(
                    "too many customers to look through without search; name the user's customer with "
                    "`flask customers relink`",
                    alarm=True,
                ) from None
        else:
            by_name = yield from confirmed(hits, user, policy)
        own = list({customer.id: customer for customer in (*own, *by_name)}.values())
    if not own and policy.adopt_by_email and user.email_verified and user.email:
        return (yield from _adopt_unowned(by_email, user, user.email, policy))
    # The user's own before that of an account that was merged into it.
    return sorted(own, key=lambda c: (c.owner != user.user_id, -c.generation, c.created, c.id))


def listed(user: User) -> Steps[list[Customer]]:
    """Customers with the address of the user, or of an account merged into it: the list does not lag."""
    hits: list[Customer] = []
    for address in user.addresses[:MAX_OWNERS]:
        hits += yield from ask(ListByEmail(address))
    return hits


def confirmed(hits: Iterable[Customer], user: User, policy: Policy) -> Steps[list[Customer]]:
    """The hits that live and name this user when they are read again: listings and search may be stale."""
    own = []
    for hit in [hit for hit in hits if names(hit, user, policy)][:MAX_CONFIRMED]:
        try:
            customer = yield from ask(GetCustomer(hit.id))
        except NoSuchCustomer:
            continue
        if names(customer, user, policy):
            own.append(customer)
    return own


def _adopt_unowned(
    by_email: Iterable[Customer], user: User, email: str, policy: Policy
) -> Steps[list[Customer]]:
    """A customer with the user's address that names nobody, claimed, and the others like it.

    Stripe's list tells capitals apart, and Auth0 lower-cases most addresses. The search ignores capitals.
    """
    hits = {hit.id: hit for hit in by_email}
    with suppress(SearchUnavailable):
        hits.update({hit.id: hit for hit in (yield from ask(SearchByEmail(email)))})
    unowned = [
        hit
        for hit in sorted(hits.values(), key=lambda c: (c.created, c.id))[:MAX_CONFIRMED]
        if not hit.deleted
        and hit.owner is None
        and _same_address(hit.email, email)
        # An operator has unlinked it from this user.
        and hit.id not in user.replaced
    ]
    for number, hit in enumerate(unowned):
        customer = yield from ask(GetCustomer(hit.id))
        if names(customer, user, policy):
            # Another worker has just claimed it for the same user.
            return [customer]
        if customer.deleted or customer.owner is not None or not _same_address(customer.email, email):
            continue
        claimed = yield from claim(user, customer, policy)
        if claimed is not None:
            return [claimed, *unowned[number + 1 :]]
    return []


def _same_address(one: str | None, other: str) -> bool:
    return one is not None and one.casefold() == other.casefold()


def _as_ours(user: User, customer: Customer, policy: Policy) -> Steps[None]:
    """Have a customer that names a merged account, or a former domain of the tenant, name this user.

    Raises `NotYet`.
    """
    if customer.owner == user.user_id and customer.tenant in (None, policy.tenant):
        return
    if (yield from claim(user, customer, policy)) is None:
        raise NotYet(f"{customer.id} names {customer.owner} of {customer.tenant} and could not be claimed")


def claim(user: User, customer: Customer, policy: Policy) -> Steps[Customer | None]:
    """Write the user's ID and tenant on a customer that names nobody, a merged account, or a former domain.

    The idempotency key lets one claimant win. If Stripe keeps a failure of this claim under it, the claimant
    goes on with the next key.
    """
    draft = CustomerDraft(None, None, None, {"auth0_user_id": user.user_id, "auth0_tenant": policy.tenant})
    # A claim that changes the tenant alone must not use up the key of one that changes the user.
    tenant = (customer.tenant,) if customer.owner == user.user_id else ()
    key = idempotency_key("claim", customer.id, customer.owner, *tenant)
    number = 1
    while True:
        failed = False
        try:
            yield from _patiently(UpdateCustomer(customer.id, draft, key), policy)
        except KeyReused:
            pass
        except PaymentsFailed as exc:
            if not exc.replayed or number == MAX_CLAIMS:
                raise
            failed = True
        fresh = yield from ask(GetCustomer(customer.id))
        if not failed or (fresh.owner, fresh.tenant) != (customer.owner, customer.tenant):
            return fresh if names(fresh, user, policy) else None
        # Stripe keeps this claim's failure for a day. Another claimant would have got `KeyReused`.
        number += 1
        key = idempotency_key("claim", customer.id, customer.owner, *tenant, number)


def _patiently(call: Call[T], policy: Policy) -> Steps[T]:
    """Make the call; while another request with the same idempotency key is in flight, wait and repeat it."""
    for pause in policy.in_flight_pauses_s:
        try:
            return (yield from ask(call))
        except KeyInFlight:
            yield from ask(Pause(pause))
    return (yield from ask(call))


def _create(
    user: User, account: Account, policy: Policy, now: float, *, replaces: str | None, looked_up: bool
) -> Steps[LinkOutcome]:
    """Create under the key that every worker derives alike, and continue from what the key did before."""
    generation = max(_noted_generation(user, replaces, policy, now), 0)
    for _ in range(MAX_CREATES):
        status = LinkStatus.HEALED if replaces else LinkStatus.CREATED
        try:
            creation = yield from _create_once(user, policy, replaces, generation)
        except KeyReused:
            return (yield from _find_earlier(user, account, policy))
        except PaymentsFailed as exc:
            noted = _noted_generation(user, replaces, policy, now)
            if not exc.replayed or generation > noted:
                which = worlds.note_of(account, replaces, generation)
                yield from ask(NoteFailure(user.user_id, now, which, user.note_suffix))
                raise
            failed_for_good = looked_up and now - (user.link_failed_at or now) >= policy.settle_s
            if not failed_for_good:
                raise
            generation += 1
        else:
            if not creation.replayed:
                first = user.customer_id is None and replaces is None and generation == 0
                # During a look-up or a slow create, somebody else may have recorded a customer.
                if first and not looked_up and creation.took_s <= SLOW_CREATE_S:
                    made = creation.customer.id
                    yield from ask(recording(user, made, account, user.replaced))
                    return LinkOutcome(status, made, "created and recorded")
                return (yield from _record(user, [creation.customer], account, policy, status))
            customer = yield from _replayed(creation.customer, policy)
            if names(customer, user, policy):
                return (yield from _record(user, [customer], account, policy, status))
            replaces = customer.id
            generation = max(_noted_generation(user, replaces, policy, now), 0)
    raise NotYet("too many deleted predecessors in one attempt", alarm=True)


def _noted_generation(user: User, replaces: str | None, policy: Policy, now: float) -> int:
    """The generation whose failure is noted; -1 if the note is about another predecessor, or missing.

    Those before it failed for good. Nobody runs them again while the note counts: Stripe may have forgotten
    them, and a replay would be of a failure of a moment ago, whose effect may still appear.

    A note as old as Stripe's idempotency keys counts as missing, for the same reason. A worker that comes
    then begins with the first generation. For some minutes before that, no worker may begin (`NotYet`):
    another one may still be going on from the noted generation.
    """
    predecessor, _, rest = (user.link_failed_try or "").rpartition(" ")
    generation = rest.partition("_")[0]
    noted = int(generation) if predecessor == (replaces or "") and generation.isdecimal() else -1
    age = float("inf") if user.link_failed_at is None else now - user.link_failed_at
    if noted > 0 and policy.key_window_s <= age < policy.key_window_s + policy.settle_s:
        raise NotYet("Stripe is about to forget the creates that failed; the next one waits for that")
    return noted if age < policy.key_window_s else -1


def _create_once(user: User, policy: Policy, replaces: str | None, generation: int) -> Steps[Creation]:
    """One create; if Stripe refuses the e-mail address, the same without it.

    The key stays the same, so that an earlier attempt with another address is found (`KeyReused`) instead of
    doubled. The second try needs a key of its own only if Stripe has stored the refusal under the first one.
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
    """The key was used with other details, so an earlier attempt exists: find its customer, create none."""
    own = yield from _look_up(user, policy)
    if not own:
        raise NotYet("an earlier attempt with other details exists and is not visible yet")
    return (yield from _record(user, own, account, policy, LinkStatus.ADOPTED))


def _replayed(customer: Customer, policy: Policy) -> Steps[Customer]:
    """The customer of a replayed create as it is now: it may have been deleted or renamed since."""
    try:
        return (yield from ask(GetCustomer(customer.id)))
    except NoSuchCustomer:
        if policy.livemode:
            raise
        # Test data was deleted as a whole.
        return Customer(customer.id, deleted=True)


def _record(
    user: User, own: list[Customer], account: Account, policy: Policy, status: LinkStatus
) -> Steps[LinkOutcome]:
    """Record the first of these customers, unless another worker has recorded a different one."""
    customer, rest = own[0], own[1:]
    yield from _as_ours(user, customer, policy)
    merged = [other.id for other in rest if other.owner in user.identities]
    others = tuple(other.id for other in rest if other.id not in merged)
    for merged_id in merged:
        user = _leaving(user, merged_id)
    running = yield from _running_on(merged)
    read = yield from ask(ReadUser(user.user_id))
    fresh = _in_world(read, account, policy)
    if user.suffix and not fresh.suffix and fresh.account is None and fresh.customer_id is not None:
        # The plain keys hold a link of another world without saying so.
        fresh = worlds.beside(read, account)
    if fresh.customer_id != user.customer_id:
        if fresh.customer_id is None:
            raise NotYet("the link was removed while it was being replaced")
        _check_shape(fresh)
        return LinkOutcome(LinkStatus.ALREADY_LINKED, fresh.customer_id, "another worker recorded it")
    if fresh.customer_id is None and customer.id in set(fresh.replaced) - set(user.replaced):
        raise NotYet("the customer was unlinked from the user a moment ago")
    if fresh.customer_id != customer.id:
        # The deleted one joins the list in the same PATCH, so that its orders stay in sight.
        replaced = user.replaced if user.replaced != fresh.replaced or fresh.moved else ()
        # A look-up that lists a customer of the user's own searches for no merged account: the next use does.
        looked_up = user.identities[: MAX_OWNERS - 1] if customer.owner in user.identities else ()
        yield from ask(recording(fresh, customer.id, account, replaced, looked_up or None))
    reason = f"recorded in place of {user.customer_id or 'nothing'}"
    outcome = LinkOutcome(
        status, customer.id, reason, others=others, predecessors=user.replaced, identities=user.identities
    )
    return _told_of(merged, running, outcome)


def recording(
    user: User,
    customer_id: str | None,
    account: Account,
    replaced: tuple[str, ...],
    merged: tuple[str, ...] | None = None,
) -> RecordLink:
    """The PATCH that records the customer where this world's keys are, or moves them to; None removes it."""
    return RecordLink(
        user.user_id,
        customer_id,
        account.pin or user.account,
        replaced,
        suffix=user.suffix,
        note_suffix=user.note_suffix,
        moved=user.moved,
        merged=merged,
    )


def _with_merged(user: User, customer: Customer, account: Account, policy: Policy) -> Steps[LinkOutcome]:
    """The verified link; customers of accounts merged since then join the predecessors, once.

    Accounts that were split off leave the list: if they are merged again, they are looked up again.
    A failure does not keep the customer from being used: the next use tries again.
    """
    outcome = LinkOutcome(
        LinkStatus.VERIFIED,
        customer.id,
        "both sides agree",
        predecessors=user.replaced,
        identities=user.identities,
    )
    new = [it for it in user.identities if it not in user.merged][:MAX_OWNERS]
    if not new and set(user.merged) <= set(user.identities):
        return outcome
    with suppress(PaymentsError, DirectoryError, WrongAccount):
        hits = (yield from listed(user)) if new else []
        with suppress(SearchUnavailable):
            for identity in new:
                hits += yield from ask(SearchByOwner(identity))
        known = (customer.id, *user.replaced)
        unknown = {it.id: it for it in hits if it.owner in user.identities and it.id not in known}
        theirs = [it.id for it in (yield from confirmed(unknown.values(), user, policy))]
        for merged_id in theirs:
            user = _leaving(user, merged_id)
        running = yield from _running_on(theirs)
        fresh = _in_world((yield from ask(ReadUser(user.user_id))), account, policy)
        if (fresh.customer_id, fresh.suffix) == (user.customer_id, user.suffix):
            replaced = user.replaced if theirs or fresh.moved else ()
            looked_up = tuple(it for it in user.identities if it in user.merged or it in new)
            yield from ask(recording(fresh, customer.id, account, replaced, looked_up))
        return _told_of(theirs, running, replace(outcome, predecessors=user.replaced))
    return outcome


def _running_on(merged: list[str]) -> Steps[tuple[str, ...]]:
    """What an operator has to look at on the customers of merged accounts: subscriptions that still run."""
    found: list[str] = []
    for customer_id in merged[:MAX_OWNERS]:
        try:
            running = yield from ask(ListRunning(customer_id))
            found += [f"{subscription} runs on {customer_id}" for subscription in running]
        except (PaymentsError, OverBudget) as exc:
            found.append(f"the subscriptions of {customer_id} could not be read ({exc})")
    return tuple(found)


def _told_of(merged: list[str], running: tuple[str, ...], outcome: LinkOutcome) -> LinkOutcome:
    """The outcome with the customers of merged accounts, as an alarm if subscriptions run on them."""
    if not merged:
        return outcome
    reason = f"{outcome.reason}; an account was merged, and {', '.join(merged)} stays beside this customer"
    if running:
        reason += (
            f": {', '.join(running)}; the account page does not show them, so end them in Stripe, or use "
            "that customer instead with `flask customers relink`"
        )
    return replace(outcome, alarm=bool(running), reason=reason, others=(*outcome.others, *merged))


def _settle(user: User, account: Account, policy: Policy) -> Steps[None]:
    """Record a link of the plain keys as it belongs, in passing; a failure does not keep it from being used.

    One without an account names it from then on. A live one moves there from keys with a suffix.
    """
    settled = user.account is not None and not user.moved
    if settled or account.pin is None or user.suffix:
        return
    with suppress(DirectoryError, WrongAccount):
        fresh = _in_world((yield from ask(ReadUser(user.user_id))), account, policy)
        if (fresh.customer_id, fresh.account, fresh.suffix) == (user.customer_id, user.account, user.suffix):
            replaced, merged = (fresh.replaced, fresh.merged) if fresh.moved else ((), None)
            yield from ask(recording(fresh, user.customer_id or "", account, replaced, merged))


def _carry_over(user: User, customer: Customer, policy: Policy) -> Steps[None]:
    """Update the customer's e-mail and name if they changed; a failure does not keep it from being used."""
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


# Ownership, keys and parameters


def names(customer: Customer, user: User, policy: Policy) -> bool:
    """Whether the customer lives and its metadata names this user or an account that was merged into it.

    The tenant counts, too: this one, or a former domain of it.
    """
    tenants = (None, policy.tenant, *policy.former_tenants)
    return not customer.deleted and customer.owner in user.owners and customer.tenant in tenants


def idempotency_key(*parts: str | int | None) -> str:
    """An idempotency key made of the parts, the same in every worker (Stripe allows 255 characters).

    Source: https://docs.stripe.com/api/idempotent_requests
    """
    digest = hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()
    return f"webstore-{digest}"


def link_key(user: User, policy: Policy, replaces: str | None, generation: int, variant: str) -> str:
    """The idempotency key of one create.

    The e-mail address is not part of it: if an address is added or changed between two attempts, the second
    one has to find the first one's key. `variant`: "as-given" or "no-email".
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
