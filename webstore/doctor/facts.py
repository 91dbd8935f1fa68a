"""What the doctor's probes found out, as frozen values. The checks are functions of these facts.

Times are seconds. A fact that could not be found out is a `Trouble`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from webstore.settings import Settings


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something could not be found out. Texts are the vendor's own, printable and without secrets."""

    #: What happened, for the operator.
    reason: str
    #: The status of the vendor's answer; None without an answer.
    status: int | None = None
    #: The vendor's error code.
    code: str = ""
    #: Whether the time was over.
    late: bool = False

    @property
    def answered(self) -> bool:
        """Whether the vendor answered."""
        return self.status is not None

    @property
    def overloaded(self) -> bool:
        """Whether the vendor has a fault of its own, or was asked too often: the set-up may be right."""
        return self.status is not None and (self.status >= 500 or self.status == 429)

    @property
    def forbidden(self) -> bool:
        """Whether the vendor refused because a right is missing."""
        return self.status == 403


class Registration(StrEnum):
    """What the provider says about a URL of the store."""

    REGISTERED = "registered"
    NOT_REGISTERED = "not registered"
    UNKNOWN_CLIENT = "unknown client"
    #: An error page that does not say why: a tenant may hide the details.
    REFUSED = "refused"
    #: The answer is none of these; the provider may have changed its pages.
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Discovery:
    """The discovery document: https://openid.net/specs/openid-connect-discovery-1_0.html"""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str
    token_endpoint: str


@dataclass(frozen=True, slots=True)
class LoginFacts:
    """What the login provider answered to somebody without rights."""

    discovery: Discovery | Trouble
    #: Whether there is a key for RS256.
    has_rs256_key: bool | Trouble | None = None
    callback: Registration | Trouble | None = None
    logout: Registration | Trouble | None = None
    #: The answer to a made-up code; None: it was not asked.
    exchange: Trouble | None = None
    #: How far this machine's clock is ahead of the provider's; None without an answer.
    clock_ahead_s: float | None = None


@dataclass(frozen=True, slots=True)
class Application:
    """The login's application: https://auth0.com/docs/api/management/v2/clients/get-clients-by-id"""

    app_type: str
    grant_types: tuple[str, ...]
    algorithm: str
    token_auth_method: str
    callbacks: tuple[str, ...]
    logout_urls: tuple[str, ...]
    back_channel_urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Action:
    """An Action of the post-login trigger: https://auth0.com/docs/api/management/v2/actions/get-actions"""

    id: str
    name: str
    #: The deployed code; None if the Action is not deployed.
    deployed_code: str | None
    #: Whether the draft has changes that are not deployed.
    has_newer_draft: bool
    bound: bool


@dataclass(frozen=True, slots=True)
class Links:
    """The links that a sample of the tenant's users have."""

    users: int
    #: How many users have a link of each account and mode ("acct_... test").
    pins: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TenantFacts:
    """What the Management API answered."""

    #: The scopes of the store's token.
    scopes: tuple[str, ...] | Trouble
    #: Whether AUTH0_SETUP_TOKEN was used for what follows.
    with_setup_token: bool = False
    application: Application | Trouble | None = None
    #: The Actions that this store printed; without one, those that another store printed.
    actions: tuple[Action, ...] | Trouble | None = None
    links: Links | Trouble | None = None


@dataclass(frozen=True, slots=True)
class StripeAccount:
    """The account of the key: https://docs.stripe.com/api/accounts/object"""

    id: str
    charges_enabled: bool


@dataclass(frozen=True, slots=True)
class ForSale:
    """The products for sale on the first page of active prices."""

    products: int
    in_stock: int


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A webhook endpoint or event destination of the account.

    Sources: https://docs.stripe.com/api/webhook_endpoints/object and
    https://docs.stripe.com/api/v2/core/event-destinations/object
    """

    id: str
    url: str
    enabled: bool
    events: tuple[str, ...]
    #: None: the account's default version.
    api_version: str | None = None
    thin: bool = False
    #: Whether it receives the events of connected accounts, and not the account's own.
    connected: bool = False


@dataclass(frozen=True, slots=True)
class Undelivered:
    """The types of the events of the last day that Stripe could not deliver everywhere, the newest first."""

    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StripeFacts:
    """What Stripe answered."""

    account: StripeAccount | Trouble
    #: What the key lacks, as Stripe names it; a `Trouble` for what could not be asked. Empty for a key that
    #: may do everything.
    permissions: Mapping[str, bool | Trouble] = field(default_factory=dict)
    for_sale: ForSale | Trouble | None = None
    endpoints: tuple[Endpoint, ...] | Trouble | None = None
    #: Event destinations: a `Trouble` if this account or key cannot list them.
    destinations: tuple[Endpoint, ...] | Trouble | None = None
    #: The account's default version of the API.
    default_version: str | None = None
    undelivered: Undelivered | Trouble | None = None
    #: Whether the configuration in STRIPE_PORTAL_CONFIGURATION can be used; without it, whether there is any.
    portal: bool | Trouble | None = None
    #: Shipping rates that cannot be used, from CHECKOUT_SHIPPING_RATES.
    bad_rates: tuple[str, ...] | Trouble = ()
    #: The status of Stripe Tax: "active" or "pending".
    tax: str | Trouble | None = None
    clock_ahead_s: float | None = None


@dataclass(frozen=True, slots=True)
class StateFacts:
    """The state that the processes of the store share, on this machine or on several."""

    #: Where it is, without a password: a folder, or "Redis".
    place: str
    #: Why it cannot be written and read back; None if it can.
    problem: str | None = None
    latency_s: float = 0.0
    #: Redis: None if the server does not tell.
    eviction: str | None = None
    #: The folder's file system, such as "ext4" or "tmpfs".
    file_system: str | None = None
    free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class StoreReport:
    """What the running store says about itself and about the request that it received."""

    #: The names of settings that have another value there than here.
    other_settings: tuple[str, ...]
    #: Identifies the shared state; None if the store cannot use it.
    state_id: str | None
    #: How many proxies added an address to X-Forwarded-For.
    forwarded_for: int
    #: The host that the request named when it arrived.
    host: str


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """What the store at BASE_URL answered."""

    #: Several, each over a connection of its own; a `Trouble` if the store did not answer.
    reports: Sequence[StoreReport] | Trouble
    #: Whether something else than the store answered, such as a proxy's page.
    something_else: bool = False
    #: Whether plain http leads to https; None if nothing answers there, or BASE_URL is plain http itself.
    https_redirect: bool | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """What the store needs; the checks compare facts with it."""

    #: The version of Stripe's API that the store speaks.
    api_version: str
    #: The types of events that have an effect.
    events: frozenset[str]
    #: The scopes of the Management API that the store uses.
    scopes: tuple[str, ...]
    #: The code of the store's Actions by their variant; empty if it cannot be made.
    actions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the checks look at. A group is None if it was not asked."""

    settings: Settings
    expected: Expected
    #: The faults of the settings, one sentence each; each begins with the setting's name.
    problems: tuple[str, ...] = ()
    #: How many gaps are left in each of the shop's texts.
    gaps: Mapping[str, int] = field(default_factory=dict)
    login: LoginFacts | None = None
    tenant: TenantFacts | None = None
    stripe: StripeFacts | None = None
    state: StateFacts | None = None
    site: SiteFacts | None = None
    #: Why probes found out nothing, by their names: they did not end in time, for instance.
    lost: Mapping[str, str] = field(default_factory=dict)
