"""The sandbox's Stripe: its API as far as the store uses it, and a dashboard, over one state in memory.

A resource is a file in `resources/`; what is not there answers 501 and says so.
Source: https://docs.stripe.com/api, version 2026-10-28.endive.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flask import Blueprint, Flask
from flask.typing import ResponseReturnValue

from webstore.sandbox.clock import Clock
from webstore.sandbox.control import Control, json_object
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
from webstore.sandbox.stripe.state import State

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
    stripe = Stripe(app, state, Control(clock))
    app.register_blueprint(create_api(state))
    app.register_blueprint(create_dashboard(state))
    app.register_blueprint(_failure_endpoints(stripe))
    stripe.control.install(app, reset=state.reset, seed=state.seed, settings=settings, pages=_PAGES)
    return stripe


def _failure_endpoints(stripe: Stripe) -> Blueprint:
    endpoints = Blueprint("stripe_failures", __name__, url_prefix="/_sandbox/stripe")

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

    return endpoints


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y, %H:%M:%S UTC")


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
