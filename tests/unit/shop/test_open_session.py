"""An open Checkout Session, whatever happened under its idempotency key before."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.fakes import Clock, Till
from tests.unit.purchases import DRAFT
from webstore import deadline
from webstore.errors import (
    AmountRefused,
    CurrencyRefused,
    EmailRefused,
    KeyInFlight,
    KeyReused,
    OverBudget,
    PaymentsFailed,
    PaymentsUnavailable,
)
from webstore.settings import CheckoutOptions
from webstore.shop import checkout
from webstore.shop.models import CheckoutSession, SessionStatus
from webstore.shop.ports import SessionDraft


def opened(till: Till, draft: SessionDraft = DRAFT) -> str:
    pauses: list[float] = []
    return checkout.open_session(till, draft, pauses.append).id


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
    till.stored_failures[checkout.session_key(DRAFT, None)] = KeyReused("400")
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
    for attempt in range(checkout.MAX_PREDECESSORS):
        till.stored_failures[checkout.session_key(DRAFT, f"failed {attempt}")] = refused
    till.stored_failures[checkout.session_key(DRAFT, None)] = refused
    with pytest.raises(AmountRefused):
        opened(till)


def test_a_currency_that_was_refused_is_tried_again_and_refused_in_the_same_words() -> None:
    till, refused = Till(), CurrencyRefused("in another currency")
    refused.replayed = True
    till.stored_failures[checkout.session_key(DRAFT, None)] = refused
    assert opened(till) == "cs_1"
    for attempt in range(checkout.MAX_PREDECESSORS):
        till.stored_failures[checkout.session_key(DRAFT, f"failed {attempt}")] = refused
    with pytest.raises(CurrencyRefused, match="another currency"):
        opened(till)


def test_an_old_answer_is_a_replay_even_if_it_does_not_say_so() -> None:
    till = Till(marks_replays=False)
    assert opened(till) == "cs_1"
    till.end("cs_1", SessionStatus.COMPLETE)
    till.change("cs_1", created=time.time() - 61)
    assert opened(till) == "cs_2"


@pytest.mark.parametrize(("left_s", "wanted"), [(540, "cs_2"), (660, "cs_1")])
def test_a_session_that_ends_within_minutes_is_replaced(left_s: float, wanted: str) -> None:
    till = Till()
    opened(till)
    till.change("cs_1", expires_at=time.time() + left_s)
    assert opened(till) == wanted
    assert till.get_session("cs_1").status is (
        SessionStatus.OPEN if wanted == "cs_1" else SessionStatus.EXPIRED
    )


def test_a_session_without_an_end_is_open() -> None:
    till = Till()
    opened(till)
    till.change("cs_1", expires_at=0.0)
    assert opened(till) == "cs_1"


def test_a_shopper_who_buys_the_same_all_day_is_stopped_in_the_end() -> None:
    till = Till()
    for number in range(checkout.MAX_PREDECESSORS):
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
        checkout.open_session(till, DRAFT)
    assert till.calls == 3


class NoAnswerYet(Till):
    """Another request with the same key is still running, also after the deadline."""

    def create_session(self, draft: SessionDraft, idempotency_key: str) -> tuple[CheckoutSession, bool]:
        raise KeyInFlight("409")


def test_after_its_time_a_page_waits_no_longer_for_another_request(clock: Clock) -> None:
    began = clock.now
    with deadline.within(0.2), pytest.raises(OverBudget):
        checkout.open_session(NoAnswerYet(), DRAFT)
    assert clock.now - began == pytest.approx(0.2)
