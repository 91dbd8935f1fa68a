"""The HTTP routes. Each one parses the request, calls one use case, then redirects or renders a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flask import Flask, current_app

from webstore.gateways.oidc.login_client import LoginClient
from webstore.linking import Linker
from webstore.readiness import Readiness
from webstore.sessions.kept_records import KeptRecords
from webstore.sessions.login import Hook
from webstore.sessions.ports import AccessTokens, LogoutReader
from webstore.settings import Settings
from webstore.shop.catalogue import CatalogueService
from webstore.shop.event_effects import Webhooks
from webstore.shop.ports import Checkouts, OpenSessions, Orders, Portals, Subscriptions
from webstore.shop.replay import CatchUp
from webstore.shop.texts import ShopText
from webstore.state import Counters, State

_KEY = "webstore"


@dataclass(frozen=True, slots=True)
class Services:
    """The services that `composition.py` builds for the routes."""

    settings: Settings
    login_client: LoginClient
    linker: Linker
    hooks: Sequence[Hook]
    state: State
    #: Which sessions ended before they expired. Apart from `state`: nothing that strangers do may delay it.
    revocations: KeptRecords
    #: For rate limits.
    counters: Counters
    catalogue: CatalogueService
    readiness: Readiness
    checkouts: Checkouts
    orders: Orders
    subscriptions: Subscriptions
    open_sessions: OpenSessions
    portals: Portals
    #: The shop's own texts, by the name of their page.
    texts: Mapping[str, ShopText]
    webhooks: Webhooks
    #: The same for work in the background, whose calls do not wait for those of pages.
    background_webhooks: Webhooks
    #: None if webhooks are refused.
    catch_up: CatchUp | None
    #: None if the store has no JSON API.
    access_tokens: AccessTokens | None
    logout_tokens: LogoutReader
    #: Closes open connections, for tests that build many applications in one process.
    close: Callable[[], None]


def attach(app: Flask, services: Services) -> None:
    """Give the application its services."""
    app.extensions[_KEY] = services


def services() -> Services:
    """The services of the application that answers this request."""
    return services_of(current_app)


def services_of(app: Flask) -> Services:
    """The services of this application."""
    found: Services = app.extensions[_KEY]
    return found
