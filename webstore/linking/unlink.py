"""Removes the link of a user on both sides, for an operator.

`plan` says what would change, `carry_out` does it. Both are steps, as in `protocol.py`. The customers lose
the user's name first and the record goes last, so that the next run can finish one that was cut short.

The customer joins the predecessors: its orders stay in sight, and the user is not given it again because of
the e-mail address. The account stays recorded: it says which world's predecessors these are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from webstore.errors import NoSuchCustomer, SearchUnavailable, WebstoreError

from . import worlds
from .calls import GetCustomer, Pause, ReadAccount, ReadUser, SearchByOwner, UpdateCustomer
from .models import ID, MAX_REPLACED, Account, Customer, CustomerDraft, User
from .protocol import (
    CUSTOMER_ID,
    MAX_OWNERS,
    Policy,
    Steps,
    ask,
    confirmed,
    listed,
    names,
    recording,
)
from .relink import own_keys, running_on, second_account

#: How often a link that a login restores in the middle is removed again.
MAX_ROUNDS = 3
#: Seconds until both sides are read again.
SECOND_LOOK_S = 1.0
#: Takes the user's name off a customer. Empty texts remove keys: https://docs.stripe.com/api/metadata
NAMES_NOBODY = CustomerDraft(None, None, None, {"auth0_user_id": "", "auth0_tenant": ""})


class CannotUnlink(WebstoreError):
    """The user cannot be unlinked as things are; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Unlink:
    """What unlinking this user changes."""

    #: With the keys of this world.
    user: User
    account: Account
    #: The living customers that name the user, the recorded one first. They will name nobody.
    customers: tuple[Customer, ...]
    #: Whether customers that are not recorded were looked for with Stripe's search as well.
    complete: bool
    #: Subscriptions that run on these customers; None if they could not be read.
    running: Mapping[str, tuple[str, ...] | None] = field(default_factory=dict)

    @property
    def recorded(self) -> str | None:
        """The recorded ID of this world; it may be garbage."""
        return self.user.customer_id

    @property
    def left(self) -> tuple[str, ...]:
        """The customers that join the predecessors, the recorded one last."""
        others = [it.id for it in self.customers if it.id != self.recorded]
        recorded = [it for it in (self.recorded,) if CUSTOMER_ID.fullmatch(it or "")]
        return tuple(it for it in (*others, *recorded) if it)

    @property
    def field(self) -> str:
        """Where the link is recorded."""
        return f"app_metadata.{ID}{self.user.suffix}"

    @property
    def changes(self) -> tuple[str, ...]:
        """What would be written, a sentence each."""
        told = [f"Stripe: {it.id} names nobody from then on" for it in self.customers]
        if self.recorded is not None:
            told.append(f"Auth0: {self.recorded} is removed from {self.field}")
        if not set(self.left) <= set(self.user.replaced):
            told += [f"Auth0: {it} joins the earlier customers: orders stay in sight" for it in self.left]
        return tuple(told)


def plan(user_id: str, policy: Policy) -> Steps[Unlink]:
    """What unlinking this user changes; writes nothing. Raises `CannotUnlink`.

    `UserGone` and the errors of the vendors are raised, too.
    """
    account = yield from ask(ReadAccount())
    user = yield from _read(user_id, account, policy)
    customers, complete = yield from _naming(user, policy)
    running = {}
    for customer in customers:
        running[customer.id] = yield from running_on(customer.id)
    return Unlink(user, account, customers, complete, running)


def carry_out(shown: Unlink, policy: Policy) -> Steps[Unlink]:
    """Carry out the plan, and read both sides again. Returns how they are then: a login may link at once.

    Raises as `plan` does. Every step may be repeated.
    """
    user_id, gone = shown.user.user_id, set(shown.left)
    now = yield from plan(user_id, policy)
    if (now.recorded, set(now.left)) != (shown.recorded, gone):
        raise CannotUnlink("The user or a customer has just changed. Nothing was written; look again.")
    for _ in range(MAX_ROUNDS):
        for customer in now.customers:
            if customer.id in gone:
                yield from ask(UpdateCustomer(customer.id, NAMES_NOBODY, None))
        yield from _remove(now, shown, policy)
        # A page that is under way may still take the customer back.
        yield from ask(Pause(SECOND_LOOK_S))
        now = yield from plan(user_id, policy)
        if not _restored(now, shown):
            return now
    raise CannotUnlink("The user is linked again and again at this moment. Look again, and repeat it.")


def _restored(now: Unlink, shown: Unlink) -> bool:
    """Whether a login has linked the user to one of these customers in the meantime."""
    same = now.recorded is not None and now.recorded == shown.recorded
    return same or not set(now.left).isdisjoint(shown.left)


def _remove(now: Unlink, shown: Unlink, policy: Policy) -> Steps[None]:
    """Remove the record, if it is still the one that was seen, and remember the customers."""
    # Nothing is asked between this reading and the writing.
    known = (*(it for it in (shown.recorded,) if it), *shown.left)
    user = yield from _read(now.user.user_id, now.account, policy, known)
    if user.customer_id not in (None, shown.recorded, *shown.left):
        return
    kept = [it for it in user.replaced if it not in shown.left]
    replaced = (*kept, *shown.left)[-MAX_REPLACED:]
    if user.customer_id is not None or replaced != user.replaced:
        merged = user.merged if user.moved else None
        yield from ask(recording(user, None, now.account, replaced, merged))


def _read(user_id: str, account: Account, policy: Policy, known: Collection[str] = ()) -> Steps[User]:
    read = yield from ask(ReadUser(user_id))
    try:
        return (yield from own_keys(read, account, policy, known))
    except worlds.SecondAccount as exc:
        raise CannotUnlink(second_account(exc)) from exc


def _naming(user: User, policy: Policy) -> Steps[tuple[tuple[Customer, ...], bool]]:
    """The living customers that name the user or a merged account, and whether the search was asked, too."""
    found: list[Customer] = []
    if CUSTOMER_ID.fullmatch(user.customer_id or ""):
        with suppress(NoSuchCustomer):
            found = [(yield from ask(GetCustomer(user.customer_id or "")))]
    complete = True
    hits = yield from listed(user)
    try:
        for owner in user.owners[:MAX_OWNERS]:
            hits += yield from ask(SearchByOwner(owner))
    except SearchUnavailable:
        complete = False
    known = {it.id for it in found}
    others = {it.id: it for it in hits if it.id not in known}
    found = [it for it in found if names(it, user, policy)]
    return (*found, *(yield from confirmed(others.values(), user, policy))), complete
