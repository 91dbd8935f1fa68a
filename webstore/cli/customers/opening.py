"""`flask customers open`: the vendors' pages about a user and a customer."""

from __future__ import annotations

import logging
import os
import sys

import click
from flask.cli import with_appcontext

from webstore.cli.terminal import document, fail, quietly
from webstore.errors import WebstoreError
from webstore.linking import Linker
from webstore.linking.dossier import known_account, read_links
from webstore.linking.protocol import CUSTOMER_ID

from .who import check_who, customer_page, operators_linker, page_of, user_page, users_of, words

# Click keeps the lines of a paragraph that begins with \b.
_HELP = """Print the pages of a user and of their customers in the dashboards of Auth0 and Stripe.

WHO is an e-mail address, a user ID (auth0|...) or the ID of a customer (cus_...). Where there is a browser,
the pages of the user and of the customer of this account and mode are opened, too.

\b
Examples:
  flask --app wsgi customers open ada@example.com
  flask --app wsgi customers open cus_NffrFeUfNV2Hib --print

Exit code: 0 if there is a page, 1 if not, 2 for wrong arguments.
"""


@click.command("open", help=_HELP, short_help="Open the dashboards' pages of a user and their customer.")
@click.argument("who")
@click.option("--print", "only_print", is_flag=True, help="Print the addresses, and open nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document, and open nothing.")
@with_appcontext
def open_pages(who: str, *, only_print: bool, as_json: bool) -> None:
    """Print and open the pages. Exits with 0, 1 or 2."""
    check_who(who)
    linker = operators_linker(as_json=as_json)
    try:
        with quietly(logging.CRITICAL):
            pages, others = _pages(linker, who)
    except WebstoreError as exc:
        fail(words(exc, reading=True), as_json=as_json)
    if as_json:
        document({"pages": pages, "other_worlds": others})
        return
    if not pages:
        fail("The address of Auth0's dashboard is not known for this domain: set AUTH0_DASHBOARD_URL.")
    for page in (*pages, *others):
        click.echo(page)
    if not only_print and _has_browser():
        for page in pages:
            click.launch(page)


def _pages(linker: Linker, who: str) -> tuple[list[str], list[str]]:
    """The pages of the users and of their customers here, and those of customers in other worlds."""
    if CUSTOMER_ID.fullmatch(who) and not linker.payments.get_customer(who).owner:
        return [page for page in (customer_page(who),) if page], []
    account = known_account(linker)
    pages: list[str | None] = []
    others: list[str | None] = []
    for user_id in users_of(linker, who):
        user, links = read_links(linker, user_id, account)
        pages.append(user_page(user_id))
        if user.customer_id is not None:
            pages.append(customer_page(user.customer_id))
        others += [page_of(it, account.pin) for it in links if it.customer_id != user.customer_id]
    if CUSTOMER_ID.fullmatch(who):
        pages.append(customer_page(who))
    return list(dict.fromkeys(it for it in pages if it)), list(dict.fromkeys(it for it in others if it))


def _has_browser() -> bool:
    """Whether somebody sits at this terminal and can see a browser."""
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.stdout.isatty() and (sys.platform in ("darwin", "win32") or bool(display))
