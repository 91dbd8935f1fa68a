"""What the commands about customers share: whom they mean, their calls, and what they say about failures."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

import click

from webstore import dashboards
from webstore.cli.terminal import store
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
from webstore.linking.models import RecordedLink
from webstore.linking.protocol import CUSTOMER_ID, Steps
from webstore.linking.relink import CannotRelink, find_users
from webstore.linking.unlink import CannotUnlink
from webstore.linking.verdicts import forget_verdict, forget_verdict_of

T = TypeVar("T")

_USER_ID = re.compile(r"[^|\s]+\|\S.*")
_ADDRESS = re.compile(r"[^@\s|]+@[^@\s|]+")
#: Seconds that each call to a vendor may take; nobody waits for a page here.
_CALL_S = 7.0


class Nobody(WebstoreError):
    """The argument means no user, or several; the message is for the operator."""


def check_who(who: str) -> None:
    """End the command unless the argument may mean a user."""
    if not (_USER_ID.fullmatch(who) or _ADDRESS.fullmatch(who) or CUSTOMER_ID.fullmatch(who)):
        raise click.BadParameter(
            f"{who!r} is not an e-mail address, user ID (auth0|...) or customer ID (cus_...).",
            param_hint="WHO",
        )


def operators_linker(*, as_json: bool = False) -> Linker:
    """The store's linker, on this thread and with more time. Ends the command if the settings are wrong."""
    linker = store(as_json=as_json).linker
    return replace(linker, executor=InlineExecutor(), side=InlineExecutor(), budget_s=_CALL_S)


def do(linker: Linker, steps: Steps[T]) -> T:
    """Carry out the steps, and return their result. Raises their errors."""
    return run(linker, steps, next(steps))


def users_of(linker: Linker, who: str) -> tuple[str, ...]:
    """The IDs of the users whom the argument means, at least one. Raises `Nobody` and the vendors' errors."""
    found = find_users(linker, who)
    if CUSTOMER_ID.fullmatch(who) and found and not _USER_ID.fullmatch(found[0]):
        raise Nobody(
            f"The metadata auth0_user_id of {who} is {found[0]!r}, which is not a user ID: give the user."
        )
    if found:
        return found
    raise Nobody(
        f"Auth0 has no user with the address {who}." if "@" in who else f"{who} names no user: give the user."
    )


def one_user(linker: Linker, who: str) -> str:
    """The ID of the only user whom the argument means. Raises `Nobody` and the vendors' errors."""
    found = users_of(linker, who)
    if len(found) == 1:
        return found[0]
    raise Nobody(f"Several users have the address {who}: {', '.join(found)}. Give one of these IDs.")


def require_answer(*, as_json: bool, answered: bool) -> None:
    """End the command if it would have to ask, but is to print a document."""
    if as_json and not answered:
        raise click.UsageError("--json asks nothing: add --yes or --dry-run.")


def agree(question: str) -> None:
    """Ask whether to go on. Ends the command if the answer is no, or if nobody can answer."""
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        click.echo("\nNobody answered, so nothing was changed. In scripts, add --yes.", err=True)
        sys.exit(1)
    if not agreed:
        click.echo("Nothing was changed.", err=True)
        sys.exit(1)


def forget(user_id: str, *customer_ids: str) -> None:
    """Have pages verify the user and the users of these customers again: they keep verdicts for a minute."""
    with suppress(StateUnavailable):
        forget_verdict(store().state, user_id)
        for customer_id in customer_ids:
            forget_verdict_of(store().state, customer_id)


def words(exc: WebstoreError, *, reading: bool = False) -> str:
    """The error in the operator's words. `reading`: the command writes nothing."""
    match exc:
        case CannotRelink() | CannotUnlink() | Nobody():
            return str(exc)
        case UserGone():
            return "Auth0 has no such user."
        case NoSuchCustomer():
            hint = " It exists in the other mode: use the other key." if exc.other_mode else ""
            return f"Stripe does not know this customer.{hint}"
        case DirectoryRefused() | PaymentsRefused():
            return f"The store's set-up has to be corrected: {exc}"
        case _ if reading:
            return f"It could not be read: {exc}. Try again in a minute."
        case _:
            return f"It could not be finished: {exc}. Run the command again: it continues there."


def person(email: str | None, name: str | None) -> str:
    """Name and address, as far as they are known."""
    return ", ".join(it for it in (name, email) if it) or "no name and no e-mail address"


def day(at: float) -> str:
    """The day of a Unix time (UTC)."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}" if at else "at an unknown time"


def user_page(user_id: str) -> str | None:
    """The user's page in Auth0's dashboard; None if its address is not known."""
    dashboard = store().settings.auth0_dashboard_url
    return dashboards.user_page(dashboard, user_id) if dashboard else None


def customer_page(customer_id: str, pin: str | None = None) -> str | None:
    """The customer's page in Stripe's dashboard; `pin`: another account and mode than the store's.

    None if it is not a customer's ID.
    """
    if not CUSTOMER_ID.fullmatch(customer_id):
        return None
    return dashboards.customer_page(store().settings.stripe_dashboard_url, customer_id, pin)


def page_of(link: RecordedLink, own_pin: str | None) -> str | None:
    """The page of a recorded customer of any world; None if the world is not known."""
    if link.account is None:
        return None
    return customer_page(link.customer_id, None if link.account == own_pin else link.account)
