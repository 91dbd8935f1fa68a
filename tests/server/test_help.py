"""The help of the commands, for somebody who has not set anything up yet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
COMMANDS: tuple[list[str], ...] = (
    ["setup", "action"],
    ["setup", "auth0"],
    ["setup", "env"],
    ["customers", "relink"],
    ["customers", "show"],
    [],
)


def flask(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    environment = {"PATH": os.environ["PATH"], "WEBSTORE_ENV_FILE": ""}
    return subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_a_command_needs_no_settings(command: list[str]) -> None:
    shown = flask(*command, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith("Usage:")


def test_the_command_itself_says_which_settings_are_missing() -> None:
    shown = flask("setup", "action")
    assert shown.returncode != 0
    assert "AUTH0_DOMAIN is missing" in shown.stderr
    assert "Traceback" not in shown.stderr
