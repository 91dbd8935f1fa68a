"""The composition root: the only place that knows both the concrete gateways and the use cases."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import httpx

from . import metrics
from .errors import SettingsError
from .gateways.auth0 import Auth0Directory
from .gateways.bounded import Bounded
from .gateways.hooks import load_hooks
from .gateways.oidc.access_tokens import ProviderTokens
from .gateways.oidc.authlib_client import quiet_authlib
from .gateways.oidc.login_client import LoginClient
from .gateways.oidc.logout_tokens import LogoutTokens
from .gateways.oidc.provider import Provider
from .gateways.shares import Share
from .gateways.stripe import (
    StripeCatalogue,
    StripeCheckouts,
    StripeEvents,
    StripeOpenSessions,
    StripeOrders,
    StripePayments,
    StripePortals,
    StripeRecords,
    StripeSales,
    StripeSubscriptions,
    read_event,
    stripe_client,
    verify,
)
from .gateways.threads import Threads, in_background
from .gateways.wire import Sender, Wire
from .linking import Linker, Policy
from .linking.executor import BoundedExecutor
from .linking.models import Account
from .readiness import Readiness
from .routes import (
    Services,
)
from .routes.limits import is_stranger
from .sessions.login import link_at_login
from .sessions.ports import AccessTokens
from .settings import Settings
from .shared_state import open_shared, problems_of_folder
from .shop.catalogue import CatalogueService
from .shop.event_effects import Webhooks
from .shop.fulfilment import log_order_event
from .shop.places import Places
from .shop.ports import Fulfil
from .shop.replay import CatchUp
from .shop.texts import ShopText, read_texts

#: Seconds that a call to a vendor may take; within linking and near a page's deadline it has fewer.
_VENDOR_CALL_S = 7.0
_TOP = Path(__file__).resolve().parent.parent


def problems_of_places(settings: Settings) -> list[str]:
    """Why the folder in STATE_DIR and the hooks in FULFIL cannot be used; empty if they can."""
    problems = problems_of_folder(settings)
    try:
        load_hooks([name for name in settings.fulfil if name])
    except SettingsError as exc:
        problems += exc.problems
    return problems


def hooks_of(settings: Settings) -> tuple[Fulfil, ...]:
    """The store's own fulfil hook and the operator's. Raises `SettingsError` as `problems_of_places` says."""
    if problems := problems_of_places(settings):
        raise SettingsError(problems)
    return log_order_event, *load_hooks(settings.fulfil)


def services_for(settings: Settings, hooks: tuple[Fulfil, ...]) -> Services:
    """The services that these settings describe. Makes no network call."""
    state, revocations, counters = open_shared(settings)
    threads = Threads.of_server(settings.web_threads)
    # A call that was given the budget of a login and got no answer counts as hanging.
    hang_s = settings.link_budget_s
    tls = httpx.create_ssl_context()  # once, because it reads all authorities
    management = Wire("the Auth0 Management API", total_s=_VENDOR_CALL_S, hang_s=hang_s, tls=tls)
    stripe = Wire("Stripe", total_s=_VENDOR_CALL_S, hang_s=hang_s, tls=tls)
    provider_wire = Wire("the login provider", tls=tls)
    client = partial(
        stripe_client,
        api_key=settings.stripe_secret_key,
        api_base=settings.stripe_api_base,
        account=settings.stripe_account,
    )
    key_digest = _digest(settings.stripe_secret_key, settings.stripe_account)
    to_stripe = Bounded(stripe, threads.pages, is_stranger=is_stranger)
    # Linking and the catalogue's reading have threads of their own; pages hold those of the server.
    background_client, page_client = client(stripe), client(to_stripe)
    webhook_client = client(Share(to_stripe, threads.webhooks))
    payments = StripePayments(
        background_client,
        state,
        livemode=settings.stripe_livemode,
        account_key=f"stripe-account:{key_digest}",
    )
    linker = Linker(
        directory=Auth0Directory(
            management,
            state,
            base_url=settings.auth0_mgmt_url,
            domain=settings.auth0_mgmt_domain,
            client_id=settings.auth0_mgmt_client_id,
            client_secret=settings.auth0_mgmt_client_secret,
        ),
        payments=payments,
        policy=policy_of(settings),
        budget_s=settings.link_budget_s,
        executor=BoundedExecutor(threads.linking, "linking"),
        side=BoundedExecutor(threads.linking, "reading"),
        count=lambda status: metrics.count_link_outcome(status, world_of(payments.known_account())),
        count_verdict=partial(metrics.count_cache_read, "verdict"),
    )
    catalogue = CatalogueService(
        StripeCatalogue(background_client),
        state,
        ttl_s=settings.catalogue_ttl_s,
        background=in_background,
        note=lambda it: metrics.note_catalogue(payments.known_account().mode, it.read_at, len(it.products)),
    )
    checkouts = StripeCheckouts(page_client)
    webhooks = Webhooks(
        verify=partial(verify, secrets=settings.stripe_webhook_secrets),
        read=read_event,
        checkouts=StripeCheckouts(webhook_client),
        records=StripeRecords(webhook_client),
        events=StripeEvents(webhook_client),
        sales=StripeSales(webhook_client),
        state=state,
        fulfil=hooks,
        forget_catalogue=catalogue.forget,
        livemode=settings.stripe_livemode,
        own_account=lambda: linker.payments.account().id,
        hook_places=Places(threads.hooks),
        count=metrics.count_webhook,
        waiting_places=Places(threads.waiting),
    )
    in_the_background = replace(
        webhooks,
        checkouts=StripeCheckouts(background_client),
        records=StripeRecords(background_client),
        events=StripeEvents(background_client),
        sales=StripeSales(background_client),
        hook_places=Places(),
        waiting_places=Places(),
    )
    to_provider = Bounded(provider_wire, threads.provider)
    provider = Provider(to_provider, settings.auth0_issuer)

    def close() -> None:
        revocations.close()
        for wire in (management, stripe, provider_wire):
            wire.close()

    return Services(
        settings=settings,
        login_client=_login_client(settings, provider, to_provider),
        linker=linker,
        hooks=(partial(link_at_login, linker),),
        state=state,
        revocations=revocations,
        counters=counters,
        catalogue=catalogue,
        # Without Redis, each process serves from its own memory if the folder of the state cannot be used.
        readiness=Readiness(state=state if settings.redis_url else None, warm=catalogue.warm),
        checkouts=checkouts,
        orders=StripeOrders(page_client),
        subscriptions=StripeSubscriptions(page_client),
        open_sessions=StripeOpenSessions(page_client),
        portals=StripePortals(
            page_client,
            state,
            state_key=f"stripe-portal:{key_digest}",
            base_url=settings.base_url,
            configuration=settings.stripe_portal_configuration,
        ),
        texts=shop_texts(),
        webhooks=webhooks,
        background_webhooks=in_the_background,
        catch_up=CatchUp(in_the_background, in_background) if settings.stripe_webhook_secrets else None,
        access_tokens=_access_tokens(settings, to_provider),
        # Its own provider, as for access tokens: strangers can send logout tokens, too.
        logout_tokens=LogoutTokens(Provider(to_provider, settings.auth0_issuer), settings.auth0_client_id),
        close=close,
    )


def world_of(account: Account) -> str:
    """The name of a Stripe account and mode among the figures; the mode alone if the account is not known."""
    return account.pin or account.mode


def policy_of(settings: Settings) -> Policy:
    """The rules of linking that the settings choose."""
    return Policy(
        tenant=settings.auth0_mgmt_domain,
        livemode=settings.stripe_livemode,
        former_tenants=settings.auth0_former_tenants,
        second_account=settings.link_second_account,
        lookup_always=settings.link_lookup_always,
        adopt_by_email=settings.link_existing_by_email,
        settle_s=settings.link_settle_s,
    )


@cache
def shop_texts() -> Mapping[str, ShopText]:
    """The shop's own texts, by the name of their page."""
    return read_texts(_TOP / "templates" / "shop" / "texts")


def _digest(*parts: str | None) -> str:
    return hashlib.sha256("\n".join(part for part in parts if part).encode()).hexdigest()[:16]


def _login_client(settings: Settings, provider: Provider, wire: Sender) -> LoginClient:
    quiet_authlib()
    return LoginClient(
        provider,
        wire,
        client_id=settings.auth0_client_id,
        client_secret=settings.auth0_client_secret,
        redirect_uri=f"{settings.base_url}/callback",
        claim_namespace=settings.auth0_claim_namespace,
        auth0_domain=settings.auth0_domain,
        cookie_keys=(settings.app_secret_key, *settings.app_secret_key_fallbacks),
        cookie_prefix=settings.cookie_name("login-"),
        secure_cookies=settings.secure,
    )


def _access_tokens(settings: Settings, wire: Sender) -> AccessTokens | None:
    if settings.auth0_audience is None:
        return None
    return ProviderTokens(
        # Its own: made-up key IDs in access tokens must not use up the reads that logins need.
        Provider(wire, settings.auth0_issuer),
        audience=settings.auth0_audience,
        claim_namespace=settings.auth0_claim_namespace,
    )
