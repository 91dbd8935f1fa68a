"""The shoppers: accounts of every kind that matters to linking, at the sandbox's tenant."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.chaos.dice import Dice
from tests.chaos.worlds import World
from tests.support import DAY_S, PASSWORD
from webstore.sandbox.auth0.user import Metadata, User, database_user, hash_password, social_user
from webstore.sandbox.vendors import Sandbox

#: Kinds of shoppers, by how many of each twenty they are.
KINDS = {
    "new": 7,
    "older than the key": 4,
    "linked before in one world": 2,
    "linked before in each world": 1,
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
    #: When the account was merged into another one, or split from it, on the monotonic clock.
    regrouped_at: float = 0.0


@dataclass
class People:
    """Everybody so far; changes go through the tenant, as an administrator's would."""

    sandbox: Sandbox
    worlds: Sequence[World]
    dice: Dice
    #: Everybody who ever came, those whose account was merged into another one included.
    everybody: list[Person] = field(default_factory=list)
    #: Each primary and secondary account that were merged at any time.
    merged: set[tuple[str, str]] = field(default_factory=set)
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
        if person.social or not self.is_user(person):
            return
        email = f"moved{number}-{person.login.partition('@')[0]}@example.com"
        self.sandbox.auth0.state.users.change(person.user_id, lambda user: replace(user, email=email))
        person.login, person.changed = email, True

    def is_user(self, person: Person) -> bool:
        """Whether the account is a user of its own, and not merged into another one."""
        return self.sandbox.auth0.state.users.get(person.user_id) is not None

    def users(self) -> list[Person]:
        """Those who are users of their own now."""
        return [person for person in self.everybody if self.is_user(person)]

    def regroup(self, one: Person, other: Person) -> None:
        """Merge the second account into the first one; if that was done before, split them again."""
        office, pair = self.worlds[0].office, (one.user_id, other.user_id)
        is_apart = self.is_user(one), self.is_user(other)
        # A visit that is under way now may end with an error: the account logs in another user from now on.
        one.regrouped_at = other.regrouped_at = float("inf")
        try:
            if is_apart == (True, True):
                self.merged.add(pair)
                office.merge(*pair)
            elif is_apart == (True, False) and pair in self.merged:
                office.split(*pair)
                # The sandbox's clock was moved on, that of the store cannot be.
                self.sandbox.auth0.state.users.change(other.user_id, _made_by_now)
        finally:
            one.regrouped_at = other.regrouped_at = time.monotonic()

    def records(self) -> dict[str, Metadata]:
        """`app_metadata` of each user now, by user ID."""
        found = (self.sandbox.auth0.state.users.get(person.user_id) for person in self.everybody)
        return {user.user_id: user.app_metadata or {} for user in found if user is not None}

    def grow_older(self, seconds: float) -> None:
        """Let every account be older.

        To a store whose own clock cannot be moved this is what it is when time passes at the tenant.
        """

        def older(user: User) -> User:
            metadata = dict(user.app_metadata or {})
            for name in metadata:
                if name.startswith("stripe_link_failed_at"):
                    metadata[name] -= int(seconds)
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
            # Half of the IDs look like those that Auth0 draws at random, which may skip the look-up.
            user_id = f"auth0|{'c0ffee' if number % 2 else 'chaos'}{number:018d}"
            user = database_user(email, self._password, created, name=name, user_id=user_id)
        if "linked" in kind:
            each = self.worlds if "each" in kind else self.dice.sample(self.worlds, 1)
            # Live has the plain keys, unless it was never linked.
            owner = max(each, key=lambda world: world.livemode)
            links: dict[str, str] = {}
            for world in each:
                customer = world.office.make_customer(user.user_id, email)
                links |= world.links(customer, plain=world is owner)
            user = replace(user, app_metadata=links)
        self.sandbox.auth0.state.users.add(user)
        social = user.email is None
        return Person(user.user_id, kind, name if social else email, social)


def _made_by_now(user: User) -> User:
    return replace(user, created_at=min(user.created_at, time.time()))
