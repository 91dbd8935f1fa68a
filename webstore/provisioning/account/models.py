"""What `flask setup stripe` wants, finds and changes at Stripe, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

#: The metadata of the store's webhook endpoint.
ENDPOINT_MARK = {"webstore": "1"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook endpoint with whole ("snapshot") events. Source: https://docs.stripe.com/api/webhook_endpoints/object"""

    id: str
    url: str
    events: tuple[str, ...]
    #: None: the account's default version.
    api_version: str | None
    enabled: bool
    created: float


@dataclass(frozen=True, slots=True)
class Destination:
    """An event destination, which may be a webhook endpoint.

    Source: https://docs.stripe.com/api/v2/core/event-destinations/object
    """

    id: str
    #: None if it is not a webhook endpoint.
    url: str | None
    thin: bool
    #: Whether it receives the account's own events, not those of connected accounts.
    own_events: bool


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """The answer to the creation of a webhook endpoint, the only one that has the signing secret."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CataloguePrice:
    """A price of the catalogue file, or one at Stripe with a lookup key."""

    lookup_key: str
    product_id: str
    #: Minor units as Stripe counts them, https://docs.stripe.com/currencies. None: the amount is not fixed.
    amount: int | None
    #: ISO 4217, lower case.
    currency: str
    #: "day", "week", "month" or "year"; None: bought once.
    interval: str | None = None
    interval_count: int = 1
    nickname: str | None = None
    #: "inclusive" or "exclusive"; None: Stripe's default.
    tax_behavior: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True)
class CatalogueProduct:
    """A product of the catalogue file, or one at Stripe, which then has no prices here."""

    id: str
    name: str
    description: str | None = None
    images: tuple[str, ...] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    #: The first one is the default price.
    prices: tuple[CataloguePrice, ...] = ()
    active: bool = True
    #: Of a product at Stripe.
    has_default_price: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the store needs, from its settings and its code."""

    #: The store's address, without a slash at the end.
    base_url: str
    #: Event types that the store handles, in the order to show them in.
    events: tuple[str, ...]
    api_version: str
    #: Whether Stripe can reach the store: a real Stripe cannot reach this machine's own addresses.
    reachable: bool
    #: Whether the store has a signing secret.
    has_secret: bool
    #: The portal's configuration in the settings.
    portal_configuration: str | None
    automatic_tax: bool
    terms: bool
    #: The account's pages, such as https://dashboard.stripe.com/test.
    dashboard: str
    catalogue: tuple[CatalogueProduct, ...] = ()

    @property
    def webhook_url(self) -> str:
        """The address that receives the events."""
        return f"{self.base_url}/webhooks/stripe"


@dataclass(frozen=True, slots=True)
class Found:
    """What the account has."""

    endpoints: tuple[Endpoint, ...]
    #: None if they cannot be read.
    destinations: tuple[Destination, ...] | None
    #: The active configuration that the store made.
    own_portal: str | None
    #: Whether the configuration in the settings is active; None if there is none in the settings.
    chosen_portal_active: bool | None
    #: Whether Stripe Tax lacks something; None if that was not asked or cannot be read.
    tax_pending: bool | None
    #: Those that the catalogue file names.
    products: tuple[CatalogueProduct, ...] = ()
    prices: tuple[CataloguePrice, ...] = ()


class Action(StrEnum):
    """What a step does."""

    CREATE = "create"
    CHANGE = "change"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that changes, with all its values: none if it has no value, several if it is a list."""

    field: str
    before: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def removed(self) -> tuple[str, ...]:
        """The values that it has no more."""
        return tuple(it for it in self.before if it not in self.after)

    @property
    def added(self) -> tuple[str, ...]:
        """The values that it gets."""
        return tuple(it for it in self.after if it not in self.before)


def new(field: str, *values: str) -> Difference:
    """A field that has no value yet."""
    return Difference(field, (), values)


@dataclass(frozen=True, slots=True)
class CreateEndpoint:
    """Create the webhook endpoint, and keep its secret unless the store has one already."""

    url: str
    events: tuple[str, ...]
    keep_secret: bool


@dataclass(frozen=True, slots=True)
class ChangeEndpoint:
    """Have the endpoint receive these events, and switch it on."""

    id: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreatePortal:
    """Create the portal's configuration, and keep its ID."""


@dataclass(frozen=True, slots=True)
class KeepPortal:
    """Keep the ID of the portal's configuration in the settings."""

    id: str


@dataclass(frozen=True, slots=True)
class CreateProduct:
    """Create a product without its prices."""

    product: CatalogueProduct


@dataclass(frozen=True, slots=True)
class CreatePrice:
    """Create a price. `default`: make it the product's default price."""

    price: CataloguePrice
    default: bool


Command = CreateEndpoint | ChangeEndpoint | CreatePortal | KeepPortal | CreateProduct | CreatePrice


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the plan."""

    action: Action
    #: The object, such as "webhook endpoint https://shop.example.com/webhooks/stripe".
    what: str
    #: The object's ID if there is one already.
    id: str | None = None
    differences: tuple[Difference, ...] = ()
    #: A remark about it.
    note: str | None = None
    #: None: there is nothing to do.
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, in order, and what only a person can do."""

    steps: tuple[Step, ...]
    hints: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that change something."""
        return tuple(step for step in self.steps if step.command is not None)


class Account(Protocol):
    """The Stripe account that is set up. Every method raises `PaymentsError`."""

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All webhook endpoints with whole events."""

    def destinations(self) -> tuple[Destination, ...]:
        """All event destinations."""

    def own_portal(self) -> str | None:
        """The ID of the active portal configuration that the store made."""

    def is_active_portal(self, configuration_id: str) -> bool:
        """Whether there is an active portal configuration with this ID."""

    def tax_pending(self) -> bool:
        """Whether Stripe Tax lacks something that it needs."""

    def products(self, ids: tuple[str, ...]) -> tuple[CatalogueProduct, ...]:
        """The products with these IDs, as far as they exist."""

    def prices(self, lookup_keys: tuple[str, ...]) -> tuple[CataloguePrice, ...]:
        """The prices with these lookup keys."""

    def create_endpoint(self, url: str, events: tuple[str, ...]) -> NewEndpoint:
        """Create a webhook endpoint for whole events, with the store's API version and mark."""

    def change_endpoint(self, endpoint_id: str, events: tuple[str, ...]) -> None:
        """Have an endpoint receive these events, and switch it on."""

    def create_portal(self) -> str:
        """Create the store's portal configuration, and give its ID."""

    def create_product(self, product: CatalogueProduct) -> None:
        """Create a product without prices."""

    def create_price(self, price: CataloguePrice) -> str:
        """Create a price, and give its ID."""

    def set_default_price(self, product_id: str, price_id: str) -> None:
        """Make a price the product's default one."""
