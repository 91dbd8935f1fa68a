"""What Stripe's documents say about a purchase and a renewal."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes import USER
from webstore.gateways.stripe.orders import _purchase, _renewal  # what Stripe's documents mean
from webstore.shop.models import Money, Order, OrderStatus

CHARGE = {
    "amount": 1000,
    "amount_captured": 1000,
    "amount_refunded": 0,
    "receipt_url": "https://pay.stripe.com/r",
}
PAID = {
    "id": "cs_1",
    "created": 5,
    "currency": "eur",
    "amount_total": 1000,
    "payment_status": "paid",
    "status": "complete",
    "metadata": {"auth0_user_id": USER},
    "payment_intent": {"id": "pi_1", "status": "succeeded", "latest_charge": CHARGE},
}


@pytest.mark.parametrize(
    ("refunded", "status"),
    [(0, "paid"), (1, "partly_refunded"), (999, "partly_refunded"), (1000, "refunded")],
)
def test_refunds(refunded: int, status: str) -> None:
    intent = {"id": "pi_1", "latest_charge": {**CHARGE, "amount_refunded": refunded}}
    found = _purchase({**PAID, "payment_intent": intent}, {})
    assert (found.status, found.refunded.amount) == (status, refunded)
    invoice = {
        "id": "in_1",
        "created": 1,
        "status": "paid",
        "currency": "eur",
        "total": 1000,
        "payments": {"data": [{"payment": {"type": "payment_intent", "payment_intent": "pi_1"}}]},
    }
    found = _renewal(invoice, {"pi_1": {**CHARGE, "amount_refunded": refunded}})
    assert (found.status, found.refunded.amount) == (status, refunded)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"payment_status": "no_payment_required", "payment_intent": None}, "paid"),
        ({"payment_intent": "pi_1"}, "paid"),
        ({"payment_status": "unpaid", "payment_intent": {"status": "processing"}}, "processing"),
        ({"payment_status": "unpaid", "payment_intent": {"status": "requires_action"}}, "processing"),
        ({"payment_status": "unpaid", "payment_intent": {"status": "requires_payment_method"}}, "failed"),
        ({"payment_status": "unpaid", "payment_intent": {"status": "canceled"}}, "failed"),
        ({"payment_status": "unpaid", "payment_intent": None, "invoice": {"status": "open"}}, "processing"),
        ({"payment_status": "unpaid", "payment_intent": None, "invoice": {"status": "void"}}, "failed"),
        ({"payment_status": "unpaid", "payment_intent": None, "invoice": None}, "processing"),
    ],
)
def test_the_status_of_a_purchase(changes: dict[str, Any], status: str) -> None:
    assert _purchase({**PAID, **changes}, {}).status == status


@pytest.mark.parametrize(
    ("stripe", "status"), [("paid", "paid"), ("open", "due"), ("uncollectible", "failed")]
)
def test_the_status_of_a_renewal(stripe: str, status: str) -> None:
    found = _renewal({"id": "in_1", "created": 1, "status": stripe}, {})
    assert (found.status, found.renewal) == (status, True)


def test_a_purchase_with_the_fewest_fields() -> None:
    found = _purchase({"id": "cs_1", "created": 5, "payment_status": "paid"}, {})
    assert found == Order("cs_1", 5.0, OrderStatus.PAID, Money(0, ""), Money(0, ""), ())
