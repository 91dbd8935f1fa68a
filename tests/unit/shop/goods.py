"""The products of the catalogue's tests."""

from __future__ import annotations

from webstore.shop.models import Money, Price, Product, Recurrence

MUG = Product(
    "prod_mug",
    "Mug “large” \N{HOT BEVERAGE}",
    (
        Price("price_once", "prod_mug", Money(1250, "eur"), nickname="for friends"),
        Price("price_often", "prod_mug", Money(900, "usd"), Recurrence("month", 3)),
    ),
    description="Holds coffee.",
    images=("https://cdn.example/mug.png",),
    in_stock=False,
    shippable=True,
    created=1.0,
    updated=2.5,
    category="Tea ware",
    featured=True,
    option="Size",
    facts=(("Material", "Stoneware"), ("Fired at", "1 240 °C")),
)
TEA = Product("prod_tea", "Tea", (Price("price_tea", "prod_tea", Money(300, "eur")),))
