"""A proxy that gives each request to the next of several machines, as load balancers do."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask

from tests.support import Shop, until
from webstore import create_app
from webstore.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class RoundRobin:
    """A WSGI application in front of the machines."""

    def __init__(self, machines: Sequence[Flask]) -> None:
        self._next = itertools.cycle(machines)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return next(self._next).wsgi_app(environ, start_response)


@contextmanager
def more_machines(shop: Shop, folder: Path, number: int) -> Iterator[None]:
    """Put so many machines beside the store, each with a state of its own, for as long as the block lasts."""
    more = [
        create_app(Settings.from_env({**shop.environment, "STATE_DIR": str(folder / f"machine-{which}")}))
        for which in range(number)
    ]
    for app in more:
        # Otherwise a machine may still be reading the catalogue when it is closed.
        until(lambda app=app: app.test_client().get("/readyz").status_code == 200)  # type: ignore[misc]
    front = Flask(__name__)
    front.wsgi_app = RoundRobin([*more, shop.app])  # type: ignore[method-assign]  # as documented
    _serve(shop, front)
    try:
        yield
    finally:
        _serve(shop, shop.app)
        for app in more:
            app.extensions["webstore"].close()


def _serve(shop: Shop, app: Flask) -> None:
    shop.server.stop()
    shop.server.app = app
    shop.server.start()
