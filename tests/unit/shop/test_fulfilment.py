"""What webhooks bring about, and how often."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.fakes import Memory
from tests.support import in_background
from tests.unit.offline import offline_store
from tests.unit.webhook_desk import (
    COMPLETED,
    EXPIRED,
    SECRETS,
    SESSION,
    SUCCEEDED,
    UNPAID,
    Desk,
    opened,
)
from webstore.errors import PaymentsUnavailable
from webstore.shop.fulfilment import log_purchase
from webstore.shop.models import CheckoutSession


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("webhooks"), STRIPE_WEBHOOK_SECRET=SECRETS) as app:
        yield app


@pytest.fixture
def desk(app: Flask, tmp_path: Path) -> Desk:
    return opened(app, tmp_path / "state")


def test_the_same_event_again_has_no_second_effect(desk: Desk) -> None:
    for outcome in ("done", "seen", "seen"):
        assert desk.deliver().json == {"outcome": outcome}
    assert desk.fulfilled == [SESSION.id]


def test_another_event_of_the_same_session_has_no_second_effect(desk: Desk) -> None:
    desk.deliver(COMPLETED, event="evt_1")
    desk.deliver(SUCCEEDED, event="evt_2")
    assert desk.fulfilled == [SESSION.id]


@pytest.mark.parametrize("kinds", [(COMPLETED, SUCCEEDED), (SUCCEEDED, COMPLETED)])
def test_the_order_of_deliveries_does_not_matter(desk: Desk, kinds: tuple[str, str]) -> None:
    desk.till.made[SESSION.id] = UNPAID
    assert desk.deliver(COMPLETED, event="evt_0").json == {"outcome": "ignored"}
    assert desk.fulfilled == []
    assert desk.state.get(f"paid:{SESSION.id}") is None

    desk.till.made[SESSION.id] = SESSION
    for number, kind in enumerate(kinds, 1):
        assert desk.deliver(kind, event=f"evt_{number}").status_code == 200

    assert desk.fulfilled == [SESSION.id]


def test_the_payload_is_not_believed(desk: Desk) -> None:
    desk.till.made[SESSION.id] = UNPAID
    paid = {"id": SESSION.id, "object": "checkout.session", "status": "complete", "payment_status": "paid"}
    assert desk.deliver(COMPLETED, paid).status_code == 200
    assert desk.fulfilled == []


@pytest.mark.parametrize("kind", ["checkout.session.async_payment_failed", "checkout.session.expired"])
def test_a_session_that_was_not_paid_is_not_fulfilled(desk: Desk, kind: str) -> None:
    for session in (UNPAID, EXPIRED):
        desk.till.made[SESSION.id] = session
        assert desk.deliver(kind).status_code == 200
    assert desk.fulfilled == []


def test_a_free_order_is_fulfilled(desk: Desk) -> None:
    desk.till.made[SESSION.id] = replace(SESSION, payment_status="no_payment_required")
    desk.deliver()
    assert desk.fulfilled == [SESSION.id]


def test_sessions_that_the_store_did_not_make_are_ignored(desk: Desk) -> None:
    desk.till.made["cs_other"] = replace(SESSION, id="cs_other", owner=None)
    for session_id in ("cs_other", "cs_of_another_account"):
        answer = desk.deliver(
            about={"id": session_id, "object": "checkout.session"}, event=f"evt_{session_id}"
        )
        assert answer.json == {"outcome": "ignored"}
    assert desk.fulfilled == []


def test_an_event_during_an_outage_of_stripe_has_to_come_again(desk: Desk) -> None:
    desk.till.instead = [PaymentsUnavailable("down")]
    assert desk.deliver().status_code == 503
    assert desk.deliver().json == {"outcome": "done"}
    assert desk.fulfilled == [SESSION.id]


def test_a_hook_that_fails_is_called_again(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def fail_once(session: CheckoutSession) -> None:
        desk.note(session)
        if len(desk.fulfilled) == 1:
            raise RuntimeError("the warehouse is closed")

    desk.use(fulfil=[fail_once])
    with caplog.at_level(logging.ERROR):
        assert desk.deliver().status_code == 503
    assert "the warehouse is closed" in caplog.text
    assert desk.deliver().json == {"outcome": "done"}
    assert desk.deliver().json == {"outcome": "seen"}
    assert len(desk.fulfilled) == 2


def test_one_hook_that_fails_does_not_keep_the_others_from_their_work(desk: Desk) -> None:
    def fail(session: CheckoutSession) -> None:
        raise RuntimeError(session.id)

    desk.use(fulfil=[fail, desk.note])
    assert desk.deliver().status_code == 503
    assert desk.fulfilled == [SESSION.id]
    assert desk.state.get(f"paid:{SESSION.id}") == "1"


@pytest.mark.parametrize("second", ["evt_1", "evt_2"])
def test_of_two_deliveries_at_once_one_has_to_come_again(desk: Desk, second: str) -> None:
    working, go_on = threading.Event(), threading.Event()

    def slow(session: CheckoutSession) -> None:
        desk.note(session)
        working.set()
        assert go_on.wait(10)

    desk.use(fulfil=[slow])
    first = in_background(lambda: desk.deliver(event="evt_1"))
    assert working.wait(10)

    meanwhile = desk.deliver(event=second)
    go_on.set()

    assert meanwhile.status_code == 409
    assert first.result(10).status_code == 200
    assert desk.deliver(event=second).status_code == 200
    assert desk.fulfilled == [SESSION.id]


def test_many_deliveries_at_once_have_one_effect(desk: Desk) -> None:
    answers = [in_background(lambda n=n: desk.deliver(event=f"evt_{n % 2}")) for n in range(8)]  # type: ignore[misc]  # mypy cannot infer a lambda's default
    assert {answer.result(30).status_code for answer in answers} <= {200, 409}
    assert desk.fulfilled == [SESSION.id]


def test_with_the_state_lost_the_hooks_are_called_again(app: Flask, tmp_path: Path) -> None:
    opened(app, tmp_path / "one").deliver()
    desk = opened(app, tmp_path / "another")
    assert desk.deliver().json == {"outcome": "done"}
    assert desk.fulfilled == [SESSION.id]


def test_a_purchase_is_fulfilled_also_without_the_state(desk: Desk) -> None:
    desk.use(state=Memory(down=True))
    assert desk.deliver().json == {"outcome": "done"}
    assert desk.fulfilled == [SESSION.id]


def test_the_default_hook_writes_a_line(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.use(fulfil=[log_purchase])
    with caplog.at_level(logging.INFO):
        desk.deliver()
    assert f"fulfil session={SESSION.id} user=auth0|1 customer=cus_1 total=1200 eur" in caplog.text


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("customer.deleted", {"id": "cus_1", "object": "customer"}),
        ("customer.updated", {"id": "cus_1", "object": "customer"}),
        ("charge.refunded", {"id": "ch_1", "object": "charge", "customer": "cus_1"}),
    ],
)
def test_the_verdict_about_a_customer_is_forgotten(desk: Desk, kind: str, about: dict[str, Any]) -> None:
    desk.state.set("verdict-of:cus_1", "verdict:x", 60)
    desk.state.set("verdict-of:cus_2", "verdict:y", 60)
    desk.state.set("verdict:x", "{}", 60)
    desk.state.set("verdict:y", "{}", 60)

    assert desk.deliver(kind, about).json == {"outcome": "done"}

    assert desk.state.get("verdict:x") is None
    assert desk.state.get("verdict:y") == "{}"


def test_an_event_that_could_not_be_handled_without_the_state_has_to_come_again(desk: Desk) -> None:
    desk.use(state=Memory(down=True))
    assert desk.deliver("customer.deleted", {"id": "cus_1", "object": "customer"}).status_code == 503


@pytest.mark.parametrize("kind", ["product.created", "product.deleted", "price.updated", "price.created"])
def test_the_catalogue_is_read_again(desk: Desk, kind: str) -> None:
    about = {"id": "x_1", "object": kind.split(".", maxsplit=1)[0]}
    desk.deliver(kind, about)
    desk.deliver(kind, about)
    assert desk.forgotten == 1


@pytest.mark.parametrize(
    "kind", ["productive.created", "checkout.session.unheard_of", "v2.core.account[x].updated", "ping"]
)
def test_unknown_events_are_ignored(desk: Desk, kind: str) -> None:
    answer = desk.deliver(kind)
    assert (answer.status_code, answer.json) == (200, {"outcome": "ignored"})
    assert (desk.fulfilled, desk.forgotten, desk.till.calls) == ([], 0, 0)
