"""`flask customers unlink`: removes the link of a user and a customer on both sides."""

from __future__ import annotations

import logging

import click
from flask.cli import with_appcontext

from webstore.cli.terminal import document, fail, quietly
from webstore.errors import WebstoreError
from webstore.linking.protocol import Policy
from webstore.linking.unlink import Unlink, carry_out, plan
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
_HELP = """Remove the link of a user and their customer, in Auth0 and in Stripe.

WHO is an e-mail address, a user ID (auth0|...) or the ID of a customer (cus_...) that names the user.

Nothing is deleted: the customer keeps its orders, cards and subscriptions, and names nobody. Every living
customer that names the user loses the name, in the Stripe account and mode of the store's key alone.

At the next login, or on the next page that needs a customer, the user gets a new, empty customer. The store
never gives them the old one back by itself, but they still see their own orders on it. To give it to them or
to somebody else: flask --app wsgi customers relink WHO CUSTOMER

\b
Examples:
  flask --app wsgi customers unlink ada@example.com
  flask --app wsgi customers unlink 'auth0|65a1...' --dry-run
  flask --app wsgi customers unlink cus_NffrFeUfNV2Hib --yes --json

Exit code: 0 if the user is not linked any more, 1 if they may be, 2 for wrong arguments.
"""
_NEXT = ("At the next login, or on the next page that needs one,", "the user gets a new, empty customer.")


@click.command(help=_HELP, short_help="Remove a link on both sides; the next login makes a new customer.")
@click.argument("who")
@click.option("--yes", is_flag=True, help="Do not ask. Needed where nobody can answer, as in scripts.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document. Needs --yes or --dry-run.")
@with_appcontext
def unlink(who: str, *, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Unlink a user. Exits with 0, 1 or 2."""
    check_who(who)
    require_answer(as_json=as_json, answered=yes or dry_run)
    linker = operators_linker(as_json=as_json)
    try:
        with quietly(logging.CRITICAL):
            found = do(linker, plan(one_user(linker, who), linker.policy))
        if not as_json:
            click.echo(_told(found, linker.policy))
        after = None
        if found.changes and not dry_run:
            if not yes:
                agree("Unlink the user? The next login makes a new, empty customer.")
            with quietly(logging.CRITICAL):
                after = do(linker, carry_out(found, linker.policy))
            forget(found.user.user_id, *found.left)
    except WebstoreError as exc:
        fail(words(exc), as_json=as_json)
    if as_json:
        document(_document(found, after))
    elif not found.changes:
        click.echo("The user is not linked. Nothing was changed.")
    elif after is None:
        click.echo("Nothing was changed.")
    elif after.recorded is not None:
        click.echo(f"Done. The user has logged in since, and has a new customer: {printable(after.recorded)}")
    else:
        click.echo("Done. Both sides were read again, and neither names the other.")


def _told(found: Unlink, policy: Policy) -> str:
    """Both sides, the changes, and what the next login does, for a terminal."""
    user = found.user
    lines = [
        f"User      {user.user_id}",
        f"          {person(user.email, user.name)}, created {day(user.created_at)}",
        f"          recorded: {user.customer_id or 'nothing'} in {found.field}",
    ]
    for customer in found.customers:
        lines += [
            f"Customer  {customer.id} ({found.account.pin or found.account.mode})",
            f"          {person(customer.email, customer.name)}, created {day(customer.created)}",
            f"          names {customer.owner}",
        ]
    if not found.changes:
        return "\n".join(map(printable, lines))
    lines += ["Changes"] + [f"  - {change}" for change in found.changes]
    lines += ["Then      " + _NEXT[0], "          " + _NEXT[1]]
    lines += _warnings(found, policy)
    # Names and recorded values may contain control characters.
    return "\n".join(map(printable, lines))


def _warnings(found: Unlink, policy: Policy) -> list[str]:
    lines = []
    for customer_id, running in found.running.items():
        if running is None:
            lines.append(f"Note: the subscriptions of {customer_id} cannot be read.")
        lines += [
            f"Note: {it} runs on {customer_id} and goes on being charged; the account page does not show it "
            "from then on. End it in Stripe if it is to end."
            for it in running or ()
        ]
    if policy.adopt_by_email and found.customers:
        lines.append(
            "Note: with LINK_EXISTING_BY_EMAIL=1, another user with the same verified address may be given "
            f"{found.customers[0].id}."
        )
    if not found.complete:
        lines.append(
            "Note: this account has no search. A customer that names the user under another address may be "
            "left, and the next login would use it."
        )
    return lines


def _document(found: Unlink, after: Unlink | None) -> dict[str, object]:
    return {
        "user": found.user.user_id,
        "account": found.account.pin,
        "recorded_in": found.field,
        "recorded_before": found.recorded,
        "customers": [it.id for it in found.customers],
        "changes": list(found.changes),
        "running": {it: None if ids is None else list(ids) for it, ids in found.running.items()},
        "complete": found.complete,
        "written": after is not None,
        "recorded_now": found.recorded if after is None else after.recorded,
        "then": " ".join(_NEXT) if found.changes else None,
    }
