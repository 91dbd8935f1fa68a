"""The configuration of the sandbox's Stripe, and the settings that tests change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

API_VERSION = "2026-10-28.endive"

ACCOUNT = "acct_1Sandbox00000001"
TEST_KEY = "sk_test_sandbox_nothing_here_is_real"
LIVE_KEY = "sk_live_sandbox_nothing_here_is_real"


def _default_keys() -> dict[str, tuple[str, bool]]:
    return {TEST_KEY: (ACCOUNT, False), LIVE_KEY: (ACCOUNT, True)}


@dataclass(frozen=True)
class StripeConfig:
    """The API keys, and through them the accounts that exist.

    `keys` maps each API key to its account's ID and to whether it is a live-mode key. Keys that begin
    with `rk_` are restricted. An account's test mode and live mode share no objects.
    `organizations` maps each organization key to the IDs of the organization's accounts, which have keys of
    their own, and to whether it is a live-mode key.
    Sources: https://docs.stripe.com/keys and https://docs.stripe.com/keys/organization-api-keys
    """

    keys: Mapping[str, tuple[str, bool]] = field(default_factory=_default_keys)
    organizations: Mapping[str, tuple[tuple[str, ...], bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("Stripe needs at least one key")
        known = {account for account, _ in self.keys.values()}
        for key, (accounts, livemode) in self.organizations.items():
            kind = "sk_org_live_" if livemode else "sk_org_test_"
            if not key.startswith(kind):
                raise ValueError(f"an organization key of this mode begins with {kind}")
            if not known.issuperset(accounts):
                raise ValueError("each account of an organization needs a key of its own")
        for key, (_, livemode) in self.keys.items():
            kinds = ("sk_live_", "rk_live_") if livemode else ("sk_test_", "rk_test_")
            if not key.startswith(kinds):
                raise ValueError(f"a key of this mode begins with {' or '.join(kinds)}")


@dataclass
class StripeSettings:
    """Settings that a test changes with `PATCH /_sandbox/settings`.

    Seconds are on the sandbox's clock unless a comment says real time.
    """

    # How far the search index lags behind: https://docs.stripe.com/search#data-freshness
    search_lag_s: float = 1.0
    # Some countries have no search: https://docs.stripe.com/search#regional-availability
    search: Literal["on", "unavailable"] = "on"
    # The index finds the hits. The response shows their current state, or the index's older state.
    search_shows: Literal["current", "indexed"] = "current"
    # How long responses are kept for replay: https://docs.stripe.com/api/idempotent_requests
    idempotency_ttl_s: float = 86_400.0
    # Requests per second of real time, for each account and mode. 0 means unlimited. At Stripe it is 100 in
    # live mode and 25 in test mode: https://docs.stripe.com/rate-limits
    rate_limit_per_s: int = 0
    # The same for each endpoint, which is a method and a path without its IDs. At Stripe it is 25.
    endpoint_rate_limit_per_s: int = 0
    # Real seconds that a POST takes before its effect. Its idempotency key is in use for that time.
    execution_s: float = 0.0
    # Permissions that restricted keys lack, like "customer_write": https://docs.stripe.com/keys#limit-access
    denied_permissions: list[str] = field(default_factory=list)
    # Whether somebody has saved the customer portal's settings in the dashboard. In a new account nobody has,
    # and a portal session needs a configuration: https://docs.stripe.com/customer-management/integrate-customer-portal
    portal_settings: Literal["saved", "not_saved"] = "not_saved"
    # Whether Stripe Tax knows the head office, which automatic tax needs: https://docs.stripe.com/tax/settings-api
    tax_settings: Literal["active", "pending"] = "active"
    # How far the header Date is ahead of real time. Negative: behind.
    date_ahead_s: float = 0.0
    # Whether webhooks are sent. Withheld webhooks are sent once this is "on" again.
    webhooks: Literal["on", "withheld"] = "on"
    # The order in which waiting events are sent. Stripe does not guarantee any order:
    # https://docs.stripe.com/webhooks#event-ordering
    webhook_order: Literal["kept", "reversed", "shuffled"] = "kept"
    # How often each event is delivered: https://docs.stripe.com/webhooks#handle-duplicate-events
    webhook_copies: int = 1
    # The time from an event to its first delivery.
    webhook_delay_s: float = 0.0
    # Real seconds after which a delivery without an answer counts as failed.
    webhook_timeout_s: float = 10.0
    # The times from each failure to the next attempt. The first are short, to be visible in a demonstration.
    # Real Stripe retries over hours in test mode and over days in live mode:
    # https://docs.stripe.com/webhooks#retries
    webhook_retries_s: list[float] = field(default_factory=lambda: [1.0, 5.0, 30.0, 600.0, 3600.0, 10_800.0])
