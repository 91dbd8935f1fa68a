"""One tenant and the Stripe of several accounts and modes, in memory."""

from __future__ import annotations

from dataclasses import replace

from tests.fakes import as_recorded
from tests.unit.linking.vendors import Vendors
from webstore.linking.models import Account, User

#: The worlds by name: account and mode.
WORLDS = {
    "test": Account("acct_1", livemode=False),
    "live": Account("acct_1", livemode=True),
    "other": Account("acct_2", livemode=False),
    "second": Account("acct_2", livemode=True),
    "restricted": Account(None, livemode=False),
}
ID, PIN, REPLACED = "stripe_customer_id", "stripe_account", "stripe_replaced"


def stripe_of(*names: str, users: dict[str, User]) -> dict[str, Vendors]:
    """The Stripe of each of these worlds, for the users of one tenant."""
    found = {name: Vendors(account=WORLDS[name], users=users, ids=f"cus_{name}") for name in names}
    for name, vendors in found.items():
        for other, there in found.items():
            one, two = WORLDS[name], WORLDS[other]
            if one.id == two.id and one.livemode != two.livemode:
                vendors.other_mode = there
    return found


def place_of(vendors: Vendors, user: User) -> str:
    """The suffix of the keys that this world's store reads in the user's record; "" for the plain keys."""
    records, pin = as_recorded(user).records, vendors.account.pin
    suffix = f"_{str(pin).replace(' ', '_')}"
    if records.get(PIN) == pin:
        return ""
    unlinked = PIN + suffix in records and not vendors.account.livemode
    return suffix if ID + suffix in records or PIN in records or unlinked else ""


def link_of(vendors: Vendors, user: User) -> str | None:
    """The customer that is recorded for the user in this world."""
    found = as_recorded(user).records.get(ID + place_of(vendors, user))
    return None if found is None else str(found)


def predecessors(vendors: Vendors, user: User) -> tuple[str, ...]:
    """The user's earlier customers in this world. An unlinked live world may have them in keys of its own."""
    records, place = as_recorded(user).records, place_of(vendors, user)
    own = f"_{str(vendors.account.pin).replace(' ', '_')}"
    places = ["", own] if vendors.account.livemode and PIN not in records else [place]
    return tuple(it for at in places for it in str(records.get(REPLACED + at, "")).split())


def record(vendors: Vendors, user_id: str, customer_id: str | None, *, pinned: bool = True) -> None:
    """An operator, or an import, writes this world's link; None removes it."""
    place = place_of(vendors, vendors.users[user_id])
    pin = vendors.account.pin if pinned and customer_id is not None else None
    vendors.patch(user_id, {ID + place: customer_id, PIN + place: pin})


def rename_tenant(stripe: dict[str, Vendors], tenant: str) -> None:
    """The stores are set up for another tenant."""
    for vendors in stripe.values():
        vendors.tenant = tenant


def without_metadata(user: User, now: float) -> User:
    """The user made again: the same ID and address, a fresh `created_at`, and an empty record."""
    return replace(User(user.user_id), email=user.email, name=user.name, created_at=now)
