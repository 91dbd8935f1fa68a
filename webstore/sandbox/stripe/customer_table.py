"""The customers of one account and mode, in order of creation and with their older versions."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from webstore.sandbox.stripe.customer import Customer
from webstore.sandbox.stripe.seeds import Batch, SeedBatch

# How long old versions are kept for the lagging search index, in seconds. Longer than the lag of any test.
_HISTORY_S = 7200.0


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
        self._batches: list[Batch] = []
        #: Positions in a batch that no customer ever had.
        self._empty: set[int] = set()
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
        if any(batch.name == prefix for batch in self._batches):
            raise ValueError(f"there are customers with the prefix {prefix} already")
        self._batches.append(SeedBatch(self._length, count, prefix, tenant, created))
        self._length += count

    def begin_with(self, batch: Batch, others: Iterable[tuple[int, Customer | None]]) -> None:
        """Put a batch into a table that is empty so far.

        `others` are the customers, by position, that differ from the batch's. None: this customer does not
        exist. Raises ValueError for a table that has customers.
        """
        if self._length:
            raise ValueError("this account and mode has customers already")
        self._batches.append(batch)
        self._length = batch.count
        for position, customer in others:
            if customer is None:
                self._empty.add(position)
            else:
                self._store(position, customer, float("-inf"))

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
        found = (batch.position_of(id) for batch in self._batches)
        return next((it for it in found if it is not None and it not in self._empty), None)

    def at(self, position: int) -> Customer:
        """The current version of the customer at a position."""
        versions = self._versions.get(position)
        return versions[-1].customer if versions else self._seed(position)

    def created_at(self, position: int) -> int:
        """When the customer at a position was created, in Unix seconds. It never decreases."""
        batch = self._batch_of(position)
        return self.at(position).created if batch is None else batch.created_at(position - batch.start)

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
        if any(batch.all_have(field_name, folded) for batch in self._batches):
            return range(self._length)
        found = set(self._index.get((field_name, folded), ()))
        found.update(
            position
            for batch in self._batches
            if (position := batch.position_with(field_name, folded)) is not None
        )
        return sorted(found)

    def _seed(self, position: int) -> Customer:
        batch = self._batch_of(position)
        if batch is None:
            raise IndexError(position)
        customer = batch.customer(position - batch.start)
        # Lists skip a position without a customer like that of a deleted one.
        return replace(customer, deleted=True) if position in self._empty else customer

    def _batch_of(self, position: int) -> Batch | None:
        for batch in self._batches:
            if batch.start <= position < batch.start + batch.count:
                return batch
        return None

    def _store(self, position: int, customer: Customer, now: float) -> None:
        versions = self._versions.setdefault(position, [])
        while len(versions) > 1 and versions[1].since < now - _HISTORY_S:
            versions.pop(0)
        versions.append(_Version(now, customer))
        if customer.email:
            self._index["email", customer.email.casefold()].add(position)
        for key, value in customer.metadata.items():
            self._index[f"metadata.{key}", value.casefold()].add(position)
