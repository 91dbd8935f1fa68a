"""What the metadata of a product at Stripe tells shoppers.

Only the keys below are shown. Others are the shop's own business, such as a supplier or a purchase price.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Facts by their key, in the order of the page.
_FACTS = {
    "brand": "Brand",
    "material": "Material",
    "colour": "Colour",
    "color": "Colour",
    "size": "Size",
    "dimensions": "Dimensions",
    "capacity": "Capacity",
    "weight": "Weight",
    "contents": "Contents",
    "origin": "Origin",
    "ingredients": "Ingredients",
    "allergens": "Allergens",
    "care": "Care",
}
#: A key that begins with this is a fact, too; the rest of it is the label.
_ANY_FACT = "fact:"
_TRUE = ("1", "true", "yes")


def in_stock(metadata: Mapping[str, str]) -> bool:
    """Whether the product can be bought: `stock` is "0" if not."""
    return _text(metadata, "stock") != "0"


def category(metadata: Mapping[str, str]) -> str | None:
    """The name of the product's collection, `category`."""
    return _text(metadata, "category")


def featured(metadata: Mapping[str, str]) -> bool:
    """Whether the home page shows the product first: `featured` is "true"."""
    return (_text(metadata, "featured") or "").lower() in _TRUE


def option(metadata: Mapping[str, str]) -> str | None:
    """What the product's prices differ in, `option`: "Size", for instance."""
    return _text(metadata, "option")


def facts(metadata: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Label and value of each fact: of the keys in `_FACTS`, then of those that begin with `fact:`."""
    named = [(label, _text(metadata, key)) for key, label in _FACTS.items()]
    own = [
        (key.removeprefix(_ANY_FACT).strip(), _text(metadata, key))
        for key in sorted(metadata)
        if key.startswith(_ANY_FACT)
    ]
    return tuple((label, value) for label, value in (*named, *own) if label and value)


def _text(metadata: Mapping[str, str], key: str) -> str | None:
    value = metadata.get(key)
    return " ".join(value.split()) or None if isinstance(value, str) else None
