"""The command `flask setup env`, at a terminal and without one, with both vendors answering."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import Result
from dotenv import dotenv_values
from flask import Flask

from tests.support import until
from webstore.cli import register
from webstore.dotenv_file import VARIABLE
from webstore.sandbox.vendors import Sandbox
from webstore.settings import Settings

TOP = Path(__file__).parents[2]
#: The sandbox's Auth0 and Stripe speak http.
ADDRESSES = ("AUTH0_ISSUER", "STRIPE_API_BASE")
REQUIRED = ("AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET", "STRIPE_SECRET_KEY")


@pytest.fixture(scope="module")
def vendors() -> Iterator[dict[str, str]]:
    """The settings of a store on a running sandbox."""
    with Sandbox() as sandbox:
        yield sandbox.environment()


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vendors: dict[str, str]) -> Path:
    """The file to write, which is not there yet. The environment has the vendors' addresses alone."""
    path = tmp_path / "settings.env"
    monkeypatch.setenv(VARIABLE, str(path))
    for name in ADDRESSES:
        monkeypatch.setenv(name, vendors[name])
    return path


@pytest.fixture
def complete(monkeypatch: pytest.MonkeyPatch, vendors: dict[str, str]) -> pytest.MonkeyPatch:
    """An environment with all that the command needs."""
    for name in REQUIRED:
        monkeypatch.setenv(name, vendors[name])
    return monkeypatch


def setup_env(*arguments: str) -> Result:
    """Run the command without a terminal, in a store that has no settings."""
    app = Flask("webstore")
    register(app)
    return app.test_cli_runner().invoke(args=["setup", "env", *arguments])


#: Takes the terminal on standard input as its own, so that Ctrl-C reaches it, and becomes the command.
#: Tests that a shell runs in the background ignore Ctrl-C, and what they start would do so, too.
ON_TERMINAL = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.open(os.ttyname(0), os.O_RDWR)
os.execv(sys.argv[1], sys.argv[1:])
"""
COMMAND = [sys.executable, "-m", "flask", "--app", "wsgi", "setup", "env"]


class Terminal:
    """The command at a terminal of its own."""

    def __init__(self) -> None:
        self._terminal, inside = pty.openpty()
        self._process = subprocess.Popen(  # noqa: S603  # made of constants
            [sys.executable, "-c", ON_TERMINAL, *COMMAND],
            cwd=TOP,
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
        os.close(inside)
        self.shown, self._read = "", 0

    def until(self, text: str) -> None:
        """Read until the command shows this text, after the one of the call before."""
        deadline = time.monotonic() + 60
        while (found := self.shown.find(text, self._read)) < 0:
            assert time.monotonic() < deadline, self.shown
            if select.select([self._terminal], [], [], 0.2)[0]:
                self.shown += os.read(self._terminal, 4096).decode(errors="replace")
        self._read = found + len(text)

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def answer(self, question: str, text: str) -> None:
        self.until(f"{question}: ")
        self.type(f"{text}\n")

    def press(self, key: str) -> None:
        """Press a key once the command sleeps: Python may overlook a Ctrl-C that comes just before it waits.

        Pressed a second time, it could kill Python while that ends.
        """
        until(lambda: self._state() == "S", 60)
        self.type(key)

    def _state(self) -> str:
        """The state of the process, as proc_pid_stat(5) has it."""
        return Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0]

    def ended(self) -> int:
        """Wait for the end, and give the exit code."""
        with suppress(OSError):  # the terminal is gone with the command
            while data := os.read(self._terminal, 4096):
                self.shown += data.decode(errors="replace")
        os.close(self._terminal)
        return self._process.wait(60)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_at_a_terminal_it_asks_checks_and_writes(file: Path, vendors: dict[str, str]) -> None:
    file.write_text("# mine\nAUTH0_DOMAIN=\n")
    at = Terminal()
    at.answer("BASE_URL [http://127.0.0.1:8000]", "")
    at.answer("AUTH0_DOMAIN", "https://my-shop")
    at.until("must be a bare domain")
    at.answer("AUTH0_DOMAIN", vendors["AUTH0_DOMAIN"])
    at.until(f"Auth0 answers at {vendors['AUTH0_ISSUER']}")
    at.answer("AUTH0_CLIENT_ID", vendors["AUTH0_CLIENT_ID"])
    at.answer("AUTH0_CLIENT_SECRET (not shown)", "a-wrong-secret")
    at.until("does not know this client ID, or the secret is of another one")
    at.answer("AUTH0_CLIENT_ID", vendors["AUTH0_CLIENT_ID"])
    at.answer("AUTH0_CLIENT_SECRET (not shown)", vendors["AUTH0_CLIENT_SECRET"])
    at.until("knows this application")
    at.answer("STRIPE_SECRET_KEY (not shown)", "sk_test_wrong")
    at.until("does not accept it")
    at.answer("STRIPE_SECRET_KEY (not shown)", vendors["STRIPE_SECRET_KEY"])
    at.until("Stripe knows this key: Sandbox store, acct_")
    at.answer("STRIPE_WEBHOOK_SECRET (not shown)", "")
    assert at.ended() == 0
    assert "Traceback" not in at.shown
    found = dotenv_values(file)
    assert [*found] == [
        *("AUTH0_DOMAIN", "BASE_URL", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET", "STRIPE_SECRET_KEY"),
        "APP_SECRET_KEY",
    ]
    assert found.items() >= {name: vendors[name] for name in REQUIRED}.items()
    assert (mode(file), file.read_text().splitlines()[0]) == (0o600, "# mine")
    secrets = [str(found[name]) for name in found if name.endswith(("_SECRET", "_KEY"))]
    assert not any(secret in at.shown for secret in [*secrets, "a-wrong-secret", "sk_test_wrong"])
    assert Settings.from_env().auth0_client_secret == vendors["AUTH0_CLIENT_SECRET"]


@pytest.mark.parametrize("key", ["\x03", "\x04"], ids=["Ctrl-C", "Ctrl-D"])
@pytest.mark.usefixtures("file")
def test_leaving_it_early_writes_nothing(tmp_path: Path, key: str) -> None:
    at = Terminal()
    at.answer("BASE_URL [http://127.0.0.1:8000]", "http://127.0.0.1:9000")
    at.until("AUTH0_DOMAIN: ")
    at.press(key)
    assert at.ended() == 1
    assert at.shown.endswith("\r\nNothing was written.\r\n")
    assert "Traceback" not in at.shown
    assert list(tmp_path.iterdir()) == []


def test_without_a_terminal_it_lists_what_is_missing_and_writes_nothing(file: Path) -> None:
    done = setup_env()
    assert done.exit_code == 1
    assert "AUTH0_DOMAIN is missing. Find it: Auth0 dashboard" in done.stderr
    assert "STRIPE_SECRET_KEY is missing. Find it: Stripe dashboard" in done.stderr
    assert not file.exists()


@pytest.mark.usefixtures("complete")
def test_with_everything_in_the_environment_only_the_generated_key_is_written(file: Path) -> None:
    done = setup_env()
    assert (done.exit_code, done.stderr) == (0, "")
    assert [*dotenv_values(file)] == ["APP_SECRET_KEY"]
    again = setup_env()
    assert (again.exit_code, again.stdout.splitlines()[0]) == (0, "Nothing was written.")


@pytest.mark.usefixtures("complete")
def test_the_environment_can_be_written(file: Path, vendors: dict[str, str]) -> None:
    done = setup_env("--from-environment")
    assert (done.exit_code, done.stderr) == (0, "")
    found = dotenv_values(file)
    assert {*found} == {*REQUIRED, *ADDRESSES, "APP_SECRET_KEY"}
    assert found["AUTH0_CLIENT_SECRET"] == vendors["AUTH0_CLIENT_SECRET"]
    assert not any(str(value) in done.output for name, value in found.items() if "SECRET" in name)
    before = file.read_text()
    assert setup_env("--from-environment").exit_code == 0
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AUTH0_CLIENT_SECRET", "hush-wrong", "does not know this client ID"),
        ("STRIPE_SECRET_KEY", "sk_test_hush", "Stripe does not accept it"),
        ("AUTH0_ISSUER", "http://localhost:1/", "cannot be checked now"),
    ],
)
def test_what_a_vendor_refuses_is_not_written(
    file: Path, complete: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    complete.setenv(name, value)
    done = setup_env("--from-environment")
    assert done.exit_code == 1
    assert words in done.stderr
    assert "hush" not in done.output
    assert not file.exists()
    assert setup_env("--from-environment", "--offline").exit_code == 0
    assert dotenv_values(file)[name] == value


@pytest.mark.usefixtures("file")
def test_an_application_that_set_up_makes_later_is_not_missed(complete: pytest.MonkeyPatch) -> None:
    complete.delenv("AUTH0_CLIENT_ID")
    complete.delenv("AUTH0_CLIENT_SECRET")
    done = setup_env("--from-environment")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "`flask --app wsgi setup auth0 --apply` makes the application" in done.stdout
    assert setup_env().exit_code == 1


@pytest.mark.usefixtures("complete")
def test_nothing_is_overwritten(file: Path) -> None:
    file.write_text("AUTH0_CLIENT_ID=another\n")
    done = setup_env("--from-environment", "--offline")
    assert done.exit_code == 1
    assert "another value for AUTH0_CLIENT_ID already" in done.stderr
    assert file.read_text() == "AUTH0_CLIENT_ID=another\n"


def test_json_has_names_and_no_values(file: Path, complete: pytest.MonkeyPatch) -> None:
    file.write_text("BASE_URL=http://127.0.0.1:9000\nAPP_SECRET_KEY=\n")
    complete.delenv("STRIPE_SECRET_KEY")
    done = setup_env("--json")
    assert (done.exit_code, done.stderr) == (1, "")
    assert json.loads(done.stdout) == {
        "file": str(file),
        "written": [],
        "set": {
            "BASE_URL": "file",
            **dict.fromkeys(["AUTH0_DOMAIN", "AUTH0_CLIENT_ID", "AUTH0_CLIENT_SECRET"], "environment"),
            **dict.fromkeys(ADDRESSES, "environment"),
        },
        "missing": ["STRIPE_SECRET_KEY", "APP_SECRET_KEY"],
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_wrong_already_has_to_be_corrected_first(file: Path, *, as_json: bool) -> None:
    file.write_text("AUTH0_DOMAIN=https://hush\nBROKEN\n")
    done = setup_env(*(["--json"] if as_json else []))
    assert done.exit_code == 1
    said = json.loads(done.stdout)["error"] if as_json else done.stderr
    assert f"{file}, line 2, is neither NAME=VALUE nor a comment." in said
    assert "AUTH0_DOMAIN must be a bare domain" in said


@pytest.mark.usefixtures("file")
def test_without_a_file_there_is_nowhere_to_write(complete: pytest.MonkeyPatch) -> None:
    complete.setenv(VARIABLE, "")
    done = setup_env()
    assert done.exit_code == 1
    assert VARIABLE in done.stderr


@pytest.mark.usefixtures("complete")
def test_a_file_that_others_may_read_is_warned_of(file: Path) -> None:
    file.write_text(f"APP_SECRET_KEY={'k' * 32}\n")
    file.chmod(0o644)
    assert "chmod 600" in setup_env().stderr
