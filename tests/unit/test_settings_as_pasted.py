"""Every setting, with what people and platforms paste around values: all faults end in one list, by name."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.unit.test_documented_settings import Asked
from tests.unit.test_settings import LIVE, LONG, REQUIRED
from webstore.errors import SettingsError
from webstore.settings import Settings


def every_setting() -> tuple[str, ...]:
    """The names of all settings, as the store asks for them."""
    asked = Asked()
    with pytest.raises(SettingsError):
        Settings.from_env(asked)
    return tuple(sorted(asked.names))


#: A value of each setting that a store may have.
SOUND: dict[str, str] = {
    **REQUIRED,
    "API_CORS_ORIGINS": "https://app.example.com",
    "APP_SECRET_KEY_FALLBACKS": LONG,
    "AUTH0_AUDIENCE": "https://shop.example.com/api",
    "AUTH0_CLAIM_NAMESPACE": "https://claims.example.com",
    "AUTH0_DASHBOARD_URL": "https://manage.auth0.com/dashboard/eu/my-shop",
    "AUTH0_FORMER_TENANTS": "old.eu.auth0.com",
    "AUTH0_ISSUER": "https://login.example.com/",
    "AUTH0_MGMT_CLIENT_ID": "another-id",
    "AUTH0_MGMT_CLIENT_SECRET": "another-secret",
    "AUTH0_MGMT_DOMAIN": "my-shop.eu.auth0.com",
    "BASE_URL": "https://shop.example.com",
    "BIND": "0.0.0.0:8000",
    "CATALOGUE_TTL_S": "30",
    "CHECKOUT_AUTOMATIC_TAX": "1",
    "CHECKOUT_PHONE": "1",
    "CHECKOUT_PROMOTION_CODES": "1",
    "CHECKOUT_RECEIPTS": "1",
    "CHECKOUT_SHIPPING_COUNTRIES": "DE,FR",
    "CHECKOUT_SHIPPING_RATES": "shr_1A",
    "CHECKOUT_TERMS": "1",
    "DASHBOARD_LINKS": "1",
    "FULFIL": "shop.hooks:ship",
    "HSTS_INCLUDE_SUBDOMAINS": "1",
    "LINK_BUDGET_S": "2",
    "LINK_EXISTING_BY_EMAIL": "1",
    "LINK_LOOKUP": "always",
    "LINK_SECOND_ACCOUNT": "1",
    "LINK_SETTLE_S": "60",
    "LOGIN_RATE_PER_10S": "100",
    "LOG_FORMAT": "json",
    "METRICS_TOKEN": LONG,
    "PORT": "8080",
    "REDIS_URL": "redis://:secret@redis.example.com:6379/0?socket_timeout=2",
    "STATE_DIR": "/var/lib/webstore",
    "STRIPE_ACCOUNT": "acct_1A",
    "STRIPE_API_BASE": "https://stripe.example.com",
    "STRIPE_DASHBOARD_URL": "https://dashboard.example.com",
    "STRIPE_HOSTED_PAGES": "https://pay.example.com",
    "STRIPE_PORTAL_CONFIGURATION": "bpc_1A",
    "STRIPE_SECRET_KEY": "sk_org_test_key",
    "STRIPE_WEBHOOK_SECRET": "whsec_secret",
    "TRUSTED_PROXY_HOPS": "1",
    "WEB_CONCURRENCY": "4",
    "WEB_THREADS": "8",
}
AROUND = {
    "double quotes": '"{}"',
    "single quotes": "'{}'",
    "typographic quotes": "\N{LEFT DOUBLE QUOTATION MARK}{}\N{RIGHT DOUBLE QUOTATION MARK}",
    "half a pair of quotes": '{}"',
    "a space before": " {}",
    "a space after": "{} ",
    "a line break": "{}\n",
    "a carriage return": "{}\r",
    "a no-break space": "{}\N{NO-BREAK SPACE}",
    "an ideographic space": "\N{IDEOGRAPHIC SPACE}{}",
    "a zero-width space": "{}\N{ZERO WIDTH SPACE}",
    "a byte order mark": "\N{ZERO WIDTH NO-BREAK SPACE}{}",
    "a zero-width joiner": "\N{ZERO WIDTH JOINER}{}",
    "a soft hyphen": "{}\N{SOFT HYPHEN}",
    "a right-to-left mark": "{}\N{RIGHT-TO-LEFT MARK}",
    "a control character": "{}\x1b",
    "bytes that are no UTF-8": "{}\udcff",
}


def named(environment: Mapping[str, str]) -> tuple[list[str], str]:
    """The names that the one list begins its problems with, and the whole text."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environment)
    return [problem.partition(" ")[0].rstrip(":") for problem in caught.value.problems], str(caught.value)


def test_there_is_a_sound_value_of_every_setting() -> None:
    assert tuple(sorted(SOUND)) == every_setting()
    assert Settings.from_env(SOUND).bind == "0.0.0.0:8000"


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_what_stands_around_values_is_refused_for_every_setting_in_one_list(around: str) -> None:
    names, text = named({name: around.format(value) for name, value in SOUND.items()})
    assert sorted(set(names)) == sorted(SOUND)
    secrets = ("SECRET", "TOKEN", "REDIS")
    told = [name for name, value in SOUND.items() if any(it in name for it in secrets) and value in text]
    assert told == []


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_each_setting_is_named_for_what_stands_around_its_value(around: str) -> None:
    for name, value in SOUND.items():
        names, _ = named({**SOUND, name: around.format(value)})
        # The key of an organization and the account need each other.
        needed = {"STRIPE_ACCOUNT"} if name == "STRIPE_SECRET_KEY" else set()
        assert set(names) == {name, *needed}


def test_nonsense_is_refused_for_every_setting_in_one_list() -> None:
    names, _ = named(dict.fromkeys(SOUND, "\N{SNOWMAN} no value of anything"))
    assert sorted(set(names)) == sorted(SOUND)


def test_a_blank_value_counts_as_not_set() -> None:
    optional = set(SOUND) - set(REQUIRED)
    assert Settings.from_env({**REQUIRED, **dict.fromkeys(optional, " \n")}) == Settings.from_env(REQUIRED)


def test_quotes_inside_a_list_are_refused_and_spaces_after_commas_are_not() -> None:
    name = "CHECKOUT_SHIPPING_COUNTRIES"
    assert named({**REQUIRED, name: 'DE,"FR",IT'})[0] == [name]
    assert Settings.from_env({**REQUIRED, name: "DE , FR"}).checkout.shipping_countries == ("DE", "FR")


def test_a_live_store_is_as_strict() -> None:
    assert named({**REQUIRED, **LIVE, "STRIPE_SECRET_KEY": '"sk_live_key"'})[0] == ["STRIPE_SECRET_KEY"]


# Where the server listens


@pytest.mark.parametrize(
    ("given", "bind"),
    [
        ({}, "127.0.0.1:8000"),
        ({"PORT": "8080"}, "0.0.0.0:8080"),
        ({"PORT": "8080", "BIND": "127.0.0.1:9000"}, "127.0.0.1:9000"),
        ({"BIND": "unix:/run/webstore.sock"}, "unix:/run/webstore.sock"),
        ({"BIND": "[::]:8000"}, "[::]:8000"),
        ({"BIND": "127.0.0.1:8000,[::1]:8000"}, "127.0.0.1:8000,[::1]:8000"),
    ],
)
def test_the_server_listens_on_bind_or_on_the_port_of_the_platform(given: dict[str, str], bind: str) -> None:
    assert Settings.from_env({**REQUIRED, **given}).bind == bind


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "tcp://10.0.0.1:80"),
        ("BIND", "127.0.0.1:port"),
        ("BIND", "127.0.0.1:65536"),
        ("BIND", "0.0.0.0:$PORT"),
        ("BIND", "http://127.0.0.1:8000"),
        ("WEB_CONCURRENCY", "many"),
        ("WEB_CONCURRENCY", "0"),
        ("WEB_CONCURRENCY", "1.5"),
    ],
)
def test_an_address_or_a_number_that_is_none_is_named(name: str, value: str) -> None:
    names, text = named({**REQUIRED, "BIND": "127.0.0.1:8000", name: value})
    assert names == [name]
    assert value in text
