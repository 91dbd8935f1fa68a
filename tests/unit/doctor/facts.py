"""The facts about a sound set-up, to change one of them."""

from __future__ import annotations

from dataclasses import replace

from tests.support import APP_SECRET_KEY
from webstore.doctor.check import run
from webstore.doctor.checks import CHECKS
from webstore.doctor.facts import (
    Action,
    Application,
    Discovery,
    Endpoint,
    Expected,
    Facts,
    ForSale,
    Links,
    LoginFacts,
    Registration,
    SiteFacts,
    StateFacts,
    StoreReport,
    StripeAccount,
    StripeFacts,
    TenantFacts,
    Trouble,
    Undelivered,
)
from webstore.doctor.models import Result, Status
from webstore.provisioning.tenant.models import STORE_SCOPES
from webstore.settings import Settings

SHOP = "https://shop.example"
ISSUER = "https://webstore.eu.auth0.com/"
ACCOUNT = "acct_1Own"
VERSION = "2026-10-28.endive"
HANDLED = frozenset({"checkout.session.completed", "invoice.paid"})
ENVIRONMENT = {
    "BASE_URL": SHOP,
    "APP_SECRET_KEY": APP_SECRET_KEY,
    "AUTH0_DOMAIN": "webstore.eu.auth0.com",
    "AUTH0_CLIENT_ID": "client",
    "AUTH0_CLIENT_SECRET": "client-secret",
    "AUTH0_MGMT_CLIENT_ID": "management",
    "AUTH0_MGMT_CLIENT_SECRET": "management-secret",
    "STRIPE_SECRET_KEY": "sk_live_key",
    "STRIPE_WEBHOOK_SECRET": "whsec_AbCdEfGhIjKlMnOpQrStUvWxYz012345",
}
DISCOVERY = Discovery(ISSUER, f"{ISSUER}jwks", f"{ISSUER}authorize", f"{ISSUER}oauth/token")
LOGIN = LoginFacts(
    DISCOVERY,
    has_rs256_key=True,
    callback=Registration.REGISTERED,
    logout=Registration.REGISTERED,
    exchange=Trouble("status 403 invalid_grant", 403, "invalid_grant"),
    clock_ahead_s=0.2,
)
TENANT = TenantFacts(
    scopes=(
        *("read:users", "update:users", "read:users_app_metadata", "update:users_app_metadata"),
        "delete:users",
    ),
    application=Application(
        app_type="regular_web",
        grant_types=("authorization_code",),
        algorithm="RS256",
        token_auth_method="client_secret_post",
        callbacks=(f"{SHOP}/callback",),
        logout_urls=(f"{SHOP}/",),
        back_channel_urls=(f"{SHOP}/backchannel-logout",),
    ),
    actions=(Action("1", "Web store", "the code", has_newer_draft=False, bound=True),),
    links=Links(3, {f"{ACCOUNT} live": 3}),
)
ENDPOINT = Endpoint("we_1", f"{SHOP}/webhooks/stripe", enabled=True, events=("*",), api_version=VERSION)
STRIPE = StripeFacts(
    StripeAccount(ACCOUNT, charges_enabled=True),
    for_sale=ForSale(3, 2),
    endpoints=(ENDPOINT,),
    destinations=(),
    default_version=VERSION,
    undelivered=Undelivered(),
    portal=True,
    clock_ahead_s=-0.3,
)
STATE = StateFacts("/var/lib/webstore", latency_s=0.001, file_system="ext4", free_bytes=10**9)
REPORT = StoreReport(other_settings=(), state_id="1", forwarded_for=0, host="shop.example")
SITE = SiteFacts((REPORT, REPORT))


def settings(**changes: str) -> Settings:
    """Settings; an empty text leaves a variable out."""
    return Settings.as_far_as_known({**ENVIRONMENT, **changes})[0]


def sound(**changes: str) -> Facts:
    """The facts about a sound set-up with these settings."""
    environ = {**ENVIRONMENT, **changes}
    found, problems = Settings.as_far_as_known(environ)
    return Facts(
        found,
        Expected(VERSION, HANDLED, STORE_SCOPES, {"claims only": "the  code\n"}),
        problems,
        {"terms": 0, "privacy": 0},
        LOGIN,
        TENANT,
        STRIPE,
        STATE,
        SITE,
    )


def results(facts: Facts) -> list[Result]:
    return list(run(CHECKS, facts))


def found(facts: Facts) -> dict[str, str]:
    """The checks that failed or warned, and how."""
    return {it.id: str(it.status) for it in results(facts) if it.status in (Status.FAILURE, Status.WARNING)}


def told(facts: Facts, check: str) -> str:
    """Everything that is said about a check."""
    return " ".join(
        f"{it.finding.summary} {it.finding.what_to_do} {it.finding.page}"
        for it in results(facts)
        if it.id == check
    )


def skipped(facts: Facts) -> dict[str, str]:
    return {it.id: it.finding.summary for it in results(facts) if it.status is Status.SKIPPED}


def with_login(facts: Facts, **changes: object) -> Facts:
    assert facts.login is not None
    return replace(facts, login=replace(facts.login, **changes))  # type: ignore[arg-type]  # by name


def with_tenant(facts: Facts, **changes: object) -> Facts:
    assert facts.tenant is not None
    return replace(facts, tenant=replace(facts.tenant, **changes))  # type: ignore[arg-type]  # by name


def with_stripe(facts: Facts, **changes: object) -> Facts:
    assert facts.stripe is not None
    return replace(facts, stripe=replace(facts.stripe, **changes))  # type: ignore[arg-type]  # by name


def with_state(facts: Facts, **changes: object) -> Facts:
    assert facts.state is not None
    return replace(facts, state=replace(facts.state, **changes))  # type: ignore[arg-type]  # by name


def with_application(facts: Facts, **changes: object) -> Facts:
    application = facts.tenant.application if facts.tenant else None
    assert isinstance(application, Application)
    return with_tenant(facts, application=replace(application, **changes))  # type: ignore[arg-type]  # by name
