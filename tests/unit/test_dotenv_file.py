"""`.env` has the settings that are not in the environment; its faults are named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from webstore.dotenv_file import VARIABLE, chosen, read_variables, readable_by_others
from webstore.errors import SettingsError
from webstore.settings import Settings

TOP = Path(__file__).parents[2]
COMPLETE = """
# The login
AUTH0_DOMAIN=my-shop.eu.auth0.com
AUTH0_CLIENT_ID = the-client-id
export AUTH0_CLIENT_SECRET='the ${HOME} $secret'  # quoted
STRIPE_SECRET_KEY="sk_test_1"

APP_SECRET_KEY=the-app-secret-of-more-than-32-characters
LINK_BUDGET_S=
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that this process reads, which is not there yet."""
    for name in [name for name in os.environ if name.startswith(("AUTH0_", "STRIPE_"))]:
        monkeypatch.delenv(name)
    path = tmp_path / "settings.env"
    monkeypatch.setenv(VARIABLE, str(path))
    return path


def problems() -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        Settings.from_env()
    return refused.value.problems


def test_no_test_reads_the_developers_file() -> None:
    assert chosen(os.environ) is None
    assert chosen({}) == TOP / ".env"


def test_no_program_that_a_test_starts_reads_the_developers_file() -> None:
    program = [sys.executable, "-c", ""]
    with pytest.raises(RuntimeError, match=f"needs {VARIABLE}"):
        subprocess.run(program, env={"PATH": os.environ["PATH"]}, check=False)  # noqa: S603  # it never starts
    said = [sys.executable, "-c", f"import os; print(repr(os.environ.get({VARIABLE!r})))"]
    assert subprocess.run(said, capture_output=True, text=True, check=True).stdout == "''\n"  # noqa: S603  # as above


def test_the_file_is_beside_wsgi_py_or_where_the_operator_says() -> None:
    assert (TOP / "wsgi.py").exists()
    assert chosen({VARIABLE: "/etc/webstore"}) == Path("/etc/webstore")
    assert chosen({VARIABLE: "staging.env"}) == TOP / "staging.env"
    assert chosen({VARIABLE: " "}) is None


def test_settings_come_from_the_file_as_they_stand_there(file: Path) -> None:
    file.write_text(COMPLETE)
    found = Settings.from_env()
    assert (found.auth0_domain, found.auth0_client_id) == ("my-shop.eu.auth0.com", "the-client-id")
    assert found.auth0_client_secret == "the ${HOME} $secret"
    assert found.stripe_secret_key == "sk_test_1"
    assert found.link_budget_s == 3.0


def test_the_environment_wins_except_where_it_is_blank(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(COMPLETE)
    monkeypatch.setenv("AUTH0_CLIENT_ID", "of-the-environment")
    monkeypatch.setenv("AUTH0_DOMAIN", " ")
    found = Settings.from_env()
    assert (found.auth0_client_id, found.auth0_domain) == ("of-the-environment", "my-shop.eu.auth0.com")


def test_the_environment_of_the_process_stays_as_it_is(file: Path) -> None:
    file.write_text(COMPLETE)
    before = dict(os.environ)
    Settings.from_env()
    assert os.environ == before


def test_without_a_file_nothing_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(COMPLETE)
    monkeypatch.setenv(VARIABLE, "")
    assert "AUTH0_DOMAIN is missing" in str(problems())


def test_given_settings_are_taken_without_the_file(file: Path) -> None:
    file.write_text(COMPLETE)
    with pytest.raises(SettingsError, match="AUTH0_DOMAIN is missing"):
        Settings.from_env({VARIABLE: str(file)})


def test_a_broken_line_is_named_with_its_number_and_not_shown(file: Path) -> None:
    file.write_text(f"{COMPLETE}\n\nMETRICS_TOKEN 'hush\nSTRIPE_ACCOUNT\n")
    lines = len(COMPLETE.splitlines())
    assert problems() == (
        f"{file}, line {lines + 3}, is neither NAME=VALUE nor a comment.",
        f"{file}, line {lines + 4}, is neither NAME=VALUE nor a comment.",
    )


def test_what_is_wrong_with_the_file_and_in_it_is_told_together(file: Path) -> None:
    file.write_text("BROKEN\n" + COMPLETE.replace("sk_test_1", "pk_test_1"))
    assert [it.partition(" is ")[0] for it in problems()] == [f"{file}, line 1,", "STRIPE_SECRET_KEY"]


def test_a_named_file_must_be_there(file: Path) -> None:
    assert problems()[0] == f"{VARIABLE} names {file}, which does not exist."


def test_a_file_that_cannot_be_read_is_a_problem(file: Path) -> None:
    file.mkdir()
    assert problems()[0].startswith(f"{file} cannot be read: Is a directory. Correct it, or set {VARIABLE}")
    file.rmdir()
    file.write_bytes(b"A=\xff\n")
    assert "it is not a text in UTF-8" in problems()[0]


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True), (0o602, True)])
def test_a_file_that_others_may_read_is_warned_of(file: Path, mode: int, warned: bool) -> None:
    file.write_text(COMPLETE)
    file.chmod(mode)
    assert (readable_by_others(file) is not None) is warned
    assert readable_by_others(None) is None
    assert readable_by_others(file.with_name("missing")) is None


def test_the_text_form_of_the_variables_has_no_values(file: Path) -> None:
    file.write_text(COMPLETE)
    assert "sk_test_1" not in repr(read_variables())
