"""Customers by the million, made up when somebody looks at them, and products by the thousand."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from webstore.sandbox.stripe.catalogue_tables import Price, Product, Recurring


@dataclass(frozen=True, slots=True)
class SeedBatch:
    """`count` customers from position `start` on, all created at `created` (Unix seconds).

    Number i has the ID `cus_<prefix>` and i with eight digits, belongs to the user `auth0|<prefix>...`
    and has the address `<prefix>...@example.com`.
    """

    start: int
    count: int
    prefix: str
    tenant: str
    created: int

    def id(self, number: int) -> str:
        """The ID of customer `number`."""
        return f"cus_{self.prefix}{number:08d}"

    def email(self, number: int) -> str:
        """The e-mail address of customer `number`."""
        return f"{self.prefix}{number:08d}@example.com"

    def metadata(self, number: int) -> dict[str, str]:
        """The metadata of customer `number`, as a store that links customers to users writes it."""
        return {"auth0_user_id": f"auth0|{self.prefix}{number:08d}", **self._shared()}

    def position_of(self, id: str) -> int | None:
        """Where the customer with this ID is, None when it is not one of this batch."""
        return self._position(r"cus_%s([0-9]{8})", id)

    def position_with(self, field_name: str, folded: str) -> int | None:
        """Where the one customer is whose e-mail or user ID, in lower case, is `folded`."""
        if field_name == "email":
            return self._position(r"%s([0-9]{8})@example\.com", folded, re.IGNORECASE)
        if field_name == "metadata.auth0_user_id":
            return self._position(r"auth0\|%s([0-9]{8})", folded, re.IGNORECASE)
        return None

    def all_have(self, field_name: str, folded: str) -> bool:
        """Whether every customer of the batch has this value, in lower case, in this field."""
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


_KINDS = ("Mug", "Teapot", "Bowl", "Candle", "Tea towel", "Honey", "Kettle", "Tray", "Vase", "Coaster")
_LOOKS = ("Amber", "Birch", "Clay", "Dune", "Ember", "Fern", "Grove")


def seeded_products(
    count: int, prices_each: int, prefix: str, created: int
) -> Iterator[tuple[Product, list[Price]]]:
    """Products with their prices in euros, the first one the default; every third price is a monthly one.

    Number i is the product `prod_<prefix>` and i with eight digits, with the prices `price_<prefix>`, the
    same digits and two more from 00 on.
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
