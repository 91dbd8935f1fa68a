"""Readings of carts' sessions for pages: remembered, made once for many, and within budgets."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.fakes import Clock, Memory, Till, TimedMemory
from tests.unit.purchases import EUR
from webstore.errors import NoSuchObject, PaymentsError, PaymentsFailed, PaymentsUnavailable
from webstore.shop.cart_sessions import SessionReader, remember_paid
from webstore.shop.models import BoughtLine, CheckoutSession, Recurrence, SessionStatus
from webstore.shop.session_readings import (
    ADDRESS_CALLS,
    REMEMBERED_S,
    SESSION_CALLS,
    SHOPPER_CALLS,
    STRANGERS_CALLS,
    WINDOW_S,
    Asker,
    SessionReadings,
)
from webstore.state import State

ADA = Asker("ada", stranger=False)
OPEN = CheckoutSession(
    "cs_1",
    SessionStatus.OPEN,
    "unpaid",
    "payment",
    created=1.0,
    expires_at=2.0,
    total=EUR,
    url="https://checkout.example/cs_1",
    customer_id="cus_1",
    owner="auth0|1",
    lines=(
        BoughtLine("Mug", 2, EUR, "price_mug", "prod_mug"),
        BoughtLine("Box", 1, EUR, "price_box", "prod_box", Recurrence("month", 3), "250 g"),
    ),
)
PAID = replace(OPEN, status=SessionStatus.COMPLETE, payment_status="paid", url=None)


class Counting(TimedMemory):
    """A shared state whose entries and counters expire by the test's clock."""

    def count(self, key: str, ttl_s: float) -> int:
        counted = int(self.get(key) or "0") + 1
        until = self.entries[key][1] if counted > 1 else self._clock() + ttl_s
        self.entries[key] = str(counted), until
        return counted


class Stripe:
    """Reads sessions: all of them look like `session`."""

    def __init__(self, session: CheckoutSession | None = OPEN) -> None:
        self.session, self.calls = session, 0
        self.error: Exception | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    def get_session(self, session_id: str) -> CheckoutSession:
        self.calls += 1
        self.meanwhile()
        if self.error is not None:
            raise self.error
        if self.session is None:
            raise NoSuchObject(session_id)
        return replace(self.session, id=session_id)


def stranger(number: int = 1) -> Asker:
    return Asker(f"192.0.2.{number}", stranger=True)


def calls_of(stripe: Stripe, state: State, askers: list[Asker], sessions: list[str]) -> int:
    """Let them all read, in a process that remembers nothing of its own; give the number of calls."""
    readings, before = SessionReadings(), stripe.calls
    for asker in askers:
        for session_id in sessions:
            try:
                readings.reader(asker, stripe, state).get_session(session_id)
            except PaymentsError:
                continue
    return stripe.calls - before


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def state(clock: Clock) -> Counting:
    return Counting(clock)


@pytest.fixture
def stripe() -> Stripe:
    return Stripe()


# Remembering


def test_an_answer_is_remembered_for_all_processes_and_askers(state: Counting, stripe: Stripe) -> None:
    for asker in (stranger(1), stranger(2), ADA):
        assert SessionReadings().read("cs_1", asker, stripe, state).status is SessionStatus.OPEN
    assert stripe.calls == 1


def test_a_payment_is_seen_when_the_answer_is_forgotten(
    clock: Clock, state: Counting, stripe: Stripe
) -> None:
    readings = SessionReadings()
    readings.read("cs_1", ADA, stripe, state)
    stripe.session = PAID
    assert readings.read("cs_1", ADA, stripe, state).status is SessionStatus.OPEN
    clock.now += REMEMBERED_S
    assert readings.read("cs_1", ADA, stripe, state).paid


def test_a_payment_that_a_webhook_reports_is_seen_at_once(state: Counting, stripe: Stripe) -> None:
    readings = SessionReadings()
    readings.read("cs_1", ADA, stripe, state)
    stripe.session = PAID
    remember_paid(state, "cs_1")
    assert readings.read("cs_1", ADA, stripe, state).paid
    assert readings.read("cs_1", ADA, stripe, state).paid
    assert stripe.calls == 2


def test_what_is_remembered_has_no_address_customer_or_owner(state: Counting, stripe: Stripe) -> None:
    readings = SessionReadings()
    assert readings.read("cs_1", ADA, stripe, state) == OPEN
    remembered = readings.read("cs_1", ADA, stripe, state)
    assert remembered == replace(OPEN, url=None, customer_id=None, owner=None)
    assert not any("checkout.example" in value or "cus_1" in value for value, _ in state.entries.values())


def test_an_unknown_session_is_remembered_too(state: Counting) -> None:
    stripe, readings = Stripe(None), SessionReadings()
    for _ in range(3):
        with pytest.raises(NoSuchObject):
            readings.read("cs_1", ADA, stripe, state)
    assert stripe.calls == 1


@pytest.mark.parametrize("text", ["nonsense", "[]", "{}", '{"status": "new"}', "null"])
def test_an_answer_of_another_release_is_read_again(state: Counting, stripe: Stripe, text: str) -> None:
    state.set("session-answer:cs_1", text, 60.0)
    assert SessionReadings().read("cs_1", ADA, stripe, state) == OPEN


def test_a_failure_is_not_remembered(state: Counting, stripe: Stripe) -> None:
    readings = SessionReadings()
    stripe.error = PaymentsFailed("500")
    with pytest.raises(PaymentsFailed):
        readings.read("cs_1", ADA, stripe, state)
    stripe.error = None
    assert readings.read("cs_1", ADA, stripe, state) == OPEN


# One call for many


def test_a_session_that_another_request_reads_is_not_read_too(state: Counting, stripe: Stripe) -> None:
    readings, entered, leave = SessionReadings(), threading.Event(), threading.Event()

    def hold() -> None:
        entered.set()
        assert leave.wait(20)

    stripe.meanwhile = hold
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(readings.read, "cs_1", stranger(), stripe, state)
        assert entered.wait(20)
        stripe.meanwhile = lambda: None
        for number in range(5):
            with pytest.raises(PaymentsUnavailable, match="another request"):
                readings.read("cs_1", stranger(number), stripe, state)
        assert stripe.calls == 1
        # Not a stranger's call, which may be refused where a shopper's is not.
        assert readings.read("cs_1", ADA, stripe, state) == OPEN
        leave.set()
        assert first.result(20) == OPEN
    assert stripe.calls == 2


def test_a_request_that_waits_gets_the_answer_of_the_other_one(clock: Clock, stripe: Stripe) -> None:
    readings, looked = SessionReadings(patience_s=600), threading.Event()

    class Watched(Counting):
        def get_many(self, keys: Sequence[str]) -> dict[str, str]:
            if threading.current_thread() is not threading.main_thread():
                looked.set()
            return super().get_many(keys)

    state = Watched(clock)
    with ThreadPoolExecutor(1) as pool:
        waiting = []

        def meanwhile() -> None:
            waiting.append(pool.submit(readings.read, "cs_1", ADA, stripe, state))
            assert looked.wait(20)

        stripe.meanwhile = meanwhile
        readings.read("cs_1", ADA, stripe, state)
        assert waiting[0].result(20).status is SessionStatus.OPEN
    assert stripe.calls == 1


# Budgets: while Stripe fails, so that nothing is remembered


def failing() -> Stripe:
    stripe = Stripe()
    stripe.error = PaymentsFailed("500")
    return stripe


def test_strangers_have_a_budget_for_each_session(state: Counting) -> None:
    everywhere = [stranger(number) for number in range(50)]
    assert calls_of(failing(), state, everywhere, ["cs_1"]) == SESSION_CALLS


def test_each_address_has_a_budget(state: Counting) -> None:
    many = [f"cs_{number}" for number in range(50)]
    assert calls_of(failing(), state, [stranger()], many) == ADDRESS_CALLS
    assert calls_of(failing(), state, [stranger(2)], many) == ADDRESS_CALLS


def test_strangers_have_a_budget_together_and_shoppers_do_not_need_it(state: Counting) -> None:
    many = [f"cs_{number}" for number in range(50)]
    everywhere = [stranger(number) for number in range(50)]
    assert calls_of(failing(), state, everywhere, many) == STRANGERS_CALLS
    assert calls_of(Stripe(), state, [ADA], ["cs_1", "cs_2", "cs_3"]) == 3


def test_a_shopper_has_a_budget(state: Counting) -> None:
    assert calls_of(failing(), state, [ADA] * 100, ["cs_1"]) == SHOPPER_CALLS
    assert calls_of(failing(), state, [replace(ADA, key="grace")] * 100, ["cs_1"]) == SHOPPER_CALLS


def test_a_budget_is_new_after_its_window(clock: Clock, state: Counting) -> None:
    assert calls_of(failing(), state, [stranger()] * 20, ["cs_1"]) == SESSION_CALLS
    clock.now += WINDOW_S
    assert calls_of(failing(), state, [stranger()] * 20, ["cs_1"]) == SESSION_CALLS


# Without the shared state


def test_without_the_shared_state_a_process_remembers_and_counts_itself(clock: Clock, stripe: Stripe) -> None:
    down, readings = Memory(down=True), SessionReadings(clock)
    for _ in range(3):
        assert readings.read("cs_1", stranger(), stripe, down).status is SessionStatus.OPEN
    assert stripe.calls == 1
    clock.now += REMEMBERED_S
    stripe.error = PaymentsFailed("500")
    for _ in range(20):
        with pytest.raises(PaymentsError):
            readings.read("cs_1", stranger(), stripe, down)
    assert stripe.calls == SESSION_CALLS
    clock.now += WINDOW_S
    stripe.error = None
    assert readings.read("cs_1", stranger(), stripe, down) == OPEN


def test_the_till_of_a_purchase_is_a_reader_as_well() -> None:
    reader: SessionReader = Till()
    with pytest.raises(NoSuchObject):
        reader.get_session("cs_1")
