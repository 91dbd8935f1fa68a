"""How `flask doctor` speaks, with vendors that nobody reaches."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from click.testing import Result
from flask import Flask

from tests.unit.offline import NOWHERE, offline_store

SECRETS = {
    "STRIPE_SECRET_KEY": "sk_test_a_secret_of_the_store",
    "AUTH0_CLIENT_SECRET": "the-secret-of-the-login-application",
    "AUTH0_MGMT_CLIENT_SECRET": "the-secret-of-the-management-application",
    "APP_SECRET_KEY": "a-secret-that-signs-the-cookies-of-the-store",
    "STRIPE_WEBHOOK_SECRET": "whsec_the_secret_of_the_endpoint",
}


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("doctor"), BASE_URL=NOWHERE, **SECRETS) as app:
        yield app


def doctor(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["doctor", *arguments])


def test_in_a_pipe_each_check_is_a_line(offline: Flask) -> None:
    done = doctor(offline)
    *lines, summary = done.stdout.splitlines()
    assert done.exit_code == 1
    assert {line.partition(": ")[0] for line in lines} <= {"ok", "warning", "failure", "skipped"}
    failed = [line.split(": ")[1] for line in lines if line.startswith("failure")]
    assert failed == ["discovery", "stripe-key"]
    assert "2 failures" in summary
    assert "\x1b" not in done.output


def test_nothing_secret_is_shown(offline: Flask) -> None:
    for arguments in ((), ("--json",)):
        done = doctor(offline, *arguments)
        assert [name for name, value in SECRETS.items() if value in done.output] == []


def test_a_program_gets_one_document(offline: Flask) -> None:
    told = json.loads(doctor(offline, "--json").stdout)
    first = told["checks"][0]
    assert first.keys() == {"id", "group", "status", "summary", "what_to_do", "page"}
    assert told["counts"]["failure"] == 2
    assert sum(told["counts"].values()) == len(told["checks"])


def test_one_group_alone(offline: Flask) -> None:
    done = doctor(offline, "--only", "settings", "--only", "state")
    assert done.exit_code == 0
    assert {line.split(": ")[1] for line in done.stdout.splitlines()[:-1]} == {
        *("settings", "secret-key", "key-mode", "cookies", "texts"),
        *("state", "state-latency", "state-place"),
    }


def test_a_warning_fails_a_strict_run_alone(tmp_path_factory: pytest.TempPathFactory) -> None:
    weak = {"APP_SECRET_KEY": "webstore" * 5}
    with offline_store(tmp_path_factory.mktemp("weak"), **weak) as app:
        assert doctor(app, "--only", "settings").exit_code == 0
        assert doctor(app, "--only", "settings", "--strict").exit_code == 1


@pytest.mark.parametrize(
    "arguments", [("--only", "everything"), ("--fix", "--json"), ("more",)], ids=" ".join
)
def test_wrong_options_are_explained(offline: Flask, arguments: tuple[str, ...]) -> None:
    refused = doctor(offline, *arguments)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "Error" in refused.stderr


def test_what_set_up_cannot_mend_is_looked_at_once(offline: Flask) -> None:
    done = doctor(offline, "--fix")
    assert done.exit_code == 1
    assert done.stdout.count("failure: discovery") == 1


def test_the_help_has_an_example(offline: Flask) -> None:
    shown = doctor(offline, "--help")
    assert shown.exit_code == 0
    assert "\n    flask --app wsgi doctor --only webhooks\n" in shown.stdout
