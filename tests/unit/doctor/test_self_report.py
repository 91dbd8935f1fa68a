"""The running store's report is for somebody who knows APP_SECRET_KEY, and has no setting's value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from tests.unit.offline import offline_settings, offline_store
from webstore.doctor import self_report
from webstore.gateways.state import FileState

KEY = "a-secret-that-signs-the-cookies-of-the-store"


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("report"), APP_SECRET_KEY=KEY) as app:
        yield app


def ask(app: Flask, proof: str | None, **headers: str) -> tuple[int, dict[str, object]]:
    given = {} if proof is None else {self_report.HEADER: proof}
    answer = app.test_client().get(self_report.PATH, headers={**given, **headers})
    return answer.status_code, answer.get_json(silent=True) or {}


@pytest.mark.parametrize(
    "proof",
    [
        None,
        "",
        "1",
        "1.",
        ".",
        "²." + "0" * 64,
        "9" * 400,
        self_report.proof(KEY, lambda: 1_700_000_000),
    ],
)
def test_nobody_else_finds_a_page(offline: Flask, proof: str | None) -> None:
    headers = {} if proof is None else {self_report.HEADER: proof.encode().decode("latin-1")}
    answer = offline.test_client().get(self_report.PATH, headers=headers)
    assert answer.status_code == 404
    assert "digests" not in answer.text


def test_who_knows_another_secret_finds_no_page(offline: Flask) -> None:
    assert ask(offline, self_report.proof("another-secret-that-is-long-enough-to-be-one"))[0] == 404
    assert ask(offline, self_report.proof(KEY))[0] == 200


def test_a_proof_is_for_two_minutes() -> None:
    proof = self_report.proof(KEY, lambda: 1000.0)
    assert self_report.is_signed(proof, KEY, lambda: 1120.0)
    assert self_report.is_signed(proof, KEY, lambda: 880.0)
    assert not self_report.is_signed(proof, KEY, lambda: 1121.5)
    assert not self_report.is_signed(f"1001{proof[4:]}", KEY, lambda: 1001.0)


def test_it_tells_how_the_request_arrived(offline: Flask) -> None:
    forwarded = {"X-Forwarded-For": "203.0.113.7, 10.0.0.1", "Host": "internal:8080"}
    status, told = ask(offline, self_report.proof(KEY), **forwarded)
    assert status == 200
    assert (told["forwarded_for"], told["host"]) == (2, "internal:8080")
    assert isinstance(told["state"], str)


def test_it_has_no_value_of_a_setting(offline: Flask) -> None:
    _, told = ask(offline, self_report.proof(KEY))
    settings = offline.extensions["webstore"].settings
    text = json.dumps(told)
    values = [settings.auth0_client_secret, settings.stripe_secret_key, settings.auth0_domain, KEY]
    assert [value for value in values if value in text] == []


def test_a_changed_setting_has_another_digest_and_one_of_a_machine_has_none(tmp_path: Path) -> None:
    settings = offline_settings(tmp_path)
    own = self_report.digests(settings)
    changed = self_report.digests(
        replace(settings, stripe_secret_key="sk_test_other", bind="0.0.0.0:1")
    )  # nobody listens
    assert [name for name in own if own[name] != changed[name]] == ["stripe_secret_key"]
    assert not {"app_secret_key", "bind", "state_dir"} & own.keys()
    other_key = self_report.digests(replace(settings, app_secret_key=KEY))
    assert other_key["stripe_secret_key"] != own["stripe_secret_key"]


def test_a_state_has_one_identity_and_another_one_has_its_own(tmp_path: Path) -> None:
    one, other = FileState(tmp_path / "1"), FileState(tmp_path / "2")
    first = self_report.state_id(one)
    assert first is not None
    assert self_report.state_id(FileState(tmp_path / "1")) == first
    assert self_report.state_id(other) not in (first, None)
