"""What the sandbox's Stripe is set up with, and the switches that tests turn."""

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
    """The accounts that exist, by the keys that open them.

    `keys` maps each API key to its account's ID and whether it is a live-mode key. Keys that begin
    with `rk_` are restricted ones. Test and live mode of an account are two worlds.
    Source: https://docs.stripe.com/keys
    """

    keys: Mapping[str, tuple[str, bool]] = field(default_factory=_default_keys)

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("Stripe needs at least one key")
        for key, (_, livemode) in self.keys.items():
            kinds = ("sk_live_", "rk_live_") if livemode else ("sk_test_", "rk_test_")
            if not key.startswith(kinds):
                raise ValueError(f"a key of this mode begins with {' or '.join(kinds)}")


@dataclass
class StripeSettings:
    """The switches of `/_sandbox/settings`. Seconds are the sandbox clock's unless said otherwise."""

    # How far behind the search index is: https://docs.stripe.com/search#data-freshness
    search_lag_s: float = 1.0
    # Some countries have no search: https://docs.stripe.com/search#regional-availability
    search: Literal["on", "unavailable"] = "on"
    # A hit is found by what the index knew, and shown as it is now or as the index knew it.
    search_shows: Literal["current", "indexed"] = "current"
    # How long answers are kept for replay: https://docs.stripe.com/api/idempotent_requests
    idempotency_ttl_s: float = 86_400.0
    # Requests a second (real time) for each account and mode; 0 is no limit: https://docs.stripe.com/rate-limits
    rate_limit_per_s: int = 0
    # Real seconds that a POST is being executed before its effect, with its idempotency key in use.
    execution_s: float = 0.0
    # What restricted keys may not do, like "customer_write": https://docs.stripe.com/keys#limit-access
    denied_permissions: list[str] = field(default_factory=list)
    # Whether events are sent to webhook endpoints; what is withheld goes out once this is "on" again.
    webhooks: Literal["on", "withheld"] = "on"
    # Which of several waiting events goes first: Stripe promises no order.
    # https://docs.stripe.com/webhooks#event-ordering
    webhook_order: Literal["kept", "reversed", "shuffled"] = "kept"
    # How many times each event arrives: https://docs.stripe.com/webhooks#handle-duplicate-events
    webhook_copies: int = 1
    # From an event to its first delivery.
    webhook_delay_s: float = 0.0
    # Real seconds until an endpoint that does not answer has failed.
    webhook_timeout_s: float = 10.0
    # From a failure to the next attempt; the first ones are short, so that a demonstration sees them. The
    # real ones take hours, with keys of test mode, or days: https://docs.stripe.com/webhooks#retries
    webhook_retries_s: list[float] = field(default_factory=lambda: [1.0, 5.0, 30.0, 600.0, 3600.0, 10_800.0])
