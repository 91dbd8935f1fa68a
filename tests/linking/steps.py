"""Logins at a store whose vendors fail, and what tests of linking look at."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import httpx

from tests.support import CATALOGUE_READ, Shop
from webstore.routes import Services, attach
from webstore.sandbox.control import Control, LoggedRequest
from webstore.sessions.login import link_at_login

EVE = "eve@example.com"
#: The path of a user at the Management API.
USER = r"/api/v2/users/.*"


def log_in(shop: Shop, email: str = EVE) -> httpx.Response:
    """Log in with a new browser. The home page shows the outcome of the login; it links nobody by itself."""
    return shop.browser().log_in(email, path="/")


def control_of(shop: Shop, vendor: str) -> Control:
    """The controls of "auth0" or "stripe"."""
    return shop.sandbox.auth0.control if vendor == "auth0" else shop.sandbox.stripe.control


def clear_faults(shop: Shop) -> None:
    """Let both vendors answer as usual, and release the requests that they hold."""
    shop.sandbox.auth0.control.clear_faults()
    shop.sandbox.stripe.control.clear_faults()


def unanswered(shop: Shop) -> list[LoggedRequest]:
    """The requests to both vendors that have no complete answer yet, without reads of the catalogue."""
    controls = (shop.sandbox.auth0.control, shop.sandbox.stripe.control)
    seen = [request for control in controls for request in control.requests()]
    return [each for each in seen if each.status is None and f"{each.method} {each.path}" != CATALOGUE_READ]


def set_budget(shop: Shop, seconds: float) -> None:
    """Change how long the running store waits for a link."""
    _change_linker(shop, budget_s=seconds)


def let_calls_take(shop: Shop, seconds: float) -> None:
    """Have the store see this much time pass from one look at its clock to the next."""
    passed = count(step=seconds)
    started = shop.linker.now()
    _change_linker(shop, now=lambda: started + next(passed), budget_s=30.0)


def _change_linker(shop: Shop, **changes: Any) -> None:
    services: Services = shop.app.extensions["webstore"]
    linker = replace(services.linker, **changes)
    attach(shop.app, replace(services, linker=linker, hooks=(partial(link_at_login, linker),)))
