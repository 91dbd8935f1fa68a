"""Every way to start the store reads `.env` alike. Flask's command line reads it by itself, too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from webstore.dotenv_file import VARIABLE
from webstore.sandbox.vendors import auth0_config, environment

TOP = Path(__file__).parents[2]
NOWHERE, URL = "http://127.0.0.1:1", "http://127.0.0.1:8000"
SETTINGS = {**environment(auth0_config(NOWHERE, URL), NOWHERE, URL), "AUTH0_CLIENT_SECRET": "a ${HOME} b"}
#: Commands of an application that only reads the settings: it starts sooner than the whole store.
PROBE = """
import json
from flask import Flask
from webstore.errors import SettingsError
from webstore.settings import Settings
app = Flask("probe")
@app.cli.command()
def show():
    try:
        found = Settings.from_env()
        print(json.dumps([found.auth0_client_secret, found.metrics_token]))
    except SettingsError as problem:
        print(json.dumps(problem.problems))
"""
FLASK = ("-m", "flask", "--app", "probe", "show")
HERS, HIS = "h" * 32, "g" * 32


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the store with a `.env` beside wsgi.py."""
    folder = tmp_path_factory.mktemp("copied")
    for name in ("webstore", "templates", "static"):
        shutil.copytree(TOP / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "sandbox"))
    for name in ("wsgi.py", "gunicorn.conf.py"):
        shutil.copy(TOP / name, folder)
    (folder / "probe.py").write_text(PROBE)
    (folder / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in SETTINGS.items()))
    (folder / "other.env").write_text(f"AUTH0_CLIENT_SECRET=of-the-other-file\nMETRICS_TOKEN={HERS}\n")
    return folder


def run(folder: Path, *command: str, **more: str | None) -> subprocess.CompletedProcess[str]:
    """Run Python there, with nothing of the tests' environment."""
    given: Mapping[str, str | None] = {VARIABLE: None, "PATH": os.environ["PATH"], "HOME": "/home", **more}
    variables = {name: value for name, value in given.items() if value is not None}
    # The tests' safeguard looks for the name. An `env` in between takes it away.
    arguments = ["/usr/bin/env", "-i", *(f"{name}={value}" for name, value in variables.items())]
    return subprocess.run(  # noqa: S603  # made of constants
        [*arguments, sys.executable, *command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def shown(folder: Path, *command: str, **more: str | None) -> list[str]:
    done = run(folder, *command, **more)
    assert done.stderr == ""
    found: list[str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "gunicorn", "--check-config", "-c", "gunicorn.conf.py", "wsgi:app"],
        ["-m", "webstore", "--check-config"],
        ["-m", "flask", "--app", "wsgi", "routes"],
    ],
    ids=["gunicorn", "python -m webstore", "flask"],
)
def test_the_store_starts_with_nothing_but_its_file(copied: Path, command: list[str]) -> None:
    done = run(copied, *command)
    assert (done.returncode, done.stderr) == (0, "")


def test_flask_does_not_replace_names_in_the_file(copied: Path) -> None:
    assert shown(copied, *FLASK) == ["a ${HOME} b", None]


def test_in_flask_the_environment_wins(copied: Path) -> None:
    assert shown(copied, *FLASK, AUTH0_CLIENT_SECRET="mine", METRICS_TOKEN=HIS) == ["mine", HIS]


def test_in_flask_another_file_or_none_takes_the_place_of_the_usual_one(copied: Path) -> None:
    other = {**SETTINGS, "AUTH0_CLIENT_SECRET": ""}
    named = shown(copied, *FLASK, WEBSTORE_ENV_FILE="other.env", **other)
    assert named == ["of-the-other-file", HERS]
    problems = shown(copied, *FLASK, WEBSTORE_ENV_FILE="")
    assert "AUTH0_CLIENT_SECRET is missing" in problems[2]


def test_flasks_own_option_for_a_file_wins_over_the_usual_one(copied: Path) -> None:
    flask = ("-m", "flask", "--env-file", "other.env", "--app", "probe", "show")
    assert shown(copied, *flask) == ["of-the-other-file", HERS]


def test_flask_takes_nothing_from_a_parent_folder(copied: Path) -> None:
    (copied.parent / ".env").write_text(f"METRICS_TOKEN={HIS}\n")
    (copied / ".env").rename(copied / "settings.env")
    try:
        assert shown(copied, *FLASK, WEBSTORE_ENV_FILE="settings.env") == ["a ${HOME} b", None]
    finally:
        (copied / "settings.env").rename(copied / ".env")
        (copied.parent / ".env").unlink()


def test_a_broken_line_ends_the_start_without_a_traceback(copied: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.env"
    broken.write_text("A=1\nhush hush\n")
    done = run(copied, "-m", "gunicorn", "-c", "gunicorn.conf.py", "wsgi:app", WEBSTORE_ENV_FILE=str(broken))
    assert done.returncode == 1
    assert f"{broken}, line 2, is neither NAME=VALUE nor a comment." in done.stderr
    assert "hush" not in done.stderr
    assert "Traceback" not in done.stderr
