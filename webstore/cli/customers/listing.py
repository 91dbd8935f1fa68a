"""`flask customers list`: the users and the customers that Auth0 has recorded for them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import click
from flask.cli import with_appcontext

from webstore.cli.terminal import document, fail, progress, quietly, table
from webstore.errors import WebstoreError
from webstore.linking import Linker
from webstore.linking.dossier import LISTED_USERS, ListedUser, known_account, list_users
from webstore.linking.models import ID, Account

from .who import operators_linker, words

# Click keeps the lines of a paragraph that begins with \b.
_HELP = """List users, the newest first, with the customers that Auth0 has recorded for them.

Stripe is not asked about them: `customers show` verifies both sides. Auth0's list is some seconds late, and
it ends after 1,000 users; --unlinked and --pending look through all of these.

\b
Examples:
  flask --app wsgi customers list
  flask --app wsgi customers list --unlinked --limit 200
  flask --app wsgi customers list --json

Exit code: 0 if they were listed, 1 if Auth0 could not be read, 2 for wrong options.
"""
#: The column of the customer's ID for users without a usable one.
_STATUS = {
    "none": "none",
    "pending": "none, create failed",
    "unusable": "not a customer ID",
    "refused": "refused",
}


@dataclass
class _Reading:
    """The users that were looked at, and those that were asked for."""

    found: list[ListedUser]
    seen: int = 0
    #: Whether there may be more.
    more: bool = False


@click.command("list", help=_HELP, short_help="List users with their recorded customers.")
@click.option(
    "--limit",
    type=click.IntRange(1, LISTED_USERS),
    default=50,
    show_default=True,
    help="How many users to list at most.",
)
@click.option("--unlinked", is_flag=True, help="Only users without a customer of this account and mode.")
@click.option("--pending", is_flag=True, help="Only users for whom a create has failed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@with_appcontext
def list_command(*, limit: int, unlinked: bool, pending: bool, as_json: bool) -> None:
    """List users. Exits with 0, 1 or 2."""
    linker = operators_linker(as_json=as_json)
    wanted = ("pending",) if pending else ("none", "pending", "unusable", "refused") if unlinked else ()
    try:
        with quietly(logging.CRITICAL):
            account = known_account(linker)
            reading = _read(linker, account, limit, wanted)
    except WebstoreError as exc:
        fail(words(exc, reading=True), as_json=as_json)
    if as_json:
        document(_document(reading, account))
        return
    _print(reading, account)


def _read(linker: Linker, account: Account, limit: int, wanted: tuple[str, ...]) -> _Reading:
    reading = _Reading([])
    with progress("Reading users from Auth0") as bar:
        for one in list_users(linker, account):
            if len(reading.found) == limit:
                reading.more = True
                break
            reading.seen += 1
            bar.advance(bar.task_ids[0])
            if not wanted or one.status in wanted:
                reading.found.append(one)
    return reading


def _print(reading: _Reading, account: Account) -> None:
    if reading.found:
        elsewhere = any(_elsewhere(it) for it in reading.found)
        columns = ["User", "Customer", "E-mail", *(["Also linked in"] if elsewhere else [])]
        rows = [_row(it, elsewhere=elsewhere) for it in reading.found]
        table(columns, rows, whole=("User", "Customer"))
    for note in _notes(reading, account):
        click.echo(note, err=True)


def _row(one: ListedUser, *, elsewhere: bool) -> list[str]:
    user = one.user
    customer = user.customer_id if one.status == "recorded" else None
    row = [user.user_id, customer or _STATUS[one.status], user.email or "-"]
    return [*row, ", ".join(_elsewhere(one)) or "-"] if elsewhere else row


def _elsewhere(one: ListedUser) -> list[str]:
    """The other accounts and modes in which the user is linked."""
    own = f"app_metadata.{ID}{one.user.suffix}"
    return [it.account or "not known" for it in one.links if it.field != own]


def _notes(reading: _Reading, account: Account) -> list[str]:
    number = len(reading.found)
    world = account.pin or f"{account.mode} mode"
    notes = [f"{number} user{'' if number == 1 else 's'}, with customers of {world}."]
    if reading.more:
        notes.append("There are more: see --limit.")
    elif reading.seen >= LISTED_USERS:
        notes.append(
            f"Auth0 lists no more than {LISTED_USERS:,} users, and these were the newest. `customers show` "
            "finds every user."
        )
    return notes


def _document(reading: _Reading, account: Account) -> dict[str, object]:
    return {
        "account": account.pin or account.mode,
        "users": [
            {
                "user": it.user.user_id,
                "email": it.user.email,
                "name": it.user.name,
                "customer": it.user.customer_id,
                "status": it.status,
                "recorded_in": f"app_metadata.{ID}{it.user.suffix}",
                "links": [
                    {"recorded_in": link.field, "customer": link.customer_id, "account": link.account}
                    for link in it.links
                ],
            }
            for it in reading.found
        ],
        "more": reading.more,
        "ceiling_reached": reading.seen >= LISTED_USERS,
    }
