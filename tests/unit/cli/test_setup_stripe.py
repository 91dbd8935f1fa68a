"""The command `flask setup stripe`, as far as it calls nobody. Against the sandbox: tests/provisioning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from tests.unit.offline import URL, offline_settings, offline_store
from webstore.cli.setup_stripe import wanted_by
from webstore.gateways.stripe import API_VERSION
from webstore.shop.event_effects import HANDLED

KEY = "sk_test_a_secret_of_the_store"
PUBLIC = {"BASE_URL": "https://shop.example.com"}


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("setup"), STRIPE_SECRET_KEY=KEY) as app:
        yield app


def setup_stripe(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["setup", "stripe", *arguments])


def test_the_command_of_stripes_cli_is_printed_without_a_call(offline: Flask) -> None:
    done = setup_stripe(offline, "--print")
    events = ",".join(sorted(HANDLED))
    command = f"stripe listen --forward-to 127.0.0.1:8000/webhooks/stripe --events {events}"
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"{command}\n", "")
    assert json.loads(setup_stripe(offline, "--print", "--json").stdout) == {"command": command}


@pytest.mark.parametrize("arguments", [["--print", "--apply"], ["more"], ["--catalogue", "missing.yaml"]])
def test_wrong_options_are_explained(offline: Flask, arguments: list[str]) -> None:
    done = setup_stripe(offline, *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Error: " in done.stderr


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (b"products:\n  - id: mug\n    nmae: Mug\n", "line 3: a product has no field 'nmae'"),
        (b"products: [", "line 1: this is not YAML"),
        (b"\xff", "is not a text in UTF-8"),
    ],
)
def test_a_faulty_catalogue_is_told_with_its_line(
    offline: Flask, tmp_path: Path, written: bytes, words: str
) -> None:
    file = tmp_path / "catalogue.yaml"
    file.write_bytes(written)
    done = setup_stripe(offline, "--catalogue", str(file))
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"{file}" in done.stderr
    assert words in done.stderr


def test_help_shows_examples(offline: Flask) -> None:
    shown = setup_stripe(offline, "--help")
    assert shown.exit_code == 0
    assert "\n    flask --app wsgi setup stripe --apply\n" in shown.stdout


# What the store needs


def test_a_store_needs_what_its_settings_say(tmp_path: Path) -> None:
    plain = wanted_by(offline_settings(tmp_path, STRIPE_WEBHOOK_SECRET=""), ())
    assert (plain.webhook_url, plain.api_version) == (f"{URL}/webhooks/stripe", API_VERSION)
    assert set(plain.events) == HANDLED
    assert (plain.has_secret, plain.portal_configuration, plain.automatic_tax, plain.terms) == (
        *(False, None),
        *(False, False),
    )
    changes = {
        "STRIPE_WEBHOOK_SECRET": "whsec_1",
        "STRIPE_PORTAL_CONFIGURATION": "bpc_1",
        "CHECKOUT_AUTOMATIC_TAX": "1",
        "CHECKOUT_TERMS": "1",
    }
    more = wanted_by(offline_settings(tmp_path, **changes), ())
    assert (more.has_secret, more.portal_configuration, more.automatic_tax, more.terms) == (
        *(True, "bpc_1"),
        *(True, True),
    )


@pytest.mark.parametrize(
    ("changes", "reachable"),
    [
        ({}, True),  # the sandbox reaches this machine
        ({"STRIPE_API_BASE": "", "STRIPE_WEBHOOK_SECRET": ""}, False),
        ({"STRIPE_API_BASE": "", "STRIPE_WEBHOOK_SECRET": "", **PUBLIC}, True),
    ],
)
def test_stripe_reaches_no_store_on_this_machine(
    tmp_path: Path, changes: dict[str, str], reachable: bool
) -> None:
    assert wanted_by(offline_settings(tmp_path, **changes), ()).reachable is reachable
