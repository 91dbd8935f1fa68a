"""`flask customers link`: links a user now, as their next login would."""

from __future__ import annotations

import logging
import sys

import click
from flask.cli import with_appcontext

from webstore.cli.terminal import document, fail, quietly
from webstore.errors import WebstoreError
from webstore.linking import LinkOutcome, ensure_customer, verified_customer
from webstore.logs import printable

from .explained import ending
from .who import check_who, customer_page, forget, one_user, operators_linker, words

# Click keeps the lines of a paragraph that begins with \b.
_HELP = """Link a user now, as their next login and their next payment would.

WHO is an e-mail address, a user ID (auth0|...) or the ID of a customer (cus_...) that names the user.

The user gets a customer if they have none; a customer that was deleted is replaced; both sides are read. It
does no harm to run this again. To see what it would do: flask --app wsgi customers show WHO --explain

\b
Examples:
  flask --app wsgi customers link ada@example.com
  flask --app wsgi customers link 'auth0|65a1...' --json

Exit code: 0 if the user is linked, 1 if not (pending or refused), 2 for wrong arguments.
"""


@click.command(help=_HELP, short_help="Link a user now, as their next login would.")
@click.argument("who")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@with_appcontext
def link(who: str, *, as_json: bool) -> None:
    """Link a user. Exits with 0, 1 or 2."""
    check_who(who)
    linker = operators_linker(as_json=as_json)
    try:
        with quietly(logging.CRITICAL):
            user_id = one_user(linker, who)
            login = ensure_customer(linker, user_id)
            use = verified_customer(linker, user_id, login.customer_id) if login.customer_id else login
    except WebstoreError as exc:
        fail(words(exc), as_json=as_json)
    if use.customer_id is not None:
        forget(user_id, use.customer_id)
    if as_json:
        document(_document(user_id, login, use))
    else:
        for line in _told(user_id, login, use):
            click.echo(printable(line))
    sys.exit(0 if use.customer_id is not None else 1)


def _told(user_id: str, login: LinkOutcome, use: LinkOutcome) -> list[str]:
    lines = [f"User      {user_id}", f"Login     {ending(login)}"]
    if login.customer_id is not None:
        lines.append(f"Verified  {ending(use)}")
    if use.customer_id is None:
        return [*lines, "The user is not linked."]
    if use.others:
        lines.append(f"Note: other living customers name the user: {', '.join(use.others)}")
    return [*lines, f"Customer  {use.customer_id}", f"          {customer_page(use.customer_id)}"]


def _document(user_id: str, login: LinkOutcome, use: LinkOutcome) -> dict[str, object]:
    return {
        "user": user_id,
        "customer": use.customer_id,
        "customer_page": customer_page(use.customer_id) if use.customer_id else None,
        "login": {"status": str(login.status), "reason": login.reason},
        "use": {"status": str(use.status), "reason": use.reason},
        "alarm": use.alarm,
        "others": list(use.others),
    }
