"""Prices. Source: https://docs.stripe.com/api/prices

A price's amount never changes. The API cannot delete a price, only archive it with `active=false`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from webstore.sandbox.stripe import catalogue, catalogue_documents, params
from webstore.sandbox.stripe.catalogue_tables import Price
from webstore.sandbox.stripe.errors import NotInSandbox, StripeError
from webstore.sandbox.stripe.lists import LIST_PARAMS, list_page
from webstore.sandbox.stripe.recording import record
from webstore.sandbox.stripe.routing import Call, Route, expandable

_EXPAND_ONE = {"expand": expandable(*catalogue_documents.PRICE_EXPANDS)}
_EXPAND_DATA = {"expand": expandable(*catalogue_documents.PRICE_EXPANDS, within="data.")}

_WRITABLE: params.Schema = {
    **_EXPAND_ONE,
    "active": params.boolean,
    "currency_options": params.not_in_sandbox,
    "lookup_key": params.text(200),
    "metadata": params.metadata,
    "nickname": params.text(),
    "tax_behavior": catalogue.PRICE_DATA["tax_behavior"],
    "transfer_lookup_key": params.boolean,
}
_CREATE: params.Schema = {
    **_WRITABLE,
    **catalogue.PRICE_DATA,
    "billing_scheme": params.one_of("per_unit", "tiered"),
    "product": params.given_text(),
    "product_data": params.fields(catalogue.PRODUCT_DATA, required=("name",)),
    "tiers": params.not_in_sandbox,
    "tiers_mode": params.not_in_sandbox,
    "transform_quantity": params.not_in_sandbox,
}


def create(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/prices/create"""
    given = _fields(call.params)
    if given.pop("billing_scheme", None) == "tiered":
        raise NotInSandbox("tiered prices", param="billing_scheme")
    id, data = given.pop("product", None), given.pop("product_data", None)
    if id is not None and data is not None:
        raise StripeError(
            400, "You may only specify one of these parameters: product, product_data.", param="product"
        )
    if data is not None:
        product = catalogue.new_product(call, data, within="product_data")
    elif id is not None:
        product = catalogue.find_product(call.state, call.world, id, param="product", status=400)
    else:
        raise StripeError(400, "Missing required param: product.", code="parameter_missing", param="product")
    price = catalogue.new_price(call, given, product.id)
    _free_lookup_key(call, price)
    if data is not None:
        catalogue.add_product(call, product)
    catalogue.add_price(call, price)
    return _show(call, price)


def retrieve(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/prices/retrieve"""
    return _show(call, _existing(call))


def update(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/prices/update"""
    before = _existing(call)
    given = _fields(call.params)
    if "metadata" in given:
        given["metadata"] = params.merged_metadata(before.metadata, given["metadata"])
    if "tax_behavior" in given:
        given["tax_behavior"] = given["tax_behavior"] or "unspecified"
        if before.tax_behavior not in ("unspecified", given["tax_behavior"]):
            raise StripeError(
                400,
                f"The tax behavior of a price cannot be changed once it is {before.tax_behavior}.",
                param="tax_behavior",
            )
    after = replace(before, **given)
    if before.active and not after.active and _is_default(call, before):
        raise StripeError(
            400, "This price cannot be archived because it is the default price of its product."
        )
    _free_lookup_key(call, after)
    catalogue.change_price(call, before, after)
    return _show(call, after)


def remove(call: Call, price: Price) -> None:
    """Delete a price. Only the dashboard can do this. Raises StripeError for a product's default price.

    Source: https://docs.stripe.com/products-prices/manage-prices#delete-price
    """
    if _is_default(call, price):
        raise StripeError(400, "This price cannot be deleted because it is the default price of its product.")
    call.world.prices.change(replace(price, active=False, deleted=True))
    record(call, "price.deleted", catalogue_documents.price_json(price, call.world))


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/prices/list; without `active` both active and archived prices."""
    wanted = {name: call.params[name] for name in ("active", "currency", "type") if name in call.params}
    keys = cast(list[str] | None, call.params.get("lookup_keys"))
    # Any: the checked values of `recurring`, each to be compared with the field of its name.
    recurring = cast(dict[str, Any], call.params.get("recurring") or {})
    product, table = cast(str | None, call.params.get("product")), call.world.prices

    def keep(price: Price) -> bool:
        return (
            not (price.deleted or price.inline)
            and all(getattr(price, name) == value for name, value in wanted.items())
            and (keys is None or price.lookup_key in keys)
            and all(getattr(price.recurring, name, None) == value for name, value in recurring.items())
        )

    return list_page(
        table,
        call.params,
        url="/v1/prices",
        kind="price",
        keep=keep,
        show=lambda price: _show(call, price),
        candidates=None if product is None else table.positions_of_product(product),
    )


def _existing(call: Call) -> Price:
    return catalogue.find_price(call.state, call.world, call.ids[0])


def _is_default(call: Call, price: Price) -> bool:
    product = call.world.products.get(price.product)
    return product is not None and product.default_price == price.id


def _free_lookup_key(call: Call, price: Price) -> None:
    """Remove the price's lookup key from another price, if the request asks for the transfer.

    Raises StripeError when another price has the key and the request does not ask for it.
    """
    holder = None if price.lookup_key is None else call.world.prices.with_lookup_key(price.lookup_key)
    if holder is None or holder.id == price.id:
        return
    if not call.params.get("transfer_lookup_key"):
        raise StripeError(400, f"A price (`{holder.id}`) already uses that lookup key.", param="lookup_key")
    catalogue.change_price(call, holder, replace(holder, lookup_key=None))


def _show(call: Call, price: Price) -> dict[str, object]:
    shown = catalogue_documents.price_json(price, call.world)
    return catalogue_documents.expanded(shown, cast(list[str], call.params.get("expand", ())), call.world)


def _fields(given: Mapping[str, object]) -> dict[str, Any]:
    """The parameters that are fields of a price."""
    # Any: each value has been checked to be valid for the field of the same name.
    return {name: value for name, value in given.items() if name not in ("expand", "transfer_lookup_key")}


_ROOT, _ONE = "/v1/prices", "/v1/prices/{}"

ROUTES = (
    catalogue.search_route(_ROOT, "price_read", _EXPAND_DATA),
    Route("POST", _ROOT, create, "price_write", _CREATE, required=("currency",)),
    Route(
        "GET",
        _ROOT,
        list_all,
        "price_read",
        {
            **LIST_PARAMS,
            **_EXPAND_DATA,
            "active": params.boolean,
            "currency": catalogue.CURRENCY,
            "lookup_keys": params.list_of(params.exact_text, limit=10),
            "product": params.exact_text,
            "recurring": params.fields(
                {
                    "interval": params.one_of("day", "week", "month", "year"),
                    "meter": params.not_in_sandbox,
                    "usage_type": params.one_of("licensed", "metered"),
                }
            ),
            "type": params.one_of("one_time", "recurring"),
        },
    ),
    Route("GET", _ONE, retrieve, "price_read", _EXPAND_ONE),
    Route("POST", _ONE, update, "price_write", _WRITABLE),
)
