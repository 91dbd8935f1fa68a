"""Addresses of the vendors' dashboard pages."""

from __future__ import annotations

from webstore.settings import Settings

_AUTH0 = "https://manage.auth0.com"
_STRIPE = "https://dashboard.stripe.com"


def application(settings: Settings, client_id: str) -> str:
    """The settings of an application."""
    return auth0(settings, f"applications/{client_id}/settings")


def grants(settings: Settings) -> str:
    """The APIs that the Management application may call."""
    return auth0(settings, f"applications/{settings.auth0_mgmt_client_id}/apis")


def auth0(settings: Settings, path: str) -> str:
    """A page of the tenant; the dashboard's first page if the tenant's name is unknown."""
    base = settings.auth0_dashboard_url
    return f"{base.rstrip('/')}/{path}" if base else _AUTH0


def stripe(settings: Settings, path: str) -> str:
    """A page of the account, in the mode of the key."""
    return f"{settings.stripe_dashboard_url or _STRIPE}/{path}"
