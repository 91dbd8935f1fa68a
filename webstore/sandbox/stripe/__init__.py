"""The sandbox's Stripe: the part of the API that the store uses, hosted pages and a dashboard.

All of them share one state in memory. Each API resource is a file in `resources/`. Every other resource
of the real API answers 501.
Source: https://docs.stripe.com/api, version 2026-10-28.endive.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, request
from flask.typing import ResponseReturnValue

from webstore.sandbox import pages
from webstore.sandbox.clock import Clock
from webstore.sandbox.control import Control
from webstore.sandbox.control_http import json_object
from webstore.sandbox.stripe import controls
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
from webstore.sandbox.stripe.controls import Controls
from webstore.sandbox.stripe.dashboard import create_dashboard
from webstore.sandbox.stripe.hosted import create_hosted_pages
from webstore.sandbox.stripe.populating import populate
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

_INDEX = {
    "POST /_sandbox/seed": (
        'add made-up customers and products, {"customers": n, "products": n, "prices_each": m}; or the '
        'customers of a population, {"population": {"size": n, "faults": k, ...}}, best with '
        "python -m webstore.sandbox.seed"
    ),
}
_PACKAGE = Path(__file__).parent.parent
# Every path outside the API is a page for a person's browser.
_PAGES = r"(?!/v[12](/|$)).*"


@dataclass(frozen=True)
class Stripe(Controls):
    """The sandbox's Stripe: its Flask application, its state and its controls."""

    app: Flask
    state: State
    control: Control

    def fail(self, **order: object) -> None:
        """Make matching requests fail with a 500, as `POST /_sandbox/stripe/failures` does.

        `order` may have `method` (default POST), `path` (a regular expression for the whole path),
        `times` (default 1; None: until cleared), `effect` ("none", "now" or "later") and `delay_s` (for
        "later", in seconds of the sandbox's clock). Raises ValueError for an invalid order.
        """
        with self.state.lock:
            self.state.failures.add(order)

    def listen(self, url: str, secret: str, *events: str, thin: bool = False) -> None:
        """Register a webhook endpoint at `url` in test mode, now and again after each reset.

        Deliveries are signed with `secret`. `events` are the event types to send (none given: all). A `thin`
        endpoint receives thin events, whose types begin with `v1.`.
        """
        wanted = events or (ALL_EVENTS,)
        self.state.begin_with(lambda: self.add_endpoint(url=url, secret=secret, events=wanted, thin=thin))

    def redeliver(self, event_id: str) -> int:
        """Send an event once more, as `POST /_sandbox/stripe/events/<id>/redeliver` does.

        Returns the number of endpoints that receive it. Raises LookupError for an unknown event.
        """
        return self.state.redeliver(event_id)

    def start(self) -> None:
        """Resume sending webhooks after `stop`."""
        self.state.deliveries.start()

    def stop(self) -> None:
        """Stop sending webhooks and drop those that are waiting."""
        self.state.deliveries.stop()

    def clear_failures(self) -> None:
        """Remove all ordered failures."""
        with self.state.lock:
            self.state.failures.clear()


class _App(Flask):
    def get_send_file_max_age(self, filename: str | None) -> int | None:
        # Pictures of products stay in the browser for a while, as those of a content network do.
        return 3600 if (filename or "").startswith("catalogue/") else None


def create_stripe(config: StripeConfig | None = None) -> Stripe:
    """Create a Stripe without any objects."""
    clock, settings = Clock(), StripeSettings()
    state = State(config or StripeConfig(), settings, clock)
    app = _App(
        __name__,
        template_folder=str(_PACKAGE / "templates"),
        static_folder=str(_PACKAGE / "static"),
    )
    app.add_template_filter(_pretty, "pretty")
    app.add_template_filter(shown, "money")
    pages.install(app, "stripe/hosted_page.html")
    stripe = Stripe(app, state, Control(clock))

    @app.before_request
    def remember_address() -> None:
        state.origin = request.host_url.rstrip("/")

    app.register_blueprint(create_api(state))
    app.register_blueprint(create_dashboard(state))
    app.register_blueprint(create_hosted_pages(state))
    app.register_blueprint(_own_endpoints(stripe))
    app.register_blueprint(controls.endpoints(stripe))

    # Any: a seed is JSON from a test.
    def seed(spec: Mapping[str, Any]) -> Mapping[str, Any]:
        return populate(state, spec) if "population" in spec else state.seed(spec)

    stripe.control.install(app, reset=state.reset, seed=seed, settings=settings, pages=_PAGES, index=_INDEX)
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

    @endpoints.post("/events/<id>/redeliver")
    def redeliver(id: str) -> ResponseReturnValue:
        try:
            return {"deliveries": stripe.redeliver(id)}, 202
        except LookupError as problem:
            return {"error": str(problem)}, 404

    return endpoints


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
