"""Made-up customers and products in large numbers. A customer is generated only when it is read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from webstore.sandbox.population import CustomerRecord, Population
from webstore.sandbox.stripe.catalogue_tables import Price, Product, Recurring
from webstore.sandbox.stripe.customer import Customer


class Batch(Protocol):
    """`count` customers from position `start` on, in the order of their creation, numbered from 0."""

    @property
    def name(self) -> str:
        """What tells this batch from others."""

    @property
    def start(self) -> int:
        """The position of the first one."""

    @property
    def count(self) -> int:
        """How many there are."""

    def customer(self, number: int) -> Customer:
        """The customer with this number."""

    def created_at(self, number: int) -> int:
        """When it was created, in Unix seconds."""

    def position_of(self, id: str) -> int | None:
        """The position of the customer with this ID, or None when it is not in this batch."""

    def position_with(self, field_name: str, folded: str) -> int | None:
        """The position of the customer with this lower-case e-mail or user ID, or None."""

    def all_have(self, field_name: str, folded: str) -> bool:
        """Whether every customer of the batch has this lower-case value in this field."""


@dataclass(frozen=True, slots=True)
class SeedBatch:
    """A batch of `count` customers from position `start` on, all created at `created` (Unix seconds).

    The ID of number i is `cus_<prefix>` and i with eight digits. With the same digits, its user ID is
    `auth0|<prefix>...` and its e-mail address `<prefix>...@example.com`.
    """

    start: int
    count: int
    prefix: str
    tenant: str
    created: int

    @property
    def name(self) -> str:
        """What tells this batch from others: its prefix."""
        return self.prefix

    def customer(self, number: int) -> Customer:
        """The customer with this number, with the link to a user that a store would write."""
        digits = f"{self.prefix}{number:08d}"
        return Customer(
            id=f"cus_{digits}",
            created=self.created,
            invoice_prefix=f"S{number:07d}",
            email=f"{digits}@example.com",
            metadata={"auth0_user_id": f"auth0|{digits}", **self._shared()},
        )

    def created_at(self, number: int) -> int:
        """When a customer was created, in Unix seconds: all at the same time."""
        del number
        return self.created

    def position_of(self, id: str) -> int | None:
        """The position of the customer with this ID, or None when it is not in this batch."""
        return self._position(r"cus_%s([0-9]{8})", id)

    def position_with(self, field_name: str, folded: str) -> int | None:
        """The position of the customer with this lower-case e-mail or user ID, or None."""
        if field_name == "email":
            return self._position(r"%s([0-9]{8})@example\.com", folded, re.IGNORECASE)
        if field_name == "metadata.auth0_user_id":
            return self._position(r"auth0\|%s([0-9]{8})", folded, re.IGNORECASE)
        return None

    def all_have(self, field_name: str, folded: str) -> bool:
        """Whether every customer of the batch has this lower-case value in this field."""
        return any(
            field_name == f"metadata.{key}" and folded == value.casefold()
            for key, value in self._shared().items()
        )

    def _shared(self) -> dict[str, str]:
        return {"auth0_tenant": self.tenant, "link_generation": "0"}

    def _position(self, pattern: str, text: str, flags: re.RegexFlag = re.NOFLAG) -> int | None:
        match = re.fullmatch(pattern % re.escape(self.prefix), text, flags)
        if match is None or int(match[1]) >= self.count:
            return None
        return self.start + int(match[1])


@dataclass(frozen=True, slots=True)
class PopulationBatch:
    """The customers of a population without its faults, as a store makes them at a login."""

    population: Population
    start: int = 0

    @property
    def name(self) -> str:
        """What tells this batch from others."""
        return "population"

    @property
    def count(self) -> int:
        """How many there are."""
        return self.population.size

    def customer(self, number: int) -> Customer:
        """The customer with this number."""
        return self.recorded(self.population.customer(number))

    def recorded(self, record: CustomerRecord) -> Customer:
        """The customer that a record describes. One that names nobody was not made by a store."""
        person, metadata, description = record.person, {}, None
        if record.owner is not None:
            metadata = {"auth0_user_id": record.owner, "link_generation": "0"}
            description = f"Created by the web store for the Auth0 user {record.owner}"
        if record.tenant is not None:
            metadata["auth0_tenant"] = record.tenant
        return Customer(
            id=person.customer_id,
            created=self.created_at(person.number),
            invoice_prefix=person.customer_id[-8:].upper(),
            description=description,
            email=record.email,
            metadata=metadata,
            name=record.name,
            deleted=record.deleted,
        )

    def created_at(self, number: int) -> int:
        """When a customer was created, in Unix seconds."""
        return self.population.created_at(number)

    def position_of(self, id: str) -> int | None:
        """The position of the customer with this ID, or None when it is not in this batch."""
        return self.population.people.number_of_customer(id)

    def position_with(self, field_name: str, folded: str) -> int | None:
        """The position of the customer with this lower-case e-mail or user ID, or None."""
        if field_name == "email":
            return self.population.people.number_of_email(folded)
        if field_name == "metadata.auth0_user_id":
            return self.population.people.number_of_user(folded)
        return None

    def all_have(self, field_name: str, folded: str) -> bool:
        """Whether every customer of the batch has this lower-case value in this field."""
        shared = {"metadata.link_generation": "0", "metadata.auth0_tenant": self.population.tenant.casefold()}
        return shared.get(field_name) == folded


_KINDS = ("Mug", "Teapot", "Bowl", "Candle", "Tea towel", "Honey", "Kettle", "Tray", "Vase", "Coaster")
_LOOKS = ("Amber", "Birch", "Clay", "Dune", "Ember", "Fern", "Grove")


def seeded_products(
    count: int, prices_each: int, prefix: str, created: int
) -> Iterator[tuple[Product, list[Price]]]:
    """Made-up products, each with `prices_each` prices in euros.

    The first price is the default. Every third price is monthly. The ID of product i is `prod_<prefix>`
    and i with eight digits. The IDs of its prices are `price_<prefix>`, the same digits and two more,
    counted from 00.
    """
    for number in range(count):
        digits = f"{prefix}{number:08d}"
        id = f"prod_{digits}"
        prices = [
            Price(
                id=f"price_{digits}{place:02d}",
                created=created,
                product=id,
                currency="eur",
                unit_amount=Decimal(500 + number % 97 * 100 + place * 250),
                nickname=f"Choice {place + 1}",
                recurring=Recurring("month") if place % 3 == 2 else None,
            )
            for place in range(prices_each)
        ]
        product = Product(
            id=id,
            created=created,
            updated=created,
            name=f"{_LOOKS[number % 7]} {_KINDS[number % 10].lower()} {number}",
            default_price=prices[0].id if prices else None,
            description=f"Number {number} of {count} made-up products.",
        )
        yield product, prices
