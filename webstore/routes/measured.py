"""Counts and times every request, for /metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from flask import Flask, request

from webstore import metrics

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Where the pattern of the address is named, such as `/orders/<number>`. The address itself would make a
#: series of figures for each unknown one.
ROUTE = "webstore.route"
_UNMATCHED = "unmatched"


class _Measured:
    """Times a request until its answer is made, without the time to send it."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = time.perf_counter()
        answered = "none"

        def start(
            status: str, headers: list[tuple[str, str]], exc_info: OptExcInfo | None = None
        ) -> Callable[[bytes], object]:
            nonlocal answered
            answered = status[:3]
            return start_response(status, headers, exc_info)

        try:
            return self._app(environ, start)
        finally:
            metrics.observe_request(
                environ.get(ROUTE, _UNMATCHED),
                environ["REQUEST_METHOD"],
                answered,
                time.perf_counter() - began,
            )


def install(app: Flask) -> None:
    """Measure every request. To be installed last, so that everything else is within it."""
    # It runs before any check that may refuse the request.
    app.url_value_preprocessor(_name_route)
    app.wsgi_app = _Measured(app.wsgi_app)  # type: ignore[method-assign]  # as documented


def _name_route(_endpoint: str | None, _values: object) -> None:
    rule = request.url_rule
    if rule is not None:
        request.environ[ROUTE] = rule.rule
