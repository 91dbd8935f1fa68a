"""What webhooks bring about, and how often."""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.fakes import Memory, TimedMemory
from tests.support import in_background
from tests.unit.offline import offline_store
from tests.unit.payment_records import LINES, REFUND
from tests.unit.webhook_deliveries import (
    COMPLETED,
    EXPIRED,
    FAILED,
    SECRETS,
    SESSION,
    SUCCEEDED,
    UNPAID,
    Inbox,
    opened,
)
from webstore.errors import PaymentsUnavailable
from webstore.shop.fulfilment import FULFIL_S, log_order_event
from webstore.shop.models import CheckoutSession, Money
from webstore.shop.order_events import Kind, OrderEvent
from webstore.shop.places import Places
from webstore.shop.ports import Fulfil


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("webhooks"), STRIPE_WEBHOOK_SECRET=SECRETS) as app:
        yield app


@pytest.fixture
def inbox(app: Flask, tmp_path: Path) -> Inbox:
    return opened(app, tmp_path / "state")


def test_the_same_event_again_has_no_second_effect(inbox: Inbox) -> None:
    for outcome in ("done", "seen", "seen"):
        assert inbox.deliver().json == {"outcome": outcome}
    assert inbox.fulfilled == [SESSION.id]


def test_another_event_of_the_same_session_has_no_second_effect(inbox: Inbox) -> None:
    inbox.deliver(COMPLETED, event="evt_1")
    inbox.deliver(SUCCEEDED, event="evt_2")
    assert inbox.fulfilled == [SESSION.id]


@pytest.mark.parametrize("kinds", [(COMPLETED, SUCCEEDED), (SUCCEEDED, COMPLETED)])
def test_the_order_of_deliveries_does_not_matter(inbox: Inbox, kinds: tuple[str, str]) -> None:
    inbox.till.made[SESSION.id] = UNPAID
    assert inbox.deliver(COMPLETED, event="evt_0").json == {"outcome": "ignored"}
    assert inbox.fulfilled == []
    assert inbox.state.get(f"paid:{SESSION.id}") is None

    inbox.till.made[SESSION.id] = SESSION
    for number, kind in enumerate(kinds, 1):
        assert inbox.deliver(kind, event=f"evt_{number}").status_code == 200

    assert inbox.fulfilled == [SESSION.id]


def test_the_payload_is_not_believed(inbox: Inbox) -> None:
    inbox.till.made[SESSION.id] = UNPAID
    paid = {"id": SESSION.id, "object": "checkout.session", "status": "complete", "payment_status": "paid"}
    assert inbox.deliver(COMPLETED, paid).status_code == 200
    assert inbox.fulfilled == []


@pytest.mark.parametrize("session", [UNPAID, EXPIRED])
@pytest.mark.parametrize("kind", [COMPLETED, FAILED, "checkout.session.expired"])
def test_a_session_that_was_not_paid_is_not_fulfilled(
    inbox: Inbox, kind: str, session: CheckoutSession
) -> None:
    inbox.till.made[SESSION.id] = session
    assert inbox.deliver(kind).status_code == 200
    assert Kind.PAID not in {event.kind for event in inbox.told}


def test_a_failed_debit_is_told_once(inbox: Inbox) -> None:
    inbox.till.made[SESSION.id] = UNPAID
    for event in ("evt_1", "evt_2"):
        assert inbox.deliver(FAILED, event=event).json == {"outcome": "done"}
    (told,) = inbox.told
    assert (told.kind, told.id) == (Kind.PAYMENT_FAILED, f"payment_failed.{SESSION.id}")
    assert (told.order_number, told.user_id, told.money) == (SESSION.number, "auth0|1", Money(1200, "eur"))


def test_a_late_word_of_a_failure_does_not_count_against_a_payment(inbox: Inbox) -> None:
    assert inbox.deliver(FAILED).json == {"outcome": "done"}
    assert [event.kind for event in inbox.told] == [Kind.PAID]


def test_a_purchase_of_the_time_before_is_not_told_again(inbox: Inbox) -> None:
    inbox.state.set(f"fulfilled:{SESSION.id}", "1", 60)
    assert inbox.deliver().json == {"outcome": "done"}
    assert inbox.told == []


def test_the_hook_gets_the_whole_order(inbox: Inbox) -> None:
    inbox.till.made[SESSION.id] = replace(SESSION, noted_number="261126-7K3QMX", lines=LINES)
    inbox.deliver(age_s=60)
    assert inbox.told == [
        OrderEvent(
            kind=Kind.PAID,
            id=f"paid.{SESSION.id}",
            at=inbox.clock() - 60,
            order_number="261126-7K3QMX",
            user_id="auth0|1",
            object_id=SESSION.id,
            livemode=False,
            customer_id="cus_1",
            money=Money(1200, "eur"),
            lines=LINES,
            session_id=SESSION.id,
        )
    ]


def test_saving_a_card_is_no_purchase(inbox: Inbox) -> None:
    inbox.till.made[SESSION.id] = replace(SESSION, mode="setup", payment_status="no_payment_required")
    assert inbox.deliver().json == {"outcome": "ignored"}
    assert inbox.told == []


class Died(BaseException):
    """The process ends here, as if its power was cut."""


class Mortal(TimedMemory):
    """A shared state that a process loses when it dies while it notes that something was fulfilled."""

    dead = False

    def set(self, key: str, value: str, ttl_s: float) -> None:
        self.dead = self.dead or key.startswith("fulfilled:")
        self._alive()
        super().set(key, value, ttl_s)

    def delete(self, key: str) -> None:
        self._alive()
        super().delete(key)

    def _alive(self) -> None:
        if self.dead:
            raise Died


def test_a_crash_between_the_effect_and_its_note_repeats_the_effect_under_the_same_id(inbox: Inbox) -> None:
    mortal = Mortal(inbox.clock)
    inbox.use(state=mortal)
    with pytest.raises(Died):
        inbox.deliver()
    assert len(inbox.told) == 1

    survivor = TimedMemory(inbox.clock)
    survivor.entries = mortal.entries
    inbox.use(state=survivor)
    # As long as the dead process may still be at work, as far as the others know.
    assert inbox.deliver().status_code == 409
    inbox.clock.sleep(FULFIL_S + 1)
    assert inbox.deliver().json == {"outcome": "done"}
    assert inbox.deliver().json == {"outcome": "seen"}

    first, second = inbox.told
    assert first.id == second.id


def test_a_free_order_is_fulfilled(inbox: Inbox) -> None:
    inbox.till.made[SESSION.id] = replace(SESSION, payment_status="no_payment_required")
    inbox.deliver()
    assert inbox.fulfilled == [SESSION.id]


def test_sessions_that_the_store_did_not_make_are_ignored(inbox: Inbox) -> None:
    inbox.till.made["cs_other"] = replace(SESSION, id="cs_other", owner=None)
    answer = inbox.deliver(about={"id": "cs_other", "object": "checkout.session"})
    assert answer.json == {"outcome": "ignored"}
    assert inbox.fulfilled == []


def test_an_event_during_an_outage_of_stripe_has_to_come_again(inbox: Inbox) -> None:
    inbox.till.instead = [PaymentsUnavailable("down")]
    assert inbox.deliver().status_code == 503
    assert inbox.deliver().json == {"outcome": "done"}
    assert inbox.fulfilled == [SESSION.id]


def test_a_hook_that_fails_is_called_again(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    def fail_once(event: OrderEvent) -> None:
        inbox.note(event)
        if len(inbox.fulfilled) == 1:
            raise RuntimeError("the warehouse is closed")

    inbox.use(fulfil=[fail_once])
    with caplog.at_level(logging.ERROR):
        assert inbox.deliver().status_code == 503
    assert "the warehouse is closed" in caplog.text
    assert inbox.deliver().json == {"outcome": "done"}
    assert inbox.deliver().json == {"outcome": "seen"}
    assert len(inbox.fulfilled) == 2


def test_one_hook_that_fails_does_not_keep_the_others_from_their_work(inbox: Inbox) -> None:
    def fail(event: OrderEvent) -> None:
        raise RuntimeError(event.id)

    inbox.use(fulfil=[fail, inbox.note])
    assert inbox.deliver().status_code == 503
    assert inbox.fulfilled == [SESSION.id]
    assert inbox.state.get(f"paid:{SESSION.id}") == "1"


def exits(event: OrderEvent) -> None:
    raise SystemExit(event.id)


async def never_runs(event: OrderEvent) -> None:
    raise AssertionError(event.id)


def does_it_in_parts(event: OrderEvent) -> Iterator[str]:
    yield event.id


async def does_it_in_parts_later(event: OrderEvent) -> AsyncIterator[str]:
    yield event.id


@pytest.mark.parametrize("hook", [exits, never_runs, does_it_in_parts, does_it_in_parts_later])
def test_a_hook_that_exits_or_leaves_its_work_undone_has_failed(
    inbox: Inbox, hook: Callable[[OrderEvent], object], caplog: pytest.LogCaptureFixture
) -> None:
    def wrapped(event: OrderEvent) -> object:
        return hook(event)

    wrapped.__qualname__ = "ship"
    inbox.use(fulfil=[cast(Fulfil, wrapped), inbox.note])
    assert inbox.deliver().status_code == 503
    (error,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert f"the fulfil hook {__name__}:ship failed" in error.getMessage()
    assert inbox.fulfilled == [SESSION.id], "the others are called all the same"
    inbox.use(fulfil=[inbox.note])
    assert inbox.deliver().json == {"outcome": "done"}


def stops(event: OrderEvent) -> None:
    raise KeyboardInterrupt(event.id)


def test_what_looks_like_an_interrupt_in_a_thread_of_the_server_comes_from_the_hook(inbox: Inbox) -> None:
    inbox.use(fulfil=[stops])
    assert in_background(inbox.deliver).result(30).status_code == 503


def test_an_interrupt_on_the_main_thread_ends_the_command(inbox: Inbox) -> None:
    inbox.use(fulfil=[stops])
    with pytest.raises(KeyboardInterrupt):
        inbox.deliver()
    inbox.use(fulfil=[inbox.note])
    assert inbox.deliver().json == {"outcome": "done"}


def test_hooks_that_hang_hold_a_quarter_of_the_threads(tmp_path: Path) -> None:
    inside, go_on = threading.Semaphore(0), threading.Event()

    def hang(_: OrderEvent) -> None:
        inside.release()
        assert go_on.wait(30)

    with offline_store(tmp_path, STRIPE_WEBHOOK_SECRET=SECRETS, WEB_THREADS="8") as app:
        inbox = opened(app)
        inbox.use(fulfil=[hang])
        for number in range(4):
            inbox.till.made[f"cs_{number}"] = replace(SESSION, id=f"cs_{number}")

        def deliver(number: int) -> TestResponse:
            about = {"id": f"cs_{number}", "object": "checkout.session"}
            return inbox.deliver(about=about, event=f"evt_{number}")

        held = [in_background(lambda n=n: deliver(n)) for n in (0, 1)]  # type: ignore[misc]  # mypy cannot infer a lambda's default
        for _ in held:
            assert inside.acquire(timeout=10)
        assert [deliver(2).status_code, deliver(3).status_code] == [503, 503]
        assert not any(delivery.done() for delivery in held)
        go_on.set()
        assert [delivery.result(10).status_code for delivery in held] == [200, 200]
        assert deliver(2).json == {"outcome": "done"}


@pytest.mark.parametrize("second", ["evt_1", "evt_2"])
def test_of_two_deliveries_at_once_one_has_to_come_again(inbox: Inbox, second: str) -> None:
    working, go_on = threading.Event(), threading.Event()

    def slow(event: OrderEvent) -> None:
        inbox.note(event)
        working.set()
        assert go_on.wait(10)

    inbox.use(fulfil=[slow])
    first = in_background(lambda: inbox.deliver(event="evt_1"))
    assert working.wait(10)

    meanwhile = inbox.deliver(event=second)
    go_on.set()

    assert meanwhile.status_code == 409
    assert first.result(10).status_code == 200
    assert inbox.deliver(event=second).status_code == 200
    assert inbox.fulfilled == [SESSION.id]


def test_a_delivery_waits_a_moment_for_another_one_about_the_same_purchase(inbox: Inbox) -> None:
    working, go_on = threading.Event(), threading.Event()

    def slow(event: OrderEvent) -> None:
        inbox.note(event)
        working.set()
        assert go_on.wait(10)

    inbox.use(fulfil=[slow], patience_s=10)
    first = in_background(lambda: inbox.deliver(event="evt_1"))
    assert working.wait(10)
    second = in_background(lambda: inbox.deliver(SUCCEEDED, event="evt_2"))
    go_on.set()

    assert [first.result(10).status_code, second.result(10).status_code] == [200, 200]
    assert inbox.fulfilled == [SESSION.id]


def test_many_deliveries_at_once_have_one_effect(inbox: Inbox) -> None:
    webhooks = inbox.app.extensions["webstore"].webhooks
    # Otherwise some may find no free place, and have to come again.
    inbox.use_webhooks(replace(webhooks, hook_places=Places()))
    answers = [in_background(lambda n=n: inbox.deliver(event=f"evt_{n % 2}")) for n in range(8)]  # type: ignore[misc]  # mypy cannot infer a lambda's default
    assert {answer.result(30).status_code for answer in answers} <= {200, 409}
    assert inbox.fulfilled == [SESSION.id]


def test_with_the_state_lost_the_hooks_are_called_again(app: Flask, tmp_path: Path) -> None:
    opened(app, tmp_path / "one").deliver()
    inbox = opened(app, tmp_path / "another")
    assert inbox.deliver().json == {"outcome": "done"}
    assert inbox.fulfilled == [SESSION.id]


def test_a_purchase_is_fulfilled_also_without_the_state(inbox: Inbox) -> None:
    inbox.use(state=Memory(down=True))
    assert inbox.deliver().json == {"outcome": "done"}
    assert inbox.fulfilled == [SESSION.id]


def test_the_default_hook_writes_a_line(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    inbox.use(fulfil=[log_order_event])
    with caplog.at_level(logging.INFO):
        inbox.deliver()
    assert f"fulfil kind=paid order={SESSION.number} object={SESSION.id} user=auth0|1" in caplog.text
    assert "customer=cus_1 total=1200 eur" in caplog.text


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("customer.deleted", {"id": "cus_1", "object": "customer"}),
        ("customer.updated", {"id": "cus_1", "object": "customer"}),
        ("charge.refunded", {"id": "ch_1", "object": "charge", "customer": "cus_1"}),
    ],
)
def test_the_verdict_about_a_customer_is_forgotten(inbox: Inbox, kind: str, about: dict[str, Any]) -> None:
    inbox.state.set("verdict-of:cus_1", "x", 60)
    inbox.state.set("verdict-of:cus_2", "y", 60)
    inbox.state.set("verdict:x", "{}", 60)
    inbox.state.set("verdict:y", "{}", 60)
    inbox.office.refunds["re_1"], inbox.office.sessions["pi_1"] = REFUND, SESSION

    assert inbox.deliver(kind, about).json == {"outcome": "done"}

    assert inbox.state.get("verdict:x") is None
    assert inbox.state.get("verdict:y") == "{}"


def test_an_event_that_could_not_be_handled_without_the_state_has_to_come_again(
    inbox: Inbox,
) -> None:
    inbox.use(state=Memory(down=True))
    assert inbox.deliver("customer.deleted", {"id": "cus_1", "object": "customer"}).status_code == 503


@pytest.mark.parametrize("kind", ["product.created", "product.deleted", "price.updated", "price.created"])
def test_the_catalogue_is_read_again(inbox: Inbox, kind: str) -> None:
    about = {"id": "x_1", "object": kind.split(".", maxsplit=1)[0]}
    inbox.deliver(kind, about)
    inbox.deliver(kind, about)
    assert inbox.forgotten == 1


@pytest.mark.parametrize(
    "kind", ["productive.created", "checkout.session.unheard_of", "v2.core.account[x].updated", "ping"]
)
def test_unknown_events_are_ignored(inbox: Inbox, kind: str) -> None:
    answer = inbox.deliver(kind)
    assert (answer.status_code, answer.json) == (200, {"outcome": "ignored"})
    assert (inbox.fulfilled, inbox.forgotten, inbox.till.calls) == ([], 0, 0)
