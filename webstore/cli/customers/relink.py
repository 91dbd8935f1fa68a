"""`flask customers relink`: links a user and a customer that the store must not link by itself."""

from __future__ import annotations

import logging

import click
from flask.cli import with_appcontext

from webstore.cli.terminal import document, fail, quietly
from webstore.errors import WebstoreError
from webstore.linking.protocol import CUSTOMER_ID
from webstore.linking.relink import CannotRelink, Relink, carry_out, named, plan
from webstore.logs import printable

from .who import (
    agree,
    check_who,
    day,
    do,
    forget,
    one_user,
    operators_linker,
    person,
    require_answer,
    words,
)

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


@click.command(help=_HELP, short_help="Link a user and a customer, on both sides.")
@click.argument("who")
@click.argument("customer")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can answer, as in scripts.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--take-over", is_flag=True, help="Take the customer away from the user whom it names.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document. Needs --yes or --dry-run.")
@with_appcontext
def relink(who: str, customer: str, *, yes: bool, dry_run: bool, take_over: bool, as_json: bool) -> None:
    """Link a user and a customer. Exits with 0, 1 or 2."""
    check_who(who)
    if not CUSTOMER_ID.fullmatch(customer):
        raise click.BadParameter(f"{customer!r} is not a customer ID (cus_...).", param_hint="CUSTOMER")
    require_answer(as_json=as_json, answered=yes or dry_run)
    linker = operators_linker(as_json=as_json)
    try:
        with quietly(logging.CRITICAL):
            found = do(linker, plan(one_user(linker, who), customer, linker.policy))
        if not as_json:
            click.echo(_told(found))
        if found.foreign and not take_over:
            raise CannotRelink(
                f"{found.customer.id} names {named(found.customer)}, not this user. With --take-over it is "
                "taken away from them; `flask customers relink --help` says what that means."
            )
        if found.changes and not dry_run:
            if not yes:
                agree("Take this customer over?" if found.foreign else "Link the two?")
            with quietly(logging.CRITICAL):
                do(linker, carry_out(found, linker.policy, take_over=take_over))
            forget(found.user.user_id, found.customer.id)
    except WebstoreError as exc:
        fail(words(exc), as_json=as_json)
    if as_json:
        document(_document(found, written=bool(found.changes) and not dry_run))
    elif not found.changes:
        click.echo("They are linked already. Nothing was changed.")
    else:
        click.echo("Nothing was changed." if dry_run else "Done. Both sides were read again, and agree.")


def _told(found: Relink) -> str:
    """Both sides and the changes, for a terminal."""
    user, customer = found.user, found.customer
    lines = [
        f"User      {user.user_id}",
        f"          {person(user.email, user.name)}, created {day(user.created_at)}",
        f"          recorded customer: {user.customer_id or 'none'}"
        f"{f' ({user.account})' if user.account else ''} in {found.field}",
        f"Customer  {customer.id} ({found.account.pin or found.account.mode})",
        f"          {person(customer.email, customer.name)}, created {day(customer.created)}",
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
