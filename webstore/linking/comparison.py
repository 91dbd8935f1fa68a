"""Compares the Auth0 user with the Stripe customer, both read now."""

from __future__ import annotations

from dataclasses import replace

from webstore.errors import DirectoryError, NoSuchCustomer, OverBudget, PaymentsError, UserGone

from .attempt import Linker
from .models import Account, ComparedField, Comparison, Customer, User
from .protocol import CUSTOMER_ID, Policy, names


def compare(linker: Linker, user_id: str) -> Comparison:
    """Both records, field by field, within the linker's budget. Raises `UserGone`.

    Other failures become the comparison's `problems`. A customer that does not name this user is never
    shown, even if its ID is in the user's record.
    """
    try:
        return linker.within_budget(lambda: _compare(linker, user_id))
    except OverBudget:
        return Comparison("unavailable", user_id, problems=("No answer in time. Try again in a minute.",))


def _compare(linker: Linker, user_id: str) -> Comparison:
    directory, payments, policy = linker.directory, linker.payments, linker.policy
    try:
        user = directory.read_user(user_id)
    except UserGone:
        raise
    except DirectoryError:
        return Comparison(
            "unavailable", user_id, problems=("Auth0 cannot be reached just now. Try again in a minute.",)
        )
    if user.customer_id is None:
        return Comparison("pending", user_id, rows=_rows(user, None, None, policy))
    if not CUSTOMER_ID.fullmatch(user.customer_id):
        return Comparison(
            "mismatch", user_id, problems=("The ID recorded in Auth0 is not a Stripe customer ID.",)
        )
    try:
        account = payments.account()
        customer = payments.get_customer(user.customer_id)
    except NoSuchCustomer as exc:
        problem = (
            "The recorded customer belongs to the other mode (test or live)."
            if exc.other_mode
            else "Stripe does not know the recorded customer."
        )
        return Comparison("mismatch", user_id, rows=_rows(user, None, None, policy), problems=(problem,))
    except PaymentsError:
        return Comparison(
            "unavailable",
            user_id,
            rows=_rows(user, None, None, policy),
            problems=("Stripe cannot be reached just now. Try again in a minute.",),
        )
    if not names(customer, user, policy):
        problem = (
            "The recorded customer was deleted in Stripe. A new one is made when it is next needed."
            if customer.deleted
            else "The recorded customer does not name this user, so it is not used."
        )
        return Comparison("mismatch", user_id, rows=_rows(user, None, account, policy), problems=(problem,))
    rows = _rows(user, customer, account, policy)
    problems = tuple(f"{row.label}: Auth0 and Stripe differ." for row in rows if row.matches is False)
    return Comparison("linked", user_id, customer.id, rows, problems)


def _rows(
    user: User, customer: Customer | None, account: Account | None, policy: Policy
) -> tuple[ComparedField, ...]:
    made = customer or Customer("")
    pin = account.pin if account and customer else None
    rows = [
        _row("Customer ID", "app_metadata.stripe_customer_id", user.customer_id, "id", made.id or None),
        _row("User ID", "user_id", user.user_id, "metadata.auth0_user_id", made.owner),
        _row("E-mail", "email", user.email, "email", made.email),
        _row("Name", "name", user.name, "name", made.name),
        _row("Tenant", "domain", policy.tenant, "metadata.auth0_tenant", made.tenant),
        _row("Account and mode", "app_metadata.stripe_account", user.account, "account", pin),
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
