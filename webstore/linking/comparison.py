"""Compares the Auth0 user with the Stripe customer, both read now."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
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
from .evidence import facts, living_customers, shown
from .models import ID, PIN, Account, ComparedField, Comparison, Customer, RecordedLink, User
from .protocol import CUSTOMER_ID, Policy, names

log = logging.getLogger(__name__)

#: Labels of the rows that a link may fail at.
ID_ROW, USER_ROW, TENANT_ROW, ACCOUNT_ROW = "Customer ID", "User ID", "Tenant", "Account and mode"
#: Characters of a recorded value that are shown.
_MAX_SHOWN = 255


def compare(linker: Linker, user_id: str, since: float | None = None, *, count: bool = False) -> Comparison:
    """Both records, field by field, within the linker's budget. Raises `UserGone` and `UserBarred`.

    Other failures become the comparison's `problems`. A customer that does not name this user is never
    shown, even if its ID is in the user's record. `since`: when the user logged in; see
    `admission.require_admitted`. `count`: the living customers that name the user are looked for as well,
    which takes a few more calls.
    """
    began_at, began = linker.now(), time.monotonic()
    try:
        found = linker.within_budget(lambda: _compare(linker, user_id, since, count=count))
    except OverBudget:
        found = Comparison("unavailable", user_id, problems=("No answer in time. Try again in a minute.",))
    return replace(found, read_at=began_at, took_s=time.monotonic() - began)


def _compare(linker: Linker, user_id: str, since: float | None, *, count: bool) -> Comparison:
    try:
        read = linker.directory.read_user(user_id)
    except UserGone:
        raise
    except DirectoryError as exc:
        return Comparison("unavailable", user_id, problems=(_unread("Auth0", user_id, exc),))
    require_admitted(read, since)
    user, found, customer = judged(linker, read)
    if count and found.status != "unavailable":
        found = replace(found, living=living_customers(linker, user, customer))
    raw_customer = shown(customer.raw) if customer is not None and customer.raw else None
    return replace(
        found,
        links=recorded_links(read),
        facts=facts(user, customer),
        raw_user=_object(shown(user.raw)),
        raw_customer=_object(raw_customer),
    )


def _object(value: object) -> Mapping[str, object] | None:
    return value if isinstance(value, dict) else None


def judged(linker: Linker, user: User) -> tuple[User, Comparison, Customer | None]:
    """The user in this world, the verdict on the link, and the customer if it is the user's."""
    payments, policy, user_id = linker.payments, linker.policy, user.user_id
    try:
        if worlds.are_named(user):
            user = worlds.in_world(user, payments.account(), second_account=policy.second_account)
    except worlds.SecondAccount as exc:
        problem = f"The link is {exc}, so it is refused here and nothing is written."
        rows = _failed(_rows(user, None, None, policy), ACCOUNT_ROW, "Recorded for another live account.")
        return user, Comparison("refused", user_id, rows=rows, problems=(problem,)), None
    except PaymentsError as exc:
        return user, _without_stripe(user, policy, exc), None
    rows = _rows(user, None, None, policy)
    recorded = user.customer_id
    if recorded is None:
        return user, Comparison("pending", user_id, rows=rows), None
    if not CUSTOMER_ID.fullmatch(recorded):
        problem = f"The ID recorded in Auth0 is not a Stripe customer ID: {recorded[:_MAX_SHOWN]!r}."
        rows = _failed(rows, ID_ROW, "Not a Stripe customer ID.")
        return user, Comparison("mismatch", user_id, rows=rows, problems=(problem,)), None
    try:
        account = payments.account()
        customer = payments.get_customer(recorded)
    except NoSuchCustomer as exc:
        problem = (
            "The recorded customer belongs to the other mode (test or live)."
            if exc.other_mode
            else "Stripe does not know the recorded customer."
        )
        rows = _failed(
            rows, ID_ROW, "It exists in the other mode." if exc.other_mode else "Unknown to Stripe."
        )
        return user, Comparison("mismatch", user_id, None, rows, (problem,), recorded=recorded), None
    except PaymentsError as exc:
        return user, replace(_without_stripe(user, policy, exc), recorded=recorded), None
    if not names(customer, user, policy):
        return user, replace(_unusable(user, customer, rows), recorded=recorded), None
    rows = _rows(user, customer, account, policy)
    problems = tuple(f"{row.label}: Auth0 and Stripe differ." for row in rows if row.matches is False)
    linked = Comparison("linked", user_id, customer.id, rows, problems, recorded=recorded)
    return user, linked, customer


def _unusable(user: User, customer: Customer, rows: tuple[ComparedField, ...]) -> Comparison:
    """The verdict on a customer that is deleted or does not name the user; nothing of it is shown."""
    if customer.deleted:
        problem = "The recorded customer was deleted in Stripe. A new one is made when it is next needed."
        rows = _failed(rows, ID_ROW, "Deleted in Stripe.")
    elif customer.owner in user.owners:
        problem = f"The recorded customer names another tenant, {customer.tenant}, so it is refused."
        rows = _failed(rows, TENANT_ROW, "It names another tenant.")
        return Comparison("refused", user.user_id, rows=rows, problems=(problem,))
    else:
        problem = "The recorded customer does not name this user, so it is not used."
        whom = "nobody" if customer.owner is None else "another user"
        rows = _failed(rows, USER_ROW, f"It names {whom}.")
    return Comparison("mismatch", user.user_id, rows=rows, problems=(problem,))


def _failed(rows: tuple[ComparedField, ...], label: str, reason: str) -> tuple[ComparedField, ...]:
    """The rows with the reason at the one that keeps the link from being used."""
    return tuple(replace(row, failed=reason) if row.label == label else row for row in rows)


def _without_stripe(user: User, policy: Policy, exc: PaymentsError) -> Comparison:
    """The comparison when Stripe does not answer, or refuses to."""
    rows, problems = _rows(user, None, None, policy), (_unread("Stripe", user.user_id, exc),)
    return Comparison("unavailable", user.user_id, rows=rows, problems=problems)


def _unread(vendor: str, user_id: str, exc: DirectoryError | PaymentsError) -> str:
    """Why a record could not be read, for the page. The log tells an operator about a refusal."""
    if isinstance(exc, DirectoryUnavailable | PaymentsUnavailable):
        return f"{vendor} cannot be reached just now. Try again in a minute."
    log.error("the comparison of user=%s was refused: %s: %s", user_id, type(exc).__name__, exc)
    return f"{vendor} refuses the store's request. The log says what has to be changed."


def recorded_links(user: User) -> tuple[RecordedLink, ...]:
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
        _row(ID_ROW, f"app_metadata.{ID}{user.suffix}", user.customer_id, "id", made.id or None),
        _row(USER_ROW, "user_id", user.user_id, "metadata.auth0_user_id", made.owner),
        _row("E-mail", "email", user.email, "email", made.email),
        _row("Name", "name", user.name, "name", made.name),
        _row(TENANT_ROW, "domain", policy.tenant, "metadata.auth0_tenant", made.tenant),
        _row(ACCOUNT_ROW, f"app_metadata.{PIN}{user.suffix}", user.account, "account", pin),
        _row("Description", "", None, "description", made.description),
    ]
    if customer is None:
        return tuple(replace(row, matches=None) for row in rows)
    # Links made by hand name no tenant and no account; a description is Stripe's alone.
    optional = {TENANT_ROW, ACCOUNT_ROW, "Description"}
    return tuple(
        replace(row, matches=None) if row.label in optional and None in (row.auth0, row.stripe) else row
        for row in rows
    )


def _row(
    label: str, auth0_field: str, auth0: str | None, stripe_field: str, stripe: str | None
) -> ComparedField:
    return ComparedField(label, auth0_field, auth0, stripe_field, stripe, auth0 == stripe)
