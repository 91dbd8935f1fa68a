"""How the commands speak: tables and progress on a terminal, plain lines in a pipe, JSON for scripts."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import NoReturn

import click
from flask import current_app
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from webstore.errors import SettingsError
from webstore.logs import printable
from webstore.routes import Services, services

#: The width of lines in a pipe: they are never wrapped or cut.
_UNLIMITED = 100_000
_PROBLEM = "webstore-settings-problem"


def console(*, err: bool = False) -> Console:
    """The terminal or pipe that the command prints to. Texts are printed as they are, without markup."""
    stream = sys.stderr if err else sys.stdout
    return Console(
        stderr=err,
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
        width=None if stream.isatty() else _UNLIMITED,
    )


def escape_foreign_characters() -> None:
    """Print characters that the terminal's encoding lacks as escapes, so that no name ends a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def text(value: str, style: str = "") -> Text:
    """A text for a table or a line. Names and recorded values may contain control characters."""
    return Text(printable(value), style=style)


def table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]], *, whole: Sequence[str] = ()) -> None:
    """Print a table. In a pipe, it has no lines and no colours, and no cell is wrapped.

    `whole`: columns whose cells are not wrapped on a terminal either, such as IDs to copy.
    """
    out = console()
    shown = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for column in columns:
        shown.add_column(column, no_wrap=column in whole or not out.is_terminal, overflow="fold")
    for row in rows:
        shown.add_row(*(text(cell) if isinstance(cell, str) else cell for cell in row))
    if out.is_terminal:
        out.print(shown)
        return
    with out.capture() as captured:
        out.print(shown)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Progress]:
    """A progress bar on the terminal's standard error; nothing in a pipe. Advance the only task, number 0."""
    err = console(err=True)
    with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
        bar.add_task(description, total=total)
        yield bar


@contextmanager
def quietly(least: int = logging.WARNING) -> Iterator[None]:
    """Leave out the log's lines below this level: the command says by itself what it does and how it went."""
    logger = logging.getLogger("webstore")
    level = logger.level
    logger.setLevel(least)
    try:
        yield
    finally:
        logger.setLevel(level)


def document(value: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(value, indent=2))


def fail(words: str, *, as_json: bool = False, code: int = 1) -> NoReturn:
    """Say why the command failed, and end it."""
    words = "\n".join(map(printable, words.splitlines()))
    try:
        if as_json:
            document({"error": words})
    except OSError:
        # Standard output is what failed: a full disk, or a closed pipe.
        as_json = False
    if not as_json:
        click.echo(words, err=True)
    sys.exit(code)


def settings_problem() -> SettingsError | None:
    """The problems of the settings; None if there are none."""
    found: SettingsError | None = current_app.extensions.get(_PROBLEM)
    return found


def keep_settings_problem(problem: SettingsError) -> None:
    """Keep the problems of the settings, for the commands of an application without services."""
    current_app.extensions[_PROBLEM] = problem


def store(*, as_json: bool = False) -> Services:
    """The store's services. Ends the command with the list of problems if the settings are wrong."""
    problem = settings_problem()
    if problem is not None:
        fail(str(problem), as_json=as_json)
    return services()
