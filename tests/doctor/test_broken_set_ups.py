"""Each set-up is really broken in the sandbox, and the doctor names its cause, and only that."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.support import running_shop

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
