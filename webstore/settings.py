"""The store's settings: read once from the environment, checked as a whole, then frozen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from . import environment, logs
from .addresses import is_loopback
from .dashboards import auth0_dashboard
from .dotenv_file import read_variables
from .errors import SettingsError
from .redis_address import redis_url


@dataclass(frozen=True, slots=True)
class CheckoutOptions:
    """The operator's choices for a Checkout Session.

    Source: https://docs.stripe.com/api/checkout/sessions/create
    """

    automatic_tax: bool = False
    #: ISO 3166 codes in upper case; empty: Checkout asks for no shipping address.
    shipping_countries: tuple[str, ...] = ()
    #: IDs of shipping rates (shr_...).
    shipping_rates: tuple[str, ...] = ()
    promotion_codes: bool = False
    phone: bool = False
    #: The shopper must agree to the terms; their address is set in the Stripe dashboard.
    terms: bool = False
    #: Stripe e-mails a receipt for each payment, even if the dashboard says no.
    receipts: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """A working configuration. Secrets are left out of its text form."""

    auth0_client_id: str
    auth0_client_secret: str = field(repr=False)
    #: Host and port of the tenant for logins: its own or a custom domain.
    auth0_domain: str
    auth0_issuer: str
    auth0_mgmt_domain: str
    auth0_mgmt_client_id: str
    auth0_mgmt_client_secret: str = field(repr=False)
    #: Domains that the tenant had before; Stripe customers that name them are this tenant's.
    auth0_former_tenants: tuple[str, ...]
    auth0_claim_namespace: str
    auth0_dashboard_url: str | None
    stripe_secret_key: str = field(repr=False)
    #: The account to act for, with an organization key; None with any other key.
    stripe_account: str | None
    stripe_api_base: str
    stripe_dashboard_url: str
    dashboard_links: bool
    #: The billing portal's configuration; None: the store finds or makes its own.
    stripe_portal_configuration: str | None
    #: Signing secrets of the webhook endpoint, several while one is rolled; empty: webhooks are refused.
    stripe_webhook_secrets: tuple[str, ...] = field(repr=False)
    #: Fulfil hooks, as `package.module:function`.
    fulfil: tuple[str, ...]
    #: Origins of Stripe's hosted pages that the store's forms lead to.
    stripe_hosted_pages: tuple[str, ...]
    checkout: CheckoutOptions
    #: Seconds that the catalogue counts as fresh.
    catalogue_ttl_s: float
    #: The API's identifier in Auth0; None: the JSON API is off.
    auth0_audience: str | None
    #: Origins whose pages may call the JSON API.
    api_cors_origins: tuple[str, ...]
    app_secret_key: str = field(repr=False)
    app_secret_key_fallbacks: tuple[str, ...] = field(repr=False)
    base_url: str
    #: Whether browsers use https for all subdomains of BASE_URL's host, too.
    hsts_subdomains: bool
    redis_url: str | None = field(repr=False)
    state_dir: Path | None
    link_budget_s: float
    link_lookup_always: bool
    link_existing_by_email: bool
    link_settle_s: float
    #: Whether a second live Stripe account may have links of its own on the tenant.
    link_second_account: bool
    #: Requests that one address may make of the login, and one user of the JSON API, in ten seconds.
    login_rate: int
    #: Proxies in front of the store that add to X-Forwarded-For.
    trusted_proxy_hops: int
    metrics_token: str | None = field(repr=False)
    #: The form of the log.
    log_format: logs.Format
    #: Where the server listens, and its processes and their threads; for `gunicorn.conf.py`.
    bind: str
    web_concurrency: int
    web_threads: int

    @property
    def secure(self) -> bool:
        """Whether shoppers reach the store over https."""
        return self.base_url.startswith("https://")

    def cookie_name(self, purpose: str = "") -> str:
        """The name of the store's cookie for this purpose; without one, of the session cookie.

        It carries the port of BASE_URL, because cookies are shared by all ports of a host (RFC 6265, section
        8.5). A host keeps `__Host-` cookies from its subdomains.
        """
        return _cookie_name(self.base_url, purpose, secure=self.secure)

    @property
    def stripe_livemode(self) -> bool:
        """Whether the Stripe key is a live one."""
        return environment.is_live_key(self.stripe_secret_key)

    @property
    def auth0_mgmt_url(self) -> str:
        """Origin of the Management API: https, or the issuer's scheme where the domain is this machine."""
        local = is_loopback(urlsplit(f"//{self.auth0_mgmt_domain}").hostname)
        scheme = urlsplit(self.auth0_issuer).scheme if local else "https"
        return f"{scheme}://{self.auth0_mgmt_domain}"

    @property
    def fingerprint(self) -> str:
        """Distinguishes stores of different tenants or Stripe keys in shared places; reveals neither."""
        parts = [self.auth0_issuer, self.auth0_client_id, self.stripe_api_base, self.stripe_secret_key]
        if self.stripe_account is not None:
            parts.append(self.stripe_account)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, more: Callable[[Settings], list[str]] | None = None
    ) -> Settings:
        """The settings of `environ`; without it, those of the environment and of `.env`.

        Raises `SettingsError` with every problem at once. `more`: finds the problems of what the settings
        name. It is asked only if there are others already, so that all are in one list; settings that are
        wrong are empty then, or have their default.
        """
        settings, problems = cls.as_far_as_known(environ)
        if problems:
            raise SettingsError([*problems, *(more(settings) if more else [])])
        return settings

    @classmethod
    def as_far_as_known(cls, environ: Mapping[str, str] | None = None) -> tuple[Settings, tuple[str, ...]]:
        """The same as `from_env`, with the problems beside them. A missing or wrong setting is empty.

        The doctor checks the rest with them. No store runs with problems.
        """
        faults: tuple[str, ...] = ()
        if environ is None:
            variables = read_variables()
            environ, faults = variables.together(), variables.problems
        read = environment.Reader(environ)
        settings = _read(read)
        return settings, (*faults, *read.problems, *_published_secrets(settings))


def described() -> environment.Reader:
    """What settings there are: the names of all, and where the operator finds those that are needed."""
    read = environment.Reader({})
    _read(read)
    return read


def _read(read: environment.Reader) -> Settings:
    base_url = read.origin(
        "BASE_URL", "http://127.0.0.1:8000", "the address shoppers use, e.g. https://shop.example.com"
    )
    domain = read.required("AUTH0_DOMAIN", _APPLICATION, environment.domain)
    client_id = read.required("AUTH0_CLIENT_ID", _APPLICATION, environment.word)
    client_secret = read.required("AUTH0_CLIENT_SECRET", _APPLICATION, environment.client_secret)
    api_key = read.required(
        "STRIPE_SECRET_KEY",
        "Stripe dashboard > Developers > API keys > Secret key (sk_test_... or sk_live_...)",
        environment.stripe_key,
    )
    livemode = environment.is_live_key(api_key)
    stripe_account = read.optional("STRIPE_ACCOUNT", "", environment.stripe_account) or None
    if environment.is_organization_key(api_key) != (stripe_account is not None):
        read.problems.append(
            "STRIPE_ACCOUNT must be set with an organization key (sk_org_...), and only then: it is the ID "
            "(acct_...) of the account that the store acts for"
        )
    api_base = read.optional("STRIPE_API_BASE", _STRIPE_API, environment.url).rstrip("/")
    mgmt_domain = read.optional("AUTH0_MGMT_DOMAIN", domain, environment.domain)
    former_tenants = read.many("AUTH0_FORMER_TENANTS", environment.domain)
    if mgmt_domain in former_tenants:
        read.problems.append(
            f"AUTH0_FORMER_TENANTS names the tenant that the store uses now, {mgmt_domain}. It is for "
            "domains that the tenant had before: take this one out of the list"
        )
    return Settings(
        auth0_client_id=client_id,
        auth0_client_secret=client_secret,
        auth0_domain=domain,
        auth0_issuer=read.optional("AUTH0_ISSUER", f"https://{domain}/", environment.url),
        auth0_mgmt_domain=mgmt_domain,
        auth0_mgmt_client_id=read.optional("AUTH0_MGMT_CLIENT_ID", client_id, environment.word),
        auth0_mgmt_client_secret=read.optional(
            "AUTH0_MGMT_CLIENT_SECRET", client_secret, environment.client_secret
        ),
        auth0_former_tenants=former_tenants,
        auth0_claim_namespace=read.optional("AUTH0_CLAIM_NAMESPACE", base_url, environment.word).rstrip("/"),
        auth0_dashboard_url=read.optional(
            "AUTH0_DASHBOARD_URL", auth0_dashboard(mgmt_domain), environment.url
        )
        or None,
        stripe_secret_key=api_key,
        stripe_account=stripe_account,
        stripe_api_base=api_base,
        stripe_dashboard_url=read.optional(
            "STRIPE_DASHBOARD_URL",
            f"https://dashboard.stripe.com{'' if livemode else '/test'}",
            environment.url,
        ).rstrip("/"),
        dashboard_links=read.flag("DASHBOARD_LINKS", default=not livemode),
        stripe_portal_configuration=read.optional(
            "STRIPE_PORTAL_CONFIGURATION", "", environment.portal_configuration
        )
        or None,
        stripe_webhook_secrets=read.many("STRIPE_WEBHOOK_SECRET", environment.webhook_secret),
        fulfil=read.many("FULFIL", environment.function_path),
        stripe_hosted_pages=read.many("STRIPE_HOSTED_PAGES", environment.origin) or _hosted_pages(api_base),
        checkout=CheckoutOptions(
            automatic_tax=read.flag("CHECKOUT_AUTOMATIC_TAX", default=False),
            shipping_countries=read.many("CHECKOUT_SHIPPING_COUNTRIES", environment.country),
            shipping_rates=read.many("CHECKOUT_SHIPPING_RATES", environment.shipping_rate),
            promotion_codes=read.flag("CHECKOUT_PROMOTION_CODES", default=False),
            phone=read.flag("CHECKOUT_PHONE", default=False),
            terms=read.flag("CHECKOUT_TERMS", default=False),
            receipts=read.flag("CHECKOUT_RECEIPTS", default=False),
        ),
        catalogue_ttl_s=read.number("CATALOGUE_TTL_S", 60.0, 1.0, 3600.0),
        auth0_audience=read.optional("AUTH0_AUDIENCE", "", environment.word) or None,
        api_cors_origins=read.many("API_CORS_ORIGINS", environment.origin),
        app_secret_key=read.required("APP_SECRET_KEY", environment.RANDOM_TEXT, environment.secret),
        app_secret_key_fallbacks=read.many("APP_SECRET_KEY_FALLBACKS", environment.secret),
        base_url=base_url,
        hsts_subdomains=read.flag("HSTS_INCLUDE_SUBDOMAINS", default=False),
        redis_url=read.optional("REDIS_URL", "", redis_url) or None,
        state_dir=Path(value)
        if (value := read.optional("STATE_DIR", "", environment.absolute_path))
        else None,
        link_budget_s=read.number("LINK_BUDGET_S", 3.0, 0.1, 20.0),
        link_lookup_always=read.choice("LINK_LOOKUP", ("auto", "always")) == "always",
        link_existing_by_email=read.flag("LINK_EXISTING_BY_EMAIL", default=False),
        link_settle_s=read.number("LINK_SETTLE_S", 600.0, 0.0, 86_400.0),
        link_second_account=read.flag("LINK_SECOND_ACCOUNT", default=False),
        login_rate=read.whole_number("LOGIN_RATE_PER_10S", 300, 1, 1_000_000),
        trusted_proxy_hops=read.whole_number("TRUSTED_PROXY_HOPS", 0, 0, 10),
        log_format=read.choice("LOG_FORMAT", logs.FORMATS),
        metrics_token=read.optional("METRICS_TOKEN", "", environment.secret) or None,
        bind=_listen_address(read),
        web_concurrency=read.whole_number("WEB_CONCURRENCY", 2, 1, 256),
        web_threads=read.whole_number("WEB_THREADS", 16, 1, 256),
    )


def _published_secrets(settings: Settings) -> list[str]:
    """A problem for each secret of the sandbox in a store that is more than a demonstration."""
    found = []
    if settings.stripe_livemode or not is_loopback(urlsplit(settings.base_url).hostname):
        keys = {
            "APP_SECRET_KEY": (settings.app_secret_key,),
            "APP_SECRET_KEY_FALLBACKS": settings.app_secret_key_fallbacks,
        }
        found += [
            f"{name} has the sandbox's key, which is public: anybody could log in as any shopper. With a "
            f"live Stripe key or a public BASE_URL it must be {environment.RANDOM_TEXT}."
            for name, values in keys.items()
            if any(environment.is_published(value) for value in values)
        ]
    api_is_local = is_loopback(urlsplit(settings.stripe_api_base).hostname)
    if not api_is_local and any(environment.is_published(value) for value in settings.stripe_webhook_secrets):
        found.append(
            "STRIPE_WEBHOOK_SECRET has the sandbox's secret, which is public: anybody could send events. "
            "Stripe shows the secret of your endpoint (whsec_...) in its dashboard."
        )
    return found


@lru_cache(maxsize=64)
def _cookie_name(base_url: str, purpose: str, *, secure: bool) -> str:
    """What `Settings.cookie_name` gives."""
    port = urlsplit(base_url).port
    parts = ("webstore", str(port) if port else "", purpose)
    return f"{'__Host-' if secure else ''}{'-'.join(filter(None, parts))}"


def _listen_address(read: environment.Reader) -> str:
    """Where the server listens: BIND, or every address of the machine with a platform's PORT."""
    # Both are read, so that the problems of both are in the list.
    bind, port = read.optional("BIND", "", environment.listen_address), read.whole_number("PORT", 0, 0, 65535)
    return bind or (f"0.0.0.0:{port}" if port else "127.0.0.1:8000")


_STRIPE_API = "https://api.stripe.com"
#: https://docs.stripe.com/security/guide#content-security-policy
_STRIPE_PAGES = ("https://checkout.stripe.com", "https://billing.stripe.com")


def _hosted_pages(api_base: str) -> tuple[str, ...]:
    """Stripe's own origins; a stand-in for its API has its pages at its own origin."""
    if not api_base or api_base == _STRIPE_API:
        return _STRIPE_PAGES
    parts = urlsplit(api_base)
    return (*_STRIPE_PAGES, f"{parts.scheme}://{parts.netloc}")


_APPLICATION = "Auth0 dashboard > Applications > Applications > your Regular Web Application > Settings"
