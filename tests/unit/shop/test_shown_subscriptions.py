"""Subscriptions in the shopper's terms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes import a_subscription
from webstore.errors import PaymentsUnavailable
from webstore.shop.models import Catalogue, Money, Price, Product, Recurrence, SubscriptionItem
from webstore.shop.subscriptions import ShownItem, State, in_words, shown

MONTH, YEAR = Recurrence("month"), Recurrence("year")
BOX = Product("prod_box", "Tea box", (Price("price_prod_box", "prod_box", Money(1900, "eur"), MONTH),))
SOLD = Catalogue((BOX,), read_at=0)
END = a_subscription("sub_1").period_end or 0.0


@pytest.mark.parametrize(
    ("changes", "state", "next_charge"),
    [
        ({}, State.ACTIVE, END),
        ({"status": "trialing"}, State.TRIAL, END),
        ({"status": "incomplete"}, State.STARTING, None),
        ({"status": "past_due"}, State.UNPAID, None),
        ({"status": "unpaid"}, State.UNPAID, None),
        ({"status": "paused"}, State.PAUSED, None),
        ({"collection_paused": True}, State.PAUSED, None),
        ({"collection_paused": True, "status": "past_due"}, State.UNPAID, None),
        ({"status": "a status of next year"}, State.ACTIVE, END),
        ({"ends_at": END}, State.ACTIVE, None),
        ({"ends_at": END - 5}, State.ACTIVE, None),
        ({"ends_at": END + 5}, State.ACTIVE, END),
        ({"ends_at": END, "status": "trialing"}, State.TRIAL, None),
        ({"ends_at": END, "period_end": None}, State.ACTIVE, None),
        ({"period_end": None}, State.ACTIVE, None),
    ],
)
def test_the_state_and_the_next_charge(
    changes: dict[str, Any], state: State, next_charge: float | None
) -> None:
    view = shown(a_subscription("sub_1", **changes), SOLD)
    assert (view.state, view.next_charge) == (state, next_charge)


@pytest.mark.parametrize(
    ("status", "can_pay"),
    [("past_due", True), ("unpaid", True), ("incomplete", True), ("active", False), ("trialing", False)],
)
def test_an_invoice_is_offered_where_a_payment_is_missing(status: str, can_pay: bool) -> None:
    # The open invoice of an active one is about to be collected, or a debit is under way.
    invoice = "https://invoice.stripe.com/i/x"
    view = shown(a_subscription("sub_1", status=status, invoice_url=invoice), SOLD)
    assert view.pay_url == (invoice if can_pay else None)


def test_names_come_from_the_catalogue_and_variants_from_the_price() -> None:
    items = (
        SubscriptionItem("price_prod_box", "prod_box", 2, Money(1900, "eur"), MONTH, variant="250 g"),
        SubscriptionItem("price_old", "prod_not_sold", 1, Money(100, "eur"), MONTH),
    )
    view = shown(a_subscription("sub_1", items=items), SOLD)
    assert view.items == (ShownItem("Tea box", "250 g", 2), ShownItem(None, None, 1))


def test_the_amount_is_the_sum_for_each_interval() -> None:
    items = (
        SubscriptionItem("price_1", "prod_1", 2, Money(900, "eur"), MONTH),
        SubscriptionItem("price_2", "prod_2", 1, Money(50, "eur"), MONTH),
        SubscriptionItem("price_3", "prod_3", 1, Money(10_000, "eur"), YEAR),
    )
    view = shown(a_subscription("sub_1", items=items), SOLD)
    assert view.amounts == ((Money(1850, "eur"), MONTH), (Money(10_000, "eur"), YEAR))


@pytest.mark.parametrize(("money", "recurrence"), [(None, MONTH), (Money(5, "eur"), None)])
def test_an_amount_that_is_not_known_is_not_guessed(
    money: Money | None, recurrence: Recurrence | None
) -> None:
    items = (
        SubscriptionItem("price_1", "prod_1", 2, Money(900, "eur"), MONTH),
        SubscriptionItem("price_2", "prod_2", 1, money, recurrence),
    )
    assert shown(a_subscription("sub_1", items=items), SOLD).amounts == ()


def test_without_the_catalogue_subscriptions_are_listed_all_the_same() -> None:
    def not_read() -> Catalogue:
        raise PaymentsUnavailable("the catalogue could not be read yet")

    (view,) = in_words([a_subscription("sub_1", description="Your tea")], not_read)
    assert (view.items, view.description) == ((ShownItem(None, None, 1),), "Your tea")


def test_without_subscriptions_the_catalogue_is_not_asked_for() -> None:
    def not_called() -> Catalogue:
        raise AssertionError

    assert in_words((), not_called) == ()
