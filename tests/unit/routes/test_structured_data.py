"""The structured data of a product, https://schema.org/Product."""

from __future__ import annotations

from typing import Any

from webstore.routes.structured_data import product_data
from webstore.shop.models import Money, Price, Product, Recurrence

URL, RETURNS = "https://shop.example/products/mug", "https://shop.example/returns"
PRICES = (
    Price("price_1", "mug", Money(1250, "eur"), nickname="300 ml"),
    Price("price_2", "mug", Money(900, "eur"), Recurrence("month", 3)),
)


def offers(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The offers of a product's data."""
    return list(data["offers"])


def test_a_product_with_everything() -> None:
    facts = (("Brand", "Linden"), ("Material", "Oak"), ("Capacity", "1 l"))
    mug = Product(
        "mug", "Mug", PRICES, "Holds coffee.", ("https://x.example/1.png",), category="Tea", facts=facts
    )
    data = product_data(mug, URL, RETURNS)
    assert (data["name"], data["sku"], data["url"]) == ("Mug", "mug", URL)
    assert (data["category"], data["material"]) == ("Tea", "Oak")
    assert data["brand"] == {"@type": "Brand", "name": "Linden"}
    assert data["additionalProperty"] == [{"@type": "PropertyValue", "name": "Capacity", "value": "1 l"}]
    assert data["hasMerchantReturnPolicy"] == {"@type": "MerchantReturnPolicy", "merchantReturnLink": RETURNS}
    once, recurring = offers(data)
    assert (once["name"], once["price"], once["priceCurrency"]) == ("300 ml", "12.50", "EUR")
    assert recurring["priceSpecification"]["referenceQuantity"]["value"] == 3


def test_what_is_not_known_is_left_out() -> None:
    data = product_data(Product("mug", "Mug", PRICES), URL, RETURNS)
    assert not data.keys() & {"description", "image", "category", "brand", "material", "additionalProperty"}
