"""Functions for products and prices: checking their parameters, creating, finding and changing them.

Sources: https://docs.stripe.com/api/products and https://docs.stripe.com/api/prices
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.catalogue_documents import price_json, product_json
from webstore.sandbox.stripe.catalogue_tables import Price, Product, Recurring
from webstore.sandbox.stripe.currency_codes import SUPPORTED
from webstore.sandbox.stripe.errors import NotInSandbox, StripeError, no_such
from webstore.sandbox.stripe.forms import Value
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.recording import differences, record
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.state import State, World

_MOST_AMOUNT = 999_999_999_999
# Three years at most: https://docs.stripe.com/api/prices/create#create_price-recurring-interval_count
_MOST_INTERVALS = {"day": 1095, "week": 156, "month": 36, "year": 3}
_AMOUNTS = ("unit_amount", "unit_amount_decimal", "custom_unit_amount")


def search_route(root: str, permission: str, expand: params.Schema) -> Route:
    """The search route of a resource. It checks its parameters and then raises NotInSandbox.

    Source: https://docs.stripe.com/search
    """

    def search_all(call: Call) -> dict[str, object]:
        raise NotInSandbox(f"GET {call.path}")

    wanted = {"limit": params.integer(1, 100), "page": params.text(), "query": params.exact_text, **expand}
    return Route("GET", f"{root}/search", search_all, permission, wanted, required=("query",))


def _currency(value: Value, name: str) -> str:
    code = params.exact_text(value, name).lower()
    if code not in SUPPORTED:
        raise StripeError(
            400,
            f"Invalid currency: {code}. Stripe currently supports these currencies: {', '.join(SUPPORTED)}",
            param=name,
        )
    return code


def _statement_descriptor(value: Value, name: str) -> str | None:
    descriptor = cast(str | None, params.text(22)(value, name))
    if descriptor and (re.search(r"[<>\\\"']", descriptor) or not re.search("[A-Za-z]", descriptor)):
        raise StripeError(
            400,
            "The statement descriptor must contain at least one letter and none of < > \\ \" '.",
            param=name,
        )
    return descriptor


def _tax_code(value: Value, name: str) -> str | None:
    code = params.exact_text(value, name)
    if code and not re.fullmatch("txcd_[0-9]{8}", code):
        raise no_such("tax code", code, param=name, status=400)
    return code or None


def _only_true(value: Value, name: str) -> bool:
    if not params.boolean(value, name):
        raise StripeError(400, f"Invalid {name}: must be true", param=name)
    return True


# The parameters of every new price.
PRICE_DATA: params.Schema = {
    "currency": _currency,
    "currency_options": params.not_in_sandbox,
    "custom_unit_amount": params.fields(
        {
            "enabled": _only_true,
            **{name: params.integer(0, _MOST_AMOUNT) for name in ("maximum", "minimum", "preset")},
        },
        required=("enabled",),
    ),
    "metadata": params.metadata,
    "recurring": params.fields(
        {
            "interval": params.one_of(*_MOST_INTERVALS),
            "interval_count": params.integer(1),
            "meter": params.not_in_sandbox,
            "trial_period_days": params.integer(0, 730),
            "usage_type": params.one_of("licensed", "metered"),
        },
        required=("interval",),
    ),
    "tax_behavior": params.one_of("exclusive", "inclusive", "unspecified"),
    "unit_amount": params.integer(0, _MOST_AMOUNT),
    "unit_amount_decimal": params.decimal(12),
}
# The parameters of every new product.
PRODUCT_DATA: params.Schema = {
    "active": params.boolean,
    "id": params.given_text(),
    "metadata": params.metadata,
    "name": params.given_text(),
    "statement_descriptor": _statement_descriptor,
    "tax_code": _tax_code,
    "tax_details": params.not_in_sandbox,
    "unit_label": params.text(12),
}
CURRENCY = _currency


def find_product(state: State, world: World, id: str, *, param: str = "id", status: int = 404) -> Product:
    """The product with this ID. Raises StripeError, with a hint when the other mode has the product."""
    product = world.products.get(id)
    if product is None:
        other = state.other_mode(world)
        other_mode = other.mode if other.products.get(id) else ""
        raise no_such("product", id, param=param, status=status, other_mode=other_mode)
    return product


def find_price(state: State, world: World, id: str, *, param: str = "id", status: int = 404) -> Price:
    """The price with this ID. Raises StripeError, with a hint when the other mode has the price."""
    price = world.prices.get(id)
    if price is None:
        other = state.other_mode(world)
        other_mode = other.mode if other.prices.get(id) else ""
        raise no_such("price", id, param=param, status=status, other_mode=other_mode)
    return price


def new_product(call: Call, given: Mapping[str, object], *, within: str = "") -> Product:
    """Build a product from checked parameters, without adding it. Raises StripeError when its ID is taken."""
    # Any: each value has been checked to be valid for the field of the same name.
    fields: dict[str, Any] = dict(given)
    id = fields.pop("id", None) or new_id("prod_", 14)
    if call.world.products.get(id) is not None:
        param = f"{within}[id]" if within else "id"
        raise StripeError(400, "Product already exists.", code="resource_already_exists", param=param)
    fields["metadata"] = params.merged_metadata({}, fields.get("metadata") or {})
    now = int(call.now)
    return Product(id=id, created=now, updated=now, **fields)


def new_price(
    call: Call, given: Mapping[str, object], product_id: str, *, within: str = "", id: str | None = None
) -> Price:
    """Build a price from checked parameters (`PRICE_DATA` and more), without adding it.

    Raises StripeError.
    """
    # Any: each value has been checked to be valid for the field of the same name.
    fields: dict[str, Any] = dict(given)
    recurring = fields.pop("recurring", None)
    amount = _amount(fields, recurring is not None, within)
    custom = fields.pop("custom_unit_amount", None)
    for name in _AMOUNTS:
        fields.pop(name, None)
    fields["metadata"] = params.merged_metadata({}, fields.get("metadata") or {})
    fields["tax_behavior"] = fields.get("tax_behavior") or "unspecified"
    return Price(
        id=id or new_id("price_1", 23),
        created=int(call.now),
        product=product_id,
        unit_amount=amount,
        custom_unit_amount=custom and {name: custom.get(name) for name in ("maximum", "minimum", "preset")},
        recurring=recurring and _recurring(recurring, within),
        **fields,
    )


def add_product(call: Call, product: Product) -> None:
    """Add a new product to its table and record the event."""
    call.world.products.add(product)
    record(call, "product.created", product_json(product, call.world))


def change_product(call: Call, before: Product, after: Product) -> Product:
    """Replace a product and record the event, if something changed. Returns the new product."""
    if after == before:
        return before
    after = replace(after, updated=int(call.now))
    shown = product_json(after, call.world)
    call.world.products.change(after)
    record(call, "product.updated", shown, differences(product_json(before, call.world), shown))
    return after


def add_price(call: Call, price: Price) -> None:
    """Add a new price to its table and record the event."""
    call.world.prices.add(price)
    record(call, "price.created", price_json(price, call.world))


def change_price(call: Call, before: Price, after: Price) -> None:
    """Replace a price and record the event, if something changed."""
    if after == before:
        return
    shown = price_json(after, call.world)
    call.world.prices.change(after)
    record(call, "price.updated", shown, differences(price_json(before, call.world), shown))


def _amount(given: Mapping[str, Any], recurring: bool, within: str) -> Decimal | None:
    """The amount from the parameters, or None when the customer chooses it. Raises StripeError."""
    named = [name for name in _AMOUNTS if given.get(name) is not None]
    shown = [f"{within}[{name}]" if within else name for name in named]
    if not named:
        raise StripeError(
            400,
            "Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.",
            param=within or None,
        )
    if len(named) > 1:
        raise StripeError(
            400, f"You may only specify one of these parameters: {', '.join(shown)}.", param=shown[0]
        )
    if named == ["custom_unit_amount"]:
        if recurring:
            raise StripeError(400, "Prices with `custom_unit_amount` cannot be recurring.", param=shown[0])
        return None
    return Decimal(given[named[0]])


def _recurring(given: Mapping[str, Any], within: str) -> Recurring:
    name = f"{within}[recurring]" if within else "recurring"
    interval, count = given["interval"], given.get("interval_count", 1)
    if interval is None:
        raise params.cannot_be_unset(f"{name}[interval]")
    if count > _MOST_INTERVALS[interval]:
        raise StripeError(
            400,
            f"Invalid interval_count: at most {_MOST_INTERVALS[interval]} for the interval {interval}",
            param=f"{name}[interval_count]",
        )
    if given.get("usage_type") == "metered":
        raise NotInSandbox("metered prices", param=f"{name}[usage_type]")
    return Recurring(interval, count, given.get("trial_period_days"))
