"""Products and prices, and the table of prices."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from webstore.sandbox.stripe.tables import RowTable


@dataclass(frozen=True, slots=True)
class Product:
    """One version of a product. Times are in Unix seconds.

    Source: https://docs.stripe.com/api/products/object
    """

    id: str
    created: int
    updated: int
    name: str
    active: bool = True
    default_price: str | None = None
    description: str | None = None
    images: list[str] = field(default_factory=list)
    marketing_features: list[dict[str, object]] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    package_dimensions: dict[str, object] | None = None
    shippable: bool | None = None
    statement_descriptor: str | None = None
    tax_code: str | None = None
    type: str = "service"
    unit_label: str | None = None
    url: str | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Recurring:
    """How often a recurring price is due. Source: https://docs.stripe.com/api/prices/object"""

    interval: str
    interval_count: int = 1
    trial_period_days: int | None = None
    usage_type: str = "licensed"


@dataclass(frozen=True, slots=True)
class Price:
    """One version of a price. `unit_amount` is in minor units and may have decimals.

    With `custom_unit_amount` the customer chooses the amount, and `unit_amount` is None. An `inline` price
    was created for one Checkout Session and does not appear in lists.
    Source: https://docs.stripe.com/api/prices/object
    """

    id: str
    created: int
    product: str
    currency: str
    unit_amount: Decimal | None
    active: bool = True
    custom_unit_amount: dict[str, object] | None = None
    lookup_key: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    nickname: str | None = None
    recurring: Recurring | None = None
    tax_behavior: str = "unspecified"
    inline: bool = False
    deleted: bool = False

    @property
    def type(self) -> str:
        """`one_time` or `recurring`."""
        return "one_time" if self.recurring is None else "recurring"

    @property
    def whole_amount(self) -> int | None:
        """The amount in minor units, or None when it has decimals or the customer chooses it."""
        amount = self.unit_amount
        return int(amount) if amount is not None and amount == amount.to_integral_value() else None


class PriceTable(RowTable[Price]):
    """Prices by position, by product and by lookup key."""

    def __init__(self) -> None:
        super().__init__()
        self._of_product: defaultdict[str, list[int]] = defaultdict(list)
        self._by_lookup_key: dict[str, str] = {}

    def add(self, row: Price) -> None:
        """Append a new price."""
        self._of_product[row.product].append(len(self))
        super().add(row)
        if row.lookup_key is not None:
            self._by_lookup_key[row.lookup_key] = row.id

    def change(self, row: Price) -> None:
        """Replace the price with the same ID. Raises KeyError."""
        super().change(row)
        if row.lookup_key is not None and not row.deleted:
            self._by_lookup_key[row.lookup_key] = row.id

    def positions_of_product(self, product_id: str) -> Sequence[int]:
        """The positions of a product's prices, oldest first, including deleted ones."""
        return self._of_product.get(product_id, ())

    def of_product(self, product_id: str) -> list[Price]:
        """The prices of a product that are not deleted, oldest first."""
        prices = map(self.at, self.positions_of_product(product_id))
        return [price for price in prices if not price.deleted]

    def with_lookup_key(self, key: str) -> Price | None:
        """The price with this lookup key, or None when no price has it or the price was deleted."""
        price = self.get(self._by_lookup_key.get(key, ""))
        return price if price is not None and price.lookup_key == key else None
