"""The findings in words: a message for each, and the commands with which a person repairs it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from webstore.linking.models import Customer, User

from .models import Kind

_CUSTOMERS = "flask --app wsgi customers"
#: Characters of a recorded value that are shown.
_MAX_SHOWN = 255


@dataclass(frozen=True, slots=True)
class About:
    """What a finding about a user is about."""

    user: User
    customer_id: str | None
    #: Whom or what the customer names, or which fields differ.
    named: str | None = None
    #: Why there is no living customer with the recorded ID.
    gone: str | None = None
    customers: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


def message(kind: Kind, about: About, subscriptions: tuple[str, ...] = ()) -> str:
    """The finding in a sentence, with running subscriptions if the customer has some."""
    told = _message(kind, about)
    if subscriptions:
        told += f" {_running(subscriptions)} on it, and the account page does not show that."
    if about.user.blocked:
        told += " The user is blocked in Auth0."
    return told


def _message(kind: Kind, about: About) -> str:
    one = (about.customer_id or "none")[:_MAX_SHOWN]
    match kind:
        case Kind.UNLINKED_USER if about.customers:
            return f"The user has no customer; {about.customers[0]} has the address and names nobody."
        case Kind.UNLINKED_USER:
            return "The user has no customer on either side."
        case Kind.CUSTOMER_NOT_RECORDED:
            return f"{one} names the user, and Auth0 records no customer."
        case Kind.BACK_REFERENCE_MISSING:
            return f"Auth0 records {one}, which names nobody."
        case Kind.WRONG_BACK_REFERENCE:
            return f"Auth0 records {one}, which names {about.named}."
        case Kind.SHARED_CUSTOMER:
            named = f"names {about.named}" if about.named else "names nobody"
            return f"{len(about.users)} users record {one}, which {named}: {', '.join(about.users)}."
        case Kind.DUPLICATE_CUSTOMERS if about.named == "nobody":
            others = about.customers[1:]
            return (
                f"Auth0 records {one}, which names nobody, and {', '.join(others)} "
                f"{'names' if len(others) == 1 else 'name'} the user. The store takes the recorded one."
            )
        case Kind.DUPLICATE_CUSTOMERS:
            return f"{len(about.customers)} living customers are this user's: {', '.join(about.customers)}."
        case Kind.DANGLING_ID:
            return _dangling(one, about)
        case Kind.MERGED_SECONDARY:
            return f"{one} names {about.named}, an account that was merged into this user."
        case Kind.OTHER_TENANT:
            return f"Auth0 records {one}, which names this user of the tenant {about.named}."
        case Kind.UNPINNED:
            return f"Auth0 records {one} without the account and mode that it belongs to."
        case Kind.DRIFT:
            differ = "differ" if " and " in (about.named or "") else "differs"
            return f"The {about.named} of {one} {differ} from Auth0's."
    raise TypeError(f"no finding about a user is called {kind}")


def _dangling(one: str, about: About) -> str:
    match about.gone:
        case "deleted":
            return f"Auth0 records {one}, which was deleted in Stripe."
        case "missing":
            return f"Auth0 records {one}, which Stripe does not know in this account and mode."
        case "other mode":
            return f"Auth0 records {one} for this mode, and it exists in the other one."
    return f"Auth0 records {one}, which is not among this account's customers."


def commands(kind: Kind, about: About) -> tuple[str, ...]:
    """Shell commands for a person, who chooses one of them."""
    user_id = about.user.user_id
    show = f"{_CUSTOMERS} show {shlex.quote(user_id)}"
    one = about.customer_id or ""
    match kind:
        case Kind.SHARED_CUSTOMER:
            return (f"{_CUSTOMERS} show {shlex.quote(one)}", *(_link(it) for it in about.users))
        case Kind.WRONG_BACK_REFERENCE:
            return (show, _link(user_id), *take_over(user_id, one))
        case Kind.DUPLICATE_CUSTOMERS:
            return (show, *(_relink(user_id, it) for it in about.customers[1:]))
        case Kind.DANGLING_ID:
            return (show, *(_relink(user_id, it) for it in about.customers or ("CUSTOMER",)))
        case Kind.OTHER_TENANT:
            return (show, *take_over(user_id, one))
        case Kind.MERGED_SECONDARY | Kind.CUSTOMER_NOT_RECORDED | Kind.BACK_REFERENCE_MISSING:
            return (show, _relink(user_id, one))
    return (show,)


def other_tenant(customer: Customer) -> str:
    """The message for a customer that names a user of another tenant."""
    return f"{customer.id} names {customer.owner} of the tenant {customer.tenant}."


def orphan(customer: Customer, running: tuple[str, ...]) -> str:
    """The message for a customer whose user does not exist."""
    told = f"{customer.id} names {customer.owner}, who does not exist in Auth0."
    return f"{told} {_running(running)} on it." if running else told


def of_orphan(customer_id: str) -> tuple[str, ...]:
    """The commands about a customer whose user does not exist."""
    return (
        f"{_CUSTOMERS} show {shlex.quote(customer_id)}",
        f"{_CUSTOMERS} relink USER {shlex.quote(customer_id)} --take-over",
    )


def take_over(user_id: str, customer_id: str) -> tuple[str, ...]:
    """The command that gives a customer to a user whom it does not name."""
    return (f"{_relink(user_id, customer_id)} --take-over",)


def _relink(user_id: str, customer_id: str) -> str:
    return f"{_CUSTOMERS} relink {shlex.quote(user_id)} {shlex.quote(customer_id)}"


def _link(user_id: str) -> str:
    return f"{_CUSTOMERS} link {shlex.quote(user_id)}"


def _running(subscriptions: tuple[str, ...]) -> str:
    return f"{', '.join(subscriptions)} {'runs' if len(subscriptions) == 1 else 'run'}"
