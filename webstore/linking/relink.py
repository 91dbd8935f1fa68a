"""Links a user and a customer that an operator names: the way out where the store must not decide.

`plan` says what would change, `carry_out` does it. Both are steps, as in `protocol.py`, and follow its rules:
the customer is claimed and read back, then recorded with one PATCH in the keys of this world, and what was
recorded before joins the predecessors.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from webstore.errors import NoSuchCustomer, PaymentsError, WebstoreError

from . import worlds
from .attempt import Linker
from .calls import GetCustomer, ListRunning, ReadAccount, ReadUser
from .models import ID, MAX_REPLACED, Account, Customer, User
from .protocol import CUSTOMER_ID, Policy, Steps, ask, claim, names, recording


class CannotRelink(WebstoreError):
    """This user and this customer cannot be linked as they are; the message is for the operator."""


@dataclass(frozen=True, slots=True)
class Relink:
    """What linking this user and this customer changes."""

    #: With the keys of this world.
    user: User
    customer: Customer
    account: Account
    #: Whether the customer has to be claimed: its metadata does not name this user of this tenant yet.
    claims: bool
    #: Whether the customer names another user, or a user of another tenant.
    foreign: bool
    #: Whether the customer has to be recorded in the user's `app_metadata`.
    records: bool
    #: The customer that was recorded before: it joins the predecessors.
    left: str | None
    #: Subscriptions that run on the customer that is left; None if they could not be read.
    running: tuple[str, ...] | None = ()

    @property
    def field(self) -> str:
        """Where the customer is recorded."""
        return f"app_metadata.{ID}{self.user.suffix}"

    @property
    def changes(self) -> tuple[str, ...]:
        """What would be written, a sentence each."""
        customer, user = self.customer, self.user
        told = []
        if self.claims:
            told.append(f"{customer.id} in Stripe gets the metadata auth0_user_id = {user.user_id}")
        if self.records:
            before = f"{user.customer_id} becomes" if user.customer_id is not None else "becomes"
            told.append(f"{self.field} in Auth0: {before} {customer.id}")
        if self.left:
            told.append(f"{self.left} is kept among the earlier customers, so that its orders stay in sight")
        return tuple(told)


def plan(user_id: str, customer_id: str, policy: Policy) -> Steps[Relink]:
    """What linking this user and this customer changes; writes nothing. Raises `CannotRelink`.

    `UserGone` and the errors of the vendors are raised, too.
    """
    account = yield from ask(ReadAccount())
    read = yield from ask(ReadUser(user_id))
    customer = yield from _living(customer_id)
    try:
        user = yield from own_keys(read, account, policy, known=(customer_id,))
    except worlds.SecondAccount as exc:
        raise CannotRelink(second_account(exc)) from exc
    left = user.customer_id if CUSTOMER_ID.fullmatch(user.customer_id or "") else None
    foreign = customer.owner is not None and not names(customer, user, policy)
    claims = customer.owner != user_id or customer.tenant not in (None, policy.tenant)
    if left == customer_id:
        left = None
    running = (yield from running_on(left)) if left else ()
    # A link without an account names one from then on.
    records = user.customer_id != customer_id or user.account != (account.pin or user.account)
    return Relink(user, customer, account, claims, foreign, records, left, running)


def carry_out(shown: Relink, policy: Policy, *, take_over: bool) -> Steps[Relink]:
    """Carry out the plan, and read both sides again. Returns a plan without changes.

    `take_over`: the customer may name another user. Raises as `plan` does. Every step may be repeated.
    """
    user_id, customer_id = shown.user.user_id, shown.customer.id
    if shown.foreign and not take_over:
        raise CannotRelink(f"{customer_id} names {named(shown.customer)}.")
    now = yield from plan(user_id, customer_id, policy)
    if (now.user.customer_id, now.customer.owner) != (shown.user.customer_id, shown.customer.owner):
        raise CannotRelink("The user or the customer has just changed. Nothing was written; look again.")
    if now.claims and (yield from claim(now.user, now.customer, policy)) is None:
        raise CannotRelink(_not_claimed(now, (yield from _living(customer_id))))
    if now.records:
        kept = [it for it in now.user.replaced if it not in (now.left, customer_id)]
        replaced = (*kept, now.left) if now.left else tuple(kept)
        yield from ask(recording(now.user, customer_id, now.account, replaced[-MAX_REPLACED:]))
    done = yield from plan(user_id, customer_id, policy)
    if done.claims or done.records:
        raise CannotRelink("Somebody else has just changed the user or the customer. Look again.")
    return replace(done, left=now.left, running=now.running)


def _not_claimed(shown: Relink, found: Customer) -> str:
    """Why the claim had no effect. `found`: the customer as it is after it."""
    if (found.owner, found.tenant) != (shown.customer.owner, shown.customer.tenant):
        return f"Somebody else has just linked {found.id}: it names {named(found)}. Look again."
    return (
        f"{found.id} still names {named(found)}. It was linked within the last day while it "
        f"named {'nobody' if found.owner is None else 'them'}, and Stripe repeats its answer to that change "
        "instead of making it again. Run this again a day later; or set the metadata "
        f"auth0_user_id = {shown.user.user_id} on the customer's page in Stripe's dashboard, and run it then."
    )


def named(customer: Customer) -> str:
    """Whom the customer's metadata names, in words."""
    if customer.owner is None:
        return "nobody"
    return f"{customer.owner} of the tenant {customer.tenant}" if customer.tenant else customer.owner


def find_users(linker: Linker, who: str) -> tuple[str, ...]:
    """The IDs of the users whom an e-mail address, a user ID or a customer ID means.

    `who`: any other text means nobody. Raises the errors of the vendors.
    """
    if "|" in who:
        return (who,)
    if CUSTOMER_ID.fullmatch(who):
        customer = linker.payments.get_customer(who)
        return (customer.owner,) if customer.owner else ()
    return linker.directory.find_by_email(who)


def _living(customer_id: str) -> Steps[Customer]:
    try:
        customer = yield from ask(GetCustomer(customer_id))
    except NoSuchCustomer as exc:
        where = (
            "It exists in the other mode: use the other key."
            if exc.other_mode
            else "Check the ID, and whether the store's key is of the account that the customer is in."
        )
        raise CannotRelink(f"Stripe does not know {customer_id}. {where}") from exc
    if customer.deleted:
        raise CannotRelink(f"{customer_id} was deleted in Stripe, and cannot be used again.")
    return customer


def own_keys(read: User, account: Account, policy: Policy, known: Collection[str] = ()) -> Steps[User]:
    """The user with the keys of this world, even if the plain keys have another world's link without a pin.

    `known`: customers that are known to be of this world, for which no call is made. Raises
    `worlds.SecondAccount` and `PaymentsError`.
    """
    user = worlds.in_world(read, account, second_account=policy.second_account)
    recorded = user.customer_id or ""
    if user.account is not None or recorded in known or not CUSTOMER_ID.fullmatch(recorded):
        return user
    try:
        yield from ask(GetCustomer(recorded))
    except NoSuchCustomer as exc:
        if exc.other_mode or not policy.livemode:
            return worlds.beside(read, account)
    return user


def second_account(exc: worlds.SecondAccount) -> str:
    """Why a link of another live account is left alone, and what to do."""
    return f"The user's link is {exc}. Use the key that made the link, or set LINK_SECOND_ACCOUNT=1."


def running_on(customer_id: str) -> Steps[tuple[str, ...] | None]:
    """The subscriptions that run on the customer; None if they cannot be read."""
    try:
        return (yield from ask(ListRunning(customer_id)))
    except NoSuchCustomer:
        return ()
    except PaymentsError:
        return None
