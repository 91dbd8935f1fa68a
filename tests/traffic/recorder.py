"""Records what the store and Stripe say to each other over HTTP."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

from tests.support import Shop

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: How the SDK's `User-Agent` begins, which the store uses. A test that asks Stripe itself has another one.
SDK = ("Stripe/v1 PythonBindings", "Stripe/v2 PythonBindings")


@dataclass(frozen=True)
class Exchange:
    """A request and its answer."""

    method: str
    path: str
    query: str
    body: str
    #: Lower-case names.
    headers: dict[str, str]
    status: int
    # Any: whatever JSON the answer holds; None if it is no JSON.
    answer: Any
    #: The time of the request by Stripe's clock, in Unix seconds.
    at: float

    def __str__(self) -> str:
        return f"{self.method} {self.path} -> {self.status}"


@dataclass
class Recorder:
    """A WSGI application around another one, which keeps the exchanges that are wanted."""

    app: WSGIApplication
    wanted: Callable[[WSGIEnvironment], bool]
    now: Callable[[], float]
    exchanges: list[Exchange] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self.wanted(environ):
            return self.app(environ, start_response)
        body, at = environ["wsgi.input"].read(), self.now()
        environ["wsgi.input"] = io.BytesIO(body)
        response = Response.from_app(self.app, environ, buffered=True)
        path, _, query = environ["REQUEST_URI"].partition("?")
        headers = {
            name.removeprefix("HTTP_").replace("_", "-").lower(): str(value)
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        method, status, answer = environ["REQUEST_METHOD"], response.status_code, _json(response.get_data())
        self.exchanges.append(Exchange(method, path, query, body.decode(), headers, status, answer, at))
        return response(environ, start_response)


@dataclass
class Traffic:
    """What a running store asked Stripe, and the webhooks that Stripe delivered to it."""

    calls: list[Exchange] = field(default_factory=list)
    deliveries: list[Exchange] = field(default_factory=list)

    def record_deliveries(self, shop: Shop) -> None:
        """Record the webhooks of a store, which has just been started."""
        # Flask's documented way to add middleware: https://flask.palletsprojects.com/en/stable/quickstart/#hooking-in-wsgi-middleware
        shop.app.wsgi_app = Recorder(  # type: ignore[method-assign]  # documented
            shop.app.wsgi_app, _is_delivery, shop.sandbox.stripe.control.clock.now, self.deliveries
        )


def record(shop: Shop) -> Traffic:
    """Record the traffic of a running store from now on."""
    traffic, stripe = Traffic(), shop.sandbox.stripe
    traffic.record_deliveries(shop)
    stripe.app.wsgi_app = Recorder(  # type: ignore[method-assign]  # as above
        stripe.app.wsgi_app, _is_call_of_the_store, stripe.control.clock.now, traffic.calls
    )
    return traffic


def _is_call_of_the_store(environ: WSGIEnvironment) -> bool:
    path, agent = str(environ["PATH_INFO"]), str(environ.get("HTTP_USER_AGENT"))
    return path.startswith(("/v1/", "/v2/")) and agent.startswith(SDK)


def _is_delivery(environ: WSGIEnvironment) -> bool:
    return str(environ["PATH_INFO"]) == "/webhooks/stripe"


# Any: whatever JSON it is.
def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
