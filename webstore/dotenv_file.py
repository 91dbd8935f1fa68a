"""Reads `.env`, a file beside wsgi.py with settings that are not in the environment.

Its form is python-dotenv's, without replacing `${NAME}`: https://saurabh-kumar.com/python-dotenv/#file-format
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv import find_dotenv
from dotenv.main import resolve_variables
from dotenv.parser import Binding, parse_stream

#: Names another file, absolute or from the store's folder. Set but empty: no file is read.
VARIABLE = "WEBSTORE_ENV_FILE"
_TOP = Path(__file__).resolve().parent.parent


class EnvFileUnreadable(Exception):
    """The file cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of the environment and of the file. Values are left out of its text form."""

    #: The file that was read, or that would be if it were there. None: the operator wants none.
    path: Path | None
    environment: Mapping[str, str] = field(repr=False)
    file: Mapping[str, str] = field(repr=False)
    #: The faults of the file, one sentence each.
    problems: tuple[str, ...] = ()

    @property
    def faults_of_content(self) -> tuple[str, ...]:
        """The same without the fault that the file is missing: a set-up command may still make it."""
        return self.problems if self.path is not None and self.path.exists() else ()

    def together(self) -> dict[str, str]:
        """All variables. The environment wins, except where it is blank: that counts as not set."""
        return {**self.file, **{name: value for name, value in self.environment.items() if value.strip()}}


def read_variables() -> Variables:
    """The environment of this process, and the file that it names."""
    environment = _own_environment()
    path = chosen(environment)
    if path is None:
        return Variables(None, environment, {})
    try:
        found = statements(read_text(path))
    except FileNotFoundError:
        missing = (f"{VARIABLE} names {path}, which does not exist.",) if VARIABLE in environment else ()
        return Variables(path, environment, {}, missing)
    except EnvFileUnreadable as exc:
        hint = f"Correct it, or set {VARIABLE} to nothing: then no file is read."
        return Variables(path, environment, {}, (f"{exc}. {hint}",))
    return Variables(
        path,
        environment,
        _values(found),
        tuple(f"{path}, line {line}, is neither NAME=VALUE nor a comment." for line in broken_lines(found)),
    )


def chosen(environment: Mapping[str, str]) -> Path | None:
    """The file to read: `.env` beside wsgi.py, or what `WEBSTORE_ENV_FILE` says."""
    named = environment.get(VARIABLE)
    if named is None:
        return _TOP / ".env"
    return _TOP / named if named.strip() else None


def readable_by_others(path: Path | None) -> str | None:
    """A warning if other users of the machine may read or change the file; None if not."""
    try:
        mode = path.stat().st_mode if path else 0
    except OSError:
        return None
    return (
        f"Other users of this machine may open {path}, which has secrets: chmod 600 it"
        if mode & 0o007
        else None
    )


def read_text(path: Path) -> str:
    """The whole file, with its own line ends. Raises `FileNotFoundError` and `EnvFileUnreadable`."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        raise
    except OSError as exc:
        raise EnvFileUnreadable(f"{path} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise EnvFileUnreadable(f"{path} cannot be read: it is not a text in UTF-8") from None


def statements(text: str) -> list[Binding]:
    """The statements of the file's text, comments and empty lines among them (they have no name)."""
    return list(parse_stream(StringIO(text)))


def broken_lines(found: list[Binding]) -> Iterator[int]:
    """The numbers of the lines that are neither NAME=VALUE nor a comment."""
    for it in found:
        if it.error or (it.key is not None and it.value is None):
            start = it.original.string
            # python-dotenv counts the empty lines before a statement to it.
            yield it.original.line + len(start[: len(start) - len(start.lstrip())].splitlines())


def _own_environment() -> dict[str, str]:
    """The variables of the process, without those that Flask's command line has read from `.env`.

    It reads that file before it loads the application, one of a parent folder too, and replaces `${NAME}` in
    it. A variable that has the same value there counts as read from it, unless Linux says that the process
    was started with it.
    Source: https://flask.palletsprojects.com/en/stable/cli/#environment-variables-from-dotenv
    """
    environment = dict(os.environ)
    if environment.get("FLASK_RUN_FROM_CLI") != "true" or not (path := find_dotenv(usecwd=True)):
        return environment
    read = resolve_variables(_values(statements(read_text(Path(path)))).items(), override=True)
    at_start: list[bytes] = []
    with suppress(OSError):
        at_start = Path("/proc/self/environ").read_bytes().split(b"\0")
    return {
        name: value
        for name, value in environment.items()
        if read.get(name) != value or os.fsencode(f"{name}={value}") in at_start
    }


def _values(found: list[Binding]) -> dict[str, str]:
    return {it.key: it.value for it in found if it.key and it.value is not None}
