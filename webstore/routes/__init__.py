"""The pages: each route parses, calls one use case, then redirects or renders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flask import Flask, current_app

from webstore.budget import BoundedExecutor
from webstore.catalogue import CatalogueService
from webstore.gateways.login_client import LoginClient
from webstore.linking import Linker
from webstore.ports import AccessTokens, Checkouts, Hook, Orders, State
from webstore.settings import Settings
from webstore.texts import ShopText
from webstore.webhooks import Webhooks

_KEY = "webstore"


@dataclass(frozen=True, slots=True)
class Services:
    """What the routes are given by `create_app`."""

    settings: Settings
    login_client: LoginClient
    linker: Linker
    hooks: Sequence[Hook]
    state: State
    catalogue: CatalogueService
    checkouts: Checkouts
    orders: Orders
    #: Bounds the threads that wait for Stripe in the shop's pages.
    shop: BoundedExecutor
    #: The shop's own texts by the name of their page.
    texts: Mapping[str, ShopText]
    webhooks: Webhooks
    #: None where the store has no JSON API.
    access_tokens: AccessTokens | None
    #: Closes what is kept open to the outside; for tests that make many applications in one process.
    close: Callable[[], None]


def attach(app: Flask, services: Services) -> None:
    """Give the application its services."""
    app.extensions[_KEY] = services


def services() -> Services:
    """The services of the application that answers this request."""
    found: Services = current_app.extensions[_KEY]
    return found
