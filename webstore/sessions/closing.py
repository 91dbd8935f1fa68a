"""Closing an account: what charges the shopper ends first, then the user and all sessions are deleted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from webstore.errors import NoSuchCustomer, StateUnavailable, UserGone
from webstore.linking import Linker, worlds
from webstore.linking.admission import require_admitted
from webstore.linking.models import User
from webstore.linking.protocol import CUSTOMER_ID, names
from webstore.linking.verdicts import forget_verdict
from webstore.state import Records, State

from . import revocation

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Holding:
    """The customer whose subscriptions belong to the account that is to be closed."""

    #: None if there is none, or none that is alive.
    customer_id: str | None = None
    #: Why the store does not use the customer that is recorded for the user; None if it does.
    unusable: str | None = None


def holding_of(linker: Linker, user_id: str, remembered: str | None, since: float | None = None) -> Holding:
    """The user's customer, read now on both sides; none is created.

    `remembered`: the session's copy of the customer's ID. It counts only if the user is gone already and the
    customer names them. `since`: when the user logged in. Raises `DirectoryError`, `PaymentsError`,
    `UserBarred` for a login that does not count any more, and `OverBudget` without an answer in time.
    """
    return linker.within_budget(lambda: _holding_of(linker, user_id, remembered, since))


def _holding_of(linker: Linker, user_id: str, remembered: str | None, since: float | None) -> Holding:
    directory, payments, policy = linker.directory, linker.payments, linker.policy
    recorded = True
    try:
        user = directory.read_user(user_id)
        require_admitted(user, since)
        if user.records:
            own = worlds.in_world(user, payments.account(), second_account=policy.second_account)
            _name_other_worlds(user, own)
            user = own
    except worlds.SecondAccount as exc:
        return Holding(unusable=str(exc))
    except UserGone:
        user, recorded = User(user_id, customer_id=remembered), False
    if user.customer_id is None:
        return Holding()
    if not CUSTOMER_ID.fullmatch(user.customer_id):
        return Holding(unusable="the recorded ID is not a Stripe customer ID")
    try:
        customer = payments.get_customer(user.customer_id)
    except NoSuchCustomer:
        return Holding(unusable=f"Stripe does not know {user.customer_id}")
    if customer.deleted:
        # Stripe has ended its subscriptions: https://docs.stripe.com/api/customers/delete
        return Holding()
    if names(customer, user, policy) or (recorded and customer.owner is None):
        return Holding(customer.id)
    return Holding(unusable=f"{customer.id} does not name the user")


def _name_other_worlds(user: User, own: User) -> None:
    """Say in the log that the user's customers of other accounts or modes are not touched."""
    others = [it for it in worlds.links(user).values() if it.customer_id != own.customer_id]
    if others:
        named = ", ".join(f"{it.customer_id} ({it.account or 'no account recorded'})" for it in others)
        log.warning("user=%s has other customers, whose subscriptions go on: %s", user.user_id, named)


def close_account(
    linker: Linker,
    state: State,
    records: Records,
    issuer: str,
    user_id: str,
    *,
    end_charges: Callable[[], object],
    now: float,
    kept_s: float,
) -> None:
    """End what charges the user, delete the user in Auth0, and end their sessions on every device.

    The Stripe customer stays. `end_charges` raises an error if something could still charge the user; nothing
    is deleted then. `now`: Unix seconds; `kept_s`: how long a session can live. Also raises `DirectoryError`,
    and `OverBudget` when there is no answer in time: the user may be deleted all the same.
    """
    end_charges()

    def delete() -> None:
        linker.directory.delete_user(user_id)
        # On the same thread, because it goes on when nobody waits for it any more.
        with suppress(StateUnavailable):
            forget_user(state, records, issuer, user_id, now=now, kept_s=kept_s)

    linker.within_budget(delete)


def forget_user(
    state: State, records: Records, issuer: str, user_id: str, *, now: float, kept_s: float
) -> None:
    """End all sessions of a user who is gone or blocked, and forget their verdict. Raises `StateUnavailable`.

    `now`: Unix seconds; `kept_s`: how long a session can live.
    """
    with suppress(StateUnavailable):
        forget_verdict(state, user_id)
    revocation.revoke_at_provider(records, issuer, sid=None, user_id=user_id, now=now, kept_s=kept_s)
