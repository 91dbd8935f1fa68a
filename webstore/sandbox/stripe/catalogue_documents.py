"""Products and prices as the API returns them.

Sources: https://docs.stripe.com/api/products/object and https://docs.stripe.com/api/prices/object
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from webstore.sandbox.stripe.catalogue_tables import Price, Product
from webstore.sandbox.stripe.errors import NotInSandbox
from webstore.sandbox.stripe.state import World

# The paths that `expand` may name, for prices and for products: https://docs.stripe.com/api/expanding_objects
PRICE_EXPANDS = ("product", "product.default_price", "product.tax_code", "currency_options", "tiers")
PRODUCT_EXPANDS = ("default_price", "default_price.product", "default_price.currency_options", "tax_code")


def product_json(product: Product, world: World) -> dict[str, object]:
    """A product as the API returns it, without expanded objects."""
    return {
        "id": product.id,
        "object": "product",
        "active": product.active,
        "created": product.created,
        "default_price": product.default_price,
        "description": product.description,
        "images": product.images,
        "livemode": world.livemode,
        "marketing_features": product.marketing_features,
        "metadata": product.metadata,
        "name": product.name,
        "package_dimensions": product.package_dimensions,
        "shippable": product.shippable,
        "statement_descriptor": product.statement_descriptor,
        "tax_code": product.tax_code,
        "tax_details": None,
        "type": product.type,
        "unit_label": product.unit_label,
        "updated": product.updated,
        "url": product.url,
    }


def price_json(price: Price, world: World) -> dict[str, object]:
    """A price as the API returns it, without expanded objects."""
    recurring = price.recurring
    return {
        "id": price.id,
        "object": "price",
        "active": price.active,
        "billing_scheme": "per_unit",
        "created": price.created,
        "currency": price.currency,
        "custom_unit_amount": price.custom_unit_amount,
        "livemode": world.livemode,
        "lookup_key": price.lookup_key,
        "metadata": price.metadata,
        "nickname": price.nickname,
        "product": price.product,
        "recurring": recurring
        and {
            "interval": recurring.interval,
            "interval_count": recurring.interval_count,
            "meter": None,
            "trial_period_days": recurring.trial_period_days,
            "usage_type": recurring.usage_type,
        },
        "tax_behavior": price.tax_behavior,
        "tiers_mode": None,
        "transform_quantity": None,
        "type": price.type,
        "unit_amount": price.whole_amount,
        "unit_amount_decimal": _decimal_text(price.unit_amount),
    }


def expanded(shown: dict[str, object], paths: Iterable[str], world: World) -> dict[str, object]:
    """Expand paths like `product.default_price` in the JSON of a product or price, in place."""
    for path in paths:
        name, _, rest = path.partition(".")
        inner = shown.get(name)
        if isinstance(inner, str):
            inner = shown[name] = _object(name, inner, world)
        elif name == "currency_options":
            # No price of the sandbox has tiers, so it leaves out the expandable `tiers`.
            shown[name] = _currency_options(shown)
        if rest and isinstance(inner, dict):
            expanded(inner, [rest], world)
    return shown


def _object(name: str, id: str, world: World) -> dict[str, object]:
    if name == "product":
        return product_json(world.products.at(_place(world.products.position_of(id))), world)
    if name == "default_price":
        return price_json(world.prices.at(_place(world.prices.position_of(id))), world)
    raise NotInSandbox(f"expanding {name}", param="expand")


def _place(position: int | None) -> int:
    if position is None:
        raise LookupError("a product or a price refers to an object that never existed")
    return position


def _currency_options(price: Mapping[str, object]) -> dict[str, object]:
    names = ("custom_unit_amount", "tax_behavior", "unit_amount", "unit_amount_decimal")
    return {str(price["currency"]): {name: price[name] for name in names}}


def _decimal_text(amount: Decimal | None) -> str | None:
    """The amount without trailing zeros: `1800`, `0.5`."""
    if amount is None:
        return None
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
