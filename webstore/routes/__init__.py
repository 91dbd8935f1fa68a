"""The pages: each route parses, calls one use case, then redirects or renders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Flask, current_app

from webstore.gateways.login_client import LoginClient
from webstore.linking import Linker
from webstore.ports import Hook, State
from webstore.settings import Settings

_KEY = "webstore"


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes are given by `create_app`."""

    settings: Settings
    login_client: LoginClient
    linker: Linker
    hooks: Sequence[Hook]
    state: State
    #: Closes what is kept open to the outside; for tests that make many applications in one process.
    close: Callable[[], None]


def attach(app: Flask, services: Services) -> None:
    """Give the application its services."""
    app.extensions[_KEY] = services


def services() -> Services:
    """The services of the application that answers this request."""
    found: Services = current_app.extensions[_KEY]
    return found
