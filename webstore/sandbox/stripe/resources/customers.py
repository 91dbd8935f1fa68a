"""Customers. Source: https://docs.stripe.com/api/customers"""

import base64
import dataclasses
from collections.abc import Mapping
from typing import Any, cast

from webstore.sandbox.stripe import params, search
from webstore.sandbox.stripe.customer import Customer
from webstore.sandbox.stripe.customer_json import to_json
from webstore.sandbox.stripe.embedding import capped, listed
from webstore.sandbox.stripe.errors import StripeError, no_such
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.lists import LIST_PARAMS, list_page
from webstore.sandbox.stripe.payments import subscriptions
from webstore.sandbox.stripe.recording import differences, record
from webstore.sandbox.stripe.routing import Call, Route, expandable
from webstore.sandbox.stripe.state import State, World

_ADDRESS_LINES = ("city", "country", "line1", "line2", "postal_code", "state")
_ADDRESS = params.fields({name: params.text() for name in _ADDRESS_LINES})
_EXPANDABLE = ("sources", "subscriptions", "tax", "tax_ids", "cash_balance", "invoice_credit_balance")

_WRITABLE: params.Schema = {
    "address": _ADDRESS,
    "balance": params.integer(),
    "business_name": params.text(150),
    "cash_balance": params.not_in_sandbox,
    "description": params.text(350),
    "email": params.email,
    "expand": expandable(*_EXPANDABLE),
    "individual_name": params.text(150),
    "invoice_prefix": params.text(12),
    "invoice_settings": params.fields(
        {
            "custom_fields": params.list_of(
                params.fields({"name": params.text(40), "value": params.text(140)}), limit=4
            ),
            "default_payment_method": params.not_in_sandbox,
            "footer": params.text(),
            "rendering_options": params.fields(
                {
                    "amount_tax_display": params.one_of("exclude_tax", "include_inclusive_tax"),
                    "template": params.text(),
                }
            ),
        }
    ),
    "metadata": params.metadata,
    "name": params.text(256),
    "next_invoice_sequence": params.integer(1),
    "phone": params.text(20),
    "preferred_locales": params.list_of(params.text()),
    "shipping": params.fields(
        {"address": _ADDRESS, "name": params.text(), "phone": params.text(20)}, required=("address", "name")
    ),
    "source": params.not_in_sandbox,
    "tax": params.not_in_sandbox,
    "tax_exempt": params.one_of("exempt", "none", "reverse"),
    "validate": params.not_in_sandbox,
}
_CREATE: params.Schema = {
    **_WRITABLE,
    "payment_method": params.not_in_sandbox,
    "tax_id_data": params.not_in_sandbox,
    "test_clock": params.not_in_sandbox,
}
_UPDATE: params.Schema = {**_WRITABLE, "default_source": params.not_in_sandbox}


def create(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/customers/create"""
    blank = Customer(id=new_id("cus_", 14), created=int(call.now), invoice_prefix=new_id("", 8).upper())
    customer = _changed(blank, call.params)
    call.world.customers.add(customer, call.now)
    shown = to_json(customer, call.world)
    record(call, "customer.created", shown)
    return _expanded(shown, call)


def retrieve(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/customers/retrieve"""
    customer = find(call.state, call.world, call.ids[0])
    if customer.deleted:
        return {"id": customer.id, "object": "customer", "deleted": True}
    return _expanded(to_json(customer, call.world), call)


def update(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/customers/update"""
    before = _existing(call)
    after = _changed(before, call.params)
    shown = to_json(after, call.world)
    previous = differences(to_json(before, call.world), shown)
    if previous:
        call.world.customers.change(after, call.now)
        record(call, "customer.updated", shown, previous)
    return _expanded(shown, call)


def delete(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/customers/delete"""
    customer = _existing(call)
    call.world.customers.change(dataclasses.replace(customer, deleted=True), call.now)
    subscriptions.cancel_all(call, customer.id)
    record(call, "customer.deleted", to_json(customer, call.world))
    return {"id": customer.id, "object": "customer", "deleted": True}


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/customers/list"""
    email = cast(str | None, call.params.get("email"))

    def keep(customer: Customer) -> bool:
        return not customer.deleted and email in (None, customer.email)

    def show(customer: Customer) -> dict[str, object]:
        return _expanded(to_json(customer, call.world), call)

    return list_page(
        call.world.customers,
        call.params,
        url="/v1/customers",
        kind="customer",
        keep=keep,
        show=show,
        candidates=None if email is None else call.world.customers.candidates("email", email),
    )


def search_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/customers/search

    The index lags behind by the setting `search_lag_s`, for creations, changes and deletions. By default a
    hit shows the current state, so a deleted one is `{"deleted": true}` until the index catches up:
    https://github.com/stripe/stripe-node/issues/1533
    """
    settings = call.state.settings
    if settings.search == "unavailable":
        raise StripeError(400, "Search feature unavailable for merchant.")
    query = search.parse(cast(str | None, call.params["query"]) or "")
    table, known_at = call.world.customers, call.now - settings.search_lag_s
    below = _decode_page(call.params.get("page"), len(table))
    limit = cast(int, call.params.get("limit", 10))
    hits: list[int] = []
    for position in reversed(query.candidates(table)):
        indexed = table.as_of(position, known_at) if position < below else None
        if indexed is None or indexed.deleted or not query.holds(indexed):
            continue
        hits.append(position)
        if len(hits) > limit:
            break
    has_more = len(hits) > limit

    def show(position: int) -> dict[str, object]:
        customer = (
            table.at(position) if settings.search_shows == "current" else table.as_of(position, known_at)
        )
        if customer is None or customer.deleted:
            return {"id": table.at(position).id, "object": "customer", "deleted": True}
        return _expanded(to_json(customer, call.world), call)

    return {
        "object": "search_result",
        "data": [show(position) for position in hits[:limit]],
        "has_more": has_more,
        "next_page": _encode_page(hits[limit - 1]) if has_more else None,
        "url": "/v1/customers/search",
    }


def find(state: State, world: World, id: str) -> Customer:
    """The customer with this ID, deleted or not. Raises StripeError, with a hint for the other mode."""
    customer = world.customers.get(id)
    if customer is None:
        other = state.other_mode(world)
        raise no_such("customer", id, other_mode=other.mode if other.customers.get(id) else "")
    return customer


def _existing(call: Call) -> Customer:
    customer = find(call.state, call.world, call.ids[0])
    if customer.deleted:
        raise no_such("customer", customer.id)
    return customer


def _changed(customer: Customer, given: Mapping[str, object]) -> Customer:
    # Any: each value has been checked to be valid for the field of the same name.
    changes: dict[str, Any] = {name: value for name, value in given.items() if name != "expand"}
    if "metadata" in changes:
        changes["metadata"] = params.merged_metadata(customer.metadata, changes["metadata"])
    if "tax_exempt" in changes:
        changes["tax_exempt"] = changes["tax_exempt"] or "none"
    if "invoice_prefix" in changes and changes["invoice_prefix"] is None:
        del changes["invoice_prefix"]
    if "invoice_settings" in changes:
        changes["invoice_settings"] = {**customer.invoice_settings, **(changes["invoice_settings"] or {})}
    if changes.get("address") is not None:
        changes["address"] = _whole_address(changes["address"])
    if changes.get("shipping") is not None:
        shipping = changes["shipping"]
        changes["shipping"] = {
            "address": _whole_address(shipping["address"] or {}),
            "name": shipping["name"],
            "phone": shipping.get("phone"),
        }
    return dataclasses.replace(customer, **changes)


def _whole_address(given: Mapping[str, object]) -> dict[str, object]:
    return {name: given.get(name) for name in _ADDRESS_LINES}


def _expanded(shown: dict[str, object], call: Call) -> dict[str, object]:
    """The customer with the fields that `expand` names. Only `subscriptions` can have content."""
    for name in cast(list[str], call.params.get("expand", [])):
        if name in ("sources", "subscriptions", "tax_ids"):
            url = f"/v1/customers/{shown['id']}/{name}"
            owned = call.world.payments.subscriptions.having("customer", str(shown["id"]))
            data = [one for one in reversed(owned) if name == "subscriptions" and one["status"] != "canceled"]
            shown[name] = listed([capped(one) for one in data], url)
        elif name == "tax":
            shown[name] = {
                "automatic_tax": "unrecognized_location",
                "ip_address": None,
                "location": None,
                "provider": "stripe",
            }
        elif name == "invoice_credit_balance":
            shown[name] = {}
        else:
            shown[name] = None
    return shown


def _encode_page(position: int) -> str:
    return base64.urlsafe_b64encode(f"below:{position}".encode()).decode()


def _decode_page(page: object, length: int) -> int:
    if page is None:
        return length
    try:
        return int(base64.urlsafe_b64decode(str(page)).decode().removeprefix("below:"))
    except ValueError as exc:
        raise StripeError(400, "Invalid page: use the next_page of an earlier answer.", param="page") from exc


_ROOT, _ONE = "/v1/customers", "/v1/customers/{}"
_EXPAND_ONE = {"expand": expandable(*_EXPANDABLE)}
_EXPAND_DATA = {"expand": expandable(*_EXPANDABLE, within="data.")}

ROUTES = (
    Route(
        "GET",
        "/v1/customers/search",
        search_all,
        "customer_read",
        {
            "limit": params.integer(1, 100),
            "page": params.text(),
            "query": params.exact_text,
            **_EXPAND_DATA,
        },
        required=("query",),
    ),
    Route("POST", _ROOT, create, "customer_write", _CREATE),
    Route(
        "GET",
        _ROOT,
        list_all,
        "customer_read",
        {**LIST_PARAMS, "email": params.exact_text, "test_clock": params.not_in_sandbox, **_EXPAND_DATA},
    ),
    Route("GET", _ONE, retrieve, "customer_read", _EXPAND_ONE),
    Route("POST", _ONE, update, "customer_write", _UPDATE),
    Route("DELETE", _ONE, delete, "customer_write"),
)
