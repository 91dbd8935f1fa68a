"""The customers of one account and mode, in order of creation and with their older versions."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from webstore.sandbox.stripe.seeds import SeedBatch

# How long old versions are kept for the lagging search index, in seconds. Longer than the lag of any test.
_HISTORY_S = 7200.0


@dataclass(frozen=True, slots=True)
class Customer:
    """One version of a customer. `created` is in Unix seconds, `balance` in minor units."""

    id: str
    created: int
    invoice_prefix: str
    address: dict[str, object] | None = None
    balance: int = 0
    business_name: str | None = None
    description: str | None = None
    email: str | None = None
    individual_name: str | None = None
    invoice_settings: dict[str, object] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    name: str | None = None
    next_invoice_sequence: int = 1
    phone: str | None = None
    preferred_locales: list[str] = field(default_factory=list)
    shipping: dict[str, object] | None = None
    tax_exempt: str = "none"
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class _Version:
    since: float
    customer: Customer


class CustomerTable:
    """Customers by position; 0 is the oldest. Not thread-safe by itself: the state's lock guards it.

    A seeded customer needs no memory until it is changed, because its batch generates it on each read.
    """

    def __init__(self) -> None:
        self._length = 0
        self._positions: dict[str, int] = {}
        self._versions: dict[int, list[_Version]] = {}
        self._seeds: list[SeedBatch] = []
        self._index: defaultdict[tuple[str, str], set[int]] = defaultdict(set)

    def __len__(self) -> int:
        return self._length

    def add(self, customer: Customer, now: float) -> None:
        """Append a new customer."""
        position = self._length
        self._length += 1
        self._positions[customer.id] = position
        self._store(position, customer, now)

    def add_seeds(self, count: int, prefix: str, tenant: str, created: int) -> None:
        """Append `count` made-up customers, all created at `created` (Unix seconds).

        Raises ValueError for a prefix that is in use.
        """
        if any(batch.prefix == prefix for batch in self._seeds):
            raise ValueError(f"there are customers with the prefix {prefix} already")
        self._seeds.append(SeedBatch(self._length, count, prefix, tenant, created))
        self._length += count

    def change(self, customer: Customer, now: float) -> None:
        """Replace the customer with the same ID, and keep the old version. Raises KeyError."""
        position = self.position_of(customer.id)
        if position is None:
            raise KeyError(customer.id)
        if position not in self._versions:
            self._versions[position] = [_Version(float("-inf"), self.at(position))]
        self._store(position, customer, now)

    def get(self, id: str) -> Customer | None:
        """The customer with this ID, deleted or not, or None."""
        position = self.position_of(id)
        return None if position is None else self.at(position)

    def position_of(self, id: str) -> int | None:
        """The position of the customer with this ID, or None."""
        if id in self._positions:
            return self._positions[id]
        return next((found for batch in self._seeds if (found := batch.position_of(id)) is not None), None)

    def at(self, position: int) -> Customer:
        """The current version of the customer at a position."""
        versions = self._versions.get(position)
        return versions[-1].customer if versions else self._seed(position)

    def created_at(self, position: int) -> int:
        """When the customer at a position was created, in Unix seconds. It never decreases."""
        return self.at(position).created

    def as_of(self, position: int, moment: float) -> Customer | None:
        """The version at `moment` of the customer at a position; None before its creation."""
        versions = self._versions.get(position)
        if versions is None:
            return self._seed(position)
        return next((version.customer for version in reversed(versions) if version.since <= moment), None)

    def candidates(self, field_name: str, value: str) -> Sequence[int]:
        """In ascending order, the positions whose field has or had this value, in any case.

        `field_name` is `email`, or `metadata.` and a key. The result may have too many positions, but it
        never lacks one.
        """
        folded = value.casefold()
        if any(batch.all_have(field_name, folded) for batch in self._seeds):
            return range(self._length)
        found = set(self._index.get((field_name, folded), ()))
        found.update(
            position
            for batch in self._seeds
            if (position := batch.position_with(field_name, folded)) is not None
        )
        return sorted(found)

    def _seed(self, position: int) -> Customer:
        for batch in self._seeds:
            if batch.start <= position < batch.start + batch.count:
                number = position - batch.start
                return Customer(
                    id=batch.id(number),
                    created=batch.created,
                    invoice_prefix=f"S{number:07d}",
                    email=batch.email(number),
                    metadata=batch.metadata(number),
                )
        raise IndexError(position)

    def _store(self, position: int, customer: Customer, now: float) -> None:
        versions = self._versions.setdefault(position, [])
        while len(versions) > 1 and versions[1].since < now - _HISTORY_S:
            versions.pop(0)
        versions.append(_Version(now, customer))
        if customer.email:
            self._index["email", customer.email.casefold()].add(position)
        for key, value in customer.metadata.items():
            self._index[f"metadata.{key}", value.casefold()].add(position)
