"""Stripe's webhooks: which deliveries are believed, what they bring about, and how often."""

from __future__ import annotations

import hmac
import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support import in_background
from webstore import create_app
from webstore.errors import NoSuchObject, PaymentsUnavailable, StateUnavailable
from webstore.gateways.state import FileState
from webstore.routes import Services, attach
from webstore.sandbox.vendors import auth0_config, environment
from webstore.settings import Settings
from webstore.shop.fulfilment import log_purchase
from webstore.shop.models import CheckoutSession, Money, SessionStatus
from webstore.shop.ports import Fulfil, SessionDraft
from webstore.state import State

SECRET, OLD_SECRET = "whsec_of_these_tests", "whsec_of_the_time_before"
SESSION = CheckoutSession(
    id="cs_test_1",
    status=SessionStatus.COMPLETE,
    payment_status="paid",
    mode="payment",
    created=1.0,
    expires_at=2.0,
    total=Money(1200, "eur"),
    customer_id="cus_1",
    owner="auth0|1",
)
UNPAID = replace(SESSION, payment_status="unpaid")
EXPIRED = replace(UNPAID, status=SessionStatus.EXPIRED)
COMPLETED, SUCCEEDED = "checkout.session.completed", "checkout.session.async_payment_succeeded"


@dataclass
class Till:
    """The Checkout Sessions that Stripe has, as they are now, and how it answers."""

    sessions: dict[str, CheckoutSession] = field(default_factory=lambda: {SESSION.id: SESSION})
    down: bool = False
    reads: int = 0

    def get_session(self, session_id: str) -> CheckoutSession:
        self.reads += 1
        if self.down:
            raise PaymentsUnavailable("down")
        if session_id not in self.sessions:
            raise NoSuchObject(session_id)
        return self.sessions[session_id]

    def create_session(self, draft: SessionDraft, idempotency_key: str) -> tuple[CheckoutSession, bool]:
        raise NotImplementedError

    def expire_session(self, session_id: str) -> None:
        raise NotImplementedError

    def portal_url(self, customer_id: str, return_url: str) -> str:
        raise NotImplementedError


class NoState:
    """A shared state that cannot be reached."""

    def _fail(self, *_: object) -> Any:
        raise StateUnavailable("gone")

    get = get_many = set = add = count = delete = _fail


@dataclass
class Desk:
    """A store whose purchases are written down as they are fulfilled."""

    app: Flask
    till: Till
    fulfilled: list[str] = field(default_factory=list)
    forgotten: int = 0

    @property
    def state(self) -> State:
        services: Services = self.app.extensions["webstore"]
        return services.state

    def use(self, *, fulfil: Sequence[Fulfil] | None = None, state: State | None = None) -> None:
        """Put other hooks, or another shared state, in the place of those that are there."""
        services: Services = self.app.extensions["webstore"]
        changes: dict[str, Any] = {}
        if fulfil is not None:
            changes["fulfil"] = tuple(fulfil)
        if state is not None:
            changes["state"] = state
        attach(self.app, replace(services, webhooks=replace(services.webhooks, **changes)))

    def note(self, session: CheckoutSession) -> None:
        """The hook."""
        self.fulfilled.append(session.id)

    def forget_catalogue(self) -> None:
        """What is called when products or prices change."""
        self.forgotten += 1

    def deliver(
        self,
        kind: str = COMPLETED,
        about: dict[str, Any] | None = None,
        *,
        event: str = "evt_1",
        secret: str = SECRET,
        at: float | None = None,
        **members: Any,
    ) -> TestResponse:
        """A delivery as Stripe makes it: https://docs.stripe.com/webhooks#verify-manually"""
        about = about or {"id": SESSION.id, "object": "checkout.session"}
        content = {"id": event, "object": "event", "type": kind, "livemode": False, "created": 1}
        body = json.dumps({**content, "data": {"object": about}, **members}).encode()
        return self.post(body, signature(body, secret, at))

    def post(self, body: bytes, signature: str | None) -> TestResponse:
        """One request to the endpoint."""
        headers = {"Stripe-Signature": signature} if signature is not None else {}
        return self.app.test_client().post(
            "/webhooks/stripe", data=body, headers=headers, content_type="application/json; charset=utf-8"
        )


def signature(body: bytes, secret: str = SECRET, at: float | None = None) -> str:
    """The header Stripe-Signature."""
    when = int(time.time() if at is None else at)
    return f"t={when},v1={hmac.digest(secret.encode(), b'%d.' % when + body, 'sha256').hex()},v0=abc"


def settings(**changes: str) -> Settings:
    """Of a store that calls nobody."""
    nowhere, url = "http://127.0.0.1:1", "http://127.0.0.1:8000"
    environ = environment(auth0_config(nowhere, url), nowhere, url)
    return Settings.from_env({**environ, "STRIPE_WEBHOOK_SECRET": f"{SECRET},{OLD_SECRET}", **changes})


def opened(app: Flask, state: Path) -> Desk:
    """The store with a till of its own in Stripe's place and nothing in its shared state."""
    services: Services = app.extensions["webstore"]
    desk, empty = Desk(app, Till()), FileState(state)
    webhooks = replace(
        services.webhooks,
        checkouts=desk.till,
        state=empty,
        fulfil=(desk.note,),
        forget_catalogue=desk.forget_catalogue,
    )
    attach(app, replace(services, state=empty, webhooks=webhooks))
    return desk


@pytest.fixture(scope="module")
def app() -> Iterator[Flask]:
    app = create_app(settings())
    yield app
    app.extensions["webstore"].close()


@pytest.fixture
def desk(app: Flask, tmp_path: Path) -> Desk:
    return opened(app, tmp_path / "state")


def assert_refused(desk: Desk, answer: TestResponse, status: int = 400) -> None:
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert "Set-Cookie" not in answer.headers
    assert desk.fulfilled == []
    assert desk.till.reads == 0


# Which deliveries are believed


def test_a_paid_session_is_fulfilled(desk: Desk) -> None:
    answer = desk.deliver()

    assert (answer.status_code, answer.json) == (200, {"outcome": "done"})
    assert desk.fulfilled == [SESSION.id]
    assert desk.state.get(f"paid:{SESSION.id}") == "1"
    assert "Set-Cookie" not in answer.headers


def test_both_secrets_of_a_rotation_count(desk: Desk) -> None:
    assert desk.deliver(secret=OLD_SECRET).status_code == 200
    assert desk.fulfilled == [SESSION.id]


def test_two_signatures_in_one_header_count_if_one_is_right(desk: Desk) -> None:
    body = b'{"id": "evt_1", "type": "x.y", "livemode": false}'
    right = signature(body)
    wrong = f"{right.split(',')[0]},v1={'0' * 64}"
    assert desk.post(body, f"{wrong},{right.split(',')[1]}").status_code == 200
    assert desk.post(body, wrong).status_code == 400


@pytest.mark.parametrize("header", [None, "", "nonsense", "t=,v1=", "t=1", "v1=abc", "t=x,v1=x", "t=1,v1=ä"])
def test_a_missing_or_malformed_signature_is_refused(desk: Desk, header: str | None) -> None:
    assert_refused(desk, desk.post(b"{}", header))


def test_a_forged_signature_is_refused(desk: Desk) -> None:
    assert_refused(desk, desk.deliver(secret="whsec_of_somebody_else"))
    body = b"{}"
    assert_refused(desk, desk.post(body, signature(body).replace("v1=", "v0=")))


def test_a_tampered_body_is_refused(desk: Desk) -> None:
    body = json.dumps({"id": "evt_1", "type": COMPLETED, "livemode": False}).encode()
    assert_refused(desk, desk.post(body.replace(b"evt_1", b"evt_2"), signature(body)))
    assert_refused(desk, desk.post(body + b" ", signature(body)))


@pytest.mark.parametrize("seconds", [-310, 310])
def test_a_delivery_of_another_time_is_refused(desk: Desk, seconds: int) -> None:
    assert_refused(desk, desk.deliver(at=time.time() + seconds))


@pytest.mark.parametrize("seconds", [-290, 290])
def test_clocks_may_differ_by_five_minutes(desk: Desk, seconds: int) -> None:
    assert desk.deliver(at=time.time() + seconds).status_code == 200


def test_a_time_put_before_the_signed_one_gains_nothing(desk: Desk) -> None:
    body, old = b"{}", time.time() - 4000
    assert_refused(desk, desk.post(body, f"t={int(time.time())},{signature(body, at=old)}"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'{"id": "evt_1", "type": "x.y"}',
        b'{"id": 1, "type": "x.y", "livemode": false}',
        b'{"id": "evt_1", "type": "x y\\n", "livemode": false}',
        b'{"id": "evt_1\\nforged line", "type": "x.y", "livemode": false}',
        b'{"id": "evt_1", "type": "x.y", "livemode": "no"}',
    ],
)
def test_what_is_no_event_is_refused(desk: Desk, body: bytes) -> None:
    assert_refused(desk, desk.post(body, signature(body)))


def test_without_a_secret_everything_is_refused(tmp_path: Path) -> None:
    app = create_app(settings(STRIPE_WEBHOOK_SECRET=""))
    desk = opened(app, tmp_path / "state")
    for secret in ("", SECRET):
        assert_refused(desk, desk.deliver(secret=secret), 503)
    app.extensions["webstore"].close()


def test_the_secrets_stay_out_of_logs(desk: Desk) -> None:
    assert SECRET not in repr(desk.app.extensions["webstore"])


def test_large_events_fit_and_larger_ones_are_refused(desk: Desk) -> None:
    assert desk.deliver("x.y", filler="x" * 900_000).status_code == 200
    assert_refused(desk, desk.deliver(filler="x" * 1_000_000), 413)


def test_it_takes_posts_from_elsewhere_and_nothing_else(desk: Desk) -> None:
    client = desk.app.test_client()
    assert client.get("/webhooks/stripe").status_code == 405
    body = b'{"id": "evt_1", "type": "x.y", "livemode": false}'
    headers = {
        "Stripe-Signature": signature(body),
        "Origin": "https://stripe.com",
        "Sec-Fetch-Site": "cross-site",
    }
    assert client.post("/webhooks/stripe", data=body, headers=headers).status_code == 200


def test_events_of_the_other_mode_are_ignored(desk: Desk) -> None:
    answer = desk.deliver(livemode=True)
    assert (answer.status_code, answer.json) == (200, {"outcome": "ignored"})
    assert (desk.fulfilled, desk.till.reads) == ([], 0)


@pytest.mark.parametrize(
    "members",
    [{"data": None}, {"data": []}, {"data": {}}, {"data": {"object": None}}, {"data": {"object": {"id": 7}}}],
)
@pytest.mark.parametrize("kind", ["balance.available", COMPLETED, "customer.deleted", "charge.refunded"])
def test_events_without_an_object_are_ignored(desk: Desk, kind: str, members: dict[str, Any]) -> None:
    answer = desk.deliver(kind, **members)
    assert (answer.status_code, answer.json) == (200, {"outcome": "ignored"})
    assert desk.till.reads == 0


# What they bring about, and how often


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
    desk.till.sessions[SESSION.id] = UNPAID
    assert desk.deliver(COMPLETED, event="evt_0").json == {"outcome": "ignored"}
    assert desk.fulfilled == []
    assert desk.state.get(f"paid:{SESSION.id}") is None

    desk.till.sessions[SESSION.id] = SESSION
    for number, kind in enumerate(kinds, 1):
        assert desk.deliver(kind, event=f"evt_{number}").status_code == 200

    assert desk.fulfilled == [SESSION.id]


def test_the_payload_is_not_believed(desk: Desk) -> None:
    desk.till.sessions[SESSION.id] = UNPAID
    paid = {"id": SESSION.id, "object": "checkout.session", "status": "complete", "payment_status": "paid"}
    assert desk.deliver(COMPLETED, paid).status_code == 200
    assert desk.fulfilled == []


@pytest.mark.parametrize("kind", ["checkout.session.async_payment_failed", "checkout.session.expired"])
def test_what_was_not_paid_is_not_fulfilled(desk: Desk, kind: str) -> None:
    for session in (UNPAID, EXPIRED):
        desk.till.sessions[SESSION.id] = session
        assert desk.deliver(kind).status_code == 200
    assert desk.fulfilled == []


def test_a_free_order_is_fulfilled(desk: Desk) -> None:
    desk.till.sessions[SESSION.id] = replace(SESSION, payment_status="no_payment_required")
    desk.deliver()
    assert desk.fulfilled == [SESSION.id]


def test_sessions_that_the_store_did_not_make_are_ignored(desk: Desk) -> None:
    desk.till.sessions["cs_other"] = replace(SESSION, id="cs_other", owner=None)
    for session_id in ("cs_other", "cs_of_another_account"):
        answer = desk.deliver(
            about={"id": session_id, "object": "checkout.session"}, event=f"evt_{session_id}"
        )
        assert answer.json == {"outcome": "ignored"}
    assert desk.fulfilled == []


def test_while_stripe_is_down_the_event_has_to_come_again(desk: Desk) -> None:
    desk.till.down = True
    assert desk.deliver().status_code == 503
    desk.till.down = False
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


def test_without_the_state_a_purchase_is_fulfilled_all_the_same(desk: Desk) -> None:
    desk.use(state=NoState())
    assert desk.deliver().json == {"outcome": "done"}
    assert desk.fulfilled == [SESSION.id]


def test_the_hook_that_is_there_by_default_writes_a_line(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
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
def test_what_is_known_of_a_customer_is_forgotten(desk: Desk, kind: str, about: dict[str, Any]) -> None:
    desk.state.set("verdict-of:cus_1", "verdict:x", 60)
    desk.state.set("verdict-of:cus_2", "verdict:y", 60)
    desk.state.set("verdict:x", "{}", 60)
    desk.state.set("verdict:y", "{}", 60)

    assert desk.deliver(kind, about).json == {"outcome": "done"}

    assert desk.state.get("verdict:x") is None
    assert desk.state.get("verdict:y") == "{}"


def test_what_could_not_be_forgotten_has_to_come_again(desk: Desk) -> None:
    desk.use(state=NoState())
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
def test_the_unknown_is_ignored(desk: Desk, kind: str) -> None:
    answer = desk.deliver(kind)
    assert (answer.status_code, answer.json) == (200, {"outcome": "ignored"})
    assert (desk.fulfilled, desk.forgotten, desk.till.reads) == ([], 0, 0)
