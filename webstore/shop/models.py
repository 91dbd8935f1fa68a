"""Products, carts, Checkout Sessions and orders, as frozen values.

Times are Unix seconds, amounts minor units. All but the cart is read from Stripe; the store only caches it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from .numbers import session_number


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
    """A product with its prices, the default one first; it always has one.

    Source: https://docs.stripe.com/api/products/object
    """

    #: Also the SKU.
    id: str
    name: str
    prices: tuple[Price, ...]
    description: str | None = None
    #: Addresses of pictures.
    images: tuple[str, ...] = ()
    #: False if the product's metadata says `stock` = "0".
    in_stock: bool = True
    #: None if Stripe does not say.
    shippable: bool | None = None
    #: The collection that it belongs to, by name.
    category: str | None = None
    #: Whether the home page shows it first.
    featured: bool = False
    #: What its prices differ in, such as "Size".
    option: str | None = None
    #: Label and value of each fact about it, such as its material.
    facts: tuple[tuple[str, str], ...] = ()
    created: float = 0.0
    updated: float = 0.0


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All products that can be bought, as they were read at `read_at`."""

    products: tuple[Product, ...]
    read_at: float

    def product(self, product_id: str) -> Product | None:
        """The product with this ID, if it can be bought."""
        return next((product for product in self.products if product.id == product_id), None)

    def of_lines(self, lines: Iterable[BoughtLine]) -> dict[str | None, Product]:
        """The products of these lines that can still be bought, by ID."""
        wanted = {line.product_id for line in lines}
        return {product.id: product for product in self.products if product.id in wanted}

    def priced(self, price_id: str) -> tuple[Product, Price] | None:
        """The price with this ID, and its product, if it can be bought."""
        for product in self.products:
            for price in product.prices:
                if price.id == price_id:
                    return product, price
        return None


@dataclass(frozen=True, slots=True)
class CartLine:
    """A price in the cart, its quantity, and its amount when it was added."""

    price_id: str
    quantity: int
    seen: Money
    #: The price's product. A changed price is a new price of the same product.
    product_id: str | None = None
    recurrence: Recurrence | None = None
    #: Digest of the price's nickname, which distinguishes the variants of a product.
    variant: str | None = None
    #: The beginning of the product's name, for when the shop does not sell it any more.
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Cart:
    """The cart of a browser."""

    lines: tuple[CartLine, ...] = ()
    #: Checkout Sessions that were opened with this cart and are not known to be paid or expired.
    sessions: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """The number of pieces."""
        return sum(line.quantity for line in self.lines)


@dataclass(frozen=True, slots=True)
class Purchase:
    """An item to be bought, at today's price."""

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
    #: What the shopper chose among a product's prices: the price's nickname, such as "250 g".
    variant: str | None = None


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
    #: Where the shopper pays; None unless the session is open.
    url: str | None = None
    customer_id: str | None = None
    #: `metadata.auth0_user_id`, written by the store: the buyer.
    owner: str | None = None
    lines: tuple[BoughtLine, ...] = ()
    #: `metadata.order_number`, written by the store; None if another program made the session.
    noted_number: str | None = None
    #: Whether the payment of a complete session has failed.
    failed: bool = False
    #: The hosted page of a subscription's first invoice, while that is open: where the shopper can pay it.
    invoice_url: str | None = None

    @property
    def number(self) -> str:
        """The order's number."""
        return self.noted_number or session_number(self.id, self.created)

    @property
    def paid(self) -> bool:
        """Whether the items are to be handed over: they are paid, or there is nothing to pay."""
        return self.status is SessionStatus.COMPLETE and self.payment_status != "unpaid"


@dataclass(frozen=True, slots=True)
class SubscriptionItem:
    """What a subscription delivers. Source: https://docs.stripe.com/api/subscription_items/object"""

    price_id: str
    product_id: str | None
    quantity: int
    #: For one piece and one interval; None if the amount is not fixed.
    money: Money | None = None
    recurrence: Recurrence | None = None
    #: The price's nickname.
    variant: str | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription that has not ended. Source: https://docs.stripe.com/api/subscriptions/object"""

    id: str
    #: "active", "trialing", "past_due", "unpaid", "incomplete" or "paused", as Stripe calls it.
    status: str
    created: float
    items: tuple[SubscriptionItem, ...]
    #: The end of the present period: the next charge, unless the subscription ends before.
    period_end: float | None = None
    #: When it ends, if it has been cancelled for a later time.
    ends_at: float | None = None
    #: The hosted page of the latest invoice, while that is open: where the shopper can pay it.
    invoice_url: str | None = None
    #: Its description at Stripe, which is written for the shopper.
    description: str | None = None
    #: Whether nothing is collected for now (the status stays as it is), and when that ends, if known.
    collection_paused: bool = False
    resumes_at: float | None = None
    #: Whether discounts or tax change what is charged.
    adjusted: bool = False


@dataclass(frozen=True, slots=True)
class StripeEvent:
    """The part of a webhook's event that the store uses: its type, and which object to read.

    Source: https://docs.stripe.com/api/events/object
    """

    id: str
    type: str
    livemode: bool
    #: None if the object has no ID, as a balance.
    object_id: str | None
    #: The object's customer, or the object itself if it is one.
    customer_id: str | None
    #: When Stripe made the event.
    created: float = 0.0
    #: Another account that the event is about, as events of Connect and of organizations name it.
    account: str | None = None
    #: Whether its payload is thin: https://docs.stripe.com/event-destinations#thin-events
    thin: bool = False
