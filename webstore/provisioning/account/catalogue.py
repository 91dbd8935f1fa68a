"""The catalogue's part of the plan: products and prices that the file has and the account lacks.

Nothing that exists is changed. Stripe's prices never change their amount:
https://docs.stripe.com/products-prices/manage-prices#edit-price
"""

from __future__ import annotations

from collections.abc import Iterator

from .models import (
    Action,
    CataloguePrice,
    CatalogueProduct,
    CreatePrice,
    CreateProduct,
    Found,
    Step,
    Wanted,
    new,
)


def catalogue_steps(wanted: Wanted, found: Found) -> Iterator[Step]:
    """A step for each product and each price of the catalogue."""
    products = {it.id: it for it in found.products}
    prices = {it.lookup_key: it for it in found.prices}
    for product in wanted.catalogue:
        there = products.get(product.id)
        yield _create_product(product) if there is None else _leave_product(product, there)
        for number, price in enumerate(product.prices):
            known = prices.get(price.lookup_key)
            if known is None:
                has_default = there is not None and there.has_default_price
                yield _create_price(price, default=number == 0 and not has_default)
            else:
                yield _leave_price(price, known)


def cost(price: CataloguePrice) -> str:
    """Amount in minor units, currency and how often it is due: "1800 eur" or "1490 eur each month"."""
    amount = "no fixed amount" if price.amount is None else f"{price.amount} {price.currency}"
    if price.interval is None:
        return amount
    every = price.interval if price.interval_count == 1 else f"{price.interval_count} {price.interval}s"
    return f"{amount} each {every}"


def _create_product(product: CatalogueProduct) -> Step:
    differences = [new("name", product.name)]
    if product.description:
        differences.append(new("description", product.description))
    if product.images:
        differences.append(new("images", *product.images))
    differences += [new(f"metadata.{name}", it) for name, it in product.metadata.items()]
    return Step(
        Action.CREATE, f"product {product.id}", None, tuple(differences), command=CreateProduct(product)
    )


def _leave_product(product: CatalogueProduct, there: CatalogueProduct) -> Step:
    fields = {
        "name": product.name != there.name,
        "description": (product.description or None) != (there.description or None),
        "images": product.images != there.images,
        "metadata": not product.metadata.items() <= there.metadata.items(),
    }
    other = [name for name, differs in fields.items() if differs]
    notes = []
    if not there.active:
        notes.append("archived at Stripe")
    if other:
        notes.append(f"at Stripe with another {', '.join(other)}: not changed")
    return Step(Action.LEAVE, f"product {product.id}", product.id, note="; ".join(notes) or None)


def _create_price(price: CataloguePrice, *, default: bool) -> Step:
    differences = [new("amount in minor units", cost(price))]
    if price.nickname:
        differences.append(new("nickname", price.nickname))
    if price.tax_behavior:
        differences.append(new("tax_behavior", price.tax_behavior))
    note = "the product's default price" if default else None
    return Step(
        Action.CREATE,
        f"price {price.lookup_key} of {price.product_id}",
        None,
        tuple(differences),
        note,
        CreatePrice(price, default),
    )


def _leave_price(price: CataloguePrice, there: CataloguePrice) -> Step:
    note = None
    if there.product_id != price.product_id:
        note = f"its lookup key belongs to a price of {there.product_id}: use another one in the file"
    elif cost(there) != cost(price):
        note = (
            f"{cost(there)} in minor units at Stripe. A price never changes: give the new one another lookup "
            "key, and archive the old one in the dashboard"
        )
    elif not there.active:
        note = "archived at Stripe"
    return Step(Action.LEAVE, f"price {price.lookup_key} of {price.product_id}", note=note)
