"""Reads and changes what `flask setup stripe` sets up in a Stripe account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import stripe
from stripe.params import PriceCreateParams, ProductCreateParams, WebhookEndpointCreateParams

from webstore.errors import NoSuchCustomer, PaymentsRefused
from webstore.provisioning.account.models import (
    ENDPOINT_MARK,
    CataloguePrice,
    CatalogueProduct,
    Destination,
    Endpoint,
    NewEndpoint,
)

from .checkout import part
from .client import API_VERSION, amount, moment, text, translated
from .embedded import Item, complete, page_of
from .portal_configurations import PortalConfigurations

T = TypeVar("T")

#: Items asked for in one call: the most that Stripe gives, and the most lookup keys that it takes.
_AT_A_TIME, _KEYS_AT_A_TIME = 100, 10
_URL_OF_WEBHOOK = "webhook_endpoint.url"


class StripeSetup:
    """The account of the API key, in the key's mode (live or test). Every method raises `PaymentsError`."""

    def __init__(self, client: stripe.StripeClient, base_url: str) -> None:
        """`base_url`: the store's address, without a slash at the end."""
        self._client = client
        self._portals = PortalConfigurations(client, base_url)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """All webhook endpoints. Source: https://docs.stripe.com/api/webhook_endpoints/list"""
        found = _listed(self._client.v1.webhook_endpoints.list, {})
        return _sent(lambda: tuple(map(_endpoint, found)))

    def destinations(self) -> tuple[Destination, ...]:
        """All event destinations. Source: https://docs.stripe.com/api/v2/core/event-destinations/list"""

        def read() -> tuple[Destination, ...]:
            page = self._client.v2.core.event_destinations.list(
                {"include": [_URL_OF_WEBHOOK], "limit": _AT_A_TIME}
            )
            return tuple(_destination(it.to_dict()) for it in page.auto_paging_iter())

        return _sent(read)

    def own_portal(self) -> str | None:
        """The ID of the active portal configuration that the store made."""
        return self._portals.oldest()

    def is_active_portal(self, configuration_id: str) -> bool:
        """Whether there is an active portal configuration with this ID."""
        return self._portals.is_active(configuration_id)

    def tax_pending(self) -> bool:
        """Whether Stripe Tax is not set up completely. Source: https://docs.stripe.com/api/tax/settings/retrieve"""
        return _sent(lambda: text(self._client.v1.tax.settings.retrieve().status) != "active")

    def products(self, ids: Sequence[str]) -> tuple[CatalogueProduct, ...]:
        """The products with these IDs, as far as they exist. Source: https://docs.stripe.com/api/products/list"""
        found: list[Item] = []
        for some in _slices(ids, _AT_A_TIME):
            # A list by IDs has no further pages.
            found += _sent(
                lambda some=some: page_of(  # type: ignore[misc]  # the default binds the slice
                    self._client.v1.products.list({"ids": list(some), "limit": _AT_A_TIME})
                )[0]
            )
        return _sent(lambda: tuple(map(_product, found)))

    def prices(self, lookup_keys: Sequence[str]) -> tuple[CataloguePrice, ...]:
        """The prices with these lookup keys, archived ones too.

        Source: https://docs.stripe.com/api/prices/list
        """
        found: list[Item] = []
        for some in _slices(lookup_keys, _KEYS_AT_A_TIME):
            found += _listed(self._client.v1.prices.list, {"lookup_keys": list(some)})
        return _sent(lambda: tuple(map(_price, found)))

    def create_endpoint(self, url: str, events: Sequence[str]) -> NewEndpoint:
        """Create an endpoint for snapshots. Source: https://docs.stripe.com/api/webhook_endpoints/create"""
        # Any: the SDK lists the names of all events and versions as types.
        params: dict[str, Any] = {
            "url": url,
            "enabled_events": list(events),
            "api_version": API_VERSION,
            "description": "The store (flask setup stripe)",
            "metadata": ENDPOINT_MARK,
        }

        def create() -> NewEndpoint:
            made = self._client.v1.webhook_endpoints.create(cast(WebhookEndpointCreateParams, params))
            return NewEndpoint(text(made.id), text(made.secret))

        return _sent(create)

    def change_endpoint(self, endpoint_id: str, events: Sequence[str]) -> None:
        """Have an endpoint receive these events, and switch it on.

        Source: https://docs.stripe.com/api/webhook_endpoints/update
        """
        # Any: as above.
        params: Any = {"enabled_events": list(events), "disabled": False}
        _sent(lambda: self._client.v1.webhook_endpoints.update(endpoint_id, params))

    def create_portal(self) -> str:
        """Create the store's portal configuration, and give its ID."""
        return self._portals.make()

    def create_product(self, product: CatalogueProduct) -> None:
        """Create a product without prices. Source: https://docs.stripe.com/api/products/create"""
        params: ProductCreateParams = {"id": product.id, "name": product.name}
        if product.description:
            params["description"] = product.description
        if product.images:
            params["images"] = list(product.images)
        if product.metadata:
            params["metadata"] = product.metadata
        _sent(lambda: self._client.v1.products.create(params))

    def create_price(self, price: CataloguePrice) -> str:
        """Create a price, and give its ID. Source: https://docs.stripe.com/api/prices/create"""
        # Any: the SDK lists the intervals and tax behaviours as types.
        params: dict[str, Any] = {
            "product": price.product_id,
            "currency": price.currency,
            "unit_amount": price.amount,
            "lookup_key": price.lookup_key,
        }
        if price.interval is not None:
            params["recurring"] = {"interval": price.interval, "interval_count": price.interval_count}
        params |= {
            name: value
            for name, value in {"nickname": price.nickname, "tax_behavior": price.tax_behavior}.items()
            if value is not None
        }
        return _sent(lambda: text(self._client.v1.prices.create(cast(PriceCreateParams, params)).id))

    def set_default_price(self, product_id: str, price_id: str) -> None:
        """Make a price the product's default one. Source: https://docs.stripe.com/api/products/update"""
        _sent(lambda: self._client.v1.products.update(product_id, {"default_price": price_id}))


def _sent(send: Callable[[], T]) -> T:
    """Run a call. A missing object counts as a refusal: it was there when the plan was made."""
    try:
        return translated(send)
    except NoSuchCustomer as exc:
        raise PaymentsRefused(str(exc)) from exc


# Any: the parameters of the SDK's list methods.
def _listed(read: Callable[[Any], object], params: dict[str, Any]) -> list[Item]:
    """The items of all pages of a list. Source: https://docs.stripe.com/api/pagination"""

    def page(after: str | None) -> tuple[list[Item], bool]:
        cursor = {"starting_after": after} if after else {}
        return page_of(read({**params, **cursor, "limit": _AT_A_TIME}))

    return _sent(lambda: complete({"has_more": True}, page))


def _slices(items: Sequence[str], size: int) -> list[Sequence[str]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _endpoint(found: Item) -> Endpoint:
    return Endpoint(
        id=text(found.get("id")),
        url=text(found.get("url")),
        events=tuple(map(text, found.get("enabled_events") or ())),
        api_version=_or_none(found.get("api_version")),
        enabled=found.get("status") == "enabled",
        created=moment(found.get("created")),
    )


def _destination(found: Item) -> Destination:
    return Destination(
        id=text(found.get("id")),
        url=_or_none(part(found, "webhook_endpoint").get("url")),
        thin=found.get("event_payload") == "thin",
        own_events="@self" in (found.get("events_from") or ("@self",)),
    )


def _product(found: Item) -> CatalogueProduct:
    return CatalogueProduct(
        id=text(found.get("id")),
        name=str(found.get("name") or ""),
        description=_or_none(found.get("description")),
        images=tuple(map(str, found.get("images") or ())),
        metadata={name: str(value) for name, value in part(found, "metadata").items()},
        active=found.get("active") is True,
        has_default_price=bool(found.get("default_price")),
    )


def _price(found: Item) -> CataloguePrice:
    product, recurring = found.get("product"), part(found, "recurring")
    unit_amount = found.get("unit_amount")
    return CataloguePrice(
        lookup_key=text(found.get("lookup_key")),
        product_id=text(product.get("id") if isinstance(product, dict) else product),
        amount=None if unit_amount is None else amount(unit_amount),
        currency=text(found.get("currency")).lower(),
        interval=_or_none(recurring.get("interval")),
        interval_count=recurring.get("interval_count") or 1,
        nickname=_or_none(found.get("nickname")),
        active=found.get("active") is True,
    )


def _or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
