"""The sandbox's Stripe: its API as far as the store uses it, and a dashboard, over one state in memory.

A resource is a file in `resources/`; what is not there answers 501 and says so.
Source: https://docs.stripe.com/api, version 2026-10-28.endive.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flask import Blueprint, Flask, request
from flask.typing import ResponseReturnValue

from webstore.sandbox.clock import Clock
from webstore.sandbox.control import Control, json_object
from webstore.sandbox.stripe.amounts import shown
from webstore.sandbox.stripe.api import create_api
from webstore.sandbox.stripe.config import (
    ACCOUNT,
    API_VERSION,
    LIVE_KEY,
    TEST_KEY,
    StripeConfig,
    StripeSettings,
)
from webstore.sandbox.stripe.dashboard import create_dashboard
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.hosted import create_hosted_pages
from webstore.sandbox.stripe.payments import sessions
from webstore.sandbox.stripe.resources import webhook_endpoints
from webstore.sandbox.stripe.routing import Call
from webstore.sandbox.stripe.state import State
from webstore.sandbox.stripe.webhook_tables import ALL_EVENTS

__all__ = [
    "ACCOUNT",
    "API_VERSION",
    "LIVE_KEY",
    "TEST_KEY",
    "Stripe",
    "StripeConfig",
    "StripeSettings",
    "create_stripe",
]

_PACKAGE = Path(__file__).parent.parent
# Everything outside the API is a page that a person opens.
_PAGES = r"(?!/v[12](/|$)).*"


@dataclass(frozen=True)
class Stripe:
    """The sandbox's Stripe: an application to serve, its state, and its controls."""

    app: Flask
    state: State
    control: Control

    def fail(self, **order: object) -> None:
        """Let an endpoint itself fail, as `POST /_sandbox/stripe/failures` does.

        `method` (POST), `path` (a regular expression for the whole path), `times` (1; None: until
        cleared), `effect` ("none", "now" or "later", with `delay_s` seconds of the sandbox's clock).
        Raises ValueError for anything else.
        """
        with self.state.lock:
            self.state.failures.add(order)

    def listen(self, url: str, secret: str, *events: str) -> None:
        """Send events of test mode to `url`, signed with `secret`; without `events` all of them.

        The endpoint is there again after a reset.
        """

        def register() -> None:
            world = self.state.world(self.state.first_account, livemode=False)
            webhook_endpoints.add(
                world,
                self.state.clock.now(),
                secret,
                url=url,
                enabled_events=list(events or (ALL_EVENTS,)),
            )

        self.state.begin_with(register)

    def redeliver(self, event_id: str) -> int:
        """Send an event once more, as `POST /_sandbox/stripe/events/<id>/redeliver` does.

        Gives to how many endpoints. Raises LookupError for an event that there is not.
        """
        return self.state.redeliver(event_id)

    def settle(self, payment_intent_id: str, *, succeeded: bool) -> None:
        """Let a payment that takes days succeed or fail now.

        Raises LookupError for a payment that there is not, ValueError for one that is not processing.
        """
        with self.state.lock:
            now = self.state.catch_up()
            for world in self.state.worlds():
                intent = world.payments.intents.get(payment_intent_id)
                if intent is None:
                    continue
                try:
                    sessions.settle(Call(self.state, world, now, ""), intent, succeeded=succeeded)
                except StripeError as error:
                    raise ValueError(error.message) from error
                return
        raise LookupError(f"there is no payment intent {payment_intent_id}")

    def start(self) -> None:
        """Send events again after `stop`."""
        self.state.deliveries.start()

    def stop(self) -> None:
        """Send no events any more; what was still to be sent is forgotten."""
        self.state.deliveries.stop()

    def clear_failures(self) -> None:
        """Let endpoints fail no more."""
        with self.state.lock:
            self.state.failures.clear()


def create_stripe(config: StripeConfig | None = None) -> Stripe:
    """Make a Stripe with nothing in it yet."""
    clock, settings = Clock(), StripeSettings()
    state = State(config or StripeConfig(), settings, clock)
    app = Flask(
        __name__,
        template_folder=str(_PACKAGE / "templates"),
        static_folder=str(_PACKAGE / "static"),
    )
    app.add_template_filter(_moment, "moment")
    app.add_template_filter(_pretty, "pretty")
    app.add_template_filter(shown, "money")
    stripe = Stripe(app, state, Control(clock))

    @app.before_request
    def remember_address() -> None:
        state.origin = request.host_url.rstrip("/")

    app.register_blueprint(create_api(state))
    app.register_blueprint(create_dashboard(state))
    app.register_blueprint(create_hosted_pages(state))
    app.register_blueprint(_own_endpoints(stripe))
    stripe.control.install(app, reset=state.reset, seed=state.seed, settings=settings, pages=_PAGES)
    return stripe


def _own_endpoints(stripe: Stripe) -> Blueprint:
    endpoints = Blueprint("stripe_control", __name__, url_prefix="/_sandbox/stripe")

    @endpoints.post("/failures")
    def add() -> ResponseReturnValue:
        try:
            stripe.fail(**json_object())
        except ValueError as problem:
            return {"error": str(problem)}, 400
        return "", 201

    @endpoints.delete("/failures")
    def clear() -> ResponseReturnValue:
        stripe.clear_failures()
        return "", 204

    @endpoints.post("/payments/<id>/settle")
    def settle(id: str) -> ResponseReturnValue:
        try:
            stripe.settle(id, succeeded=json_object().get("succeeded") is True)
        except ValueError as problem:
            return {"error": str(problem)}, 400
        except LookupError as problem:
            return {"error": str(problem)}, 404
        return "", 204

    @endpoints.post("/events/<id>/redeliver")
    def redeliver(id: str) -> ResponseReturnValue:
        try:
            return {"deliveries": stripe.redeliver(id)}, 202
        except LookupError as problem:
            return {"error": str(problem)}, 404

    return endpoints


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M:%S UTC")


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
