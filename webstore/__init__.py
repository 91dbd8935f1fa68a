"""A web store whose shoppers log in with Auth0 and are linked to exactly one Stripe customer each."""

from __future__ import annotations

import hashlib
import logging
from functools import partial
from pathlib import Path

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from . import linking, webhooks
from .budget import BoundedExecutor
from .catalogue import CatalogueService
from .gateways import metrics
from .gateways.access_tokens import ProviderTokens
from .gateways.auth0 import Auth0Directory
from .gateways.login_client import LoginClient, quiet_authlib
from .gateways.provider import Provider
from .gateways.state import FileState, RedisState, WatchedState, default_directory
from .gateways.stripe import StripeCatalogue, StripeCheckouts, StripeOrders, StripePayments, read_event
from .gateways.wire import Wire
from .linking import Linker
from .ports import AccessTokens, State
from .protocol import Policy
from .routes import Services, account, api, attach, auth, edge, errors, formats, health, shop
from .routes import cart as cart_routes
from .routes import checkout as checkout_routes
from .routes import orders as order_routes
from .routes import webhooks as webhook_routes
from .routes.cart_cookie import current_cart
from .routes.shopper import ABSOLUTE_S, csrf_token, current_shopper
from .settings import Settings
from .texts import read_texts
from .webhooks import Webhooks

#: Seconds that a call to Stripe outside of linking may take; a page waits for eight.
_SHOP_CALL_S = 7.0
_TOP = Path(__file__).resolve().parent.parent


def create_app(settings: Settings | None = None) -> Flask:
    """The store, ready for a WSGI server; the only place that knows the concrete gateways.

    Without `settings` they are read from the environment. Raises `SettingsError`. Makes no network call.
    """
    settings = settings or Settings.from_env()
    app = Flask(__name__, template_folder=str(_TOP / "templates"), static_folder=str(_TOP / "static"))
    # Merging slashes redirects to an address that is built from the Host header.
    app.url_map.merge_slashes = False
    _configure(app, settings)
    _log_to_stderr()
    attach(app, _services(settings))
    commerce = (cart_routes, checkout_routes, order_routes, webhook_routes)
    for routes in (shop, auth, account, health, *commerce):
        app.register_blueprint(routes.blueprint)
    if settings.auth0_audience:
        app.register_blueprint(api.blueprint)
    edge.install(app, settings)
    if settings.trusted_proxy_hops:
        # The client's address alone: scheme and host come from BASE_URL, never from a request.
        hops = settings.trusted_proxy_hops
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=0, x_host=0)  # type: ignore[method-assign]  # as documented
    errors.install(app)
    formats.install(app)
    app.context_processor(
        lambda: {
            "viewer": current_shopper(),
            "csrf_token": csrf_token,
            "current_cart": current_cart,
            "store_name": "Webstore",
        }
    )
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=settings.app_secret_key,
        SECRET_KEY_FALLBACKS=list(settings.app_secret_key_fallbacks),
        SESSION_COOKIE_NAME="__Host-webstore" if settings.secure else "webstore",
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


def _services(settings: Settings) -> Services:
    state = WatchedState(_state(settings))
    # No call outlives the budget of the login that makes it, so that the breaker hears of a hang in time.
    wires = [
        Wire("the Auth0 Management API", total_s=settings.link_budget_s),
        Wire("Stripe", total_s=settings.link_budget_s),
        Wire("the login provider"),
        Wire("Stripe's shop", total_s=_SHOP_CALL_S),
    ]
    # Half of the server's threads at most wait for linking; the others go on serving pages.
    threads = max(1, settings.web_threads // 2)
    directory = Auth0Directory(
        wires[0],
        state,
        base_url=settings.auth0_mgmt_url,
        domain=settings.auth0_mgmt_domain,
        client_id=settings.auth0_mgmt_client_id,
        client_secret=settings.auth0_mgmt_client_secret,
    )
    payments = StripePayments(
        wires[1],
        state,
        api_key=settings.stripe_secret_key,
        api_base=settings.stripe_api_base,
        account_key=f"stripe-account:{hashlib.sha256(settings.stripe_secret_key.encode()).hexdigest()[:16]}",
    )
    linker = Linker(
        directory=directory,
        payments=payments,
        policy=Policy(
            tenant=settings.auth0_mgmt_domain,
            livemode=settings.stripe_livemode,
            lookup_always=settings.link_lookup_always,
            adopt_by_email=settings.link_existing_by_email,
            settle_s=settings.link_settle_s,
        ),
        budget_s=settings.link_budget_s,
        executor=BoundedExecutor(threads, "linking"),
        count=metrics.count_link_outcome,
        side=BoundedExecutor(threads, "reading"),
    )

    def close() -> None:
        for wire in wires:
            wire.close()

    catalogue = CatalogueService(
        StripeCatalogue(wires[3], api_key=settings.stripe_secret_key, api_base=settings.stripe_api_base),
        state,
        ttl_s=settings.catalogue_ttl_s,
    )
    checkouts = StripeCheckouts(
        wires[3], api_key=settings.stripe_secret_key, api_base=settings.stripe_api_base
    )
    # With those for linking one less than there are: whatever hangs, pages are served.
    shop_threads = BoundedExecutor(max(1, settings.web_threads - threads - 1), "shop", patience_s=0.5)
    return Services(
        settings=settings,
        login_client=_login_client(settings, wires[2]),
        linker=linker,
        hooks=(partial(linking.link_at_login, linker),),
        state=state,
        catalogue=catalogue,
        checkouts=checkouts,
        orders=StripeOrders(wires[3], api_key=settings.stripe_secret_key, api_base=settings.stripe_api_base),
        shop=shop_threads,
        texts=read_texts(_TOP / "templates" / "shop" / "texts"),
        webhooks=Webhooks(
            read=partial(read_event, secrets=settings.stripe_webhook_secrets),
            checkouts=checkouts,
            state=state,
            fulfil=(webhooks.log_purchase,),
            forget_catalogue=catalogue.forget,
            executor=shop_threads,
            livemode=settings.stripe_livemode,
        ),
        access_tokens=_access_tokens(settings, wires[2]),
        close=close,
    )


def _login_client(settings: Settings, wire: Wire) -> LoginClient:
    quiet_authlib()
    return LoginClient(
        wire,
        issuer=settings.auth0_issuer,
        client_id=settings.auth0_client_id,
        client_secret=settings.auth0_client_secret,
        redirect_uri=f"{settings.base_url}/callback",
        claim_namespace=settings.auth0_claim_namespace,
        cookie_keys=(settings.app_secret_key, *settings.app_secret_key_fallbacks),
        secure_cookies=settings.secure,
    )


def _access_tokens(settings: Settings, wire: Wire) -> AccessTokens | None:
    if settings.auth0_audience is None:
        return None
    return ProviderTokens(
        # Its own: key IDs that are made up in access tokens must not use up the reads that logins may need.
        Provider(wire, settings.auth0_issuer),
        audience=settings.auth0_audience,
        claim_namespace=settings.auth0_claim_namespace,
    )


def _state(settings: Settings) -> State:
    if settings.redis_url:
        return RedisState(settings.redis_url, prefix=f"webstore:{settings.fingerprint}:")
    if settings.state_dir:
        return FileState(settings.state_dir / settings.fingerprint)
    return FileState(default_directory(settings.fingerprint))


def _log_to_stderr() -> None:
    """The store's own lines, unless the server has set up logging for everything already."""
    logger = logging.getLogger("webstore")
    if logger.handlers or logging.getLogger().handlers:
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
