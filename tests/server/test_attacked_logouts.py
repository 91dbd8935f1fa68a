"""A logged-out copy is not accepted while strangers keep the login busy. `make chaos` runs the long form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.attacked_store import FORMS, attacked, check


@pytest.mark.parametrize("form", FORMS)
def test_no_logged_out_copy_is_accepted_while_strangers_keep_the_login_busy(
    form: str, tmp_path: Path
) -> None:
    found = attacked(form, tmp_path, connections=16, seconds=2, logouts=6)
    check(form, found, 2)
    assert found.tries >= 6
