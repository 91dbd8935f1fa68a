"""Reads one user and the customers that have to do with them into a spool, instead of the whole tenant."""

from __future__ import annotations

from contextlib import suppress

from webstore.errors import NoSuchCustomer, SearchUnavailable, UserGone
from webstore.linking import Linker
from webstore.linking.models import Customer, User
from webstore.linking.protocol import CUSTOMER_ID, MAX_OWNERS

from .collect import kept
from .findings import Setting
from .models import CustomersPage, Exported, Slice
from .spool import Spool

#: After every moment at which a customer was created.
_FAR = 2.0**33


def collect_one(spool: Spool, setting: Setting, linker: Linker, user_ids: tuple[str, ...], who: str) -> None:
    """Read these users, and the customers that `who` means or that name them. Raises the vendors' errors.

    Who else records a customer is not known then.
    """
    users: dict[str, User] = {}
    customers: dict[str, Customer] = {}
    if CUSTOMER_ID.fullmatch(who):
        named = linker.payments.get_customer(who)
        customers |= {} if named.deleted else {named.id: named}
    for user_id in user_ids:
        found = _read(linker, user_id)
        users |= {it.user_id: it for it in found}
        if not found:
            customers |= {it.id: it for it in _of_nobody(linker, user_id)}
    for user in users.values():
        customers |= {it.id: it for it in _customers(linker, user)}
    if not users and not customers:
        raise UserGone("there is neither such a user nor a customer that names them")
    for _ in spool.replace_users(kept(Exported(it, last_login=_FAR), setting) for it in users.values()):
        pass
    part = spool.add_slice(Slice(0, int(_FAR)))
    page = CustomersPage(tuple(customers.values()), more=False)
    spool.add_customers(part, page, newest=_FAR)
    done = dict.fromkeys(("customers", "users", "late"), "read")
    spool.keep(newest=str(_FAR), job="none", **done)


def _read(linker: Linker, user_id: str) -> list[User]:
    """The user; or those into whom this account was merged, of which Auth0 has no record then."""
    directory = linker.directory
    with suppress(UserGone):
        return [directory.read_user(user_id)]
    found = []
    for primary in directory.find_by_identity(user_id):
        with suppress(UserGone):
            found.append(directory.read_user(primary))
    # The search lags, the record does not.
    return [it for it in found if user_id in it.identities]


def _of_nobody(linker: Linker, user_id: str) -> list[Customer]:
    """Living customers that name a user who does not exist, as far as there is a search."""
    payments = linker.payments
    found = []
    with suppress(SearchUnavailable):
        for hit in payments.search_by_owner(user_id):
            with suppress(NoSuchCustomer):
                found.append(payments.get_customer(hit.id))
    return [it for it in found if not it.deleted and it.owner == user_id]


def _customers(linker: Linker, user: User) -> list[Customer]:
    """Living customers that name the user or a merged account, or nobody and have the address."""
    payments = linker.payments
    hits = {it.id: it for address in user.addresses[:MAX_OWNERS] for it in payments.list_by_email(address)}
    try:
        for owner in user.owners[:MAX_OWNERS]:
            hits |= {it.id: it for it in payments.search_by_owner(owner)}
    except SearchUnavailable:
        pass
    found = []
    for hit in hits.values():
        if hit.owner not in (None, *user.owners):
            continue
        try:
            customer = payments.get_customer(hit.id)
        except NoSuchCustomer:
            continue
        if not customer.deleted and customer.owner in (None, *user.owners):
            found.append(customer)
    return found
