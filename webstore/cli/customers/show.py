"""`flask customers show`: both sides of a link, every world, its history, and what linking would do now."""

from __future__ import annotations

import logging
import sys
from typing import Any

import click
from flask.cli import with_appcontext
from rich.text import Text

from webstore.cli.terminal import console, document, fail, quietly, text
from webstore.errors import WebstoreError
from webstore.linking import Linker
from webstore.linking.calls import Call, CreateCustomer
from webstore.linking.dossier import Dossier, known_account, read_dossier
from webstore.linking.explain import Explanation
from webstore.linking.models import ID, Account, ComparedField, Customer, RecordedLink
from webstore.linking.protocol import CUSTOMER_ID

from .explained import answer, brief, content, request
from .who import (
    check_who,
    customer_page,
    day,
    operators_linker,
    page_of,
    person,
    user_page,
    users_of,
    words,
)

# Click keeps the lines of a paragraph that begins with \b.
_HELP = """Show a user and their customer, read now from Auth0 and Stripe. Nothing is written.

WHO is an e-mail address, a user ID (auth0|...) or the ID of a customer (cus_...). An address may mean several
users: all of them are shown.

--explain also lists the calls of the linking protocol and their answers, up to the first call that would
write something.

\b
Examples:
  flask --app wsgi customers show ada@example.com
  flask --app wsgi customers show cus_NffrFeUfNV2Hib --explain
  flask --app wsgi customers show 'auth0|65a1...' --json

Exit code: 0 if they were shown, 1 if there is no such user or a vendor could not be read, 2 for wrong
arguments.
"""
_STATUS = {
    "linked": "linked, both sides agree",
    "pending": "not linked",
    "refused": "refused",
    "mismatch": "cannot be used",
    "unavailable": "could not be read",
}


@click.command(help=_HELP, short_help="Show both sides of a link, and what linking would do.")
@click.argument("who")
@click.option("--explain", is_flag=True, help="List the linking protocol's calls and answers. Read-only.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@with_appcontext
def show(who: str, *, explain: bool, as_json: bool) -> None:
    """Show a user and their customer. Exits with 0, 1 or 2."""
    check_who(who)
    linker = operators_linker(as_json=as_json)
    try:
        with quietly(logging.CRITICAL):
            orphan = _nobodys(linker, who)
            account = known_account(linker)
            found = [read_dossier(linker, it) for it in (() if orphan else users_of(linker, who))]
    except WebstoreError as exc:
        fail(words(exc, reading=True), as_json=as_json)
    if as_json:
        users = [_document(it, account, explain=explain) for it in found]
        document({"account": account.pin or account.mode, "users": users, "customer": _orphan(orphan)})
    if orphan is not None and not as_json:
        _print([("Customer", _customer_lines(orphan)), ("Names", ["nobody: `customers relink` links it"])])
    for number, one in enumerate(() if as_json else found):
        click.echo("\n" if number else "", nl=False)
        _print(_told(one, account))
        if explain:
            _print_explained(one)
    sys.exit(1 if any(it.comparison.status == "unavailable" for it in found) else 0)


def _orphan(customer: Customer | None) -> dict[str, object] | None:
    if customer is None:
        return None
    return {"customer": customer.id, "deleted": customer.deleted, "customer_page": customer_page(customer.id)}


def _nobodys(linker: Linker, who: str) -> Customer | None:
    """The customer that the argument means, if it names no user."""
    if not CUSTOMER_ID.fullmatch(who):
        return None
    customer = linker.payments.get_customer(who)
    return None if customer.owner else customer


def _print(parts: list[tuple[str, list[str]]]) -> None:
    """Print lines with a title in front of each part. A part without lines is left out."""
    out = console()
    for title, lines in parts:
        for number, line in enumerate(it for it in lines if it):
            out.print(Text.assemble((f"{'' if number else title:<13}", "bold"), text(line)))


def _told(one: Dossier, account: Account) -> list[tuple[str, list[str]]]:
    user, found = one.user, one.comparison
    recorded = f"{user.customer_id or 'nothing'} in {_field(one)}"
    return [
        ("User", [user.user_id, person(user.email, user.name), user_page(user.user_id) or ""]),
        ("", ["blocked in Auth0: cannot log in"] if user.blocked else []),
        ("Account", [account.pin or f"{account.mode} mode; the key may not read its account"]),
        ("Link", [_STATUS.get(found.status, found.status), *found.problems, *map(_words, differences(one))]),
        ("Recorded", [recorded]),
        ("Customer", _customer_lines(one.customer) if one.customer else []),
        ("Named by", [_living(found.living)]),
        ("Elsewhere", [it for link in _others(one) for it in _link_lines(link, account)]),
        ("History", [f"{fact.label}: {fact.value}" for fact in found.facts]),
        ("Next login", [brief(one.login)]),
        ("Next use", [brief(one.use)]),
    ]


def _field(one: Dossier) -> str:
    return f"app_metadata.{ID}{one.user.suffix}"


def _others(one: Dossier) -> list[RecordedLink]:
    return [it for it in one.comparison.links if it.field != _field(one)]


def _link_lines(link: RecordedLink, account: Account) -> list[str]:
    world = link.account or "account not recorded"
    return [f"{link.customer_id} ({world})", f"in {link.field}", page_of(link, account.pin) or ""]


def differences(one: Dossier) -> list[ComparedField]:
    """What the two sides say differently."""
    return [row for row in one.comparison.rows if row.matches is False]


def _words(row: ComparedField) -> str:
    return f"{row.label}: Auth0 has {row.auth0 or 'none'}, Stripe has {row.stripe or 'none'}"


def _customer_lines(customer: Customer) -> list[str]:
    if customer.deleted:
        return [f"{customer.id}, deleted"]
    created = f", created {day(customer.created)}"
    return [customer.id, person(customer.email, customer.name) + created, customer_page(customer.id) or ""]


def _living(living: tuple[str, ...] | None) -> str:
    if living is None:
        return "unknown: the customers that name the user could not be read"
    if not living:
        return "no living customer"
    return f"{len(living)} living customer{'s' if len(living) > 1 else ''}: {', '.join(living)}"


def _print_explained(one: Dossier) -> None:
    out = console()
    for title, found in (("At a login", one.login), ("Before a payment", one.use)):
        out.print(Text(f"\n{title}", style="bold"))
        for number, asked in enumerate(found.asked, 1):
            out.print(text(_numbered(number, asked.call)))
            out.print(text(f"             {answer(asked.answer)}", style="dim"))
        if found.write is not None:
            out.print(text(_numbered(len(found.asked) + 1, found.write) + " (not made)"))
            for line in content(found.write):
                out.print(text(f"             {line}", style="dim"))
        out.print(text(f"  {'Linking' if found.write else 'End:'} {brief(found)}."))
        if isinstance(found.write, CreateCustomer):
            out.print(text("  If Stripe knows the key from the last day, it answers with that customer."))


def _numbered(number: int, call: Call[Any]) -> str:
    vendor, line = request(call)
    return f"  {number}. {vendor:<7} {line}"


def _document(one: Dossier, account: Account, *, explain: bool) -> dict[str, object]:
    user, found = one.user, one.comparison
    shown: dict[str, object] = {
        "user": user.user_id,
        "email": user.email,
        "name": user.name,
        "blocked": user.blocked,
        "user_page": user_page(user.user_id),
        "status": found.status,
        "problems": list(found.problems),
        "recorded": user.customer_id,
        "recorded_in": _field(one),
        "customer": found.customer_id,
        "customer_page": customer_page(found.customer_id) if found.customer_id else None,
        "differences": [
            {"field": it.label, "auth0": it.auth0, "stripe": it.stripe} for it in differences(one)
        ],
        "named_by": None if found.living is None else list(found.living),
        "links": [
            {
                "recorded_in": it.field,
                "customer": it.customer_id,
                "account": it.account,
                "page": page_of(it, account.pin),
            }
            for it in found.links
        ],
        "history": [{"label": it.label, "value": it.value, "source": it.source} for it in found.facts],
        "next_login": brief(one.login),
        "next_use": brief(one.use),
    }
    if explain:
        shown |= {"login": _calls(one.login), "use": _calls(one.use)}
    return shown


def _calls(found: Explanation) -> dict[str, object]:
    return {
        "calls": [{**_request(it.call), "answer": answer(it.answer)} for it in found.asked],
        "not_made": None if found.write is None else _request(found.write) | {"sends": content(found.write)},
    }


def _request(call: Call[Any]) -> dict[str, object]:
    vendor, line = request(call)
    return {"vendor": vendor, "request": line}
