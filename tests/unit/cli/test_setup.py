"""The command `flask setup action`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from tests.unit.offline import URL, offline_settings, offline_store
from webstore import create_app
from webstore.cli.auth0_action import STRIPE_PACKAGE
from webstore.errors import PaymentsUnavailable
from webstore.linking.models import Account
from webstore.routes import Services, attach

TOP = Path(__file__).parents[3]
SECRETS = {
    "STRIPE_SECRET_KEY": "sk_test_a_secret_of_the_store",
    "AUTH0_CLIENT_SECRET": "the-secret-of-the-login-application",
    "AUTH0_MGMT_CLIENT_SECRET": "the-secret-of-the-management-application",
    "APP_SECRET_KEY": "a-secret-that-signs-the-cookies-of-the-store",
}
NAMESPACE = {"AUTH0_CLAIM_NAMESPACE": "https://shop.example.com"}


@dataclass(frozen=True)
class Payments:
    """Stripe, of which the command only asks the account."""

    account: Callable[[], Account]


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("setup"), **SECRETS, **NAMESPACE) as app:
        yield app


@contextmanager
def reading(app: Flask, account: Callable[[], Account]) -> Iterator[Flask]:
    """The store with an answer to `GET /v1/account`."""
    services: Services = app.extensions["webstore"]
    linker = replace(services.linker, payments=Payments(account))  # type: ignore[arg-type]  # the rest is not used
    attach(app, replace(services, linker=linker))
    yield app
    attach(app, services)


def setup_action(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["setup", "action", *arguments])


def constants(printed: str) -> dict[str, object]:
    """The constants of the printed Action that are JSON."""
    found = re.findall(r'^const ([A-Z_]+) = ("[^"]*"|null|\d+);$', printed, re.MULTILINE)
    return {name: json.loads(value) for name, value in found}


def test_action_is_made_for_this_store_without_a_call_if_the_account_is_given(offline: Flask) -> None:
    services: Services = offline.extensions["webstore"]
    done = setup_action(offline, "--account", "acct_1A")
    assert (done.exit_code, done.stderr) == (0, "")
    found = constants(done.stdout)
    assert found["TENANT"] == services.linker.policy.tenant
    assert found["NAMESPACE"] == services.settings.auth0_claim_namespace
    assert (found["ACCOUNT"], found["MODE"]) == ("acct_1A", "test")
    assert (found["TIME_LIMIT_MS"], found["KEY_WINDOW_MS"]) == (3000, 23 * 3600 * 1000)
    assert (found["MAX_NAME"], found["MAX_DESCRIPTION"]) == (256, 350)


def test_account_is_read_from_stripe_otherwise(offline: Flask) -> None:
    with reading(offline, lambda: Account("acct_1B", livemode=False)) as app:
        done = setup_action(app)
    assert (done.exit_code, done.stderr) == (0, "")
    assert constants(done.stdout)["ACCOUNT"] == "acct_1B"
    assert "// Stripe account: acct_1B, test mode\n" in done.stdout


def test_key_that_may_not_read_its_account_is_told_apart_by_its_mode_alone(offline: Flask) -> None:
    with reading(offline, lambda: Account(None, livemode=False)) as app:
        done = setup_action(app)
    assert done.exit_code == 0
    assert (constants(done.stdout)["ACCOUNT"], constants(done.stdout)["MODE"]) == (None, "test")
    assert "--account" in done.stderr


def test_outage_prints_nothing_and_says_what_to_do(offline: Flask) -> None:
    def unreachable() -> Account:
        raise PaymentsUnavailable("no answer")

    with reading(offline, unreachable) as app:
        done = setup_action(app)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "no answer" in done.stderr
    assert "--account" in done.stderr


@pytest.mark.parametrize("arguments", [["--account", "acct_1A"], ["--claims-only"]], ids=" ".join)
def test_nothing_secret_is_printed_and_nothing_is_left_to_fill_in(
    offline: Flask, arguments: list[str]
) -> None:
    done = setup_action(offline, *arguments)
    assert done.exit_code == 0
    assert not any(secret in done.output for secret in SECRETS.values())
    assert re.findall(r"%[A-Z_]+%", done.stdout) == []
    assert "Actions > Library > Create Action" in done.stdout


def test_claims_only_needs_no_key_and_makes_no_call(offline: Flask) -> None:
    done = setup_action(offline, "--claims-only")
    assert (done.exit_code, done.stderr) == (0, "")
    assert constants(done.stdout).keys() == {"NAMESPACE"}
    assert not re.search(r"require\(|event\.secrets|setAppMetadata", done.stdout)


@pytest.mark.parametrize("arguments", [["--account", "acct_1A"], ["--claims-only"]], ids=" ".join)
def test_a_namespace_that_is_only_this_machines_address_is_told(tmp_path: Path, arguments: list[str]) -> None:
    """Neither BASE_URL nor AUTH0_CLAIM_NAMESPACE is set: this is rarely the address that shoppers use."""
    with offline_store(tmp_path) as app:
        done = setup_action(app, *arguments)
    assert done.exit_code == 0
    assert constants(done.stdout)["NAMESPACE"] == URL
    assert URL in done.stderr
    assert "AUTH0_CLAIM_NAMESPACE" in done.stderr


@pytest.mark.parametrize(
    "setting",
    [
        {"LINK_LOOKUP": "always"},
        {"LINK_EXISTING_BY_EMAIL": "1"},
        {"AUTH0_FORMER_TENANTS": "old.eu.auth0.com"},
    ],
    ids=str,
)
def test_store_that_looks_up_new_users_has_the_claims_only(tmp_path: Path, setting: dict[str, str]) -> None:
    with offline_store(tmp_path, **setting) as app:
        done = setup_action(app, "--account", "acct_1A")
        assert (done.exit_code, done.stdout) == (1, "")
        assert next(iter(setting)) in done.stderr
        assert "--claims-only" in done.stderr
        assert setup_action(app, "--claims-only").exit_code == 0


def test_organization_key_acts_for_the_account_of_the_settings(tmp_path: Path) -> None:
    settings = {"STRIPE_SECRET_KEY": "sk_org_live_1", "STRIPE_ACCOUNT": "acct_1C"}
    with offline_store(tmp_path, **settings) as app:
        found = constants(setup_action(app).stdout)
        assert (found["ACCOUNT"], found["MODE"]) == ("acct_1C", "live")
        wrong = setup_action(app, "--account", "acct_1D")
        assert (wrong.exit_code, wrong.stdout) == (2, "")
        assert "acct_1C" in wrong.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--account", "1A"], ["--account", 'acct_1";//'], ["--claims-only", "--account", "acct_1A"], ["more"]],
    ids=" ".join,
)
def test_wrong_options_are_explained(offline: Flask, arguments: list[str]) -> None:
    done = setup_action(offline, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Error: " in done.stderr


def test_settings_are_data_in_the_code(tmp_path: Path) -> None:
    odd = 'https://shop.example.com/";throw 1;//\u2028*/%TENANT%'
    # The environment is refused with such a value; the code must not rely on that.
    app = create_app(replace(offline_settings(tmp_path), auth0_claim_namespace=odd))
    with closing(app.extensions["webstore"]):
        for arguments in (["--account", "acct_1A"], ["--claims-only"]):
            printed = setup_action(app, *arguments).stdout
            assert f"\nconst NAMESPACE = {json.dumps(odd)};\n" in printed
            assert printed.isascii()


def test_help_shows_examples(offline: Flask) -> None:
    done = setup_action(offline, "--help")
    assert done.exit_code == 0
    assert "flask --app wsgi setup action --claims-only" in done.stdout


def test_the_documented_version_of_stripes_package_is_the_tested_one() -> None:
    package = json.loads((TOP / "tests" / "action" / "package.json").read_text())
    assert package["dependencies"] == {"stripe": STRIPE_PACKAGE}
