"""What the side-by-side page shows besides the fields: how a link came about, which customers name a user."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from webstore import deadline
from webstore.errors import NoSuchCustomer, OverBudget, PaymentsError, SearchUnavailable

from .attempt import Linker
from .models import Customer, Fact, User
from .protocol import MAX_CONFIRMED, MAX_OWNERS, Policy, names

#: Seconds that looking for the user's customers may take.
_LOOKING_S = 1.5
#: Names of values that are never shown.
_SECRET = re.compile(r"token|secret|password|api_?key|credential", re.IGNORECASE)
_HIDDEN = "(not shown)"


def living_customers(linker: Linker, user: User, linked: Customer | None) -> tuple[str, ...] | None:
    """The living customers that name the user, as the list by address and the search show them.

    None if they could not be read in time.
    """
    payments, policy = linker.payments, linker.policy
    hits: dict[str, Customer] = {}
    try:
        with deadline.within(_LOOKING_S):
            for address in user.addresses[:MAX_OWNERS]:
                hits |= {it.id: it for it in payments.list_by_email(address)}
            try:
                for owner in user.owners[:MAX_OWNERS]:
                    hits |= {it.id: it for it in payments.search_by_owner(owner)}
            except SearchUnavailable:
                pass
            if linked is not None:
                hits[linked.id] = linked
            naming = [it for it in hits.values() if names(it, user, policy)][:MAX_CONFIRMED]
            return tuple(sorted(it.id for it in naming if it is linked or _lives(linker, it, user, policy)))
    except (PaymentsError, OverBudget):
        return None


def _lives(linker: Linker, hit: Customer, user: User, policy: Policy) -> bool:
    """Whether the hit still names the user when it is read again: the search lags."""
    try:
        return names(linker.payments.get_customer(hit.id), user, policy)
    except NoSuchCustomer:
        return False


def facts(user: User, customer: Customer | None) -> tuple[Fact, ...]:
    """What one side alone knows about the user, and about the customer if it names the user."""
    told = [
        Fact("E-mail verified", "Yes" if user.email_verified else "No", "email_verified"),
        Fact("User since", _moment(user.created_at), "created_at"),
    ]
    connection = _connection(user)
    if connection:
        told.append(Fact("Connection", connection, "identities"))
    if user.identities:
        told.append(Fact("Merged accounts", ", ".join(user.identities), "identities"))
    if user.replaced:
        told.append(Fact("Earlier customers", ", ".join(user.replaced), "app_metadata.stripe_replaced"))
    if user.link_failed_at is not None:
        told.append(
            Fact("A create failed", _moment(user.link_failed_at), "app_metadata.stripe_link_failed_at")
        )
    if customer is not None:
        told += [
            Fact("Customer since", _moment(customer.created), "created"),
            Fact("Link generation", str(customer.generation), "metadata.link_generation"),
            Fact("How it came about", origin(user, customer), "metadata, description"),
        ]
    return tuple(told)


def origin(user: User, customer: Customer) -> str:
    """How the customer came to be this user's, as far as its metadata and description tell."""
    metadata = customer.raw.get("metadata")
    kept: Mapping[str, object] = metadata if isinstance(metadata, Mapping) else {}
    if "link_generation" not in kept:
        # A claim writes the tenant; a link made by hand need not.
        return (
            "It existed before, and was claimed for the user."
            if customer.tenant
            else "It was linked by hand: it names the user, and no tenant."
        )
    replaces = kept.get("replaces")
    made = f"The store made it in place of {replaces}" if replaces else "The store made it for the user"
    description = customer.description or ""
    if description.startswith("Created by the web store") and user.user_id not in description:
        return "The store made it for another account, and it was claimed for the user."
    if customer.generation:
        return f"{made}, after {customer.generation} earlier creates had failed."
    return f"{made}."


def shown(value: object) -> object:
    """JSON without values whose names look like those of secrets."""
    if isinstance(value, Mapping):
        return {
            name: _HIDDEN if _SECRET.search(str(name)) and held not in (None, "") else shown(held)
            for name, held in value.items()
        }
    if isinstance(value, list | tuple):
        return [shown(it) for it in value]
    return value


def _connection(user: User) -> str | None:
    listed = user.raw.get("identities")
    own = user.user_id.partition("|")
    for identity in listed if isinstance(listed, list) else []:
        if (identity.get("provider"), str(identity.get("user_id"))) == (own[0], own[2]):
            connection = identity.get("connection")
            return connection if isinstance(connection, str) else None
    return None


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC" if at else "Unknown"
