"""The handling of an API request, from its headers to its response.

The order of the checks is Stripe's: key, rate limit, permission, parameters, idempotency, execution.
Only a request that began to execute leaves a response under its idempotency key.
"""

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Request, Response, request

from webstore.sandbox.stripe import forms
from webstore.sandbox.stripe.auth import Caller, authenticate
from webstore.sandbox.stripe.config import API_VERSION
from webstore.sandbox.stripe.errors import NotInSandbox, StripeError, unrecognized_url
from webstore.sandbox.stripe.failures import Failure
from webstore.sandbox.stripe.idempotency import Answer
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.operations import is_operation
from webstore.sandbox.stripe.resources import ROUTES
from webstore.sandbox.stripe.routing import Call, Route, find
from webstore.sandbox.stripe.state import State

_METHODS = ["GET", "POST", "DELETE", "PUT", "PATCH"]
_FORM = "application/x-www-form-urlencoded"


def create_api(state: State) -> Blueprint:
    """The blueprint that answers everything under `/v1/` and `/v2/`."""
    api = Blueprint("stripe_api", __name__)

    @api.route("/v1", methods=_METHODS)
    @api.route("/v1/", methods=_METHODS)
    @api.route("/v1/<path:_>", methods=_METHODS)
    @api.route("/v2/<path:_>", methods=_METHODS)
    def answer(_: str = "") -> Response:
        # The path comes from the raw URI, because Flask has already decoded its own.
        return _Request(state, request).answer()

    return api


@dataclass
class _Reply:
    answer: Answer
    headers: dict[str, str]


class _Request:
    """One API request while it is handled."""

    def __init__(self, state: State, http: Request) -> None:
        self._state = state
        self._http = http
        self._path: str = http.environ["REQUEST_URI"].partition("?")[0]
        self._id = new_id("req_", 14)
        self._caller: Caller | None = None

    def answer(self) -> Response:
        """The HTTP response, also for an error."""
        try:
            reply = self._reply()
        except StripeError as error:
            reply = _Reply(self._error(error), error.headers)
        response = Response(reply.answer.body, reply.answer.status, content_type="application/json")
        response.headers.update({"Request-Id": self._id, "Stripe-Version": API_VERSION, **reply.headers})
        response.date = datetime.now(UTC) + timedelta(seconds=self._state.settings.date_ahead_s)
        if key := self._http.headers.get("Idempotency-Key"):
            response.headers["Idempotency-Key"] = key
        return response

    def _reply(self) -> _Reply:
        headers = self._http.headers
        caller = self._caller = authenticate(
            headers.get("Authorization"), headers.get("Stripe-Context"), self._state
        )
        caller.world.rate.count(self._state.settings.rate_limit_per_s)
        route, ids = self._route()
        caller.world.rate.count_endpoint(
            f"{route.method} {route.path}", self._state.settings.endpoint_rate_limit_per_s
        )
        caller.check_permission(route.permission, self._state)
        self._check_headers()
        given = self._params()
        call = Call(
            self._state,
            caller.world,
            now=self._state.clock.now(),
            path=self._path,
            ids=ids,
            params=route.check(given),
            request_id=self._id,
            idempotency_key=self._http.headers.get("Idempotency-Key"),
            api_key=caller.key,
        )
        if self._http.method == "POST" and call.idempotency_key:
            return self._once(route, call, given, call.idempotency_key)
        return _Reply(self._execute(route, call), {})

    def _route(self) -> tuple[Route, tuple[str, ...]]:
        method = self._http.method
        found = find(ROUTES, method, self._path)
        if found is not None:
            return found
        if is_operation(method, self._path):
            raise NotInSandbox(f"{method} {self._path}")
        raise unrecognized_url(method, self._path)

    def _check_headers(self) -> None:
        version = self._http.headers.get("Stripe-Version", API_VERSION)
        if version != API_VERSION:
            raise NotInSandbox(f"the API version {version}, only {API_VERSION}")
        if "Stripe-Account" in self._http.headers:
            raise NotInSandbox("connected accounts (the header Stripe-Account)")

    def _params(self) -> forms.Params:
        if self._http.method == "GET":
            return forms.parse(self._http.query_string.decode("utf-8", "replace"))
        body = self._http.get_data(as_text=True)
        if body and self._http.mimetype != _FORM:
            raise StripeError(
                400,
                "Invalid request (check that your POST content type is application/x-www-form-urlencoded)."
                " If you have any questions, we can help at https://support.stripe.com/.",
            )
        return {**forms.parse(self._http.query_string.decode("utf-8", "replace")), **forms.parse(body)}

    def _once(self, route: Route, call: Call, given: forms.Params, key: str) -> _Reply:
        keys = call.world.keys
        with self._state.lock:
            ttl_s = self._state.settings.idempotency_ttl_s
            before = keys.begin(key, self._path, given, call.now, ttl_s)
        if before is not None:
            return _Reply(before, {"Idempotent-Replayed": "true", "Original-Request": before.request_id})
        kept = False
        try:
            answer = self._execute(route, call)
            # 400 and 501 report invalid or unsupported parameters, so the request did not begin to execute.
            kept = answer.status not in (400, 501)
            return _Reply(answer, {"Original-Request": self._id})
        finally:
            with self._state.lock:
                if kept:
                    keys.finish(key, answer)
                else:
                    keys.forget(key)

    def _execute(self, route: Route, call: Call) -> Answer:
        if call.state.settings.execution_s and route.method == "POST":
            time.sleep(call.state.settings.execution_s)
        try:
            with call.state.lock:
                call = replace(call, now=call.state.catch_up())
                failure = call.state.failures.take(route.method, self._path)
                if failure is not None:
                    _fail(failure, route, call)
                return Answer(200, _encode(route.endpoint(call)), self._id)
        except StripeError as error:
            return self._error(error)

    def _error(self, error: StripeError) -> Answer:
        shown = error.to_json()
        if self._caller is not None:
            mode = "" if self._caller.world.livemode else "test/"
            shown["request_log_url"] = f"https://dashboard.stripe.com/{mode}logs/{self._id}"
        return Answer(error.status, _encode({"error": shown}), self._id)


def _fail(failure: Failure, route: Route, call: Call) -> None:
    """Answer 500, and let the endpoint have its effect now, later or never, as the failure orders."""
    if failure.effect == "now":
        with contextlib.suppress(StripeError):
            route.endpoint(call)
    elif failure.effect == "later":
        call.state.later(call.now + failure.delay_s, lambda due: route.endpoint(replace(call, now=due)))
    raise StripeError(500, "An unknown error occurred", type="api_error")


def _encode(answer: Mapping[str, object]) -> str:
    # Stripe indents its answers. For a page of a hundred customers that takes longer than all the rest.
    indent = None if answer.get("object") in ("list", "search_result") else 2
    return json.dumps(answer, indent=indent, ensure_ascii=False)
