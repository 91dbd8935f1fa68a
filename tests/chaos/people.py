"""The shoppers: accounts of every kind that matters to linking, at the sandbox's tenant."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from tests.chaos.dice import Dice
from tests.chaos.office import Office
from tests.support import DAY_S, PASSWORD
from webstore.sandbox.auth0.user import User, database_user, hash_password, social_user
from webstore.sandbox.stripe import ACCOUNT
from webstore.sandbox.vendors import Sandbox

#: Kinds of shoppers, by how many of each twenty they are.
KINDS = {
    "new": 7,
    "older than the key": 4,
    "linked before": 2,
    "without e-mail": 2,
    "without e-mail, older than the key": 2,
    "with an address that Stripe refuses": 2,
    "with an address that Stripe refuses, older than the key": 1,
}


@dataclass
class Person:
    """One shopper. `login` is the address to log in with, or the name of the social account."""

    user_id: str
    kind: str
    login: str
    social: bool
    #: Name or address changed, so that an attempt's parameters may differ from an earlier attempt's.
    changed: bool = False


@dataclass
class People:
    """Everybody so far; changes go through the tenant, as an administrator's would."""

    sandbox: Sandbox
    office: Office
    dice: Dice
    everybody: list[Person] = field(default_factory=list)
    _password: str = field(default_factory=lambda: hash_password(PASSWORD))

    def arrive(self, number: int) -> list[Person]:
        """Add so many shoppers, of random kinds."""
        kinds = self.dice.choices(list(KINDS), weights=list(KINDS.values()), k=number)
        fresh = [self._add(len(self.everybody) + place, kind) for place, kind in enumerate(kinds)]
        self.everybody.extend(fresh)
        return fresh

    def rename(self, person: Person, name: str) -> None:
        """Give somebody another name, at any time."""
        person.changed = True
        self.sandbox.auth0.state.users.change(person.user_id, lambda user: replace(user, name=name))

    def move(self, person: Person, number: int) -> None:
        """Give somebody another address, which Stripe takes; not while they log in with the old one."""
        if person.social:
            return
        email = f"moved{number}-{person.login.partition('@')[0]}@example.com"
        self.sandbox.auth0.state.users.change(person.user_id, lambda user: replace(user, email=email))
        person.login, person.changed = email, True

    def with_key(self, key: str) -> set[str]:
        """The IDs of those in whose `app_metadata` there is this key now."""
        find = self.sandbox.auth0.state.users.get
        users = (find(person.user_id) for person in self.everybody)
        return {user.user_id for user in users if user is not None and key in (user.app_metadata or {})}

    def grow_older(self, seconds: float) -> None:
        """Let every account be older.

        To a store whose own clock cannot be moved this is what it is when time passes at the tenant.
        """

        def older(user: User) -> User:
            metadata = dict(user.app_metadata or {})
            if "stripe_link_failed_at" in metadata:
                metadata["stripe_link_failed_at"] -= int(seconds)
            return replace(user, created_at=user.created_at - seconds, app_metadata=metadata or None)

        for person in self.everybody:
            self.sandbox.auth0.state.users.change(person.user_id, older)

    def _add(self, number: int, kind: str) -> Person:
        age_s = 30 * DAY_S if "older" in kind or "linked" in kind else 0.0
        created, name = time.time() - age_s, f"Shopper {number}"
        domain = "localhost" if "refuses" in kind else "example.com"
        email = f"shopper{number}@{domain}"
        if "without e-mail" in kind:
            user = social_user(name, None, name, created)
        else:
            user_id = f"auth0|chaos{number:06d}"
            user = database_user(email, self._password, created, name=name, user_id=user_id)
        if kind == "linked before":
            customer = self.office.make_customer(user.user_id, email)
            link = {"stripe_customer_id": customer, "stripe_account": f"{ACCOUNT} test"}
            user = replace(user, app_metadata=link)
        self.sandbox.auth0.state.users.add(user)
        social = user.email is None
        return Person(user.user_id, kind, name if social else email, social)
