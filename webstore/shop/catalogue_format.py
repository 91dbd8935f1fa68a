"""The catalogue as a text for the shared state."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

from .models import Money, Price, Product, Recurrence


def packed(products: Sequence[Product]) -> str:
    """The products as a text: JSON, compressed, because a large catalogue is a megabyte."""
    rows = [
        [
            *(product.id, product.name, product.description, product.images),
            *(product.in_stock, product.shippable, product.created, product.updated),
            *(product.category, product.featured, product.option, product.facts),
            [_price_row(price) for price in product.prices],
        ]
        for product in products
    ]
    return base64.b64encode(zlib.compress(json.dumps(rows, separators=(",", ":")).encode())).decode()


def _price_row(price: Price) -> list[object]:
    recurrence = price.recurrence
    often = [recurrence.interval, recurrence.count] if recurrence else None
    return [price.id, price.money.amount, price.money.currency, often, price.nickname]


def unpacked(text: str) -> tuple[Product, ...]:
    """The products that `packed` wrote. Raises ValueError, TypeError or zlib.error for anything else."""
    return tuple(_product(row) for row in json.loads(zlib.decompress(base64.b64decode(text))))


def _product(row: Sequence[Any]) -> Product:
    """The product of a row that `packed` wrote."""
    product_id, name, description, images, in_stock, shippable, created, updated, *rest = row
    category, featured, option, facts, prices = rest
    return Product(
        id=product_id,
        name=name,
        prices=tuple(
            Price(
                price_id,
                product_id,
                Money(amount, currency),
                Recurrence(*often) if often else None,
                nickname,
            )
            for price_id, amount, currency, often, nickname in prices
        ),
        description=description,
        images=tuple(images),
        in_stock=in_stock,
        shippable=shippable,
        created=created,
        updated=updated,
        category=category,
        featured=featured,
        option=option,
        facts=tuple((label, value) for label, value in facts),
    )
