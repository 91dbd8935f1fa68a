"""The command `flask setup auth0` before it calls anybody."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from tests.unit.offline import offline_store
from webstore.cli import register
from webstore.cli.terminal import keep_settings_problem
from webstore.errors import SettingsError

SETTINGS = {"AUTH0_DOMAIN": "shop.eu.auth0.com", "BASE_URL": "https://shop.example.com"}


@pytest.fixture
def bare() -> Flask:
    """The commands of a store whose other settings are missing."""
    app = Flask("webstore")
    register(app)
    with app.app_context():
        keep_settings_problem(SettingsError(["STRIPE_SECRET_KEY is missing."]))
    return app


def run(app: Flask, *arguments: str, **variables: str | None) -> Result:
    environ = {**SETTINGS, "PATH": "/nowhere", **variables}
    done = app.test_cli_runner(env=environ).invoke(args=["setup", "auth0", *arguments])
    assert "Traceback" not in done.output
    return done


def jwt(**claims: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"header.{body}.the-signature-of-a-token"


def test_without_any_right_it_says_the_three_ways(bare: Flask) -> None:
    done = run(bare)
    assert (done.exit_code, done.stdout) == (1, "")
    for word in ("AUTH0_SETUP_TOKEN", "AUTH0_SETUP_CLIENT_ID", "auth0 command", "update:client_grants"):
        assert word in done.stderr


@pytest.mark.parametrize(
    ("via", "variables", "words"),
    [
        ("token", {}, "AUTH0_SETUP_TOKEN is missing"),
        ("m2m", {"AUTH0_SETUP_CLIENT_ID": "x"}, "belong together"),
        ("cli", {}, "auth0 command is not installed"),
        ("token", {"AUTH0_SETUP_TOKEN": "two words"}, "AUTH0_SETUP_TOKEN has a space"),
        ("token", {"AUTH0_SETUP_TOKEN": "\udcff"}, "AUTH0_SETUP_TOKEN has a space or a character"),
        (
            "m2m",
            {"AUTH0_SETUP_CLIENT_ID": "x", "AUTH0_SETUP_CLIENT_SECRET": "\udcff"},
            "AUTH0_SETUP_CLIENT_SECRET has a character beyond ASCII",
        ),
    ],
)
def test_a_way_that_was_chosen_says_what_it_lacks(
    bare: Flask, via: str, variables: dict[str, str], words: str
) -> None:
    done = run(bare, "--via", via, **variables)
    assert (done.exit_code, words in done.stderr) == (1, True)


def test_a_token_that_cannot_work_is_refused_before_any_call_and_not_shown(bare: Flask) -> None:
    token = jwt(aud="https://shop.eu.auth0.com/api/v2/", exp=1, scope="")
    done = run(bare, AUTH0_SETUP_TOKEN=token)
    assert done.exit_code == 1
    assert "The token expired on 01 January 1970" in done.stderr
    assert "API Explorer" in done.stderr
    assert token not in done.output


@pytest.mark.parametrize("issuer", ["http://[", "nonsense", "ftp://127.0.0.1:8601/"])
def test_an_issuer_that_is_no_address_is_named(bare: Flask, issuer: str) -> None:
    done = run(bare, AUTH0_DOMAIN="127.0.0.1:8601", AUTH0_ISSUER=issuer)
    assert (done.exit_code, "AUTH0_ISSUER" in done.stderr) == (1, True)


def test_a_custom_domain_needs_the_tenants_own(bare: Flask) -> None:
    done = run(bare, AUTH0_DOMAIN="login.example.com")
    assert done.exit_code == 1
    assert "AUTH0_MGMT_DOMAIN is missing. login.example.com is a custom domain" in done.stderr
    terraform = run(
        bare, "--print-terraform", AUTH0_DOMAIN="login.example.com", AUTH0_MGMT_DOMAIN="t.eu.auth0.com"
    )
    assert "https://t.eu.auth0.com/api/v2/" in terraform.stdout


def test_all_problems_of_the_settings_are_listed(bare: Flask) -> None:
    done = run(bare, "--json", AUTH0_DOMAIN="https://shop", BASE_URL="shop", AUTH0_CLIENT_ID="a b")
    assert done.exit_code == 1
    said = json.loads(done.stdout)["error"]
    for name in ("AUTH0_DOMAIN must be", "BASE_URL must be", "AUTH0_CLIENT_ID has a space"):
        assert name in said


def test_the_domain_may_be_given(bare: Flask) -> None:
    done = run(bare, "--domain", "Other.eu.auth0.com", "--print-terraform", AUTH0_DOMAIN=None)
    assert "tenant other.eu.auth0.com." in done.stdout
    assert "AUTH0_DOMAIN is missing" in run(bare, AUTH0_DOMAIN=None).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--account", "acct_1"],
        ["--renew-secrets"],
        ["--print-terraform", "--apply"],
        ["--domain", "https://x"],
        ["--via", "magic"],
        ["more"],
    ],
    ids=" ".join,
)
def test_wrong_options_are_explained(bare: Flask, arguments: list[str]) -> None:
    done = run(bare, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Error: " in done.stderr


def test_linking_needs_the_store_to_be_complete(bare: Flask) -> None:
    done = run(bare, "--linking")
    assert (done.exit_code, "STRIPE_SECRET_KEY is missing" in done.stderr) == (1, True)


def test_terraform_for_the_linking_action_has_the_key_as_a_variable(tmp_path: Path) -> None:
    key = "sk_test_a_secret_of_the_store"
    with offline_store(tmp_path, STRIPE_SECRET_KEY=key) as app:
        done = run(app, "--linking", "--account", "acct_1A", "--print-terraform")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "value = var.stripe_secret_key" in done.stdout
    assert 'name    = "stripe"' in done.stdout
    assert key not in done.stdout


def test_a_store_that_looks_up_new_users_has_no_linking_action(tmp_path: Path) -> None:
    with offline_store(tmp_path, LINK_LOOKUP="always") as app:
        done = run(app, "--linking", "--account", "acct_1A")
    assert (done.exit_code, "Use --claims-only." in done.stderr) == (1, True)


def test_the_help_shows_examples_and_the_ways_in(bare: Flask) -> None:
    shown = run(bare, "--help")
    assert shown.exit_code == 0
    for words in ("setup auth0 --apply", "AUTH0_SETUP_TOKEN", "Exit code: 0"):
        assert words in shown.stdout
