"""Earlier sessions for a subscription end before another one is opened; a stuck one is not forgotten."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import pytest

from tests.fakes import Memory, Till
from tests.unit.purchases import DRAFT, MONTHLY, MUG, PRICE
from webstore import deadline
from webstore.errors import NoSuchObject, PaymentsError, PaymentsFailed, PaymentsRefused
from webstore.shop.cart_sessions import expire
from webstore.shop.earlier_sessions import EarlierSessions, end_withdrawn, while_for_sale
from webstore.shop.models import Product, Purchase, SessionStatus
from webstore.shop.opening import SLOT_S, Opening, end_other_subscriptions, open_session
from webstore.shop.ports import Availability, SessionDraft

BOX = Product("prod_box", "Box", (MONTHLY,))
STUCK = PaymentsFailed("500")


def boxes(quantity: int) -> SessionDraft:
    return replace(DRAFT, lines=(Purchase(BOX, MONTHLY, quantity),))


@dataclass
class Desk:
    """A shopper who clicks, one click after the other."""

    till: Till = field(default_factory=Till)
    state: Memory = field(default_factory=Memory)
    now: float = field(default_factory=time.time)

    def click(self, draft: SessionDraft) -> Opening:
        end_other_subscriptions(self.till, draft, self.state)
        return open_session(self.till, draft, self.state, now=lambda: self.now)

    def open(self) -> list[str]:
        return [it.id for it in self.till.made.values() if it.status is SessionStatus.OPEN]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_subscription_session_that_cannot_be_expired_keeps_others_from_being_opened(desk: Desk) -> None:
    desk.click(boxes(1))
    desk.till.cannot_expire = STUCK
    for quantity in (2, 3, 2):
        with pytest.raises(PaymentsFailed):
            desk.click(boxes(quantity))
    assert desk.open() == ["cs_1"]
    desk.till.cannot_expire = None
    desk.click(boxes(3))
    assert desk.open() == ["cs_2"]


def test_the_stuck_session_itself_can_still_be_used(desk: Desk) -> None:
    desk.click(boxes(1))
    desk.till.cannot_expire = STUCK
    assert desk.click(boxes(1)).session.id == "cs_1"


def test_without_a_permission_the_operator_is_told(desk: Desk) -> None:
    desk.click(boxes(1))
    desk.till.cannot_expire = PaymentsRefused("no permission")
    with pytest.raises(PaymentsRefused, match="no permission"):
        desk.click(boxes(2))


@pytest.mark.parametrize("end", [SessionStatus.COMPLETE, SessionStatus.EXPIRED])
def test_a_session_that_is_over_stops_nothing(desk: Desk, end: SessionStatus) -> None:
    desk.click(boxes(1))
    desk.till.end("cs_1", end)
    assert desk.click(boxes(2)).session.id == "cs_2"


def test_a_session_that_does_not_exist_stops_nothing(desk: Desk) -> None:
    desk.click(boxes(1))
    desk.till.made.clear()
    assert desk.click(boxes(2)).session.status is SessionStatus.OPEN


def test_the_same_subscription_half_an_hour_later_waits_for_the_end_of_the_first_one(desk: Desk) -> None:
    desk.click(boxes(1))
    desk.now += 2 * SLOT_S
    desk.till.cannot_expire = STUCK
    with pytest.raises(PaymentsFailed):
        desk.click(boxes(1))
    desk.till.cannot_expire = None
    assert desk.click(boxes(1)).replaced == ("cs_1",)
    assert desk.open() == ["cs_2"]


def test_a_cart_with_two_subscriptions_ends_the_sessions_of_both(desk: Desk) -> None:
    tea = Product("prod_tea", "Tea", (replace(MONTHLY, id="price_tea", product_id="prod_tea"),))
    desk.click(boxes(1))
    desk.click(replace(DRAFT, lines=(Purchase(tea, tea.prices[0], 1),)))
    assert desk.open() == ["cs_1", "cs_2"]
    desk.click(replace(DRAFT, lines=(*boxes(1).lines, Purchase(tea, tea.prices[0], 1))))
    assert desk.open() == ["cs_3"]


def test_what_is_bought_once_is_opened_also_beside_a_stuck_session(desk: Desk) -> None:
    mug = replace(DRAFT, lines=(Purchase(MUG, PRICE, 1),))
    desk.click(mug)
    desk.now += 2 * SLOT_S
    desk.till.cannot_expire = STUCK
    assert desk.click(mug).replaced == ()
    desk.till.cannot_expire = None
    desk.now += 2 * SLOT_S
    # The stuck one was not forgotten.
    assert desk.click(mug).replaced == ("cs_1", "cs_2")
    assert desk.open() == ["cs_3"]


def test_without_the_shared_state_a_subscription_is_sold_all_the_same(desk: Desk) -> None:
    desk.state.down = True
    assert desk.click(boxes(1)).session.id == "cs_1"


def test_the_entry_of_an_earlier_release_is_understood() -> None:
    state = Memory()
    state.set("key", "cs_1", 60)
    earlier = EarlierSessions(Till(), state, ("key",), 60)
    earlier.put("cs_2", over=())
    assert earlier.under("key") == ("cs_1", "cs_2")
    assert EarlierSessions(Till(), state, ("key",), 60).under("key") == ("cs_1", "cs_2")


def test_the_list_of_remembered_sessions_has_an_end() -> None:
    state = Memory()
    for number in range(50):
        EarlierSessions(Till(), state, ("key",), 60).put(f"cs_{number}", over=())
    kept = EarlierSessions(Till(), state, ("key",), 60).under("key")
    assert kept == tuple(f"cs_{number}" for number in range(40, 50))


@pytest.mark.parametrize("failure", [STUCK, PaymentsRefused("403")])
def test_ending_a_session_fails_while_it_may_be_open(failure: PaymentsError) -> None:
    desk = Desk()
    desk.click(boxes(1))
    desk.till.cannot_expire = failure
    with pytest.raises(type(failure)):
        expire("cs_1", desk.till)
    desk.till.cannot_expire = NoSuchObject("cs_1")
    expire("cs_1", desk.till)


# What is not for sale any more

TWO = replace(DRAFT, lines=(Purchase(MUG, PRICE, 1), *boxes(1).lines))


@pytest.mark.parametrize(
    ("terms", "left"),
    [
        ({}, ["cs_1", "cs_2", "cs_3"]),
        ({"gone": ["prod_mug"]}, ["cs_2"]),
        ({"gone": ["price_mug"]}, ["cs_2"]),
        ({"gone": ["price_box", "other"]}, ["cs_1"]),
        ({"one_of": ["price_mug"]}, ["cs_2"]),
        ({"one_of": ["price_mug", "price_box"]}, ["cs_1", "cs_2"]),
        ({"one_of": ["price_mug", "other"]}, ["cs_1", "cs_2", "cs_3"]),
    ],
)
def test_open_sessions_with_what_is_gone_end(
    desk: Desk, terms: dict[str, list[str]], left: list[str]
) -> None:
    for draft in (DRAFT, boxes(1), TWO):
        desk.till.create_session(draft, str(draft))
    end_withdrawn(desk.till, "cus_1", DRAFT.user_id, **terms)
    assert desk.open() == left
    end_withdrawn(desk.till, "cus_2", DRAFT.user_id, gone=["prod_box", "prod_mug"])
    end_withdrawn(desk.till, "cus_1", "auth0|somebody else", gone=["prod_box", "prod_mug"])
    assert desk.open() == left


def test_open_sessions_at_an_archived_price_end(desk: Desk) -> None:
    for draft in (DRAFT, boxes(1)):
        desk.till.create_session(draft, str(draft))
    desk.till.archived.add("price_mug")
    end_withdrawn(desk.till, "cus_1", DRAFT.user_id)
    assert desk.open() == ["cs_2"]


def test_a_listing_that_fails_ends_nothing_and_is_logged(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    with deadline.within(0):
        end_withdrawn(desk.till, "cus_1", DRAFT.user_id, gone=["prod_mug"])
    assert "the open sessions of customer=cus_1 stay" in caplog.text


@pytest.mark.parametrize("off", ["price", "stock", "product"])
def test_an_open_session_is_expired_when_it_is_looked_at_and_its_goods_are_gone(desk: Desk, off: str) -> None:
    session = desk.click(DRAFT).session
    assert while_for_sale(desk.till, session).url == session.url
    if off == "price":
        desk.till.archived.add("price_mug")
    else:
        found = Availability.OUT_OF_STOCK if off == "stock" else Availability.GONE
        desk.till.unavailable["prod_mug"] = found
    shown = while_for_sale(desk.till, session)
    assert (shown.status, shown.url) == (SessionStatus.EXPIRED, None)
    calls = desk.till.calls
    assert while_for_sale(desk.till, shown) == shown
    assert desk.till.calls == calls
