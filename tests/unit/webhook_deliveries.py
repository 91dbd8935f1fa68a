"""A store to which the unit tests deliver webhooks."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.fakes import Clock, Till, TimedMemory
from tests.unit.payment_records import Office
from webstore.gateways.state import FileState
from webstore.routes import Services, attach
from webstore.shop.event_effects import Webhooks
from webstore.shop.models import CheckoutSession, Money, SessionStatus
from webstore.shop.order_events import OrderEvent
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
#: The type of object that thin events of each type name.
_OBJECT_OF = {
    "checkout.session.completed": "checkout.session",
    "charge.refunded": "charge",
    "invoice.paid": "invoice",
    "customer.deleted": "customer",
    "product.updated": "product",
}
COMPLETED, SUCCEEDED = "checkout.session.completed", "checkout.session.async_payment_succeeded"
FAILED = "checkout.session.async_payment_failed"


@dataclass
class Inbox:
    """A store that receives webhooks and notes the order events of its hook.

    Its clock is only for the age of events. Signatures have the real time, unless a test says otherwise.
    """

    app: Flask
    till: Till
    office: Office = field(default_factory=Office)
    clock: Clock = field(default_factory=Clock)
    told: list[OrderEvent] = field(default_factory=list)
    forgotten: int = 0

    @property
    def fulfilled(self) -> list[str]:
        """The sessions, invoices and so on for which the hook was called."""
        return [event.object_id for event in self.told]

    @property
    def state(self) -> State:
        services: Services = self.app.extensions["webstore"]
        return services.state

    def use(
        self,
        *,
        fulfil: Sequence[Fulfil] | None = None,
        state: State | None = None,
        patience_s: float | None = None,
    ) -> None:
        """Replace the hooks, the shared state, or how long a delivery waits for another one."""
        services: Services = self.app.extensions["webstore"]
        changes: dict[str, Any] = {}
        if fulfil is not None:
            changes["fulfil"] = tuple(fulfil)
        if state is not None:
            changes["state"] = state
        if patience_s is not None:
            changes["patience_s"] = patience_s
        self.use_webhooks(replace(services.webhooks, **changes))

    def use_webhooks(self, webhooks: Webhooks) -> None:
        """Handle deliveries, and work in the background, with these."""
        services: Services = self.app.extensions["webstore"]
        attach(self.app, replace(services, webhooks=webhooks, background_webhooks=webhooks))

    def note(self, event: OrderEvent) -> None:
        """The hook."""
        self.told.append(event)

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
        age_s: float = 24 * 3600.0,
        **members: Any,
    ) -> TestResponse:
        """A delivery as Stripe makes it: https://docs.stripe.com/webhooks#verify-manually

        `at`: when it is signed. `age_s`: how long ago the event happened, in seconds.
        """
        about = about or {"id": SESSION.id, "object": "checkout.session"}
        created = int(self.clock() - age_s)
        content = {"id": event, "object": "event", "type": kind, "livemode": False, "created": created}
        body = json.dumps({**content, "data": {"object": about}, **members}).encode()
        return self.post(body, signature(body, secret, at))

    def deliver_thin(
        self,
        kind: str = COMPLETED,
        object_id: str = SESSION.id,
        *,
        event: str = "evt_thin_1",
        age_s: float = 24 * 3600.0,
        **members: Any,
    ) -> TestResponse:
        """The same in the thin form: https://docs.stripe.com/event-destinations#thin-events"""
        created = datetime.fromtimestamp(self.clock() - age_s, UTC)
        content = {
            "id": event,
            "object": "v2.core.event",
            "type": f"v1.{kind}",
            "livemode": False,
            "created": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "related_object": {
                "id": object_id,
                "type": _OBJECT_OF[kind],
                "url": f"/v1/somewhere/{object_id}",
            },
        }
        body = json.dumps({**content, **members}).encode()
        return self.post(body, signature(body))

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


def opened(app: Flask, state: Path | None = None) -> Inbox:
    """The store with a till of its own in Stripe's place and nothing in its shared state.

    `state`: the folder of a real one; without it, one in memory that uses the clock of the inbox.
    """
    services: Services = app.extensions["webstore"]
    inbox = Inbox(app, Till({SESSION.id: SESSION}))
    empty: State = FileState(state) if state else TimedMemory(inbox.clock)
    webhooks = replace(
        services.webhooks,
        checkouts=inbox.till,
        records=inbox.office,
        events=inbox.office,
        sales=inbox.office,
        now=inbox.clock,
        sleep=inbox.clock.sleep,
        patience_s=0,
        own_account=lambda: "acct_own",
        state=empty,
        fulfil=(inbox.note,),
        forget_catalogue=inbox.forget_catalogue,
    )
    attach(app, replace(services, state=empty))
    inbox.use_webhooks(webhooks)
    return inbox
