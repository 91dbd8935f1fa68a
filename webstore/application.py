"""The Flask application: the routes, and what surrounds each request. `composition.py` makes the services."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from . import logs
from .composition import hooks_of, problems_of_places, services_for
from .errors import UserBarred
from .routes import (
    account,
    api,
    attach,
    auth,
    checkout_result,
    closing,
    customer,
    developers,
    doctor,
    edge,
    errors,
    formats,
    health,
    known_links,
    measured,
    page_addresses,
    parts,
    shelves,
    shop,
    shoppers_pages,
    static_files,
    subscription_lists,
)
from .routes import cart as cart_routes
from .routes import checkout as checkout_routes
from .routes import orders as order_routes
from .routes import webhooks as webhook_routes
from .routes.cart_cookie import current_cart
from .routes.csrf import csrf_token
from .routes.paid_items import install_readings
from .routes.session_cookie import ABSOLUTE_S, Sessions, current_shopper
from .routes.session_size import wait_for_room
from .settings import Settings

_TOP = Path(__file__).resolve().parent.parent


class _Store(Flask):
    """Flask, without the work that it repeats for each request although the result never changes."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself: none of the store's functions is a coroutine."""
        return func


def build(settings: Settings | None = None) -> Flask:
    """The store, ready for a WSGI server.

    Without `settings` they are read from the environment. Raises `SettingsError`. Makes no network call.
    """
    settings = settings or Settings.from_env(more=problems_of_places)
    app = _Store(__name__, template_folder=str(_TOP / "templates"), static_folder=None)
    # Merging slashes redirects to an address that is built from the Host header.
    app.url_map.merge_slashes = False
    files = static_files.install(app, _TOP / "static")
    app.session_interface = Sessions()
    _configure(app, settings)
    logs.install(settings.log_format)
    attach(app, services_for(settings, hooks_of(settings)))
    commerce = (cart_routes, checkout_routes, checkout_result, order_routes, webhook_routes)
    for routes in (shop, auth, account, closing, developers, health, doctor, *commerce):
        app.register_blueprint(routes.blueprint)
    if settings.auth0_audience:
        app.register_blueprint(api.blueprint)
    edge.install(app, settings, files)
    app.after_request(wait_for_room)
    install_readings(app)
    if settings.trusted_proxy_hops:
        # The client's address alone: scheme and host come from BASE_URL, never from a request.
        hops = settings.trusted_proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=0, x_host=0)  # type: ignore[method-assign]  # as documented
    errors.install(app)
    app.register_error_handler(UserBarred, customer.barred)
    formats.install(app)
    page_addresses.install(app)
    parts.install(app, settings)
    shelves.install(app)
    shoppers_pages.install(app)
    known_links.install(app)
    subscription_lists.install(app)
    measured.install(app)
    app.context_processor(
        lambda: {
            "viewer": current_shopper(),
            "csrf_token": csrf_token,
            "current_cart": current_cart,
        }
    )
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=settings.app_secret_key,
        SECRET_KEY_FALLBACKS=list(settings.app_secret_key_fallbacks),
        SESSION_COOKIE_NAME=settings.cookie_name(),
        SESSION_COOKIE_PATH="/",
        SESSION_COOKIE_SECURE=settings.secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=ABSOLUTE_S,
        MAX_CONTENT_LENGTH=64 * 1024,
        MAX_FORM_MEMORY_SIZE=64 * 1024,
        PREFERRED_URL_SCHEME="https" if settings.secure else "http",
    )
