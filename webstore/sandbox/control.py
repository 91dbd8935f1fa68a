"""A vendor's controls for tests and demonstrations: request log, faults, clock, seeds and settings.

Tests in the same process call the methods of `Control`. Others use the HTTP endpoints under `/_sandbox/`.
"""

import dataclasses
import re
import threading
import time
import types
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from flask import Flask
from werkzeug.wrappers import Response

from webstore.sandbox.clock import Clock
from webstore.sandbox.control_http import endpoints
from webstore.sandbox.faults import Faults
from webstore.sandbox.guard import refusal
from webstore.sandbox.tally import Second, Tally

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOG_LIMIT = 200_000
PREFIX = "/_sandbox/"
# Paths that only a person's browser requests. They are not logged, because the store does not call them.
DEFAULT_PAGES = r"/dashboard(/.*)?|/static/.*|/favicon\.ico"

# Any: each vendor decides the shape of its seeds and of their results, which are JSON.
Reset = Callable[[], None]
Empty = Callable[[], None]
Seed = Callable[[Mapping[str, Any]], Mapping[str, Any]]


@dataclasses.dataclass
class LoggedRequest:
    """One request that a vendor received, without bodies, headers or secrets.

    `started` is in Unix seconds of the sandbox's clock, `duration_s` in real seconds. Both `status` and
    `duration_s` are None until the response is complete, and stay None when a fault cuts it off.
    """

    method: str
    path: str
    query: str
    idempotency_key: str | None
    started: float
    status: int | None = None
    replayed: bool = False
    duration_s: float | None = None
    #: The caller's own ID of it, from the header X-Request-ID.
    request_id: str | None = None


class Control:
    """The controls of one vendor. `install` connects them to the vendor's application."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._faults = Faults()
        self._tally = Tally()
        self._log: deque[LoggedRequest] = deque(maxlen=LOG_LIMIT)
        self._settings_lock = threading.Lock()
        self._reset: Reset = _nothing_to_reset
        self._empty: Empty | None = None
        self._seed: Seed = _nothing_to_seed
        # Any: each vendor has its own settings dataclass.
        self._settings: Any = None
        self._first_settings: dict[str, object] = {}
        self._pages = re.compile(DEFAULT_PAGES)

    def install(
        self,
        app: Flask,
        *,
        reset: Reset,
        seed: Seed,
        settings: object,
        pages: str = DEFAULT_PAGES,
        empty: Empty | None = None,
        index: Mapping[str, str] | None = None,
    ) -> None:
        """Add the `/_sandbox/` endpoints to `app`, and wrap it with the request log and the faults.

        `empty` removes what `reset` restores, down to what a new account has. `index` describes controls that
        the vendor has of its own, and replaces descriptions of the common ones.
        `settings` is a mutable dataclass. `reset` restores the values that it has now. Requests whose
        whole path matches the regular expression `pages` are not logged.
        """
        self._reset, self._seed, self._empty = reset, seed, empty
        self._settings = settings
        self._first_settings = self.settings()
        self._pages = re.compile(pages)
        app.register_blueprint(endpoints(self, index or {}))
        # Flask's documented way to add middleware: https://flask.palletsprojects.com/en/stable/quickstart/#hooking-in-wsgi-middleware
        app.wsgi_app = _Middleware(app.wsgi_app, self)  # type: ignore[method-assign]  # documented

    def reset(self, *, empty: bool = False) -> None:
        """Restore the initial state, clock and settings, and remove all faults and the request log.

        `empty`: down to what a new account has. Raises ValueError for a vendor that cannot do that.
        """
        if empty and self._empty is None:
            raise ValueError("this vendor has no empty state")
        self.clear_faults()
        self.clock.reset()
        # Before the settings: restoring them could release withheld webhooks that the reset must discard.
        self._reset()
        self.change_settings(self._first_settings)
        if empty and self._empty is not None:
            self._empty()
        self.clear_requests()

    # Any: each vendor decides the shape of its seeds.
    def seed(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """Fill the vendor with made-up data. Raises ValueError for a seed that it does not support."""
        return self._seed(spec)

    def requests(self) -> list[LoggedRequest]:
        """The requests since the start or the last `clear_requests`, oldest first, 200,000 at most."""
        return list(self._log)

    def clear_requests(self) -> None:
        """Empty the request log, and forget the counts of `rates`."""
        self._log.clear()
        self._tally.clear()

    def rates(self) -> list[Second]:
        """The numbers of requests and of 429s in each second of real time that had any, oldest first.

        They count the same requests as the log, which holds fewer, from the start or the last
        `clear_requests` on.
        """
        return self._tally.seconds()

    def settings(self) -> dict[str, object]:
        """The settings and their current values."""
        return dataclasses.asdict(self._settings)

    def change_settings(self, changes: Mapping[str, object]) -> None:
        """Change settings, all or none. Raises ValueError for an unknown name or a value of a wrong type."""
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
        """Add a fault and return its number. `spec` has the fields of `webstore.sandbox.faults.Fault`.

        Raises ValueError for an invalid description.
        """
        return self._faults.add(spec)

    def faults(self) -> list[dict[str, object]]:
        """The faults in order of creation, each with its `hits`."""
        return self._faults.describe()

    def clear_faults(self) -> None:
        """Remove all faults and release the requests that they delay."""
        self._faults.clear()

    def serve(self, environ: "WSGIEnvironment", app: "WSGIApplication") -> Response:
        """Answer and log one request, with the fault that it meets. Raises ConnectionCut for a cut."""
        path, _, query = environ["REQUEST_URI"].partition("?")
        method = environ["REQUEST_METHOD"]

        def answer() -> Response:
            return Response.from_app(app, environ, buffered=True)

        is_control = path.startswith(PREFIX)
        refused = refusal(environ, is_control=is_control, is_page=self._pages.fullmatch(path) is not None)
        if refused:
            return Response(f"{refused}\n", 403, content_type="text/plain; charset=utf-8")
        if is_control:
            return answer()
        entry = LoggedRequest(
            method,
            path,
            query,
            environ.get("HTTP_IDEMPOTENCY_KEY"),
            started=self.clock.now(),
            request_id=environ.get("HTTP_X_REQUEST_ID"),
        )
        if not self._pages.fullmatch(path):
            self._log.append(entry)
        began = time.monotonic()
        fault = self._faults.take(method, path)
        response, whole = (answer(), True) if fault is None else fault.strike(answer)
        if not self._pages.fullmatch(path):
            self._tally.count(response.status_code)
        entry.replayed = response.headers.get("Idempotent-Replayed") == "true"
        if whole and not response.is_streamed:
            _finish(entry, response, began)
        elif whole:
            # A trickle is complete only after its last byte.
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
    """Whether a field with this type annotation accepts a JSON value."""
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
