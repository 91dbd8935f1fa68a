"""The Checkout Sessions that a cart led to, and what they take out of it."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from tests.fakes import Memory, Till
from tests.unit.purchases import DRAFT, EUR
from webstore import deadline
from webstore.errors import PaymentsError, PaymentsFailed, PaymentsRefused, PaymentsUnavailable
from webstore.shop import cart_sessions, opening
from webstore.shop.cart_sessions import CheckedCart, without_paid_items
from webstore.shop.models import Cart, CartLine, SessionStatus

CART = Cart((CartLine("price_mug", 3, EUR), CartLine("price_pen", 1, EUR)), ("cs_1",))


def till_with(status: SessionStatus, payment_status: str = "paid") -> Till:
    """A till whose session cs_1 is in this state."""
    till = Till()
    opening.open_session(till, DRAFT, Memory())
    till.end("cs_1", status, payment_status)
    return till


def test_paid_items_are_taken_out() -> None:
    state = Memory()
    cart = without_paid_items(CART, ("cs_1",), till_with(SessionStatus.COMPLETE), state).cart
    assert [(line.price_id, line.quantity) for line in cart.lines] == [("price_mug", 1), ("price_pen", 1)]
    assert cart.sessions == ()
    assert state.kept == {"paid:cs_1": "1"}


def test_items_whose_payment_takes_days_are_taken_out_and_are_not_paid() -> None:
    state = Memory()
    till = till_with(SessionStatus.COMPLETE, "unpaid")
    cart = without_paid_items(CART, ("cs_1",), till, state).cart
    assert cart.count == 2
    assert state.kept == {}


def test_an_open_session_leaves_the_cart_as_it_is() -> None:
    till = till_with(SessionStatus.OPEN)
    checked = without_paid_items(CART, ("cs_1",), till, Memory())
    assert checked == CheckedCart(CART, (till.get_session("cs_1"),), complete=True)


def test_an_expired_or_unknown_session_is_forgotten() -> None:
    forgotten = replace(CART, sessions=())
    till = till_with(SessionStatus.EXPIRED, "unpaid")
    assert without_paid_items(CART, ("cs_1",), till, Memory()) == CheckedCart(forgotten)
    assert without_paid_items(CART, ("cs_1",), Till(), Memory()) == CheckedCart(forgotten)


def test_an_outage_of_stripe_leaves_the_cart_as_it_is() -> None:
    till = Till(instead=[PaymentsUnavailable("down")])
    assert without_paid_items(CART, ("cs_1",), till, Memory()) == CheckedCart(CART, complete=False)


def test_a_refusal_is_handed_to_the_caller_and_does_not_hide_another_session() -> None:
    till, refusal = till_with(SessionStatus.COMPLETE), PaymentsRefused("403")
    till.instead = [refusal]
    cart = replace(CART, sessions=("cs_0", "cs_1"))
    checked = without_paid_items(cart, cart.sessions, till, Memory())
    assert (checked.cart.count, checked.complete, checked.refusal) == (2, False, refusal)


def test_a_failure_about_one_session_does_not_hide_another_one() -> None:
    till = till_with(SessionStatus.COMPLETE)
    till.instead = [PaymentsFailed("500")]
    cart = replace(CART, sessions=("cs_0", "cs_1"))
    checked = without_paid_items(cart, cart.sessions, till, Memory())
    assert (checked.cart.count, checked.cart.sessions, checked.complete) == (2, ("cs_0",), False)


def test_after_its_time_a_page_leaves_the_cart_as_it_is() -> None:
    till = till_with(SessionStatus.COMPLETE)
    till.calls = 0
    with deadline.within(0):
        checked = without_paid_items(CART, ("cs_1",), till, Memory())
    assert checked == CheckedCart(CART, complete=False)
    assert till.calls == 0


def test_a_purchase_of_single_items_leaves_the_cart_as_it_is() -> None:
    cart = replace(CART, sessions=())
    till = till_with(SessionStatus.COMPLETE)
    assert cart_sessions.after_purchase(cart, till.get_session("cs_1"), Memory()) == cart


def test_a_session_is_read_now_and_then_and_always_where_it_matters() -> None:
    state = Memory()

    def due(*, closely: bool = False) -> bool:
        return cart_sessions.sessions_to_read(CART, state, closely=closely) == ("cs_1",)

    assert [due(), due(), due(closely=True), due(closely=True)] == [True, False, True, True]
    cart_sessions.remember_paid(state, "cs_1")
    assert [due(), due(), due(closely=True)] == [True, True, True]
    state = Memory(down=True)
    assert [due(), due()] == [True, True]


def test_a_payment_is_not_remembered_without_the_shared_state() -> None:
    state = Memory(down=True)
    cart_sessions.remember_paid(state, "cs_1")
    assert state.kept == {}


@pytest.mark.parametrize("status", [SessionStatus.COMPLETE, SessionStatus.EXPIRED])
def test_a_session_that_cannot_be_expired_is_left_out_of_the_answer(
    status: SessionStatus, caplog: pytest.LogCaptureFixture
) -> None:
    till = till_with(SessionStatus.OPEN)
    second = replace(DRAFT, customer_id="cus_2")
    opening.open_session(till, second, Memory())
    till.end("cs_1", status)
    with caplog.at_level(logging.INFO):
        assert cart_sessions.expire_all(("cs_1", "cs_2"), till) == ("cs_2",)
    assert till.get_session("cs_2").status is SessionStatus.EXPIRED
    assert {record.levelno for record in caplog.records} == {logging.INFO}


@pytest.mark.parametrize(
    ("trouble", "level"),
    [
        (PaymentsRefused("403: give the key the permission"), logging.ERROR),
        (PaymentsUnavailable("down"), logging.INFO),
    ],
)
def test_a_session_that_stays_open_is_an_error_only_if_stripe_refuses_to_expire_it(
    trouble: PaymentsError, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    till = till_with(SessionStatus.OPEN)
    till.cannot_expire = trouble
    with caplog.at_level(logging.INFO):
        assert cart_sessions.expire_all(("cs_1",), till) == ()
    (record,) = caplog.records
    assert record.levelno == level
    assert str(trouble) in record.getMessage()
