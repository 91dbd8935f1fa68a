"""Compares the Auth0 user with the Stripe customer, both read now."""

from __future__ import annotations

import logging
from dataclasses import replace

from webstore.errors import (
    DirectoryError,
    DirectoryUnavailable,
    NoSuchCustomer,
    OverBudget,
    PaymentsError,
    PaymentsUnavailable,
    UserGone,
)

from . import worlds
from .admission import require_admitted
from .attempt import Linker
from .models import ID, PIN, Account, ComparedField, Comparison, Customer, RecordedLink, User
from .protocol import CUSTOMER_ID, Policy, names

log = logging.getLogger(__name__)

#: Characters of a recorded value that are shown.
_MAX_SHOWN = 255


def compare(linker: Linker, user_id: str, since: float | None = None) -> Comparison:
    """Both records, field by field, within the linker's budget. Raises `UserGone` and `UserBarred`.

    Other failures become the comparison's `problems`. A customer that does not name this user is never
    shown, even if its ID is in the user's record. `since`: when the user logged in; see
    `admission.require_admitted`.
    """
    try:
        return linker.within_budget(lambda: _compare(linker, user_id, since))
    except OverBudget:
        return Comparison("unavailable", user_id, problems=("No answer in time. Try again in a minute.",))


def _compare(linker: Linker, user_id: str, since: float | None) -> Comparison:
    directory, payments, policy = linker.directory, linker.payments, linker.policy
    try:
        user = directory.read_user(user_id)
    except UserGone:
        raise
    except DirectoryError as exc:
        return Comparison("unavailable", user_id, problems=(_unread("Auth0", user_id, exc),))
    require_admitted(user, since)
    links = _links(user)
    try:
        if worlds.are_named(user):
            user = worlds.in_world(user, payments.account(), second_account=policy.second_account)
    except worlds.SecondAccount as exc:
        problem = f"The link is {exc}, so it is refused here and nothing is written."
        return Comparison("refused", user_id, problems=(problem,), links=links)
    except PaymentsError as exc:
        return _without_stripe(user, policy, exc, links)
    rows = _rows(user, None, None, policy)
    if user.customer_id is None:
        return Comparison("pending", user_id, rows=rows, links=links)
    if not CUSTOMER_ID.fullmatch(user.customer_id):
        problem = f"The ID recorded in Auth0 is not a Stripe customer ID: {user.customer_id[:_MAX_SHOWN]!r}."
        return Comparison("mismatch", user_id, problems=(problem,), links=links)
    try:
        account = payments.account()
        customer = payments.get_customer(user.customer_id)
    except NoSuchCustomer as exc:
        problem = (
            "The recorded customer belongs to the other mode (test or live)."
            if exc.other_mode
            else "Stripe does not know the recorded customer."
        )
        return Comparison("mismatch", user_id, rows=rows, problems=(problem,), links=links)
    except PaymentsError as exc:
        return _without_stripe(user, policy, exc, links)
    if customer.owner == user.user_id and not customer.deleted and not names(customer, user, policy):
        problem = (
            f"The recorded customer names this user of another tenant, {customer.tenant}, so it is refused."
        )
        return Comparison("refused", user_id, rows=rows, problems=(problem,), links=links)
    if not names(customer, user, policy):
        problem = (
            "The recorded customer was deleted in Stripe. A new one is made when it is next needed."
            if customer.deleted
            else "The recorded customer does not name this user, so it is not used."
        )
        return Comparison("mismatch", user_id, rows=rows, problems=(problem,), links=links)
    rows = _rows(user, customer, account, policy)
    problems = tuple(f"{row.label}: Auth0 and Stripe differ." for row in rows if row.matches is False)
    return Comparison("linked", user_id, customer.id, rows, problems, links)


def _without_stripe(
    user: User, policy: Policy, exc: PaymentsError, links: tuple[RecordedLink, ...]
) -> Comparison:
    """The comparison when Stripe does not answer, or refuses to."""
    rows, problems = _rows(user, None, None, policy), (_unread("Stripe", user.user_id, exc),)
    return Comparison("unavailable", user.user_id, rows=rows, problems=problems, links=links)


def _unread(vendor: str, user_id: str, exc: DirectoryError | PaymentsError) -> str:
    """Why a record could not be read, for the page. The log tells an operator about a refusal."""
    if isinstance(exc, DirectoryUnavailable | PaymentsUnavailable):
        return f"{vendor} cannot be reached just now. Try again in a minute."
    log.error("the comparison of user=%s was refused: %s: %s", user_id, type(exc).__name__, exc)
    return f"{vendor} refuses the store's request. The log says what has to be changed."


def _links(user: User) -> tuple[RecordedLink, ...]:
    """The links that are recorded for the user, of every account and mode."""
    return tuple(
        RecordedLink(f"app_metadata.stripe_customer_id{suffix}", it.customer_id[:_MAX_SHOWN], it.account)
        for suffix, it in worlds.links(user).items()
        if it.customer_id is not None
    )


def _rows(
    user: User, customer: Customer | None, account: Account | None, policy: Policy
) -> tuple[ComparedField, ...]:
    made = customer or Customer("")
    pin = account.pin if account and customer else None
    rows = [
        _row("Customer ID", f"app_metadata.{ID}{user.suffix}", user.customer_id, "id", made.id or None),
        _row("User ID", "user_id", user.user_id, "metadata.auth0_user_id", made.owner),
        _row("E-mail", "email", user.email, "email", made.email),
        _row("Name", "name", user.name, "name", made.name),
        _row("Tenant", "domain", policy.tenant, "metadata.auth0_tenant", made.tenant),
        _row("Account and mode", f"app_metadata.{PIN}{user.suffix}", user.account, "account", pin),
        _row("Description", "", None, "description", made.description),
    ]
    if customer is None:
        return tuple(replace(row, matches=None) for row in rows)
    # Links made by hand name no tenant and no account; a description is Stripe's alone.
    optional = {"Tenant", "Account and mode", "Description"}
    return tuple(
        replace(row, matches=None) if row.label in optional and None in (row.auth0, row.stripe) else row
        for row in rows
    )


def _row(
    label: str, auth0_field: str, auth0: str | None, stripe_field: str, stripe: str | None
) -> ComparedField:
    return ComparedField(label, auth0_field, auth0, stripe_field, stripe, auth0 == stripe)
