"""What the shoppers of the unit tests buy."""

from __future__ import annotations

from tests.fakes import USER
from webstore.settings import CheckoutOptions
from webstore.shop.models import Money, Price, Product, Purchase, Recurrence
from webstore.shop.ports import SessionDraft

EUR = Money(1200, "eur")
PRICE = Price("price_mug", "prod_mug", EUR)
MUG = Product("prod_mug", "Mug", (PRICE,))
MONTHLY = Price("price_box", "prod_box", EUR, Recurrence("month"))
DRAFT = SessionDraft(
    customer_id="cus_1",
    user_id=USER,
    lines=(Purchase(MUG, PRICE, 2),),
    success_url="https://shop.example/checkout/success?session_id={CHECKOUT_SESSION_ID}",
    cancel_url="https://shop.example/cart",
)
ALL_OPTIONS = CheckoutOptions(
    automatic_tax=True,
    shipping_countries=("DE", "FR"),
    shipping_rates=("shr_1",),
    promotion_codes=True,
    phone=True,
    terms=True,
    receipts=True,
)
