"""The store's settings: read once from the environment, checked as a whole, frozen."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from .errors import SettingsError

MIN_SECRET = 32
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?")
_STRIPE_KEY = re.compile(r"(?:sk|rk)_(?:test|live)_[A-Za-z0-9_]+")


@dataclass(frozen=True, slots=True)
class CheckoutOptions:
    """What the operator wants of a Checkout Session.

    Source: https://docs.stripe.com/api/checkout/sessions/create
    """

    automatic_tax: bool = False
    #: ISO 3166 codes, upper case; empty: no shipping address is asked for.
    shipping_countries: tuple[str, ...] = ()
    #: IDs of shipping rates (shr_...).
    shipping_rates: tuple[str, ...] = ()
    promotion_codes: bool = False
    phone: bool = False
    #: The shopper must agree to the terms, whose address stands in the Stripe dashboard.
    terms: bool = False
    #: Stripe e-mails a receipt for each payment, whatever the dashboard says.
    receipts: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """A working configuration. Secrets are left out of its text form."""

    auth0_domain: str
    auth0_client_id: str
    auth0_client_secret: str = field(repr=False)
    auth0_issuer: str
    auth0_mgmt_domain: str
    auth0_mgmt_client_id: str
    auth0_mgmt_client_secret: str = field(repr=False)
    auth0_claim_namespace: str
    auth0_dashboard_url: str | None
    stripe_secret_key: str = field(repr=False)
    stripe_api_base: str
    stripe_dashboard_url: str
    dashboard_links: bool
    #: Secrets of the webhook endpoint, several while one is rolled; none: webhooks are refused.
    stripe_webhook_secrets: tuple[str, ...] = field(repr=False)
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
    redis_url: str | None = field(repr=False)
    state_dir: Path | None
    link_budget_s: float
    link_lookup_always: bool
    link_existing_by_email: bool
    link_settle_s: float
    #: Requests that one address may make of the login, and one user of the JSON API, in ten seconds.
    login_rate: int
    #: Proxies in front of the store that add to X-Forwarded-For.
    trusted_proxy_hops: int
    metrics_token: str | None = field(repr=False)
    #: Threads of each server process; `gunicorn.conf.py` reads the same variable.
    web_threads: int

    @property
    def secure(self) -> bool:
        """Whether shoppers reach the store over https."""
        return self.base_url.startswith("https://")

    @property
    def stripe_livemode(self) -> bool:
        """Whether the Stripe key is a live one."""
        return self.stripe_secret_key[3:8] == "live_"

    @property
    def auth0_mgmt_url(self) -> str:
        """Origin of the Management API: https, or the issuer's scheme where the domain is this machine."""
        local = is_loopback(urlsplit(f"//{self.auth0_mgmt_domain}").hostname)
        scheme = urlsplit(self.auth0_issuer).scheme if local else "https"
        return f"{scheme}://{self.auth0_mgmt_domain}"

    @property
    def fingerprint(self) -> str:
        """Tells stores of different tenants or Stripe keys apart in shared places; reveals neither."""
        parts = (self.auth0_issuer, self.auth0_client_id, self.stripe_api_base, self.stripe_secret_key)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """The settings of the environment. Raises `SettingsError` with every problem at once."""
        read = _Reader(os.environ if environ is None else environ)
        settings = _read(read)
        if read.problems:
            raise SettingsError(read.problems)
        return settings


def _read(read: _Reader) -> Settings:
    base_url = read.origin(
        "BASE_URL", "http://127.0.0.1:8000", "the address shoppers use, e.g. https://shop.example.com"
    )
    domain = read.required("AUTH0_DOMAIN", _APPLICATION, _domain)
    client_id = read.required("AUTH0_CLIENT_ID", _APPLICATION)
    client_secret = read.required("AUTH0_CLIENT_SECRET", _APPLICATION)
    api_key = read.required(
        "STRIPE_SECRET_KEY",
        "Stripe dashboard > Developers > API keys > Secret key (sk_test_... or sk_live_...)",
        _stripe_key,
    )
    livemode = api_key[3:8] == "live_"
    api_base = read.optional("STRIPE_API_BASE", _STRIPE_API, _url).rstrip("/")
    mgmt_domain = read.optional("AUTH0_MGMT_DOMAIN", domain, _domain)
    return Settings(
        auth0_domain=domain,
        auth0_client_id=client_id,
        auth0_client_secret=client_secret,
        auth0_issuer=read.optional("AUTH0_ISSUER", f"https://{domain}/", _url),
        auth0_mgmt_domain=mgmt_domain,
        auth0_mgmt_client_id=read.optional("AUTH0_MGMT_CLIENT_ID", client_id),
        auth0_mgmt_client_secret=read.optional("AUTH0_MGMT_CLIENT_SECRET", client_secret),
        auth0_claim_namespace=read.optional("AUTH0_CLAIM_NAMESPACE", base_url).rstrip("/"),
        auth0_dashboard_url=read.optional("AUTH0_DASHBOARD_URL", auth0_dashboard(mgmt_domain), _url) or None,
        stripe_secret_key=api_key,
        stripe_api_base=api_base,
        stripe_dashboard_url=read.optional(
            "STRIPE_DASHBOARD_URL", f"https://dashboard.stripe.com{'' if livemode else '/test'}", _url
        ).rstrip("/"),
        dashboard_links=read.flag("DASHBOARD_LINKS", default=not livemode),
        stripe_webhook_secrets=read.many("STRIPE_WEBHOOK_SECRET", _webhook_secret),
        stripe_hosted_pages=read.many("STRIPE_HOSTED_PAGES", _origin) or _hosted_pages(api_base),
        checkout=CheckoutOptions(
            automatic_tax=read.flag("CHECKOUT_AUTOMATIC_TAX", default=False),
            shipping_countries=read.many("CHECKOUT_SHIPPING_COUNTRIES", _country),
            shipping_rates=read.many("CHECKOUT_SHIPPING_RATES", _shipping_rate),
            promotion_codes=read.flag("CHECKOUT_PROMOTION_CODES", default=False),
            phone=read.flag("CHECKOUT_PHONE", default=False),
            terms=read.flag("CHECKOUT_TERMS", default=False),
            receipts=read.flag("CHECKOUT_RECEIPTS", default=False),
        ),
        catalogue_ttl_s=read.number("CATALOGUE_TTL_S", 60.0, 1.0, 3600.0),
        auth0_audience=read.optional("AUTH0_AUDIENCE", "") or None,
        api_cors_origins=read.many("API_CORS_ORIGINS", _origin),
        app_secret_key=read.required("APP_SECRET_KEY", _RANDOM_TEXT, _secret),
        app_secret_key_fallbacks=read.many("APP_SECRET_KEY_FALLBACKS", _secret),
        base_url=base_url,
        redis_url=read.optional("REDIS_URL", "", _redis_url) or None,
        state_dir=Path(value) if (value := read.optional("STATE_DIR", "", _absolute_path)) else None,
        link_budget_s=read.number("LINK_BUDGET_S", 3.0, 0.1, 20.0),
        link_lookup_always=read.choice("LINK_LOOKUP", ("auto", "always")) == "always",
        link_existing_by_email=read.flag("LINK_EXISTING_BY_EMAIL", default=False),
        link_settle_s=read.number("LINK_SETTLE_S", 600.0, 0.0, 86_400.0),
        login_rate=read.whole_number("LOGIN_RATE_PER_10S", 300, 1, 1_000_000),
        trusted_proxy_hops=read.whole_number("TRUSTED_PROXY_HOPS", 0, 0, 10),
        metrics_token=read.optional("METRICS_TOKEN", "", _secret) or None,
        web_threads=read.whole_number("WEB_THREADS", 8, 1, 256),
    )


_STRIPE_API = "https://api.stripe.com"
#: https://docs.stripe.com/security/guide#content-security-policy
_STRIPE_PAGES = ("https://checkout.stripe.com", "https://billing.stripe.com")


def _hosted_pages(api_base: str) -> tuple[str, ...]:
    """Stripe's own; what stands in for its API elsewhere has its pages there, too."""
    if not api_base or api_base == _STRIPE_API:
        return _STRIPE_PAGES
    parts = urlsplit(api_base)
    return (*_STRIPE_PAGES, f"{parts.scheme}://{parts.netloc}")


_APPLICATION = "Auth0 dashboard > Applications > Applications > your Regular Web Application > Settings"
_RANDOM_TEXT = "a long random text: python3 -c 'import secrets; print(secrets.token_urlsafe(48))'"

_BARE_DOMAIN = "must be a bare domain like my-shop.eu.auth0.com, without https:// or a path"

#: Gives back the value to use, or raises ValueError with what is wrong, in the operator's words.
_Check = Callable[[str], str]


class _Reader:
    """Reads variables and collects what is wrong with them; an empty variable counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def required(self, name: str, where: str, check: _Check = str) -> str:
        value = self._environ.get(name, "").strip()
        if not value:
            self.problems.append(f"{name} is missing. Find it: {where}.")
            return ""
        return self._checked(name, value, check, f" Find it: {where}.")

    def optional(self, name: str, default: str, check: _Check = str) -> str:
        value = self._environ.get(name, "").strip()
        return self._checked(name, value, check) if value else default

    def many(self, name: str, check: _Check) -> tuple[str, ...]:
        values = [value.strip() for value in self._environ.get(name, "").split(",")]
        return tuple(self._checked(name, value, check) for value in values if value)

    def flag(self, name: str, *, default: bool) -> bool:
        value = self._environ.get(name, "").strip()
        if value not in ("", "0", "1"):
            self.problems.append(f"{name} is {value!r}: use 1 for yes or 0 for no.")
        return value == "1" if value else default

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self._environ.get(name, "").strip() or allowed[0]
        if value not in allowed:
            self.problems.append(f"{name} is {value!r}: use one of {', '.join(allowed)}.")
        return value

    def number(self, name: str, default: float, least: float, most: float) -> float:
        text = self._environ.get(name, "").strip()
        try:
            value = float(text) if text else default
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            self.problems.append(f"{name} is {text!r}: use a number of seconds from {least:g} to {most:g}.")
            return default
        return value

    def whole_number(self, name: str, default: int, least: int, most: int) -> int:
        text = self._environ.get(name, "").strip() or str(default)
        if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
            self.problems.append(f"{name} is {text!r}: use a whole number from {least} to {most}.")
            return default
        return int(text)

    def origin(self, name: str, default: str, meaning: str) -> str:
        url = self.optional(name, default, _url).rstrip("/")
        parts = urlsplit(url)
        if parts.path or "?" in url:
            self.problems.append(f"{name} must be an origin without a path: {meaning}.")
        return f"{parts.scheme}://{parts.netloc.lower()}"

    def _checked(self, name: str, value: str, check: _Check, hint: str = "") -> str:
        try:
            return check(value)
        except ValueError as exc:
            self.problems.append(f"{name} {exc}.{hint}")
            return ""


def _domain(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError(_BARE_DOMAIN)
    try:
        _ = urlsplit(f"//{value}").port
    except ValueError:
        raise ValueError(_BARE_DOMAIN) from None
    return value.lower()


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.fragment:
        raise ValueError("must be a URL like https://example.com")
    if any(c.isspace() or not c.isprintable() for c in value):
        raise ValueError("has a space or a control character in it")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("must be https (http is for this machine's own addresses only)")
    return value


def _stripe_key(value: str) -> str:
    if value.startswith("pk_"):
        raise ValueError("is a publishable key (pk_...); the secret key is needed")
    if not _STRIPE_KEY.fullmatch(value):
        raise ValueError("must look like sk_test_..., sk_live_..., rk_test_... or rk_live_...")
    return value


def _origin(value: str) -> str:
    parts = urlsplit(_url(value))
    if parts.path.strip("/") or parts.query:
        raise ValueError("must be an origin like https://example.com, without a path")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _webhook_secret(value: str) -> str:
    if not value.startswith("whsec_"):
        raise ValueError("must be the signing secret of a webhook endpoint (whsec_...)")
    return value


def _country(value: str) -> str:
    if not re.fullmatch("[A-Za-z]{2}", value):
        raise ValueError(f"has {value!r}: use two-letter country codes like DE,FR")
    return value.upper()


def _shipping_rate(value: str) -> str:
    if not re.fullmatch("shr_[A-Za-z0-9]+", value):
        raise ValueError(f"has {value!r}: use IDs of shipping rates like shr_...")
    return value


def _secret(value: str) -> str:
    if len(value) < MIN_SECRET:
        raise ValueError(f"must be at least {MIN_SECRET} characters long: {_RANDOM_TEXT}")
    return value


def _redis_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("redis", "rediss", "unix") and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be a URL like redis://localhost:6379/0")
    return value


def _absolute_path(value: str) -> str:
    if not Path(value).is_absolute():
        raise ValueError("must be an absolute path")
    return value


def is_loopback(host: str | None) -> bool:
    """Whether the host name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address((host or "").strip("[]")).is_loopback
    except ValueError:
        return False


def auth0_dashboard(domain: str) -> str:
    """The tenant's pages on manage.auth0.com; empty where the domain does not tell tenant and region.

    Source: https://auth0.com/docs/get-started/tenant-settings (tenant.region.auth0.com; US tenants made
    before 2020 have no region in their name).
    """
    labels = domain.split(".")
    if labels[-2:] != ["auth0", "com"] or len(labels) not in (3, 4):
        return ""
    region = labels[1] if len(labels) == 4 else "us"
    return f"https://manage.auth0.com/dashboard/{region}/{labels[0]}"
