"""`flask customers relink`: links a user and a customer that the store must not link by itself."""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn, TypeVar

import click
from flask.cli import with_appcontext

from webstore.errors import (
    DirectoryRefused,
    NoSuchCustomer,
    PaymentsRefused,
    StateUnavailable,
    UserGone,
    WebstoreError,
)
from webstore.linking import Linker
from webstore.linking.attempt import run
from webstore.linking.executor import InlineExecutor
from webstore.linking.protocol import CUSTOMER_ID, Steps
from webstore.linking.relink import CannotRelink, Relink, carry_out, find_users, named, plan
from webstore.linking.verdicts import forget_verdict, forget_verdict_of
from webstore.logs import printable

from .terminal import store

T = TypeVar("T")

_USER_ID = re.compile(r"[^|\s]+\|\S.*")
_ADDRESS = re.compile(r"[^@\s|]+@[^@\s|]+")
#: Seconds that each call to a vendor may take; nobody waits for a page here.
_CALL_S = 7.0

# Click keeps the lines of a paragraph that begins with \b.
_HELP = """Link a user in Auth0 and a customer in Stripe, on both sides.

WHO is an e-mail address, a user ID (auth0|...) or the ID of a customer (cus_...) that names the user.
CUSTOMER is the customer that the user has from then on. Both sides and every change are shown first. The
orders of the customer that was recorded before stay in sight. It does no harm to run this again.

\b
Examples:
  flask --app wsgi customers relink ada@example.com cus_NffrFeUfNV2Hib
  flask --app wsgi customers relink 'auth0|65a1...' cus_NffrFeUfNV2Hib --yes

A customer that names another user, or a user of another tenant, is refused. With --take-over it is taken away
from them: its orders, cards and subscriptions are this user's from then on, and the other user gets a new,
empty customer when they next need one.

Exit code: 0 if the two are linked, 1 if they are not, 2 for wrong arguments.
"""


@click.group(short_help="Link users and customers by hand.")
def customers() -> None:
    """Customers in Stripe and their users."""


@customers.command(help=_HELP, short_help="Link a user and a customer, on both sides.")
@click.argument("who")
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can answer, as in scripts.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--take-over", is_flag=True, help="Take the customer away from the user whom it names.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document. Needs --yes or --dry-run.")
@with_appcontext
def relink(who: str, customer: str, *, yes: bool, dry_run: bool, take_over: bool, as_json: bool) -> None:
    """Link a user and a customer. Exits with 0, 1 or 2."""
    _check(who, customer)
    if as_json and not (yes or dry_run):
        raise click.UsageError("--json asks nothing: add --yes or --dry-run.")
    linker = replace(store().linker, executor=InlineExecutor(), side=InlineExecutor(), budget_s=_CALL_S)
    try:
        found = _do(linker, plan(_one_user(linker, who), customer, linker.policy))
        if not as_json:
            click.echo(_told(found))
        if found.foreign and not take_over:
            raise CannotRelink(
                f"{found.customer.id} names {named(found.customer)}, not this user. With --take-over it is "
                "taken away from them; `flask customers relink --help` says what that means."
            )
        if found.changes and not dry_run:
            _ask(found, yes=yes)
            _do(linker, carry_out(found, linker.policy, take_over=take_over))
            _forget(found)
    except WebstoreError as exc:
        _fail(_words(exc), as_json=as_json)
    if as_json:
        click.echo(json.dumps(_document(found, written=bool(found.changes) and not dry_run), indent=2))
    elif not found.changes:
        click.echo("They are linked already. Nothing was changed.")
    else:
        click.echo("Nothing was changed." if dry_run else "Done. Both sides were read again, and agree.")


def _check(who: str, customer: str) -> None:
    if not (_USER_ID.fullmatch(who) or _ADDRESS.fullmatch(who) or CUSTOMER_ID.fullmatch(who)):
        raise click.BadParameter(
            f"{who!r} is not an e-mail address, user ID (auth0|...) or customer ID (cus_...).",
            param_hint="WHO",
        )
    if not CUSTOMER_ID.fullmatch(customer):
        raise click.BadParameter(f"{customer!r} is not a customer ID (cus_...).", param_hint="CUSTOMER")


def _do(linker: Linker, steps: Steps[T]) -> T:
    return run(linker, steps, next(steps))


def _one_user(linker: Linker, who: str) -> str:
    """The ID of the only user whom the argument means. Raises `CannotRelink` and the vendors' errors."""
    found = find_users(linker, who)
    if len(found) == 1:
        return found[0]
    if found:
        raise CannotRelink(
            f"Several users have the address {who}: {', '.join(found)}. Give one of these IDs."
        )
    raise CannotRelink(
        f"Auth0 has no user with the address {who}." if "@" in who else f"{who} names no user: give the user."
    )


def _ask(found: Relink, *, yes: bool) -> None:
    """Ask whether to go on. Ends the command if the answer is no, or if nobody can answer."""
    if yes:
        return
    question = "Take this customer over?" if found.foreign else "Link the two?"
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        click.echo("\nNobody answered, so nothing was changed. In scripts, add --yes.", err=True)
        sys.exit(1)
    if not agreed:
        click.echo("Nothing was changed.", err=True)
        sys.exit(1)


def _forget(found: Relink) -> None:
    """Have pages verify both users again: they keep what they found for a minute."""
    with suppress(StateUnavailable):
        forget_verdict(store().state, found.user.user_id)
        forget_verdict_of(store().state, found.customer.id)


def _fail(words: str, *, as_json: bool) -> NoReturn:
    words = printable(words)
    click.echo(json.dumps({"error": words}, indent=2) if as_json else words, err=not as_json)
    sys.exit(1)


def _words(exc: WebstoreError) -> str:
    """The error in the operator's words."""
    match exc:
        case CannotRelink():
            return str(exc)
        case UserGone():
            return "Auth0 has no such user."
        case NoSuchCustomer():
            return "Stripe does not know this customer."
        case DirectoryRefused() | PaymentsRefused():
            return f"The store's set-up has to be corrected: {exc}"
        case _:
            return f"It could not be finished: {exc}. Run the command again: it continues there."


def _told(found: Relink) -> str:
    """Both sides and the changes, for a terminal."""
    user, customer = found.user, found.customer
    lines = [
        f"User      {user.user_id}",
        f"          {_person(user.email, user.name)}, created {_day(user.created_at)}",
        f"          recorded customer: {user.customer_id or 'none'}"
        f"{f' ({user.account})' if user.account else ''} in {found.field}",
        f"Customer  {customer.id} ({found.account.pin or found.account.mode})",
        f"          {_person(customer.email, customer.name)}, created {_day(customer.created)}",
        f"          names {named(customer)}",
    ]
    if found.changes:
        lines += ["Changes"] + [f"  - {change}" for change in found.changes]
    if found.running is None:
        lines.append(f"Note: the subscriptions of {found.left} cannot be read.")
    lines += [
        f"Note: {it} runs on {found.left}, and the account page does not show it from then on."
        for it in found.running or ()
    ]
    if found.foreign:
        lines.append(
            f"Warning: this takes {customer.id} away from {customer.owner}. Its orders, cards and "
            "subscriptions are this user's from then on."
        )
    # Names and recorded values may contain control characters.
    return "\n".join(map(printable, lines))


def _person(email: str | None, name: str | None) -> str:
    return ", ".join(it for it in (name, email) if it) or "no name and no e-mail address"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" if at else "at an unknown time"


def _document(found: Relink, *, written: bool) -> dict[str, object]:
    return {
        "user": found.user.user_id,
        "customer": found.customer.id,
        "account": found.account.pin,
        "recorded_in": found.field,
        "recorded_before": found.user.customer_id,
        "named_before": found.customer.owner,
        "changes": list(found.changes),
        "running_on_the_former_customer": None if found.running is None else list(found.running),
        "written": written,
    }
