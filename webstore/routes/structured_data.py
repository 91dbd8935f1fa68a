"""The structured data of a product for search engines, https://schema.org/Product."""

from __future__ import annotations

from webstore.shop.models import Price, Product, Recurrence
from webstore.shop.money import decimal_amount

#: UN/CEFACT's codes of the intervals, https://schema.org/unitCode
_UNITS = {"day": "DAY", "week": "WEE", "month": "MON", "year": "ANN"}


def product_data(product: Product, url: str) -> dict[str, object]:
    """The JSON-LD of a product page. `url`: the page's own address."""
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
