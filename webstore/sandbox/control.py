"""What tests and demonstrations hold on to: the request log, faults, clock, seeds and switches of a vendor.

Everything under `/_sandbox/` is here, as HTTP endpoints and as methods of `Control` for tests in the
same process.
"""

import dataclasses
import re
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from flask import Blueprint, Flask, request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from webstore.sandbox.clock import Clock
from webstore.sandbox.faults import Faults

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOG_LIMIT = 200_000
PREFIX = "/_sandbox/"
# What a person opens in a browser, or a browser fetches by itself, says nothing about the store.
DEFAULT_PAGES = r"/dashboard(/.*)?|/static/.*|/favicon\.ico"

# Any: seeds and their answers are JSON whose shape each vendor decides.
Reset = Callable[[], None]
Seed = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclasses.dataclass
class LoggedRequest:
    """One request a vendor got: no bodies, no headers, no secrets.

    `started` is in Unix seconds of the sandbox's clock, `duration_s` in real seconds. `status` and
    `duration_s` are None while the request hangs and after it was cut off.
    """

    method: str
    path: str
    query: str
    idempotency_key: str | None
    started: float
    status: int | None = None
    replayed: bool = False
    duration_s: float | None = None


class Control:
    """The controls of one vendor; `install` connects them to its application."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._faults = Faults()
        self._log: deque[LoggedRequest] = deque(maxlen=LOG_LIMIT)
        self._settings_lock = threading.Lock()
        self._reset: Reset = _nothing_to_reset
        self._seed: Seed = _nothing_to_seed
        # Any: a dataclass of switches that each vendor declares for itself.
        self._settings: Any = None
        self._first_settings: dict[str, object] = {}
        self._pages = re.compile(DEFAULT_PAGES)

    def install(
        self, app: Flask, *, reset: Reset, seed: Seed, settings: object, pages: str = DEFAULT_PAGES
    ) -> None:
        """Add the `/_sandbox/` endpoints to `app` and put log and faults in front of it.

        `settings` is a mutable dataclass of switches; its values now are the ones that `reset` brings
        back. Requests whose whole path matches the regular expression `pages` are not logged.
        """
        self._reset, self._seed = reset, seed
        self._settings = settings
        self._first_settings = self.settings()
        self._pages = re.compile(pages)
        app.register_blueprint(_endpoints(self))
        # Flask's documented way to add middleware: https://flask.palletsprojects.com/en/stable/quickstart/#hooking-in-wsgi-middleware
        app.wsgi_app = _Middleware(app.wsgi_app, self)  # type: ignore[method-assign]  # documented

    def reset(self) -> None:
        """State, log, faults, clock and settings back to the start."""
        self.clear_faults()
        self.clock.reset()
        # Before the settings: one of them may let go what was held back and is to be forgotten.
        self._reset()
        self.change_settings(self._first_settings)
        self.clear_requests()

    # Any: the shape of a seed is the vendor's.
    def seed(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Fill the vendor with made-up data. Raises ValueError for a seed that it does not know."""
        return self._seed(spec)

    def requests(self) -> list[LoggedRequest]:
        """What was asked since the start or the last clearing, oldest first (the newest 200,000)."""
        return list(self._log)

    def clear_requests(self) -> None:
        """Empty the request log."""
        self._log.clear()

    def settings(self) -> dict[str, object]:
        """The switches and their values now."""
        return dataclasses.asdict(self._settings)

    def change_settings(self, changes: Mapping[str, object]) -> None:
        """Set switches, all or none. Raises ValueError for an unknown name or a value of the wrong type."""
        hints = get_type_hints(type(self._settings))
        for name, value in changes.items():
            if name not in hints:
                raise ValueError(f"there is no setting {name}")
            if not _fits(value, hints[name]):
                raise ValueError(f"the setting {name} does not take {value!r}")
        with self._settings_lock:
            for name, value in changes.items():
                setattr(self._settings, name, value)

    def add_fault(self, **spec: object) -> int:
        """Add a fault (the fields of `webstore.sandbox.faults.Fault`) and give its number.

        Raises ValueError for a description that makes no sense.
        """
        return self._faults.add(spec)

    def faults(self) -> list[dict[str, object]]:
        """The faults in order of creation, each with its `hits`."""
        return self._faults.describe()

    def clear_faults(self) -> None:
        """Forget all faults and let go of the requests that they hold."""
        self._faults.clear()

    def serve(self, environ: "WSGIEnvironment", app: "WSGIApplication") -> Response:
        """Answer one request, logged and disturbed. Raises ConnectionCut where a fault says so."""
        path, _, query = environ["REQUEST_URI"].partition("?")
        method = environ["REQUEST_METHOD"]

        def answer() -> Response:
            return Response.from_app(app, environ, buffered=True)

        if path.startswith(PREFIX):
            return answer()
        entry = LoggedRequest(
            method, path, query, environ.get("HTTP_IDEMPOTENCY_KEY"), started=self.clock.now()
        )
        if not self._pages.fullmatch(path):
            self._log.append(entry)
        began = time.monotonic()
        fault = self._faults.take(method, path)
        response, whole = (answer(), True) if fault is None else fault.strike(answer)
        entry.replayed = response.headers.get("Idempotent-Replayed") == "true"
        if whole and not response.is_streamed:
            _finish(entry, response, began)
        elif whole:
            # A trickle is finished only when its last byte is out.
            response.response = _then(response.response, lambda: _finish(entry, response, began))
        return response


class _Middleware:
    def __init__(self, app: "WSGIApplication", control: Control) -> None:
        self._app = app
        self._control = control

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        return self._control.serve(environ, self._app)(environ, start_response)


def _finish(entry: LoggedRequest, response: Response, began: float) -> None:
    entry.duration_s = time.monotonic() - began
    entry.status = response.status_code


def _then(chunks: Iterable[Any], done: Callable[[], None]) -> Iterable[Any]:
    yield from chunks
    done()


def _nothing_to_reset() -> None:
    return None


def _nothing_to_seed(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    raise ValueError(f"nothing takes the seed {dict(spec)}")


def _fits(value: object, hint: Any) -> bool:  # Any: type hints have no type of their own
    """Whether a JSON value is one that a field with this annotation takes."""
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    if origin is not None:
        return isinstance(value, origin)
    if hint in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, int | float if hint is float else hint)


def _endpoints(control: Control) -> Blueprint:
    """The HTTP side of `control`: JSON in, JSON out, 400 with `error` for what makes no sense."""
    endpoints = Blueprint("sandbox_control", __name__, url_prefix="/_sandbox")

    @endpoints.errorhandler(ValueError)
    def refuse(problem: ValueError) -> ResponseReturnValue:
        return {"error": str(problem)}, 400

    @endpoints.post("/reset")
    def reset() -> ResponseReturnValue:
        control.reset()
        return "", 204

    @endpoints.post("/seed")
    def seed() -> ResponseReturnValue:
        return dict(control.seed(json_object()))

    @endpoints.get("/requests")
    def requests() -> ResponseReturnValue:
        return {"requests": [dataclasses.asdict(entry) for entry in control.requests()]}

    @endpoints.delete("/requests")
    def clear_requests() -> ResponseReturnValue:
        control.clear_requests()
        return "", 204

    @endpoints.get("/clock")
    def clock() -> ResponseReturnValue:
        return {"now": control.clock.now()}

    @endpoints.post("/clock")
    def advance() -> ResponseReturnValue:
        seconds = json_object().get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise ValueError("advance must be a number of seconds")
        control.clock.advance(seconds)
        return {"now": control.clock.now()}

    @endpoints.get("/settings")
    def settings() -> ResponseReturnValue:
        return control.settings()

    @endpoints.patch("/settings")
    def change_settings() -> ResponseReturnValue:
        control.change_settings(json_object())
        return control.settings()

    @endpoints.get("/faults")
    def faults() -> ResponseReturnValue:
        return {"faults": control.faults()}

    @endpoints.post("/faults")
    def add_fault() -> ResponseReturnValue:
        return {"id": control.add_fault(**json_object())}, 201

    @endpoints.delete("/faults")
    def clear_faults() -> ResponseReturnValue:
        control.clear_faults()
        return "", 204

    return endpoints


def json_object() -> dict[str, object]:
    """The request's body as a JSON object, an empty one for no body. Raises ValueError for anything else."""
    if not request.get_data():
        return {}
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return body
