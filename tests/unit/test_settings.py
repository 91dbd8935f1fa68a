"""The environment either describes a working store, or is refused with everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from webstore.errors import SettingsError
from webstore.sandbox.vendors import auth0_config, environment
from webstore.settings import Settings

REQUIRED = {
    "AUTH0_DOMAIN": "my-shop.eu.auth0.com",
    "AUTH0_CLIENT_ID": "the-client-id",
    "AUTH0_CLIENT_SECRET": "the-client-secret",
    "STRIPE_SECRET_KEY": "sk_test_theStripeKey",
    "APP_SECRET_KEY": "the-app-secret-of-more-than-32-characters",
}
LONG = "another-secret-of-more-than-32-characters"
LIVE = {"STRIPE_SECRET_KEY": "sk_live_theStripeKey"}


def settings(**environment: str) -> Settings:
    return Settings.from_env({**REQUIRED, **environment})


def problems(**environment: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        settings(**environment)
    return refused.value.problems


# Missing settings


def test_everything_that_is_missing_is_listed_at_once_with_where_to_find_it() -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({})
    listed = {problem.split(" is missing. Find it: ")[0]: problem for problem in refused.value.problems}
    assert set(listed) == set(REQUIRED)
    for name in ("AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET"):
        assert "Auth0 dashboard > Applications" in listed[name]
    assert "Stripe dashboard > Developers > API keys" in listed["STRIPE_SECRET_KEY"]
    assert "secrets.token_urlsafe" in listed["APP_SECRET_KEY"]


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("nothing", ["", "  \t "])
def test_an_empty_value_counts_as_missing(name: str, nothing: str) -> None:
    (problem,) = problems(**{name: nothing})
    assert problem.startswith(f"{name} is missing. Find it: ")


def test_the_message_is_for_an_operator_one_line_for_each_problem() -> None:
    with pytest.raises(SettingsError) as refused:
        settings(AUTH0_DOMAIN="", LINK_BUDGET_S="soon")
    first, *lines, last = str(refused.value).splitlines()
    assert first == "The store cannot start: 2 settings are missing or wrong."
    assert len(lines) == 2
    assert all(line.startswith("  - ") for line in lines)
    assert ".env.example" in last
    assert "make run" in last


def test_one_problem_is_counted_in_the_singular() -> None:
    with pytest.raises(SettingsError, match="1 setting is missing or wrong"):
        settings(AUTH0_DOMAIN="")


def test_wrong_and_missing_values_are_told_together() -> None:
    found = problems(
        AUTH0_DOMAIN="", BASE_URL="ftp://shop.example", REDIS_URL="localhost", DASHBOARD_LINKS="no"
    )
    assert [problem.split()[0] for problem in found] == [
        "BASE_URL",
        "AUTH0_DOMAIN",
        "DASHBOARD_LINKS",
        "REDIS_URL",
    ]


# Malformed settings


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AUTH0_DOMAIN", "https://my-shop.eu.auth0.com", "must be a bare domain"),
        ("AUTH0_DOMAIN", "my-shop.eu.auth0.com/", "must be a bare domain"),
        ("AUTH0_DOMAIN", "my shop.eu.auth0.com", "must be a bare domain"),
        ("AUTH0_DOMAIN", "127.0.0.1:99999", "must be a bare domain"),
        ("AUTH0_MGMT_DOMAIN", "someone@my-shop.eu.auth0.com", "must be a bare domain"),
        ("AUTH0_ISSUER", "my-shop.eu.auth0.com", "must be a URL like https://example.com"),
        ("AUTH0_ISSUER", "https://[my-shop/", "is not a URL"),
        ("AUTH0_ISSUER", "https://my-shop.eu.auth0.com:port/", "is not a URL"),
        ("AUTH0_ISSUER", "https://user:password@my-shop.eu.auth0.com/", "must be a URL"),
        ("AUTH0_ISSUER", "https://my-shop.eu.auth0.com/#here", "must be a URL"),
        ("AUTH0_ISSUER", "https://my-shop.eu.auth0.com/a b", "has a space or a control character in it"),
        ("AUTH0_DASHBOARD_URL", "manage", "must be a URL"),
        ("STRIPE_API_BASE", "ftp://api.stripe.com", "must be a URL"),
        ("STRIPE_DASHBOARD_URL", "//dashboard.stripe.com", "must be a URL"),
        ("BASE_URL", "shop.example.com", "must be a URL"),
        ("BASE_URL", "https://shop.example.com/store", "must be an origin without a path"),
        ("BASE_URL", "https://shop.example.com?", "must be an origin without a path"),
        ("BASE_URL", "https://shop.example.com/?a=b", "must be an origin without a path"),
        (
            "STRIPE_SECRET_KEY",
            "pk_test_theStripeKey",
            "is a publishable key (pk_...); the secret key is needed",
        ),
        ("STRIPE_SECRET_KEY", "whsec_something", "must be a secret key (sk_test_"),
        ("STRIPE_SECRET_KEY", "sk_test_", "must be a secret key (sk_test_"),
        ("STRIPE_SECRET_KEY", "sk_test_the Stripe key", "must be a secret key (sk_test_"),
        ("APP_SECRET_KEY", "too-short", "must be at least 32 characters long"),
        ("APP_SECRET_KEY_FALLBACKS", f"{LONG},too-short", "must be at least 32 characters long"),
        ("METRICS_TOKEN", "too-short", "must be at least 32 characters long"),
        ("REDIS_URL", "localhost:6379", "must be a URL like redis://localhost:6379/0"),
        ("REDIS_URL", "http://localhost:6379", "must be a URL like redis://localhost:6379/0"),
        (
            "REDIS_URL",
            "redis://localhost:port/0",
            "has a malformed host, or a port that is not a number up to 65535",
        ),
        ("STATE_DIR", "state", "must be an absolute path"),
        ("HSTS_INCLUDE_SUBDOMAINS", "yes", "is 'yes': use 1 for yes or 0 for no"),
        ("DASHBOARD_LINKS", "yes", "is 'yes': use 1 for yes or 0 for no"),
        ("LINK_EXISTING_BY_EMAIL", "true", "is 'true': use 1 for yes or 0 for no"),
        ("LINK_LOOKUP", "never", "is 'never': use one of auto, always"),
        ("LINK_BUDGET_S", "soon", "is 'soon': use a number of seconds from 0.1 to 20"),
        ("LINK_BUDGET_S", "0", "is '0': use a number of seconds from 0.1 to 20"),
        ("LINK_BUDGET_S", "inf", "is 'inf': use a number of seconds from 0.1 to 20"),
        ("LINK_BUDGET_S", "nan", "is 'nan': use a number of seconds from 0.1 to 20"),
        ("LINK_SETTLE_S", "-1", "is '-1': use a number of seconds from 0 to 86400"),
        ("WEB_THREADS", "0", "is '0': use a whole number from 1 to 256"),
        ("WEB_THREADS", "8.5", "is '8.5': use a whole number from 1 to 256"),
    ],
)
def test_a_malformed_value_is_refused_with_what_it_should_be(name: str, value: str, message: str) -> None:
    (problem,) = problems(**{name: value})
    assert problem.startswith(f"{name} {message}")


@pytest.mark.parametrize("name", ["STRIPE_SECRET_KEY", "APP_SECRET_KEY", "AUTH0_DOMAIN"])
def test_a_malformed_required_value_is_refused_with_where_to_find_the_right_one(name: str) -> None:
    (problem,) = problems(**{name: "no/good"})
    assert " Find it: " in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_SECRET_KEY", "sk_test_hush hush"),
        ("APP_SECRET_KEY", "hush hush"),
        ("APP_SECRET_KEY_FALLBACKS", "hush hush"),
        ("METRICS_TOKEN", "hush hush"),
        ("REDIS_URL", "https://:hush hush@redis.example"),
    ],
)
def test_a_refused_secret_is_not_told(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        settings(**{name: value})
    assert "hush" not in str(refused.value)
    assert "hush" not in repr(refused.value)


# http and https


@pytest.mark.parametrize("name", ["AUTH0_ISSUER", "STRIPE_API_BASE", "BASE_URL"])
@pytest.mark.parametrize(
    "origin",
    ["http://127.0.0.1:8001", "http://localhost:8001", "http://[::1]:8001", "https://shop.example.com"],
)
def test_http_is_fine_on_this_machine_and_https_anywhere(name: str, origin: str) -> None:
    settings(**{name: origin})


@pytest.mark.parametrize("name", ["AUTH0_ISSUER", "STRIPE_API_BASE", "BASE_URL", "AUTH0_DASHBOARD_URL"])
@pytest.mark.parametrize(
    "origin",
    [
        "http://shop.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://10.0.0.1",
        "http://0.0.0.0",
    ],
)
def test_http_to_anywhere_else_is_refused(name: str, origin: str) -> None:
    (problem,) = problems(**{name: origin})
    assert problem.startswith(f"{name} must be https")


def test_shoppers_on_https_make_the_store_secure() -> None:
    assert settings(BASE_URL="https://shop.example.com").secure
    assert not settings().secure


def test_an_origin_is_the_same_in_capital_letters() -> None:
    shouted = settings(BASE_URL="HTTPS://Shop.Example.com/")
    assert shouted.base_url == "https://shop.example.com"
    assert shouted.secure


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({}, "https://my-shop.eu.auth0.com"),
        ({"AUTH0_MGMT_DOMAIN": "canonical.eu.auth0.com"}, "https://canonical.eu.auth0.com"),
        (
            {"AUTH0_DOMAIN": "127.0.0.1:8001", "AUTH0_ISSUER": "http://127.0.0.1:8001/"},
            "http://127.0.0.1:8001",
        ),
        ({"AUTH0_DOMAIN": "127.0.0.1:8001"}, "https://127.0.0.1:8001"),
        ({"AUTH0_ISSUER": "http://127.0.0.1:8001/"}, "https://my-shop.eu.auth0.com"),
    ],
)
def test_the_management_api_is_asked_over_http_on_this_machine_only(
    environment: dict[str, str], url: str
) -> None:
    assert settings(**environment).auth0_mgmt_url == url


# Defaults


def test_what_is_required_is_enough() -> None:
    default = settings()
    assert default.base_url == "http://127.0.0.1:8000"
    assert default.auth0_issuer == "https://my-shop.eu.auth0.com/"
    assert default.auth0_mgmt_domain == "my-shop.eu.auth0.com"
    assert (default.auth0_mgmt_client_id, default.auth0_mgmt_client_secret) == (
        "the-client-id",
        "the-client-secret",
    )
    assert default.auth0_claim_namespace == "http://127.0.0.1:8000"
    assert default.auth0_dashboard_url == "https://manage.auth0.com/dashboard/eu/my-shop"
    assert default.stripe_api_base == "https://api.stripe.com"
    assert default.stripe_dashboard_url == "https://dashboard.stripe.com/test"
    assert default.app_secret_key_fallbacks == ()
    assert (default.redis_url, default.state_dir, default.metrics_token) == (None, None, None)
    assert (default.link_budget_s, default.link_settle_s) == (3.0, 600.0)
    assert (default.link_lookup_always, default.link_existing_by_email) == (False, False)
    assert default.web_threads == 16


def test_an_empty_optional_value_counts_as_not_set() -> None:
    optional = ("AUTH0_ISSUER", "STRIPE_API_BASE", "REDIS_URL", "STATE_DIR", "LINK_BUDGET_S", "WEB_THREADS")
    assert settings(**dict.fromkeys(optional, " ")) == settings()


def test_every_optional_value_is_taken() -> None:
    given = settings(
        AUTH0_ISSUER="https://login.example.com/",
        AUTH0_MGMT_DOMAIN="Canonical.EU.auth0.com",
        AUTH0_MGMT_CLIENT_ID="another-id",
        AUTH0_MGMT_CLIENT_SECRET="another-secret",
        AUTH0_CLAIM_NAMESPACE="https://claims.example.com/",
        BASE_URL="https://shop.example.com/",
        STRIPE_API_BASE="https://stripe.example.com/",
        REDIS_URL="rediss://:password@redis.example.com:6380/1",
        STATE_DIR="/var/lib/webstore",
        LINK_BUDGET_S="1.5",
        LINK_LOOKUP="always",
        LINK_EXISTING_BY_EMAIL="1",
        LINK_SETTLE_S="0",
        METRICS_TOKEN=LONG,
        WEB_THREADS="32",
    )
    assert given.auth0_issuer == "https://login.example.com/"
    assert given.auth0_mgmt_domain == "canonical.eu.auth0.com"
    assert (given.auth0_mgmt_client_id, given.auth0_mgmt_client_secret) == ("another-id", "another-secret")
    assert given.auth0_claim_namespace == "https://claims.example.com"
    assert given.auth0_dashboard_url == "https://manage.auth0.com/dashboard/eu/canonical"
    assert given.base_url == "https://shop.example.com"
    assert given.stripe_api_base == "https://stripe.example.com"
    assert given.redis_url == "rediss://:password@redis.example.com:6380/1"
    assert given.state_dir == Path("/var/lib/webstore")
    assert (given.link_budget_s, given.link_settle_s) == (1.5, 0.0)
    assert (given.link_lookup_always, given.link_existing_by_email) == (True, True)
    assert (given.metrics_token, given.web_threads) == (LONG, 32)


def test_older_secrets_are_a_list_with_commas() -> None:
    given = settings(APP_SECRET_KEY_FALLBACKS=f"{LONG} ,, {LONG}-2,")
    assert given.app_secret_key_fallbacks == (LONG, f"{LONG}-2")


@pytest.mark.parametrize(
    ("key", "live"),
    [
        *[
            ("sk_test_key", False),
            ("rk_test_key", False),
            ("rkcs_test_key", False),
            ("sk_org_test_key", False),
        ],
        *[("sk_live_key", True), ("rk_live_key", True), ("rkcs_live_key", True), ("sk_org_live_key", True)],
    ],
)
def test_the_key_says_the_mode(key: str, live: bool) -> None:
    account = {"STRIPE_ACCOUNT": "acct_1A"} if key.startswith("sk_org_") else {}
    given = settings(STRIPE_SECRET_KEY=key, **account)
    assert given.stripe_account == account.get("STRIPE_ACCOUNT")
    assert given.stripe_livemode is live
    assert given.stripe_dashboard_url.endswith("/test") is not live


@pytest.mark.parametrize("key", ["sk_test", "sk_prod_x", "key", "sk_org_x", "rkcs_x", "sk_test_", "whsec_x"])
def test_a_wrong_key_is_told_which_kinds_there_are(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(STRIPE_SECRET_KEY=key)
    for kind in ("sk_test_", "sk_live_", "rk_", "rkcs_", "sk_org_"):
        assert kind in str(caught.value)
    assert key not in str(caught.value) or key in ("sk_test", "key", "sk_test_")


@pytest.mark.parametrize(
    ("key", "account", "needed"),
    [
        ("sk_org_test_key", "", "STRIPE_ACCOUNT must be set with an organization key"),
        (
            "sk_test_key",
            "acct_1A",
            "STRIPE_ACCOUNT must be set with an organization key (sk_org_...), and only",
        ),
        ("sk_org_test_key", "1A", "STRIPE_ACCOUNT must be the ID of a Stripe account (acct_...)"),
    ],
)
def test_an_organization_key_needs_the_account_to_act_for(key: str, account: str, needed: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(STRIPE_SECRET_KEY=key, STRIPE_ACCOUNT=account)
    assert needed in str(caught.value)


def test_stores_of_two_accounts_of_an_organization_share_nothing() -> None:
    one, two = (
        settings(STRIPE_SECRET_KEY="sk_org_test_key", STRIPE_ACCOUNT=account)
        for account in ("acct_1", "acct_2")
    )
    assert one.fingerprint != two.fingerprint


def test_former_tenants_are_bare_domains() -> None:
    given = settings(AUTH0_FORMER_TENANTS="Old.eu.auth0.com, older.us.auth0.com")
    assert given.auth0_former_tenants == ("old.eu.auth0.com", "older.us.auth0.com")
    with pytest.raises(SettingsError, match="AUTH0_FORMER_TENANTS"):
        settings(AUTH0_FORMER_TENANTS="https://old.eu.auth0.com/")


@pytest.mark.parametrize(
    "given",
    [
        {"AUTH0_FORMER_TENANTS": "old.eu.auth0.com, Shop.eu.auth0.com"},
        {"AUTH0_MGMT_DOMAIN": "main.eu.auth0.com", "AUTH0_FORMER_TENANTS": "main.eu.auth0.com"},
    ],
    ids=["AUTH0_DOMAIN", "AUTH0_MGMT_DOMAIN"],
)
def test_the_tenant_itself_is_no_former_one(given: dict[str, str]) -> None:
    (problem,) = problems(AUTH0_DOMAIN="shop.eu.auth0.com", **given)
    assert problem.startswith("AUTH0_FORMER_TENANTS names the tenant that the store uses now")


def test_a_custom_domain_may_have_been_taken_for_the_tenant() -> None:
    given = settings(
        AUTH0_DOMAIN="login.example.com",
        AUTH0_MGMT_DOMAIN="shop.eu.auth0.com",
        AUTH0_FORMER_TENANTS="login.example.com",
    )
    assert given.auth0_former_tenants == ("login.example.com",)


def test_dashboard_links_are_shown_with_test_keys_unless_said_otherwise() -> None:
    assert settings().dashboard_links
    assert not settings(DASHBOARD_LINKS="0").dashboard_links
    assert not settings(**LIVE).dashboard_links
    assert settings(**LIVE, DASHBOARD_LINKS="1").dashboard_links


def test_a_custom_domain_alone_tells_no_dashboard() -> None:
    assert settings(AUTH0_DOMAIN="login.example.com").auth0_dashboard_url is None


# Secrets and fingerprints


def test_secrets_are_not_in_the_text_form() -> None:
    given = settings(
        AUTH0_MGMT_CLIENT_SECRET="the-management-secret",
        APP_SECRET_KEY_FALLBACKS=LONG,
        REDIS_URL="redis://:the-redis-password@localhost:6379/0",
        METRICS_TOKEN=f"{LONG}-metrics",
    )
    secrets = (
        "the-client-secret",
        "the-management-secret",
        "sk_test_theStripeKey",
        "the-app-secret",
        LONG,
        "the-redis-password",
    )
    for text in (repr(given), str(given)):
        assert "my-shop.eu.auth0.com" in text
        assert not [secret for secret in secrets if secret in text]


def test_fingerprints_tell_stores_apart_and_reveal_nothing() -> None:
    stores = [
        settings(),
        settings(AUTH0_DOMAIN="other-shop.eu.auth0.com"),
        settings(AUTH0_CLIENT_ID="another-client-id"),
        settings(STRIPE_API_BASE="https://stripe.example.com"),
        settings(STRIPE_SECRET_KEY="sk_test_anotherKey"),
        settings(**LIVE),
    ]
    prints = [store.fingerprint for store in stores]
    assert len(set(prints)) == len(stores)
    assert all(len(text) == 16 and int(text, 16) >= 0 for text in prints)


def test_a_fingerprint_is_the_same_after_a_restart_and_with_a_new_cookie_secret() -> None:
    assert (
        settings(APP_SECRET_KEY=LONG, BASE_URL="https://shop.example.com").fingerprint
        == settings().fingerprint
    )


def test_the_portals_configuration_is_an_id() -> None:
    assert settings().stripe_portal_configuration is None
    assert settings(STRIPE_PORTAL_CONFIGURATION="bpc_1A").stripe_portal_configuration == "bpc_1A"
    (problem,) = problems(STRIPE_PORTAL_CONFIGURATION="bps_1A/x")
    assert problem.startswith("STRIPE_PORTAL_CONFIGURATION must be the ID of a configuration")


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**REQUIRED, "AUTH0_CLIENT_ID": "from-the-process"}.items():
        monkeypatch.setenv(name, value)
    assert Settings.from_env().auth0_client_id == "from-the-process"


# Secrets that are public

SANDBOX = environment(auth0_config("http://127.0.0.1:1", "http://127.0.0.1:2"), "http://127.0.0.1:3", "")
PUBLIC = {"BASE_URL": "https://shop.example.com"}


@pytest.mark.parametrize("more", [LIVE, PUBLIC], ids=["a live key", "a public address"])
@pytest.mark.parametrize("name", ["APP_SECRET_KEY", "APP_SECRET_KEY_FALLBACKS"])
def test_the_sandboxs_key_signs_no_cookie_of_a_real_store(name: str, more: dict[str, str]) -> None:
    (problem,) = problems(**{name: SANDBOX["APP_SECRET_KEY"]}, **more)
    assert problem.startswith(f"{name} has the sandbox's key, which is public")
    assert SANDBOX["APP_SECRET_KEY"] not in problem


def test_the_sandboxs_webhook_secret_is_refused_with_stripes_own_address() -> None:
    (problem,) = problems(STRIPE_WEBHOOK_SECRET=f"whsec_x,{SANDBOX['STRIPE_WEBHOOK_SECRET']}")
    assert problem.startswith("STRIPE_WEBHOOK_SECRET has the sandbox's secret, which is public")


def test_the_sandboxs_secrets_are_taken_by_a_demonstration() -> None:
    local = {name: SANDBOX[name] for name in ("APP_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_API_BASE")}
    assert settings(**local).stripe_webhook_secrets == (SANDBOX["STRIPE_WEBHOOK_SECRET"],)
