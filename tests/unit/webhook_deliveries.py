"""A store to which the unit tests deliver webhooks."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.fakes import Till
from webstore.gateways.state import FileState
from webstore.routes import Services, attach
from webstore.shop.models import CheckoutSession, Money, SessionStatus
from webstore.shop.ports import Fulfil
from webstore.state import State

SECRET, OLD_SECRET = "whsec_of_these_tests", "whsec_of_the_time_before"
SECRETS = f"{SECRET},{OLD_SECRET}"
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
class Inbox:
    """A store that receives webhooks and notes the sessions that it fulfils."""

    app: Flask
    till: Till
    fulfilled: list[str] = field(default_factory=list)
    forgotten: int = 0

    @property
    def state(self) -> State:
        services: Services = self.app.extensions["webstore"]
        return services.state

    def use(self, *, fulfil: Sequence[Fulfil] | None = None, state: State | None = None) -> None:
        """Replace the hooks, or the shared state."""
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
        """Called when products or prices change."""
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


def opened(app: Flask, state: Path) -> Inbox:
    """The store with a till of its own in Stripe's place and nothing in its shared state."""
    services: Services = app.extensions["webstore"]
    inbox, empty = Inbox(app, Till({SESSION.id: SESSION})), FileState(state)
    webhooks = replace(
        services.webhooks,
        checkouts=inbox.till,
        state=empty,
        fulfil=(inbox.note,),
        forget_catalogue=inbox.forget_catalogue,
    )
    attach(app, replace(services, state=empty, webhooks=webhooks))
    return inbox
