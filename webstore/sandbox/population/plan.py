"""The description of a population, and what it means for each user and each customer."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from webstore.sandbox.population.faults import KINDS, PAIRS, Fault, Kind
from webstore.sandbox.population.people import People, Person

MOST = 10_000_000
_FIELDS = {"size", "faults", "random", "account", "livemode", "tenant", "since", "until", "subscribed"}
_OTHER_TENANT = "another-tenant.eu.auth0.com"
DAY_S = 86_400
_YEARS_S = 3 * 365 * DAY_S


class UserRecord(NamedTuple):
    """What Auth0 has about a person. `customer_id` is the recorded one; `merged` are merged accounts."""

    person: Person
    exists: bool = True
    customer_id: str | None = None
    pinned: bool = True
    merged: tuple[Person, ...] = ()


class CustomerRecord(NamedTuple):
    """What Stripe has about a person. `owner` is the user ID in the metadata."""

    person: Person
    owner: str | None
    tenant: str | None
    email: str | None
    name: str | None
    exists: bool = True
    deleted: bool = False
    subscribed: bool = False


@dataclass(frozen=True)
class Population:
    """`size` people with a user and a customer each, linked as a store links them, with faults.

    `faults` counts the faults of each kind. `random` decides the IDs, and who has which fault. `account`
    and `livemode` are the world of the links. `tenant` is the canonical domain that customers name. Users
    and customers were created in the order of their numbers, evenly between `since` and `until` (Unix
    seconds). `subscribed` of the sound customers have a running subscription.
    """

    size: int
    faults: Mapping[Kind, int]
    random: int
    account: str
    livemode: bool
    tenant: str
    since: int
    until: int
    subscribed: int = 0

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> "Population":  # Any: JSON of the control endpoints
        """The population of a description in JSON, which must be the same for both vendors.

        Needed are `size`, `account` and `tenant`. `faults` is the number of faults, spread over all kinds,
        or an object with the number of each kind. Raises ValueError for a description that is wrong.
        """
        if unknown := sorted(set(given) - _FIELDS):
            raise ValueError(f"a population has no {', '.join(unknown)}")
        size = _number(given, "size", None, MOST)
        until = _number(given, "until", 1_767_225_600, 2**40)
        since = _number(given, "since", until - _YEARS_S, 2**40)
        account, tenant = given.get("account"), given.get("tenant")
        livemode = given.get("livemode", False)
        if not isinstance(account, str) or not isinstance(tenant, str) or not isinstance(livemode, bool):
            raise ValueError("account and tenant must be texts, livemode true or false")
        if since > until:
            raise ValueError("since must not be after until")
        population = cls(
            size=size,
            faults=_counts(given.get("faults", 0)),
            random=_number(given, "random", 0, 2**63),
            account=account,
            livemode=livemode,
            tenant=tenant,
            since=since,
            until=until,
            subscribed=_number(given, "subscribed", 0, MOST),
        )
        if population.taken > size:
            raise ValueError(f"faults and subscriptions need {population.taken} people")
        if population.faults["wrong_back_reference"] == 1:
            raise ValueError("a wrong_back_reference names somebody who has one, too: none, or two and more")
        return population

    @property
    def taken(self) -> int:
        """How many people the faults and the subscriptions need."""
        return self.subscribed + sum(
            count * (2 if kind in PAIRS else 1) for kind, count in self.faults.items()
        )

    @property
    def pin(self) -> str:
        """The account and mode as a store records them beside the customer's ID."""
        return f"{self.account} {'live' if self.livemode else 'test'}"

    @cached_property
    def people(self) -> People:
        """Everybody."""
        return People(self.size, f"{self.random} {self.account} {self.livemode}")

    def created_at(self, number: int) -> int:
        """When the customer of a person was created, in Unix seconds. It never decreases with the number."""
        return self.since + (self.until - self.since) * number // max(1, self.size - 1)

    def user(self, number: int) -> UserRecord:
        """The record of a user without a fault."""
        person = self.people.person(number)
        return UserRecord(person, customer_id=person.customer_id)

    def customer(self, number: int) -> CustomerRecord:
        """The record of a customer without a fault."""
        person = self.people.person(number)
        return CustomerRecord(person, person.user_id, self.tenant, person.email, person.name)

    @cached_property
    def plan(self) -> "Plan":
        """The faults, and the records that they change."""
        return Plan(self)


class Plan:
    """The records that differ from those of a sound population, by number, and the list of faults."""

    def __init__(self, population: Population) -> None:
        self._population = population
        self.users: dict[int, UserRecord] = {}
        self.customers: dict[int, CustomerRecord] = {}
        self.faults: list[Fault] = []
        # Random, but the same at both vendors.
        drawn = random.Random(population.random).sample(range(population.size), population.taken)  # noqa: S311
        numbers = iter(drawn)
        for kind in KINDS:
            count = population.faults.get(kind, 0)
            if kind == "wrong_back_reference":
                self._misname([next(numbers) for _ in range(count)])
                continue
            for place in range(count):
                number = next(numbers)
                self._plant(kind, number, next(numbers) if kind in PAIRS else number, even=place % 2 == 0)
        for number in numbers:
            self._put(population.customer(number)._replace(subscribed=True))

    def listed(self) -> list[list[str | None]]:
        """The faults as JSON: kind, user ID and customer ID of each."""
        return [[it.kind, it.user_id, it.customer_id] for it in self.faults]

    def _plant(self, kind: Kind, number: int, other: int, *, even: bool) -> None:
        user, customer = self._population.user(number), self._population.customer(number)
        second, its = self._population.user(other), self._population.customer(other)
        user_id = user.person.user_id
        customer_id: str | None = customer.person.customer_id
        match kind:
            case "unlinked_user":
                self._put(user._replace(customer_id=None), customer._replace(exists=False))
                customer_id = None
            case "customer_not_recorded":
                self._put(user._replace(customer_id=None))
            case "back_reference_missing":
                # A post-login Action that writes one side writes no account and mode either.
                self._put(user._replace(pinned=even), customer._replace(owner=None, tenant=None))
            case "duplicate_customers":
                again = customer._replace(person=its.person)
                self._put(second._replace(exists=False), again)
            case "dangling_id":
                gone = customer._replace(exists=False) if even else customer._replace(deleted=True)
                self._put(gone)
            case "shared_customer":
                self._put(second._replace(customer_id=customer_id), its._replace(exists=False))
                user_id = second.person.user_id
            case "orphan_customer":
                self._put(user._replace(exists=False))
            case "orphan_subscription":
                self._put(user._replace(exists=False), customer._replace(subscribed=True))
            case "merged_secondary":
                self._put(user._replace(merged=(second.person,)), second._replace(exists=False))
                customer_id = its.person.customer_id
            case "drift":
                email, name = f"former{number}@example.com", f"Former Name {number}"
                self._put(customer._replace(email=email) if even else customer._replace(name=name))
            case "unpinned":
                self._put(user._replace(pinned=False))
            case "other_tenant":
                self._put(customer._replace(tenant=_OTHER_TENANT))
        self.faults.append(Fault(kind, user_id, customer_id))

    def _misname(self, numbers: Sequence[int]) -> None:
        """Let the customer of each person name the next one, in a circle: nobody is named twice."""
        for number, other in zip(numbers, [*numbers[1:], *numbers[:1]], strict=True):
            customer = self._population.customer(number)
            self._put(customer._replace(owner=self._population.people.user_id(other)))
            self.faults.append(
                Fault("wrong_back_reference", customer.person.user_id, customer.person.customer_id)
            )

    def _put(self, *records: UserRecord | CustomerRecord) -> None:
        for record in records:
            if isinstance(record, UserRecord):
                self.users[record.person.number] = record
            else:
                self.customers[record.person.number] = record


# Any: a description is JSON, and is checked here.
def _number(given: Mapping[str, Any], name: str, default: int | None, most: int) -> int:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{name} must be a whole number from 0 to {most}")
    return value


def _counts(given: Any) -> dict[Kind, int]:  # Any: as above
    if isinstance(given, Mapping):
        if unknown := sorted(set(given) - set(KINDS)):
            raise ValueError(f"there is no fault {', '.join(unknown)}")
        return {kind: _number(given, kind, 0, MOST) for kind in KINDS}
    total = _number({"faults": given}, "faults", 0, MOST)
    each, more = divmod(total, len(KINDS))
    return {kind: each + (place < more) for place, kind in enumerate(KINDS)}
