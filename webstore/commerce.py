"""What is sold, bought and paid for, as frozen values. Times are Unix seconds, amounts minor units.

All of it is read from Stripe; the store keeps none of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the currency's minor unit as Stripe counts it, https://docs.stripe.com/currencies."""

    amount: int
    #: ISO 4217, lower case, as Stripe writes it.
    currency: str


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How often a recurring price is due.

    Source: https://docs.stripe.com/api/prices/object#price_object-recurring
    """

    #: "day", "week", "month" or "year".
    interval: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Price:
    """One way to buy a product. Source: https://docs.stripe.com/api/prices/object"""

    id: str
    product_id: str
    money: Money
    #: None: bought once.
    recurrence: Recurrence | None = None
    nickname: str | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """What is sold, with the prices it can be bought at, the default one first; never without a price.

    Source: https://docs.stripe.com/api/products/object
    """

    #: Also the SKU.
    id: str
    name: str
    prices: tuple[Price, ...]
    description: str | None = None
    #: Addresses of pictures.
    images: tuple[str, ...] = ()
    #: False where the product's metadata says `stock` = "0".
    in_stock: bool = True
    #: None: not said.
    shippable: bool | None = None
    created: float = 0.0
    updated: float = 0.0


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that can be bought, as it was read at `read_at`."""

    products: tuple[Product, ...]
    read_at: float

    def product(self, product_id: str) -> Product | None:
        """The product with this ID, if it can be bought."""
        return next((product for product in self.products if product.id == product_id), None)

    def priced(self, price_id: str) -> tuple[Product, Price] | None:
        """The price with this ID, and its product, if it can be bought."""
        for product in self.products:
            for price in product.prices:
                if price.id == price_id:
                    return product, price
        return None


@dataclass(frozen=True, slots=True)
class CartLine:
    """A price in the cart, how many, and what it cost when it was put in."""

    price_id: str
    quantity: int
    seen: Money
    #: Whose price it is: a price that changes is a new price of the same product.
    product_id: str | None = None
    recurrence: Recurrence | None = None
    #: A short form of the price's nickname, which tells the variants of a product apart.
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Cart:
    """What a browser has in its cart."""

    lines: tuple[CartLine, ...] = ()
    #: Checkout Sessions that were begun with this cart and are not known to be paid or over.
    sessions: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class Purchase:
    """A line to be bought, with today's price."""

    product: Product
    price: Price
    quantity: int

    @property
    def total(self) -> Money:
        """Price times quantity, before taxes, shipping and discounts."""
        return Money(self.price.money.amount * self.quantity, self.price.money.currency)


class SessionStatus(StrEnum):
    """https://docs.stripe.com/api/checkout/sessions/object#checkout_session_object-status"""

    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class BoughtLine:
    """A line of a Checkout Session or an invoice."""

    description: str
    quantity: int
    total: Money
    price_id: str | None = None
    product_id: str | None = None
    #: Of a Checkout Session's line.
    recurrence: Recurrence | None = None


@dataclass(frozen=True, slots=True)
class CheckoutSession:
    """Source: https://docs.stripe.com/api/checkout/sessions/object"""

    id: str
    status: SessionStatus
    #: "paid", "unpaid" or "no_payment_required".
    payment_status: str
    #: "payment", "subscription" or "setup".
    mode: str
    created: float
    expires_at: float
    total: Money
    #: Where the shopper pays; None once it is not open any more.
    url: str | None = None
    customer_id: str | None = None
    #: `metadata.auth0_user_id`, which the store writes: whose purchase it is.
    owner: str | None = None
    lines: tuple[BoughtLine, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether the goods are to be handed over: paid, or nothing to pay."""
        return self.status is SessionStatus.COMPLETE and self.payment_status != "unpaid"


class OrderStatus(StrEnum):
    """How an order stands, in the shopper's terms."""

    PAID = "paid"
    #: A payment method that takes days, e.g. a bank debit.
    PROCESSING = "processing"
    FAILED = "failed"
    PARTLY_REFUNDED = "partly_refunded"
    REFUNDED = "refunded"
    #: An invoice that waits for its payment.
    DUE = "due"


@dataclass(frozen=True, slots=True)
class Order:
    """A purchase, or the renewal of a subscription."""

    #: The Checkout Session's ID, or the renewal's invoice ID.
    id: str
    created: float
    status: OrderStatus
    total: Money
    refunded: Money
    lines: tuple[BoughtLine, ...]
    renewal: bool = False
    #: The receipt or the hosted invoice at Stripe.
    document_url: str | None = None
    #: The metadata's `auth0_user_id`: whose purchase it is.
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """What the store believes of a webhook's event: its kind, and which object to read afresh.

    Source: https://docs.stripe.com/api/events/object
    """

    id: str
    type: str
    livemode: bool
    #: None where the object has no ID, as a balance has none.
    object_id: str | None
    object_type: str | None
    #: The customer that the object is, or belongs to.
    customer_id: str | None
