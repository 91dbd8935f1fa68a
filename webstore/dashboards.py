"""The addresses of the vendors' pages about a tenant, a user and a customer."""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from urllib.parse import quote

#: Addresses that a process keeps: every page of a shopper has two of them in development.
_MOST = 256


def auth0_dashboard(domain: str) -> str:
    """The tenant's pages on manage.auth0.com; empty if the domain does not show tenant and region.

    Source: https://auth0.com/docs/get-started/tenant-settings (tenant.region.auth0.com; US tenants made
    before 2020 have no region in their name).
    """
    labels = domain.split(".")
    if labels[-2:] != ["auth0", "com"] or len(labels) not in (3, 4):
        return ""
    region = labels[1] if len(labels) == 4 else "us"
    return f"https://manage.auth0.com/dashboard/{region}/{labels[0]}"


@lru_cache(maxsize=_MOST)
def user_page(dashboard: str, user_id: str) -> str:
    """The user's page in Auth0's dashboard, whose address for this tenant is `dashboard`.

    The page's address contains the unpadded base64 of the percent-encoded user ID.
    """
    encoded = b64encode(quote(user_id, safe="").encode()).decode().rstrip("=")
    return f"{dashboard.rstrip('/')}/users/{quote(encoded, safe='')}"


@lru_cache(maxsize=_MOST)
def customer_page(dashboard: str, customer_id: str, pin: str | None = None) -> str:
    """The customer's page in Stripe's dashboard.

    `dashboard`: its address for the store's own account and mode. `pin`: another account and mode, such as
    "acct_1A live".
    """
    if pin is not None:
        account, _, mode = pin.partition(" ")
        dashboard = (
            f"{dashboard.rstrip('/').removesuffix('/test')}/{account}{'' if mode == 'live' else '/test'}"
        )
    return f"{dashboard.rstrip('/')}/customers/{quote(customer_id, safe='')}"
