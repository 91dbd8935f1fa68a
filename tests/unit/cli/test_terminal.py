"""How commands speak, and which application they get when the settings are wrong."""

from __future__ import annotations

import json
import logging

import click
import pytest
from flask import Flask

from webstore.cli import only_commands
from webstore.cli.terminal import fail, quietly, store, table
from webstore.errors import SettingsError

PROBLEM = SettingsError(["BASE_URL is wrong."])


def test_a_table_in_a_pipe_has_aligned_columns_and_is_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    table(["User", "Customer"], [["auth0|1", "cus_1"], ["x" * 200, "[bold]\x1b[31m"]])
    assert capsys.readouterr().out.splitlines() == [
        "User".ljust(200) + "  Customer",
        "auth0|1".ljust(200) + "  cus_1",
        "x" * 200 + "  [bold]\\x1b[31m",
    ]


@pytest.mark.parametrize("as_json", [False, True])
def test_a_failure_ends_the_command_with_its_words(
    capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    with pytest.raises(SystemExit) as ended:
        fail("No\nuser \x07.", as_json=as_json)
    assert ended.value.code == 1
    spoken = capsys.readouterr()
    if as_json:
        assert json.loads(spoken.out) == {"error": "No\nuser \\x07."}
    else:
        assert spoken.err == "No\nuser \\x07.\n"


def test_without_settings_a_server_gets_no_application() -> None:
    assert only_commands(PROBLEM) is None
    with click.Context(click.Command("run")):
        assert only_commands(PROBLEM) is None


def test_without_settings_a_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with click.Context(click.Group("flask")):
        app = only_commands(PROBLEM)
    assert isinstance(app, Flask)
    with app.app_context(), pytest.raises(SystemExit):
        store()
    assert "BASE_URL is wrong." in capsys.readouterr().err


def test_a_quiet_command_leaves_the_log_as_it_was() -> None:
    logger = logging.getLogger("webstore")
    before = logger.level
    with quietly(logging.CRITICAL):
        assert not logging.getLogger("webstore.gateways.call_log").isEnabledFor(logging.ERROR)
    assert logger.level == before
