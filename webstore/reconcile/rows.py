"""Users and customers as rows of the spool, and back. A list is a cell of JSON, empty without items."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from webstore.linking.models import Customer, User

#: The columns that `customer_of` reads; {0} is the name of the table in the query.
CUSTOMER = "{0}.id, {0}.owner, {0}.tenant, {0}.email, {0}.name, {0}.created, {0}.generation"
#: The columns that `user_of` reads.
USER = (
    "u.id, u.email, u.verified, u.name, u.blocked, u.created, u.recorded, u.pin, u.suffix, u.replaced, "
    "u.merged, u.identities"
)


@dataclass(frozen=True, slots=True)
class KeptUser:
    """A user as the spool keeps them."""

    #: With the keys of this account and mode.
    user: User
    last_login: float
    #: The suffix of this account and mode's own keys, if the plain ones turn out to be another one's.
    own_suffix: str
    #: Whether the user is linked in another account or mode.
    elsewhere: bool
    #: Whether the user's link is another live account's, which this store refuses.
    refused: bool


def user_row(kept: KeptUser) -> tuple[object, ...]:
    """The row of the table `users`."""
    user = kept.user
    return (
        *(user.user_id, user.email, user.email_verified, user.name, user.blocked, user.created_at),
        *(kept.last_login, user.customer_id, user.account, user.suffix, kept.own_suffix),
        *(json.dumps(it) if it else "" for it in (user.replaced, user.merged, user.identities)),
        *(kept.elsewhere, kept.refused),
    )


def user_of(row: Sequence[object]) -> User:
    """The user in the columns of `USER`."""
    user_id, email, verified, name, blocked, created, recorded, pin, suffix, *lists = row
    replaced, merged, identities = (tuple(json.loads(str(it))) if it else () for it in lists)
    return User(
        str(user_id),
        email=text_or_none(email),
        email_verified=bool(verified),
        name=text_or_none(name),
        created_at=float(str(created)),
        blocked=bool(blocked),
        customer_id=text_or_none(recorded),
        account=text_or_none(pin),
        suffix=str(suffix),
        replaced=replaced,
        merged=merged,
        identities=identities,
    )


def customer_row(it: Customer, *, fresh: bool) -> tuple[object, ...]:
    """The row of the table `customers`. `fresh`: the customer was created during the run."""
    return it.id, it.owner, it.tenant, it.email, it.name, it.created, it.generation, fresh


def customer_of(row: Sequence[object]) -> Customer:
    """The customer in the columns of `CUSTOMER`."""
    customer_id, owner, tenant, email, name, created, generation = row
    return Customer(
        str(customer_id),
        email=text_or_none(email),
        name=text_or_none(name),
        created=float(str(created)),
        owner=text_or_none(owner),
        tenant=text_or_none(tenant),
        generation=int(str(generation)),
    )


def text_or_none(value: object) -> str | None:
    """A cell with a text, or None if it has none."""
    return None if value is None else str(value)
