"""The idempotency key of a purchase: two clicks are one purchase, two different purchases are two."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes import USER, Memory, Till
from tests.unit.purchases import ALL_OPTIONS, DRAFT, MONTHLY, MUG, PRICE
from webstore.settings import CheckoutOptions
from webstore.shop import checkout, opening
from webstore.shop.models import Money, Purchase, SessionStatus
from webstore.shop.ports import SessionDraft

NOW = time.time()
GRACE = "auth0|000000000000000000000002"


def opened(till: Till, draft: SessionDraft = DRAFT) -> str:
    return opening.open_session(till, draft, Memory(), now=lambda: NOW).session.id


def test_the_same_purchase_leads_to_the_same_session_while_it_is_open() -> None:
    till = Till()
    assert [opened(till) for _ in range(3)] == ["cs_1"] * 3


@pytest.mark.parametrize("end", [SessionStatus.COMPLETE, SessionStatus.EXPIRED])
def test_the_same_purchase_makes_a_new_session_once_the_former_is_over(end: SessionStatus) -> None:
    till = Till()
    for number in range(1, 6):
        assert opened(till) == f"cs_{number}"
        assert opened(till) == f"cs_{number}"
        till.end(f"cs_{number}", end)


@pytest.mark.parametrize(
    "other",
    [
        {"customer_id": "cus_2"},
        {"user_id": GRACE},
        {"lines": (Purchase(MUG, PRICE, 3),)},
        {"lines": (Purchase(MUG, PRICE, 2), Purchase(MUG, MONTHLY, 1))},
        {"lines": (Purchase(replace(MUG, shippable=False), PRICE, 2),)},
        {"cancel_url": "https://shop.example/products/prod_mug"},
        {"success_url": "https://shop.example/done"},
        {"options": ALL_OPTIONS},
    ],
)
def test_every_difference_in_the_request_is_another_purchase(other: dict[str, Any]) -> None:
    till = Till()
    assert opened(till) == "cs_1"
    assert opened(till, replace(DRAFT, **other)) == "cs_2"


def test_the_email_address_counts_if_receipts_go_there() -> None:
    till, receipts = Till(), replace(DRAFT, options=CheckoutOptions(receipts=True))
    assert opened(till, replace(DRAFT, email="a@example.com")) == opened(till) == "cs_1"
    assert opened(till, replace(receipts, email="a@example.com")) == "cs_2"
    assert opened(till, replace(receipts, email="b@example.com")) == "cs_3"


def test_a_key_fits_and_does_not_contain_the_user() -> None:
    key = opening.session_key(DRAFT, 1, None)
    assert len(key) <= 255
    assert USER not in key
    assert opening.session_key(DRAFT, 1, "cs_1") != key
    assert opening.session_key(DRAFT, 2, None) != key


def test_the_digest_changes_with_price_quantity_and_amount() -> None:
    dearer = replace(PRICE, money=Money(1300, "eur"))
    dollars = replace(PRICE, money=Money(1200, "usd"))
    lines = [
        Purchase(MUG, PRICE, 2),
        Purchase(MUG, PRICE, 3),
        Purchase(MUG, dearer, 2),
        Purchase(MUG, dollars, 2),
        Purchase(MUG, MONTHLY, 2),
    ]
    assert len({checkout.digest([line]) for line in lines}) == len(lines)
    assert checkout.digest(lines[:1]) == checkout.digest((Purchase(MUG, PRICE, 2),))
