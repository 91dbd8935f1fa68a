"""A Stripe account in memory, for tests of `flask setup stripe`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from webstore.errors import PaymentsError
from webstore.provisioning.account.models import (
    CataloguePrice,
    CatalogueProduct,
    Destination,
    Endpoint,
    NewEndpoint,
    Wanted,
)

URL = "https://shop.example.com"
HOOK = f"{URL}/webhooks/stripe"
DASHBOARD = "https://dashboard.stripe.com/test"
VERSION = "2026-10-28.endive"
EVENTS = ("checkout.session.completed", "refund.failed")
MUG_PRICE = CataloguePrice("mug", "blue-mug", 1800, "eur")
MUG = CatalogueProduct("blue-mug", "Blue mug", prices=(MUG_PRICE,))


def wanted(**changes: Any) -> Wanted:
    """What a store needs at Stripe."""
    plain = Wanted(
        base_url=URL,
        events=EVENTS,
        api_version=VERSION,
        reachable=True,
        has_secret=False,
        portal_configuration=None,
        automatic_tax=False,
        terms=False,
        dashboard=DASHBOARD,
    )
    return replace(plain, **changes)


def endpoint(id: str = "we_1", **changes: Any) -> Endpoint:
    """The store's webhook endpoint."""
    return replace(Endpoint(id, HOOK, EVENTS, VERSION, enabled=True, created=1000.0), **changes)


@dataclass
class MemoryAccount:
    """A Stripe account. `instead`: what methods raise, by their names."""

    hooks: list[Endpoint] = field(default_factory=list)
    events_to: list[Destination] = field(default_factory=list)
    portals: list[str] = field(default_factory=list)
    pending: bool = False
    goods: dict[str, CatalogueProduct] = field(default_factory=dict)
    offers: dict[str, CataloguePrice] = field(default_factory=dict)
    instead: dict[str, PaymentsError] = field(default_factory=dict)
    #: The methods that changed something, in order.
    changes: list[str] = field(default_factory=list)

    def endpoints(self) -> tuple[Endpoint, ...]:
        self._fail("endpoints")
        return tuple(self.hooks)

    def destinations(self) -> tuple[Destination, ...]:
        self._fail("destinations")
        return tuple(self.events_to)

    def own_portal(self) -> str | None:
        return self.portals[0] if self.portals else None

    def is_active_portal(self, configuration_id: str) -> bool:
        return configuration_id in self.portals

    def tax_pending(self) -> bool:
        self._fail("tax_pending")
        return self.pending

    def products(self, ids: tuple[str, ...]) -> tuple[CatalogueProduct, ...]:
        return tuple(self.goods[it] for it in ids if it in self.goods)

    def prices(self, lookup_keys: tuple[str, ...]) -> tuple[CataloguePrice, ...]:
        return tuple(self.offers[it] for it in lookup_keys if it in self.offers)

    def create_endpoint(self, url: str, events: tuple[str, ...]) -> NewEndpoint:
        self._change("create_endpoint")
        made = endpoint(f"we_new{len(self.hooks)}", url=url, events=events)
        self.hooks.append(made)
        return NewEndpoint(made.id, "whsec_of_the_new_endpoint")

    def change_endpoint(self, endpoint_id: str, events: tuple[str, ...]) -> None:
        self._change("change_endpoint")
        self.hooks = [
            replace(it, events=events, enabled=True) if it.id == endpoint_id else it for it in self.hooks
        ]

    def create_portal(self) -> str:
        self._change("create_portal")
        self.portals.append("bpc_new")
        return "bpc_new"

    def create_product(self, product: CatalogueProduct) -> None:
        self._change("create_product")
        self.goods[product.id] = replace(product, prices=())

    def create_price(self, price: CataloguePrice) -> str:
        self._change("create_price")
        self.offers[price.lookup_key] = price
        return f"price_{price.lookup_key}"

    def set_default_price(self, product_id: str, price_id: str) -> None:
        self._change(f"set_default_price {price_id}")
        self.goods[product_id] = replace(self.goods[product_id], has_default_price=True)

    def _change(self, name: str) -> None:
        self._fail(name)
        self.changes.append(name)

    def _fail(self, name: str) -> None:
        if name in self.instead:
            raise self.instead[name]
