"""An open Checkout Session, whatever happened under its idempotency key before."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

import pytest

from tests.fakes import Clock, Memory, Till, TimedMemory
from tests.unit.purchases import DRAFT, MONTHLY, MUG, PRICE
from webstore import deadline
from webstore.errors import (
    AmountRefused,
    CurrencyRefused,
    EmailRefused,
    KeyInFlight,
    KeyReused,
    NoSuchObject,
    OverBudget,
    PaymentsError,
    PaymentsFailed,
    PaymentsRefused,
    PaymentsUnavailable,
)
from webstore.settings import CheckoutOptions
from webstore.shop import opening
from webstore.shop.models import CheckoutSession, Product, Purchase, SessionStatus
from webstore.shop.numbers import where_to_look
from webstore.shop.ports import Offer, SessionDraft

#: The clock of these tests stands still.
NOW = time.time()
SLOT = int(NOW) // opening.SLOT_S
BOX = Product("prod_box", "Box", (MONTHLY,))


def opened(till: Till, draft: SessionDraft = DRAFT) -> str:
    """Open a session as a store that has just lost its shared state."""
    pauses: list[float] = []
    found = opening.open_session(till, draft, Memory(), now=lambda: NOW, sleep=pauses.append)
    return found.session.id


def test_a_request_under_way_with_the_same_key_is_waited_for() -> None:
    till = Till(instead=[KeyInFlight("409"), KeyInFlight("409")])
    assert opened(till) == "cs_1"
    assert len(set(till.keys)) == 1
    with pytest.raises(KeyInFlight):
        opened(Till(instead=[KeyInFlight("409")] * 20))


def test_a_failure_is_raised_and_a_failure_that_stripe_repeats_is_skipped() -> None:
    till = Till(instead=[PaymentsFailed("500")])
    with pytest.raises(PaymentsFailed):
        opened(till)
    till.stored_failures[till.keys[0]] = PaymentsFailed("500", replayed=True)
    assert opened(till) == "cs_1"
    assert opened(till) == "cs_1"
    till.stored_failures[till.keys[-2]] = PaymentsFailed("500", replayed=True)
    assert len(set(till.keys)) == 2


def test_a_key_that_was_used_for_another_request_is_skipped() -> None:
    till = Till()
    till.stored_failures[opening.session_key(DRAFT, SLOT, None)] = KeyReused("400")
    assert opened(till) == "cs_1"


def test_an_address_that_stripe_refuses_gets_no_receipt() -> None:
    till = Till(instead=[EmailRefused("400")])
    draft = replace(DRAFT, email="a@b", options=CheckoutOptions(receipts=True))
    assert opened(till, draft) == "cs_1"
    assert till.drafts[-1].email is None
    with pytest.raises(EmailRefused):
        opened(Till(instead=[EmailRefused("400")]))


def test_a_refused_amount_stays_refused_in_the_same_words() -> None:
    till, refused = Till(), AmountRefused("400")
    refused.replayed = True
    for attempt in range(opening.MAX_PREDECESSORS):
        till.stored_failures[opening.session_key(DRAFT, SLOT, f"failed {attempt}")] = refused
    till.stored_failures[opening.session_key(DRAFT, SLOT, None)] = refused
    with pytest.raises(AmountRefused):
        opened(till)


def test_a_currency_that_was_refused_is_tried_again_and_refused_in_the_same_words() -> None:
    till, refused = Till(), CurrencyRefused("in another currency")
    refused.replayed = True
    till.stored_failures[opening.session_key(DRAFT, SLOT, None)] = refused
    assert opened(till) == "cs_1"
    for attempt in range(opening.MAX_PREDECESSORS):
        till.stored_failures[opening.session_key(DRAFT, SLOT, f"failed {attempt}")] = refused
    with pytest.raises(CurrencyRefused, match="another currency"):
        opened(till)


def test_an_old_answer_is_a_replay_even_if_it_does_not_say_so() -> None:
    till = Till(marks_replays=False)
    assert opened(till) == "cs_1"
    till.end("cs_1", SessionStatus.COMPLETE)
    till.change("cs_1", created=NOW - 61)
    assert opened(till) == "cs_2"


def test_a_shopper_who_buys_the_same_again_and_again_is_stopped_in_the_end() -> None:
    till = Till()
    for number in range(opening.MAX_PREDECESSORS):
        till.end(opened(till), SessionStatus.COMPLETE)
        assert len(till.made) == number + 1
    with pytest.raises(PaymentsUnavailable):
        opened(till)


# The time of the request


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the deadline, which only the test moves."""
    clock = Clock()
    monkeypatch.setattr(deadline, "time", clock)
    return clock


def test_after_its_time_a_page_asks_nothing_more(clock: Clock) -> None:
    till = Till()
    for number in range(1, 11):
        till.end(opened(till), SessionStatus.COMPLETE)
        assert len(till.made) == number
    till.calls, till.meanwhile = 0, lambda: clock.sleep(0.1)
    with deadline.within(0.25), pytest.raises(PaymentsUnavailable):
        opening.open_session(till, DRAFT, Memory(), now=lambda: NOW)
    assert till.calls == 3


class NoAnswerYet(Till):
    """Another request with the same key is still running, also after the deadline."""

    def create_session(self, draft: SessionDraft, idempotency_key: str) -> tuple[CheckoutSession, bool]:
        raise KeyInFlight("409")


def test_after_its_time_a_page_waits_no_longer_for_another_request(clock: Clock) -> None:
    began = clock.now
    with deadline.within(0.2), pytest.raises(OverBudget):
        opening.open_session(NoAnswerYet(), DRAFT, Memory())
    assert clock.now - began == pytest.approx(0.2)


# The end of a session


@dataclass
class Counter:
    """A store with one shared state, by a clock that only the test moves."""

    now: float
    till: Till = field(default_factory=Till)
    state: TimedMemory = field(init=False)

    def __post_init__(self) -> None:
        self.state = TimedMemory(self.clock)

    def clock(self) -> float:
        return self.now

    def open(self, draft: SessionDraft = DRAFT) -> opening.Opening:
        return opening.open_session(self.till, draft, self.state, now=self.clock)


BEGIN = float(SLOT * opening.SLOT_S)


@pytest.mark.parametrize("into_slot_s", [0, 1, 450, 899])
def test_a_new_session_ends_within_45_to_60_minutes(into_slot_s: float) -> None:
    counter = Counter(BEGIN + into_slot_s)
    counter.open()
    (draft,) = counter.till.drafts
    assert 45 * 60 <= draft.expires_at - counter.now <= 60 * 60
    assert draft.expires_at == opening.end_of(SLOT)


def test_two_clicks_send_the_same_request() -> None:
    counter = Counter(BEGIN + 10)
    counter.open()
    counter.now += 5
    counter.open()
    first, second = counter.till.drafts
    assert first == second
    assert len(set(counter.till.keys)) == 1


def test_two_clicks_around_the_end_of_a_slot_are_one_session() -> None:
    counter = Counter(BEGIN + 899.9)
    counter.open()
    counter.now += 0.2
    again = counter.open()
    assert (again.session.id, again.replaced) == ("cs_1", ())
    assert len(counter.till.made) == 1


def test_without_the_shared_state_clicks_around_the_end_of_a_slot_are_two_sessions() -> None:
    counter = Counter(BEGIN + 899.9)
    counter.state.down = True
    counter.open()
    counter.now += 0.2
    assert counter.open().session.id == "cs_2"


@pytest.mark.parametrize("into_slot_s", [0, 450, 899])
def test_every_new_session_has_at_least_35_minutes(into_slot_s: float) -> None:
    counter = Counter(BEGIN + into_slot_s)
    for _ in range(12):
        session = counter.open().session
        assert counter.till.drafts[-1].expires_at - counter.now >= 35 * 60
        counter.till.end(session.id, SessionStatus.COMPLETE)
        counter.now += 300


def test_a_later_session_replaces_the_earlier_one() -> None:
    counter = Counter(BEGIN)
    counter.open()
    counter.now += 26 * 60
    later = counter.open()
    assert (later.session.id, later.replaced) == ("cs_2", ("cs_1",))


def test_a_paid_session_is_not_replaced() -> None:
    counter = Counter(BEGIN)
    counter.open()
    counter.till.end("cs_1", SessionStatus.COMPLETE)
    counter.now += 60
    assert counter.open().replaced == ()


def test_a_session_of_another_purchase_is_left_alone() -> None:
    counter = Counter(BEGIN)
    counter.open()
    assert counter.open(replace(DRAFT, lines=(Purchase(MUG, PRICE, 3),))).replaced == ()


def test_a_subscription_replaces_the_open_session_for_the_same_product() -> None:
    counter = Counter(BEGIN)
    counter.open(replace(DRAFT, lines=(Purchase(BOX, MONTHLY, 1),)))
    two = replace(DRAFT, lines=(Purchase(BOX, MONTHLY, 2),))
    assert counter.open(two).replaced == ("cs_1",)
    assert counter.till.get_session("cs_1").status is SessionStatus.EXPIRED
    assert counter.open(replace(two, customer_id="cus_2")).replaced == ()


# Archived prices


def test_an_open_session_is_not_used_again_once_its_price_is_archived() -> None:
    till = Till()
    assert opened(till) == "cs_1"
    till.archived.add(PRICE.id)
    with pytest.raises(NoSuchObject):
        opened(till)
    assert till.get_session("cs_1").status is SessionStatus.EXPIRED
    till.archived.clear()
    assert opened(till) == "cs_2"


def test_a_price_of_another_session_does_not_matter() -> None:
    till = Till(archived={"price_other"})
    assert [opened(till), opened(till)] == ["cs_1", "cs_1"]


@pytest.mark.parametrize("failure", [PaymentsFailed("500"), PaymentsRefused("no permission")])
def test_a_session_at_an_archived_price_that_cannot_be_expired_is_not_shown(failure: PaymentsError) -> None:
    till = Till()
    opened(till)
    till.archived.add(PRICE.id)
    till.cannot_expire = failure
    with pytest.raises(type(failure)):
        opened(till)


class PaidMeanwhile(Till):
    """The session is paid right after it was read."""

    def get_offer(self, session_id: str) -> Offer:
        found = super().get_offer(session_id)
        self.end(session_id, SessionStatus.COMPLETE)
        return found


def test_a_session_at_an_archived_price_that_was_paid_just_now_is_over() -> None:
    till = PaidMeanwhile()
    opened(till)
    till.archived.add(PRICE.id)
    with pytest.raises(NoSuchObject):
        opened(till)
    assert till.get_session("cs_1").paid


# The order's number


def test_an_orders_number_is_the_same_for_the_same_session() -> None:
    counter = Counter(BEGIN + 600)
    first = counter.open().session
    counter.now += 400
    assert counter.open().session.number == first.number
    assert {draft.number for draft in counter.till.drafts} == {first.number}


def test_a_number_finds_its_day() -> None:
    counter = Counter(BEGIN)
    number = counter.open().session.number
    found = where_to_look(number)
    assert found is not None
    assert not found.invoice
    assert found.since <= counter.now <= found.until


def test_two_purchases_have_two_numbers() -> None:
    counter = Counter(BEGIN)
    first = counter.open().session
    counter.till.end(first.id, SessionStatus.COMPLETE)
    assert counter.open().session.number != first.number
