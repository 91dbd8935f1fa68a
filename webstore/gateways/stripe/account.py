"""Reads whose account an API key belongs to."""

from __future__ import annotations

from dataclasses import dataclass

import stripe

from webstore.errors import NoSuchCustomer, PaymentsRefused
from webstore.gateways.profiles import printable

from .client import text, translated


@dataclass(frozen=True, slots=True)
class KeyAccount:
    """The account of an API key, as its owner knows it."""

    id: str
    #: The account's name in the dashboard, or the business's name; empty without either.
    name: str


def account_of_key(client: stripe.StripeClient) -> KeyAccount | None:
    """The account of the client's key; None if the key works but may not read its account.

    Raises `PaymentsRefused` for a key that Stripe does not accept, and other `PaymentsError`s.
    Source: https://docs.stripe.com/api/accounts/retrieve
    """
    try:
        return translated(lambda: _account(client.v1.accounts.retrieve_current().to_dict()))
    except (PaymentsRefused, NoSuchCustomer) as exc:
        if isinstance(exc.__cause__, stripe.PermissionError):
            return None
        raise


def _account(found: dict[str, object]) -> KeyAccount:
    settings, profile = found.get("settings"), found.get("business_profile")
    dashboard = settings.get("dashboard") if isinstance(settings, dict) else None
    names = (
        dashboard.get("display_name") if isinstance(dashboard, dict) else None,
        profile.get("name") if isinstance(profile, dict) else None,
    )
    return KeyAccount(text(found.get("id")), next((printable(it) for it in names if it), ""))
