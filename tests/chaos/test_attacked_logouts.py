"""Hundreds of logouts while strangers keep the login busy: no logged-out copy is accepted afterwards.

Environment: ATTACK_SECONDS (60) of each attack, ATTACK_LOGOUTS (200) in it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.attacked_store import FORMS, attacked, check
from tests.chaos.visits import say

SECONDS = float(os.environ.get("ATTACK_SECONDS", "60"))
LOGOUTS = int(os.environ.get("ATTACK_LOGOUTS", "200"))


@pytest.mark.timeout(SECONDS + 900)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("connections", [16, 32, 64])
def test_no_logged_out_copy_is_accepted(
    form: str, connections: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = attacked(form, tmp_path, connections=connections, seconds=SECONDS, logouts=LOGOUTS)
    with capsys.disabled():
        say(f"\n  {form}, {connections} connections, {SECONDS:g} s: {found}")
    check(form, found, SECONDS)
