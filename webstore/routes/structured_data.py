"""The structured data of a product for search engines, https://schema.org/Product."""

from __future__ import annotations

from webstore.shop.models import Price, Product, Recurrence
from webstore.shop.money import decimal_amount

#: UN/CEFACT's codes of the intervals, https://schema.org/unitCode
_UNITS = {"day": "DAY", "week": "WEE", "month": "MON", "year": "ANN"}


#: Properties of https://schema.org/Product by the label of the fact.
_PROPERTIES = {"Material": "material", "Colour": "color", "Size": "size"}


def product_data(product: Product, url: str, returns_url: str) -> dict[str, object]:
    """The JSON-LD of a product page. `url`: its own address. `returns_url`: the page about returns.

    Source: https://developers.google.com/search/docs/appearance/structured-data/merchant-listing
    """
    data: dict[str, object] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": product.name,
        "sku": product.id,
        "url": url,
        "offers": [_offer(price, url, in_stock=product.in_stock) for price in product.prices],
    }
    if product.description:
        data["description"] = product.description
    if product.images:
        data["image"] = list(product.images)
    if product.category:
        data["category"] = product.category
    facts = dict(product.facts)
    if brand := facts.pop("Brand", None):
        data["brand"] = {"@type": "Brand", "name": brand}
    data |= {name: facts.pop(label) for label, name in _PROPERTIES.items() if label in facts}
    if facts:
        data["additionalProperty"] = [
            {"@type": "PropertyValue", "name": label, "value": value} for label, value in facts.items()
        ]
    data["hasMerchantReturnPolicy"] = {"@type": "MerchantReturnPolicy", "merchantReturnLink": returns_url}
    return data


def _offer(price: Price, url: str, *, in_stock: bool) -> dict[str, object]:
    """The offer of one price.

    Source: https://schema.org/Offer
    """
    offer: dict[str, object] = {
        "@type": "Offer",
        "url": url,
        "price": f"{decimal_amount(price.money):f}",
        "priceCurrency": price.money.currency.upper(),
        "availability": f"https://schema.org/{'InStock' if in_stock else 'OutOfStock'}",
    }
    if price.nickname:
        offer["name"] = price.nickname
    if price.recurrence is not None:
        offer["priceSpecification"] = _price_specification(price, price.recurrence)
    return offer


def _price_specification(price: Price, recurrence: Recurrence) -> dict[str, object]:
    """The interval of a recurring price.

    Source: https://schema.org/UnitPriceSpecification
    """
    return {
        "@type": "UnitPriceSpecification",
        "price": f"{decimal_amount(price.money):f}",
        "priceCurrency": price.money.currency.upper(),
        "referenceQuantity": {
            "@type": "QuantitativeValue",
            "value": recurrence.count,
            "unitCode": _UNITS[recurrence.interval],
        },
    }
