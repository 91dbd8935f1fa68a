"""Lists all customers and all running subscriptions of an account, page by page.

The SDK would turn every field into an object, which takes longer than the call. This module reads the JSON
documents directly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import stripe

from webstore.errors import NoSuchCustomer, NoSuchObject
from webstore.gateways.profiles import text_of
from webstore.linking.models import Customer
from webstore.reconcile.models import CustomersPage, Slice, SubscriptionsPage

from .client import moment, text, translated
from .customers import ENDED, generation_of

T = TypeVar("T")

#: The largest page: https://docs.stripe.com/api/pagination
PAGE = 100


class StripeListing:
    """The customers and subscriptions of the API key's account, in the key's mode."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def newest(self) -> float | None:
        """When the newest customer was created, by Stripe's clock; None without customers.

        Raises `PaymentsError`.
        """
        page = translated(lambda: _customers(self._get("/v1/customers", {"limit": 1})))
        return page.customers[0].created if page.customers else None

    def customers(self, part: Slice, after: str | None) -> CustomersPage:
        """A page of the living customers that were created in this time, the newest first.

        `after`: the last customer of the page before. Raises `NoSuchObject` if it is not there any more, and
        other `PaymentsError`s. Source: https://docs.stripe.com/api/customers/list
        """
        params: dict[str, Any] = {"limit": PAGE, "created": {"gte": part.since, "lt": part.before}}
        return _page_after(after, params, lambda it: _customers(self._get("/v1/customers", it)))

    def running(self, after: str | None) -> SubscriptionsPage:
        """A page of the subscriptions that have not ended. Raises as `customers`.

        Source: https://docs.stripe.com/api/subscriptions/list (without a status: all but the canceled ones)
        """
        params: dict[str, Any] = {"limit": PAGE}
        return _page_after(after, params, lambda it: _subscriptions(self._get("/v1/subscriptions", it)))

    def _get(self, path: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        found: object = self._client.raw_request("get", path, **params).data
        if not isinstance(found, dict):
            raise TypeError("the answer is not an object")
        return found


def _page_after(after: str | None, params: dict[str, Any], read: Callable[[dict[str, Any]], T]) -> T:
    if after is not None:
        params["starting_after"] = after
    try:
        return translated(lambda: read(params))
    except NoSuchCustomer as exc:
        if after is None:
            raise
        raise NoSuchObject(str(exc)) from exc


def _customers(page: Mapping[str, Any]) -> CustomersPage:
    items, more = _items(page)
    return CustomersPage(tuple(_customer(it) for it in items), more=more)


def _items(page: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], bool]:
    items, more = page.get("data"), page.get("has_more")
    if not isinstance(items, list) or not isinstance(more, bool):
        raise TypeError("the answer is not a page of a list")
    return items, more


def _customer(found: Mapping[str, Any]) -> Customer:
    """Convert a customer of a list. Source: https://docs.stripe.com/api/customers/object"""
    metadata = found.get("metadata") or {}
    return Customer(
        id=text(found["id"]),
        email=text_of(found, "email"),
        name=text_of(found, "name"),
        created=moment(found["created"]),
        owner=text_of(metadata, "auth0_user_id"),
        tenant=text_of(metadata, "auth0_tenant"),
        generation=generation_of(text_of(metadata, "link_generation")),
    )


def _subscriptions(page: Mapping[str, Any]) -> SubscriptionsPage:
    items, more = _items(page)
    running = tuple(
        (text(_id(it["customer"])), text(it["id"])) for it in items if it.get("status") not in ENDED
    )
    return SubscriptionsPage(running, text(items[-1]["id"]) if items else None, more=more)


def _id(value: object) -> object:
    return value.get("id") if isinstance(value, dict) else value
