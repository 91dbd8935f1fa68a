"""Asks Stripe about the key, its account and the webhook endpoints. Nothing is created or changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

from webstore.doctor.facts import (
    Endpoint,
    ForSale,
    StripeAccount,
    StripeFacts,
    Trouble,
    Undelivered,
)
from webstore.environment import is_organization_key
from webstore.settings import Settings

from .asking import Asker, Reply, Together

#: IDs that no object has: a key with the permission gets "no such object", one without gets 403.
_NOBODY = "cus_webstoreDoctorNobody"
_NO_SESSION = "cs_test_webstoreDoctorNothing"
_NO_SUBSCRIPTION = "sub_webstoreDoctorNothing"
_CHANGE = {"description": "The doctor asks."}
#: Each permission that the store uses, as the dashboard names it, and a harmless request that needs it.
#: Source: https://docs.stripe.com/keys/restricted-api-keys
_PERMISSIONS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "Customers: write": ("POST", f"customers/{_NOBODY}", _CHANGE),
    "Checkout Sessions: write": ("POST", f"checkout/sessions/{_NO_SESSION}/expire", {}),
    "Subscriptions: write": (
        "POST",
        f"subscriptions/{_NO_SUBSCRIPTION}",
        _CHANGE,
    ),
    "Customer portal: write": ("POST", "billing_portal/sessions", {"customer": _NOBODY}),
    "Products: read": ("GET", "products", {"limit": "1"}),
    "Prices: read": ("GET", "prices", {"limit": "1"}),
    "Payment Intents: read": ("GET", "payment_intents/pi_webstoreDoctorNothing", {}),
    "Charges: read": ("GET", "charges/ch_webstoreDoctorNothing", {}),
    "Refunds: read": ("GET", "refunds/re_webstoreDoctorNothing", {}),
    "Disputes: read": ("GET", "disputes/du_webstoreDoctorNothing", {}),
    "Invoices: read": ("GET", "invoices/in_webstoreDoctorNothing", {}),
    "Credit notes: read": ("GET", "credit_notes/cn_webstoreDoctorNothing", {}),
    "Events: read": ("GET", "events", {"limit": "1"}),
}
_DAY_S = 24 * 3600
#: Seconds after which an event should have arrived.
_ON_ITS_WAY_S = 120


@dataclass(frozen=True, slots=True)
class _Stripe:
    """The API with the store's key."""

    ask: Asker
    settings: Settings
    version: str

    def get(
        self, path: str, query: Mapping[str, str] | None = None, *, versioned: bool = True
    ) -> Reply | Trouble:
        """Read something; any status but 200 is a `Trouble`."""
        answer = self.ask.get(f"{self.settings.stripe_api_base}/{path}", query, self._headers(versioned))
        if isinstance(answer, Reply) and answer.status == 200 and not answer.document:
            return Trouble("the answer is not Stripe's", answer.status)
        return answer.trouble if isinstance(answer, Reply) and answer.status != 200 else answer

    def may(self, method: str, path: str, form: Mapping[str, str]) -> bool | Trouble:
        """Whether the key has the permission that this request needs."""
        ask = self.ask.get if method == "GET" else self.ask.post
        answer = ask(f"{self.settings.stripe_api_base}/v1/{path}", form, self._headers())
        if isinstance(answer, Trouble):
            return answer
        if answer.status == 403:
            return False
        return True if answer.status in (200, 400, 404) else answer.trouble

    def _headers(self, versioned: bool = True) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {self.settings.stripe_secret_key}"}
        if versioned:
            headers["Stripe-Version"] = self.version
        if self.settings.stripe_account:
            headers["Stripe-Context"] = self.settings.stripe_account  # https://docs.stripe.com/context
        return headers


def read_stripe(
    ask: Asker, settings: Settings, version: str, now: Callable[[], float] = time.time
) -> StripeFacts:
    """What Stripe answers. `version`: of the API that the store speaks."""
    api = _Stripe(ask, settings, version)
    answer = api.get("v1/account")
    account = _account(answer)
    ahead = answer.clock_ahead_s if isinstance(answer, Reply) else None
    facts = StripeFacts(account, clock_ahead_s=ahead)
    if isinstance(account, Trouble):
        restricted = account.forbidden and not is_organization_key(settings.stripe_secret_key)
        if not restricted:
            return facts
    with Together() as calls:
        permissions = _permissions(api, calls)
        for_sale = calls.begin(partial(_for_sale, api))
        endpoints = calls.begin(partial(_endpoints, api))
        destinations = calls.begin(partial(_destinations, api))
        undelivered = calls.begin(partial(_undelivered, api, now()))
        portal = calls.begin(partial(_portal, api))
        bad_rates = calls.begin(partial(_bad_rates, api))
        tax = calls.begin(partial(_tax, api))
        listed, default_version = endpoints.result()
        return replace(
            facts,
            permissions={name: asked.result() for name, asked in permissions.items()},
            for_sale=for_sale.result(),
            endpoints=listed,
            default_version=default_version,
            destinations=destinations.result(),
            undelivered=undelivered.result(),
            portal=portal.result(),
            bad_rates=bad_rates.result(),
            tax=tax.result(),
        )


def _account(answer: Reply | Trouble) -> StripeAccount | Trouble:
    """Source: https://docs.stripe.com/api/accounts/retrieve"""
    if isinstance(answer, Trouble):
        return answer
    found = answer.document
    if not isinstance(found.get("id"), str):
        return Trouble("the answer is no account", answer.status)
    return StripeAccount(str(found["id"]), found.get("charges_enabled") is True)


def _permissions(api: _Stripe, calls: Together) -> Mapping[str, Future[bool | Trouble]]:
    """The permissions of a restricted key. Any other key has all of them."""
    if not api.settings.stripe_secret_key.startswith(("rk_", "rkcs_")):
        return {}
    return {name: calls.begin(partial(api.may, *request)) for name, request in _PERMISSIONS.items()}


def _for_sale(api: _Stripe) -> ForSale | Trouble:
    """Source: https://docs.stripe.com/api/prices/list"""
    answer = api.get("v1/prices", {"active": "true", "limit": "100", "expand[]": "data.product"})
    if isinstance(answer, Trouble):
        return answer
    in_stock: dict[str, bool] = {}
    for price in _items(answer):
        product = price.get("product")
        if (
            isinstance(product, dict)
            and product.get("active") is True
            and isinstance(price.get("unit_amount"), int)
            and price.get("billing_scheme") == "per_unit"
        ):
            metadata = product.get("metadata")
            stock = metadata.get("stock") if isinstance(metadata, dict) else None
            in_stock[str(product.get("id"))] = str(stock or "").strip() != "0"
    return ForSale(len(in_stock), sum(in_stock.values()))


def _endpoints(api: _Stripe) -> tuple[tuple[Endpoint, ...] | Trouble, str | None]:
    """The webhook endpoints, and the account's default version: the one of an answer to no version.

    Sources: https://docs.stripe.com/api/webhook_endpoints/list and https://docs.stripe.com/api/versioning
    """
    answer = api.get("v1/webhook_endpoints", {"limit": "100"}, versioned=False)
    if isinstance(answer, Trouble):
        return answer, None
    return tuple(_endpoint(it) for it in _items(answer)), answer.headers.get("stripe-version")


def _endpoint(found: Mapping[str, object]) -> Endpoint:
    version = found.get("api_version")
    return Endpoint(
        id=str(found.get("id")),
        url=str(found.get("url")),
        enabled=found.get("status") == "enabled",
        events=_texts(found.get("enabled_events")),
        api_version=version if isinstance(version, str) else None,
    )


def _destinations(api: _Stripe) -> tuple[Endpoint, ...] | Trouble:
    """The event destinations, of which only some are among the webhook endpoints.

    Source: https://docs.stripe.com/api/v2/core/event-destinations/list
    """
    answer = api.get("v2/core/event_destinations", {"limit": "100", "include[0]": "webhook_endpoint.url"})
    if isinstance(answer, Trouble):
        return answer
    return tuple(_destination(it) for it in _items(answer) if it.get("type") == "webhook_endpoint")


def _destination(found: Mapping[str, object]) -> Endpoint:
    endpoint, version = found.get("webhook_endpoint"), found.get("snapshot_api_version")
    return Endpoint(
        id=str(found.get("id")),
        url=str(endpoint.get("url")) if isinstance(endpoint, dict) else "",
        enabled=found.get("status") == "enabled",
        events=_texts(found.get("enabled_events")),
        api_version=version if isinstance(version, str) else None,
        thin=found.get("event_payload") == "thin",
        # Without the field, they are the account's own.
        connected="@self" not in (_texts(found.get("events_from")) or ("@self",)),
    )


def _undelivered(api: _Stripe, now: float) -> Undelivered | Trouble:
    """The newest events that some endpoint has not taken.

    Source: https://docs.stripe.com/api/events/list#list_events-delivery_success
    """
    between = {"created[gte]": str(int(now) - _DAY_S), "created[lte]": str(int(now) - _ON_ITS_WAY_S)}
    answer = api.get("v1/events", {"delivery_success": "false", "limit": "100", **between})
    if isinstance(answer, Trouble):
        return answer
    return Undelivered(tuple(str(it.get("type")) for it in _items(answer)))


def _portal(api: _Stripe) -> bool | Trouble:
    """Whether the chosen configuration can be used; without one, whether there is any.

    Source: https://docs.stripe.com/api/customer_portal/configurations
    """
    chosen = api.settings.stripe_portal_configuration
    if chosen is not None:
        answer = api.get(f"v1/billing_portal/configurations/{chosen}")
        if isinstance(answer, Trouble):
            return False if answer.status == 404 else answer
        return answer.document.get("active") is True
    answer = api.get("v1/billing_portal/configurations", {"active": "true", "limit": "1"})
    return answer if isinstance(answer, Trouble) else bool(list(_items(answer)))


def _bad_rates(api: _Stripe) -> tuple[str, ...] | Trouble:
    """Source: https://docs.stripe.com/api/shipping_rates/retrieve"""
    bad = []
    for rate in api.settings.checkout.shipping_rates:
        answer = api.get(f"v1/shipping_rates/{rate}")
        if isinstance(answer, Trouble) and answer.status != 404:
            return answer
        if isinstance(answer, Trouble) or answer.document.get("active") is not True:
            bad.append(rate)
    return tuple(bad)


def _tax(api: _Stripe) -> str | Trouble | None:
    """Source: https://docs.stripe.com/api/tax/settings/retrieve"""
    if not api.settings.checkout.automatic_tax:
        return None
    answer = api.get("v1/tax/settings")
    return answer if isinstance(answer, Trouble) else str(answer.document.get("status"))


def _items(answer: Reply) -> Iterator[Mapping[str, object]]:
    listed = answer.document.get("data")
    return (it for it in (listed if isinstance(listed, list) else ()) if isinstance(it, dict))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(it for it in (value if isinstance(value, list) else ()) if isinstance(it, str))
