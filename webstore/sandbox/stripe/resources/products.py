"""Products. Source: https://docs.stripe.com/api/products"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from webstore.sandbox.stripe import catalogue, catalogue_documents, params
from webstore.sandbox.stripe.catalogue_tables import Product
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.lists import LIST_PARAMS, list_page
from webstore.sandbox.stripe.recording import record
from webstore.sandbox.stripe.routing import Call, Route, expandable

_SIZES = ("height", "length", "weight", "width")
_EXPAND_ONE = {"expand": expandable(*catalogue_documents.PRODUCT_EXPANDS)}
_EXPAND_DATA = {"expand": expandable(*catalogue_documents.PRODUCT_EXPANDS, within="data.")}

_WRITABLE: params.Schema = {
    **{name: check for name, check in catalogue.PRODUCT_DATA.items() if name != "id"},
    **_EXPAND_ONE,
    "description": params.text(40_000),
    "images": params.list_of(params.web_address, limit=8),
    "marketing_features": params.list_of(
        params.fields({"name": params.given_text(80)}, required=("name",)), limit=15
    ),
    "package_dimensions": params.fields({name: params.decimal(2) for name in _SIZES}, required=_SIZES),
    "shippable": params.boolean,
    "url": params.web_address,
}
_CREATE: params.Schema = {
    **_WRITABLE,
    "default_price_data": params.fields(catalogue.PRICE_DATA, required=("currency",)),
    "id": catalogue.PRODUCT_DATA["id"],
    "type": params.one_of("good", "service"),
}
_UPDATE: params.Schema = {**_WRITABLE, "default_price": params.text()}


def create(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/products/create"""
    given = _fields(call.params)
    price_data = given.pop("default_price_data", None)
    given["type"] = given.get("type") or "service"
    product = catalogue.new_product(call, given)
    if price_data is None:
        catalogue.add_product(call, product)
    else:
        price = catalogue.new_price(call, price_data, product.id, within="default_price_data")
        product = replace(product, default_price=price.id)
        catalogue.add_product(call, product)
        catalogue.add_price(call, price)
    return _show(call, product)


def retrieve(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/products/retrieve"""
    return _show(call, _existing(call))


def update(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/products/update"""
    before = _existing(call)
    given = _fields(call.params)
    if "metadata" in given:
        given["metadata"] = params.merged_metadata(before.metadata, given["metadata"])
    if given.get("default_price") is not None:
        id = given["default_price"]
        price = catalogue.find_price(call.state, call.world, id, param="default_price", status=400)
        if price.product != before.id:
            raise StripeError(
                400, f"The price `{id}` does not belong to the product `{before.id}`.", param="default_price"
            )
    return _show(call, catalogue.change_product(call, before, replace(before, **given)))


def delete(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/products/delete"""
    product = _existing(call)
    if call.world.prices.of_product(product.id):
        raise StripeError(
            400, "This product cannot be deleted because it has one or more user-created prices."
        )
    call.world.products.change(replace(product, deleted=True))
    record(call, "product.deleted", catalogue_documents.product_json(product, call.world))
    return {"id": product.id, "object": "product", "deleted": True}


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/products/list"""
    wanted = {name: call.params[name] for name in ("active", "type", "url") if name in call.params}
    shippable, table = call.params.get("shippable"), call.world.products
    ids = cast(list[str] | None, call.params.get("ids"))
    if ids is not None and ("starting_after" in call.params or "ending_before" in call.params):
        raise StripeError(400, "You cannot use `ids` with `starting_after` or `ending_before`.", param="ids")

    def keep(product: Product) -> bool:
        return (
            not product.deleted
            and all(getattr(product, name) == value for name, value in wanted.items())
            and shippable in (None, bool(product.shippable))
        )

    places = (table.position_of(id) for id in ids or ())
    return list_page(
        table,
        call.params,
        url="/v1/products",
        kind="product",
        keep=keep,
        show=lambda product: _show(call, product),
        candidates=None if ids is None else sorted({place for place in places if place is not None}),
    )


def _existing(call: Call) -> Product:
    return catalogue.find_product(call.state, call.world, call.ids[0])


def _show(call: Call, product: Product) -> dict[str, object]:
    shown = catalogue_documents.product_json(product, call.world)
    return catalogue_documents.expanded(shown, cast(list[str], call.params.get("expand", ())), call.world)


def _fields(given: Mapping[str, object]) -> dict[str, Any]:
    """The checked parameters, converted to fields of a product."""
    # Any: each value has been checked to be valid for the field of the same name.
    fields: dict[str, Any] = {name: value for name, value in given.items() if name != "expand"}
    sizes = fields.get("package_dimensions")
    if sizes is not None:
        fields["package_dimensions"] = {name: float(sizes[name]) for name in _SIZES}
    return fields


_ROOT, _ONE = "/v1/products", "/v1/products/{}"

ROUTES = (
    catalogue.search_route(_ROOT, "product_read", _EXPAND_DATA),
    Route("POST", _ROOT, create, "product_write", _CREATE, required=("name",)),
    Route(
        "GET",
        _ROOT,
        list_all,
        "product_read",
        {
            **LIST_PARAMS,
            **_EXPAND_DATA,
            "active": params.boolean,
            "ids": params.list_of(params.exact_text),
            "shippable": params.boolean,
            "type": params.one_of("good", "service"),
            "url": params.exact_text,
        },
    ),
    Route("GET", _ONE, retrieve, "product_read", _EXPAND_ONE),
    Route("POST", _ONE, update, "product_write", _UPDATE),
    Route("DELETE", _ONE, delete, "product_write"),
)
