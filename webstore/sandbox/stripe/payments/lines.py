"""A Checkout Session's line items. Source: https://docs.stripe.com/api/checkout/sessions/line_items"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from webstore.sandbox.stripe import catalogue, catalogue_documents
from webstore.sandbox.stripe.amounts import line_total
from webstore.sandbox.stripe.catalogue_tables import Price, Product
from webstore.sandbox.stripe.documents import Document
from webstore.sandbox.stripe.errors import NotInSandbox, StripeError
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.params import merged_metadata
from webstore.sandbox.stripe.routing import Call

_MOST_OF_A_KIND = 20  # in subscription mode, for recurring prices and for one-time prices


Bought = tuple[Price, Product]


# Any: the line items' checked parameters.
def make_lines(
    call: Call, given: Sequence[Mapping[str, Any]], mode: str, *, trial: bool
) -> tuple[list[Document], list[Bought]]:
    """The line items of a new session, and the price and product of each line.

    Raises StripeError for lines that a session of this mode cannot have.
    """
    bought = [_price(call, line, f"line_items[{number}]") for number, line in enumerate(given)]
    _check_together([price for price, _ in bought], mode)
    lines = [
        _line(call, line, price, product, trial=trial)
        for line, (price, product) in zip(given, bought, strict=True)
    ]
    return lines, bought


def keep_inline(call: Call, bought: Sequence[Bought]) -> None:
    """Add the prices and products that the session's `price_data` defines to their tables."""
    for price, product in bought:
        if not price.inline:
            continue
        if call.world.products.get(product.id) is None:
            catalogue.add_product(call, product)
        catalogue.add_price(call, price)


def set_quantity(line: Document, quantity: int) -> None:
    """Change a line's quantity and amounts."""
    line["quantity"] = quantity
    free = line["amount_subtotal"] == 0
    total = 0 if free else line_total(Decimal(line["price"]["unit_amount_decimal"]), quantity)
    line.update(amount_subtotal=total, amount_total=total)


def _price(call: Call, line: Mapping[str, Any], name: str) -> Bought:
    if ("price" in line) == ("price_data" in line):
        what = "one of" if "price" in line else "either"
        raise StripeError(400, f"You must specify {what} `price` or `price_data` in `{name}`.", param=name)
    if "quantity" not in line:
        raise StripeError(
            400,
            f"Missing required param: {name}[quantity].",
            code="parameter_missing",
            param=f"{name}[quantity]",
        )
    if "price_data" in line:
        price, product = _inline(call, line["price_data"], f"{name}[price_data]")
    else:
        price = catalogue.find_price(
            call.state, call.world, line["price"], param=f"{name}[price]", status=400
        )
        found = call.world.products.get(price.product)
        if found is None:
            raise StripeError(400, f"No such product: '{price.product}'", code="resource_missing", param=name)
        product = found
    if not price.active:
        raise StripeError(
            400,
            "The price specified is inactive. This field only accepts active prices.",
            param=f"{name}[price]",
        )
    if not product.active and not price.inline:
        raise StripeError(
            400,
            f"Price `{price.id}` is not available to be purchased because its product is not active.",
            param=f"{name}[price]",
        )
    if price.unit_amount is None:
        raise NotInSandbox("prices whose amount the customer chooses, in Checkout", param=f"{name}[price]")
    return price, product


def _inline(call: Call, given: Mapping[str, Any], name: str) -> Bought:
    data = dict(given)
    id, product_data = data.pop("product", None), data.pop("product_data", None)
    if (id is None) == (product_data is None):
        raise StripeError(
            400,
            f"You must specify either `product` or `product_data` when creating a price: {name}",
            param=name,
        )
    if id is not None:
        product = catalogue.find_product(call.state, call.world, id, param=f"{name}[product]", status=400)
    else:
        fields = {"active": False, **cast(dict[str, Any], product_data)}
        product = catalogue.new_product(call, fields, within=f"{name}[product_data]")
    return catalogue.new_price(call, {**data, "inline": True}, product.id, within=name), product


def _check_together(prices: Sequence[Price], mode: str) -> None:
    recurring = [price for price in prices if price.recurring is not None]
    if mode == "payment" and recurring:
        number = prices.index(recurring[0])
        raise StripeError(
            400,
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode"
            " or use only one-time prices.",
            param=f"line_items[{number}]",
        )
    if mode == "subscription" and not recurring:
        raise StripeError(
            400, "You must provide at least one recurring price in `subscription` mode when using prices."
        )
    if len({price.currency for price in prices}) > 1:
        raise StripeError(
            400,
            "All line items must have the same currency. The prices that you specified have these:"
            f" {', '.join(sorted({price.currency for price in prices}))}.",
            param="line_items",
        )
    if (
        len(
            {
                (price.recurring.interval, price.recurring.interval_count)
                for price in recurring
                if price.recurring
            }
        )
        > 1
    ):
        raise StripeError(
            400,
            "Checkout does not support multiple prices with different billing intervals.",
            param="line_items",
        )
    if mode == "subscription" and max(len(recurring), len(prices) - len(recurring)) > _MOST_OF_A_KIND:
        raise StripeError(
            400,
            f"In `subscription` mode there can be {_MOST_OF_A_KIND} line items with recurring prices and"
            f" {_MOST_OF_A_KIND} with one-time prices.",
            param="line_items",
        )


def _line(call: Call, given: Mapping[str, Any], price: Price, product: Product, *, trial: bool) -> Document:
    quantity = int(given["quantity"])
    free = trial and price.recurring is not None
    total = 0 if free or price.unit_amount is None else line_total(price.unit_amount, quantity)
    adjustable = given.get("adjustable_quantity")
    return {
        "id": new_id("li_", 24),
        "object": "item",
        "adjustable_quantity": adjustable
        and {
            "enabled": adjustable["enabled"],
            "maximum": adjustable.get("maximum", 99),
            "minimum": adjustable.get("minimum", 0),
        },
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price.currency,
        "description": product.name,
        "metadata": merged_metadata({}, given.get("metadata") or {}),
        "price": catalogue_documents.price_json(price, call.world),
        "quantity": quantity,
    }
