"""Each set-up is really broken in the sandbox, and the doctor names its cause, and only that."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import running_shop, until
from webstore.sandbox.auth0.scopes import MANAGEMENT_SCOPES

from .clinic import Clinic
from .set_ups import BROKEN


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    with (
        running_shop(tmp_path_factory.mktemp("clinic") / "state") as shop,
        pytest.MonkeyPatch.context() as patch,
    ):
        # Events count as undelivered after two minutes: everything at Stripe happened ten minutes ago.
        patch.setattr(shop.sandbox.stripe.state.clock, "now", lambda: time.time() - 600)
        shop.sandbox.send_webhooks()
        shop.sandbox.open_shop()
        shop.browser().log_in()
        clinic = Clinic(shop)
        clinic.install_action()
        until(clinic.has_delivered_all)
        yield clinic


def test_a_sound_set_up_has_no_finding(clinic: Clinic) -> None:
    done = clinic.command("--json")
    told = json.loads(done.stdout)
    assert {it["id"]: it for it in told["checks"] if it["status"] != "ok"} == {}
    assert done.exit_code == 0


@pytest.mark.parametrize("name", BROKEN)
def test_the_doctor_names_the_cause_and_only_it(clinic: Clinic, name: str) -> None:
    broken, expected = BROKEN[name]
    with broken(clinic):
        assert clinic.findings() == expected


def test_set_up_mends_what_it_can(clinic: Clinic, tmp_path: Path) -> None:
    kept = tmp_path / "kept.env"
    token = clinic.setup_token(" ".join(MANAGEMENT_SCOPES))["AUTH0_SETUP_TOKEN"]
    with (
        clinic.application(callbacks=[], allowed_logout_urls=[]),
        clinic.endpoint(enabled_events=["invoice.paid"]),
        clinic.set(AUTH0_SETUP_TOKEN=token, WEBSTORE_ENV_FILE=str(kept)),
    ):
        broken = {"callback-url": "failure", "logout-url": "failure", "webhook-events": "warning"}
        assert clinic.findings() == broken
        done = clinic.command("--fix")
        before, _, after = done.stdout.rpartition("flask --app wsgi setup stripe --apply")
        assert "failure: callback-url" in before
        assert "flask --app wsgi setup auth0 --apply" in before
        assert (done.exit_code, "failure: " in after) == (0, False)
        assert clinic.findings().keys() <= {"running-settings"}
