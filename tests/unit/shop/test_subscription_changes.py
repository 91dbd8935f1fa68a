"""What leaves a mark that a customer's subscriptions may be changing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.fakes import USER, Accounts, Fleet, Memory, Subscribers, Till
from tests.unit.offline import offline_store
from tests.unit.purchases import MONTHLY, MUG, PRICE
from tests.unit.webhook_deliveries import SECRETS, Inbox, opened
from webstore.shop.checkout import Opened, Wanted, buy
from webstore.shop.models import Price, Product, Purchase
from webstore.shop.subscription_changes import is_unmarked, mark_event, mark_visit, marks_of
from webstore.state import Records

BOX = Product("prod_box", "Box", (MONTHLY,))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("changes"), STRIPE_WEBHOOK_SECRET=SECRETS) as app:
        yield app


@pytest.fixture
def inbox(app: Flask) -> Inbox:
    return opened(app)


def marked(state: Records, *customers: str) -> list[str]:
    """Those of the customers that have a mark."""
    return [it for it in customers if not is_unmarked(it, state.get_many(marks_of(it)))]


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("checkout.session.completed", {"object": "checkout.session", "id": "cs_test_1"}),
        ("invoice.paid", {"object": "invoice", "id": "in_1"}),
        ("invoice.payment_failed", {"object": "invoice", "id": "in_1"}),
        ("customer.subscription.updated", {"object": "subscription", "id": "sub_1"}),
        ("customer.subscription.deleted", {"object": "subscription", "id": "sub_1"}),
        ("customer.updated", {"object": "customer"}),
        ("customer.deleted", {"object": "customer"}),
    ],
)
def test_an_event_marks_its_customer_also_if_it_cannot_be_handled_now(
    inbox: Inbox, kind: str, about: dict[str, Any]
) -> None:
    whom = {"id": "cus_1"} if about["object"] == "customer" else {"customer": "cus_1"}
    inbox.deliver(kind, {**about, **whom})
    assert marked(inbox.state, "cus_1", "cus_2") == ["cus_1"]


def test_a_thin_event_marks_all_customers_unless_it_names_one(inbox: Inbox) -> None:
    inbox.deliver_thin("customer.deleted", "cus_1")
    assert marked(inbox.state, "cus_1", "cus_2") == ["cus_1"]
    inbox.deliver_thin("invoice.paid", "in_1", event="evt_thin_2")
    assert marked(inbox.state, "cus_1", "cus_2") == ["cus_1", "cus_2"]


def test_other_events_mark_nobody(inbox: Inbox) -> None:
    inbox.deliver("product.updated", {"object": "product", "id": "prod_1", "customer": "cus_1"})
    assert marked(inbox.state, "cus_1") == []


@pytest.mark.parametrize(("product", "price", "expected"), [(BOX, MONTHLY, ["cus_1"]), (MUG, PRICE, [])])
def test_a_checkout_marks_the_customer_who_may_subscribe(
    fleet: Fleet, product: Product, price: Price, expected: list[str]
) -> None:
    state, catalogue = Memory(), fleet.worker()
    catalogue.current()
    wanted = Wanted(
        user_id=USER,
        lines=(Purchase(product, price, 1),),
        success_url="https://shop.example/checkout/success",
        cancel_url="https://shop.example/cart",
    )
    result = buy(
        wanted,
        linker=Accounts().linker(),
        checkouts=Till(),
        subscriptions=Subscribers(),
        catalogue=catalogue,
        state=state,
    )
    assert isinstance(result, Opened)
    assert marked(state, "cus_1", "cus_2") == expected


def test_a_state_that_is_down_stops_nothing() -> None:
    state = Memory(down=True)
    mark_event(state, "cus_1")
    mark_event(state, None)
    mark_visit(state, "cus_1")


def test_nobody_is_no_customer() -> None:
    assert not is_unmarked(None, {})
