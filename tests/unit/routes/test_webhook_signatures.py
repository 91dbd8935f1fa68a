"""Which deliveries of webhooks the store believes."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.unit.offline import offline_store
from tests.unit.webhook_deliveries import (
    COMPLETED,
    OLD_SECRET,
    SECRET,
    SECRETS,
    SESSION,
    Inbox,
    opened,
    signature,
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("webhooks"), STRIPE_WEBHOOK_SECRET=SECRETS) as app:
        yield app


@pytest.fixture
def inbox(app: Flask, tmp_path: Path) -> Inbox:
    return opened(app, tmp_path / "state")


def assert_refused(inbox: Inbox, answer: TestResponse, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert "Set-Cookie" not in answer.headers
    assert inbox.fulfilled == []
    assert inbox.till.calls == 0


def test_a_paid_session_is_fulfilled(inbox: Inbox) -> None:
    answer = inbox.deliver()

    assert (answer.status_code, answer.json) == (200, {"outcome": "done"})
    assert inbox.fulfilled == [SESSION.id]
    assert inbox.state.get(f"paid:{SESSION.id}") == "1"
    assert "Set-Cookie" not in answer.headers


def test_both_secrets_of_a_rotation_count(inbox: Inbox) -> None:
    assert inbox.deliver(secret=OLD_SECRET).status_code == 200
    assert inbox.fulfilled == [SESSION.id]


def test_two_signatures_in_one_header_count_if_one_is_right(inbox: Inbox) -> None:
    body = b'{"id": "evt_1", "type": "x.y", "livemode": false}'
    right = signature(body)
    wrong = f"{right.split(',')[0]},v1={'0' * 64}"
    assert inbox.post(body, f"{wrong},{right.split(',')[1]}").status_code == 200
    assert inbox.post(body, wrong).status_code == 400


@pytest.mark.parametrize("header", [None, "", "nonsense", "t=,v1=", "t=1", "v1=abc", "t=x,v1=x", "t=1,v1=ä"])
def test_a_missing_or_malformed_signature_is_refused(inbox: Inbox, header: str | None) -> None:
    assert_refused(inbox, inbox.post(b"{}", header))


def test_a_forged_signature_is_refused(inbox: Inbox) -> None:
    assert_refused(inbox, inbox.deliver(secret="whsec_of_somebody_else"))
    body = b"{}"
    assert_refused(inbox, inbox.post(body, signature(body).replace("v1=", "v0=")))


def test_a_tampered_body_is_refused(inbox: Inbox) -> None:
    body = json.dumps({"id": "evt_1", "type": COMPLETED, "livemode": False}).encode()
    assert_refused(inbox, inbox.post(body.replace(b"evt_1", b"evt_2"), signature(body)))
    assert_refused(inbox, inbox.post(body + b" ", signature(body)))


@pytest.mark.parametrize("seconds", [-310, 310])
def test_a_delivery_of_another_time_is_refused(inbox: Inbox, seconds: int) -> None:
    assert_refused(inbox, inbox.deliver(at=time.time() + seconds))


@pytest.mark.parametrize("seconds", [-290, 290])
def test_clocks_may_differ_by_five_minutes(inbox: Inbox, seconds: int) -> None:
    assert inbox.deliver(at=time.time() + seconds).status_code == 200


def test_a_time_put_before_the_signed_one_gains_nothing(inbox: Inbox) -> None:
    body, old = b"{}", time.time() - 4000
    assert_refused(inbox, inbox.post(body, f"t={int(time.time())},{signature(body, at=old)}"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"[" * 100_000,
        b'{"id": "evt_1", "type": "x.y"}',
        b'{"id": 1, "type": "x.y", "livemode": false}',
        b'{"id": "evt_1", "type": "x y\\n", "livemode": false}',
        b'{"id": "evt_1\\nforged line", "type": "x.y", "livemode": false}',
        b'{"id": "evt_1", "type": "x.y", "livemode": "no"}',
        b'{"id": "evt_1", "type": "x.y", "livemode": false, "object": "v3.core.event"}',
        b'{"id": "evt_1", "type": "x.y", "livemode": false, "object": ["event"]}',
    ],
)
def test_a_body_that_is_not_an_event_is_refused(
    inbox: Inbox, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    assert_refused(inbox, inbox.post(body, signature(body)))
    assert_says_how_to_configure(caplog)


def test_a_body_that_is_not_text_is_refused(inbox: Inbox) -> None:
    assert_refused(inbox, inbox.post(b"\xff", signature(b"\xff")))


def test_a_forgery_is_no_error_of_the_operator(inbox: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    assert_refused(inbox, inbox.deliver(secret="whsec_of_somebody_else"))
    assert [record.levelno for record in caplog.records if record.name.startswith("webstore")] == [
        logging.WARNING
    ]


def test_without_a_secret_everything_is_refused(tmp_path: Path) -> None:
    with offline_store(tmp_path, STRIPE_WEBHOOK_SECRET="") as app:
        assert app.extensions["webstore"].catch_up is None
        inbox = opened(app, tmp_path / "state")
        for secret in ("", SECRET):
            assert_refused(inbox, inbox.deliver(secret=secret), 503)


def test_the_secrets_stay_out_of_logs(inbox: Inbox) -> None:
    assert SECRET not in repr(inbox.app.extensions["webstore"])


def test_large_events_fit_and_larger_ones_are_refused(inbox: Inbox) -> None:
    assert inbox.deliver("x.y", filler="x" * 900_000).status_code == 200
    assert_refused(inbox, inbox.deliver(filler="x" * 1_000_000), 413)


def test_it_takes_posts_from_elsewhere_and_nothing_else(inbox: Inbox) -> None:
    client = inbox.app.test_client()
    assert client.get("/webhooks/stripe").status_code == 405
    body = b'{"id": "evt_1", "type": "x.y", "livemode": false}'
    headers = {
        "Stripe-Signature": signature(body),
        "Origin": "https://stripe.com",
        "Sec-Fetch-Site": "cross-site",
    }
    assert client.post("/webhooks/stripe", data=body, headers=headers).status_code == 200


def test_events_of_the_other_mode_are_asked_for_again_and_dropped_after_an_hour(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    assert inbox.deliver(livemode=True, age_s=3599).status_code == 503
    answer = inbox.deliver(livemode=True, age_s=3601)
    assert (answer.status_code, answer.json) == (200, {"outcome": "dropped"})
    assert (inbox.fulfilled, inbox.till.calls) == ([], 0)
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    assert all("it is of live mode and STRIPE_SECRET_KEY is of test mode" in error for error in errors)


@pytest.mark.parametrize(
    "members",
    [{"data": None}, {"data": []}, {"data": {}}, {"data": {"object": None}}, {"data": {"object": {"id": 7}}}],
)
@pytest.mark.parametrize("kind", [COMPLETED, "customer.deleted", "charge.refunded", "price.updated"])
def test_events_that_matter_and_name_no_object_are_refused(
    inbox: Inbox, kind: str, members: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert_refused(inbox, inbox.deliver(kind, **members))
    assert_says_how_to_configure(caplog)


def test_events_about_nothing_that_do_not_matter_are_ignored(inbox: Inbox) -> None:
    answer = inbox.deliver("balance.available", {"object": "balance"})
    assert (answer.status_code, answer.json) == (200, {"outcome": "ignored"})
    assert inbox.till.calls == 0


def assert_says_how_to_configure(caplog: pytest.LogCaptureFixture) -> None:
    (error,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "https://dashboard.stripe.com/workbench/webhooks" in error.getMessage()
    assert "snapshot or thin events" in error.getMessage()
