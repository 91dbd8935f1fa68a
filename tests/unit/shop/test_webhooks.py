"""No event is acknowledged that was not understood."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from tests.unit.offline import offline_store
from tests.unit.payment_records import REFUND, RENEWAL
from tests.unit.webhook_deliveries import COMPLETED, SECRETS, SESSION, Inbox, opened
from webstore.errors import PaymentsRefused, PaymentsUnavailable
from webstore.routes import Services
from webstore.shop.event_effects import HANDLED
from webstore.shop.models import SessionStatus, StripeEvent
from webstore.shop.replay import REPLAYED
from webstore.shop.webhooks import LAST_DELIVERY

UNKNOWN = {"id": "cs_unknown", "object": "checkout.session"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("webhooks"), STRIPE_WEBHOOK_SECRET=SECRETS) as app:
        yield app


@pytest.fixture
def inbox(app: Flask) -> Inbox:
    return opened(app)


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def known(inbox: Inbox, event: str = "evt_1") -> None:
    """Let Stripe know the event under the store's key."""
    inbox.office.events.append(
        StripeEvent(event, COMPLETED, livemode=False, object_id=None, customer_id=None)
    )


# The thin form


def test_a_thin_event_is_read(inbox: Inbox) -> None:
    assert inbox.deliver_thin(age_s=90).json == {"outcome": "done"}
    (told,) = inbox.told
    assert (told.object_id, told.at) == (SESSION.id, inbox.clock() - 90)
    assert inbox.deliver_thin().json == {"outcome": "seen"}


def test_both_forms_of_one_event_have_one_effect(inbox: Inbox) -> None:
    inbox.deliver_thin()
    assert inbox.deliver().json == {"outcome": "done"}
    assert inbox.fulfilled == [SESSION.id]


def test_thin_events_about_other_objects_are_read(inbox: Inbox) -> None:
    inbox.office.invoices["in_2"] = RENEWAL
    inbox.office.refunds["re_1"], inbox.office.sessions["pi_1"] = REFUND, SESSION
    inbox.state.set("verdict-of:cus_1", "x", 60)
    inbox.state.set("verdict:x", "{}", 60)

    answers = [
        inbox.deliver_thin("invoice.paid", "in_2", event="evt_1"),
        inbox.deliver_thin("charge.refunded", "ch_1", event="evt_2"),
        inbox.deliver_thin("customer.deleted", "cus_1", event="evt_3"),
        inbox.deliver_thin("product.updated", "prod_1", event="evt_4"),
    ]

    assert [answer.json for answer in answers] == [{"outcome": "done"}] * 4
    assert inbox.fulfilled == ["in_2", "re_1"]
    assert inbox.state.get("verdict:x") is None
    assert inbox.forgotten == 1


@pytest.mark.parametrize("related", [None, {}, {"id": 7}, "cs_test_1", {"type": "checkout.session"}])
def test_a_thin_event_that_names_no_object_is_refused(
    inbox: Inbox, related: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert inbox.deliver_thin(related_object=related).status_code == 400
    assert "Configure the endpoint" in errors(caplog)[0]


def test_a_test_of_the_endpoint_is_acknowledged(inbox: Inbox) -> None:
    answer = inbox.deliver_thin(type="v2.core.event_destination.ping")
    assert (answer.status_code, answer.json) == (200, {"outcome": "ignored"})


@pytest.mark.parametrize("created", [None, "yesterday", "", 1e30, True, [1]])
def test_an_event_that_does_not_say_its_time_counts_as_old(inbox: Inbox, created: object) -> None:
    known(inbox)
    assert inbox.deliver(about=UNKNOWN, created=created).json == {"outcome": "dropped"}


# Objects that cannot be read


def test_a_session_that_is_not_readable_yet_is_asked_for_again_for_an_hour(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    known(inbox)
    assert inbox.deliver(about=UNKNOWN, age_s=3599).status_code == 503
    assert errors(caplog) == []

    assert inbox.deliver(about=UNKNOWN, age_s=3601).json == {"outcome": "dropped"}

    (error,) = errors(caplog)
    assert "cs_unknown" in error
    assert "its object cannot be read" in error
    assert "events replay" in error


def test_it_is_handled_once_it_can_be_read(inbox: Inbox) -> None:
    known(inbox)
    session = inbox.till.made.pop(SESSION.id)
    assert inbox.deliver(age_s=5).status_code == 503
    inbox.till.made[SESSION.id] = session
    assert inbox.deliver(age_s=300).json == {"outcome": "done"}
    assert inbox.fulfilled == [SESSION.id]


@pytest.mark.parametrize("age_s", [60, 2 * 3600])
def test_a_key_of_another_account_is_told_apart(
    inbox: Inbox, age_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    answer = inbox.deliver(about=UNKNOWN, age_s=age_s)
    assert answer.status_code == (503 if age_s < 3600 else 200)
    (error,) = errors(caplog)
    assert "STRIPE_WEBHOOK_SECRET belongs to an endpoint of another account or mode" in error
    assert inbox.office.calls == ["event evt_1"]


def test_a_stale_answer_is_no_answer(inbox: Inbox) -> None:
    known(inbox)
    inbox.till.change(SESSION.id, status=SessionStatus.OPEN, payment_status="unpaid")
    assert inbox.deliver(age_s=5).status_code == 503
    inbox.office.invoices["in_2"] = replace(RENEWAL, status="open")
    known(inbox, "evt_2")
    about = {"id": "in_2", "object": "invoice"}
    assert inbox.deliver("invoice.paid", about, event="evt_2", age_s=5).status_code == 503
    assert inbox.told == []


def test_a_refused_key_is_told_with_the_reason(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    inbox.till.instead = [PaymentsRefused("403: permission rak_checkout_session_read is missing")] * 2
    assert inbox.deliver(age_s=5).status_code == 503
    assert inbox.deliver(age_s=7200).status_code == 503
    assert all("rak_checkout_session_read is missing" in error for error in errors(caplog))
    assert len(errors(caplog)) == 2
    assert inbox.deliver().json == {"outcome": "done"}


@pytest.mark.parametrize("trouble", [PaymentsUnavailable("down"), PaymentsRefused("no permission")])
def test_an_account_whose_events_cannot_be_read_is_no_other_account(
    inbox: Inbox, trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.office.instead = [trouble]
    assert inbox.deliver(about=UNKNOWN, age_s=5).status_code == 503
    assert "another account" not in caplog.text


def test_what_is_dropped_does_not_count_as_the_last_delivery(inbox: Inbox) -> None:
    inbox.deliver(about=UNKNOWN)
    inbox.deliver(livemode=True, age_s=5)
    assert inbox.state.get(LAST_DELIVERY) is None
    inbox.deliver()
    assert inbox.state.get(LAST_DELIVERY) == str(inbox.clock())


def test_the_last_delivery_is_noted_once_a_minute(inbox: Inbox) -> None:
    noted = []
    for _ in range(4):
        inbox.deliver()
        noted.append(inbox.state.get(LAST_DELIVERY))
        inbox.clock.sleep(25)
    assert noted == [noted[0]] * 3 + [str(inbox.clock() - 25)]
    inbox.state.set(LAST_DELIVERY, "not a time", 60)
    inbox.deliver()
    assert inbox.state.get(LAST_DELIVERY) == str(inbox.clock())


def test_a_delivery_that_waits_speaks_for_others_without_a_write(inbox: Inbox) -> None:
    product = {"id": "prod_1", "object": "product"}
    inbox.state.set("withdrawn-next:prod_1", "1", 60)
    assert inbox.deliver("product.updated", product, age_s=1).json == {"outcome": "done"}
    assert inbox.till.calls == 0
    assert inbox.state.get("withdrawn:prod_1") is None


# Events of other accounts


def test_an_event_of_a_connected_account_is_dropped_with_an_error(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    assert inbox.deliver(age_s=5, account="acct_other").json == {"outcome": "dropped"}
    assert inbox.deliver(age_s=5, context="org_1/acct_other").json == {"outcome": "dropped"}
    # Endpoints of a platform get the test events of connected accounts in live mode, too.
    assert inbox.deliver(age_s=5, account="acct_other", livemode=True).json == {"outcome": "dropped"}
    assert all("about another account (acct_other)" in error for error in errors(caplog))
    assert (len(errors(caplog)), inbox.till.calls) == (3, 0)


def test_an_event_that_names_the_own_account_is_handled(inbox: Inbox) -> None:
    assert inbox.deliver_thin(context="acct_own").json == {"outcome": "done"}


def test_a_key_that_may_not_read_its_account_handles_what_it_finds(inbox: Inbox) -> None:
    services: Services = inbox.app.extensions["webstore"]
    inbox.use_webhooks(replace(services.webhooks, own_account=lambda: None))
    assert inbox.deliver_thin(context="acct_own").json == {"outcome": "done"}
    assert inbox.deliver(about=UNKNOWN, age_s=5, account="acct_other").status_code == 503
    assert inbox.deliver(about=UNKNOWN, account="acct_other").json == {"outcome": "dropped"}


def test_during_an_outage_no_account_counts_as_another_one(inbox: Inbox) -> None:
    def down() -> str:
        raise PaymentsUnavailable("down")

    services: Services = inbox.app.extensions["webstore"]
    inbox.use_webhooks(replace(services.webhooks, own_account=down))
    assert inbox.deliver(account="acct_other").status_code == 503


# The lists of types


def test_the_documentation_names_every_type_that_has_an_effect() -> None:
    page = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text()
    block = page.split("## Set-up", 1)[1].split("\n## ", 1)[0]
    listed = {
        word for line in block.splitlines() if line.startswith("    ") for word in line.split() if "." in word
    }
    assert listed == HANDLED


def test_stripe_can_list_the_types_that_are_replayed_in_one_call() -> None:
    assert len(REPLAYED) <= 20
    assert set(REPLAYED) <= HANDLED
