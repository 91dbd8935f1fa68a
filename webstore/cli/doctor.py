"""`flask doctor`: finds the faults of the set-up, and says what to do about each and on which page."""

from __future__ import annotations

import logging
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import click
from flask import current_app
from flask.cli import with_appcontext
from rich.text import Text

from webstore.doctor.check import GROUPS, run
from webstore.doctor.checks import CHECKS
from webstore.doctor.models import Result, Status
from webstore.dotenv_file import read_variables
from webstore.logs import printable
from webstore.routes import services
from webstore.settings import Settings

from .doctor_probes import PROBES, facts_of
from .terminal import (
    console,
    document,
    escape_foreign_characters,
    progress,
    quietly,
    settings_problem,
    text,
)

_STYLES = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.FAILURE: "bold red",
    Status.SKIPPED: "dim",
}

#: Columns on a terminal: for the status, for a name, and at least for the text.
_STATUS, _NAME, _LEAST_ROOM = 8, 20, 30

# Click keeps the lines of a paragraph that begins with \b.
_HELP = """Find the faults of the store's set-up, at Auth0, at Stripe and here.

Each check is ok, a warning (the store works, but something is worse than it looks), a failure, or skipped: it
cannot be checked, or an earlier failure is the cause. A warning and a failure say what to do and on which
page of the dashboard; docs/operations.md has a section on each. No secret is printed, and without --fix
nothing is changed. It works with missing and wrong settings, too, and takes at most 20 seconds.

With an access token of an administrator in AUTH0_SETUP_TOKEN (Auth0's dashboard > Applications > APIs > Auth0
Management API > API Explorer), what the store's own application may not read is checked as well.

\b
Examples:
  flask --app wsgi doctor
  flask --app wsgi doctor --only webhooks
  flask --app wsgi doctor --fix
  flask --app wsgi doctor --json

Exit code: 0 if nothing failed, 1 if something did (with --strict: or there is a warning), 2 for wrong
options.
"""


@click.command(help=_HELP, short_help="Find the faults of the set-up.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(GROUPS)),
    help="Check this group alone; may be given several times.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 on a warning, too.")
@click.option("--fix", is_flag=True, help="Let `flask setup ... --apply` mend what it can, and look again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@with_appcontext
def doctor(only: tuple[str, ...], *, strict: bool, as_json: bool, fix: bool) -> None:
    """Check the set-up. Exits with 0, 1 or 2."""
    escape_foreign_characters()
    if fix and as_json:
        raise click.UsageError("--fix tells what it does: leave --json out.")
    problem = settings_problem()
    settings = services().settings if problem is None else Settings.as_far_as_known()[0]
    problems = () if problem is None else problem.problems
    results = _examined(settings, problems, only, as_json=as_json)
    if fix and _mended(results):
        # What the set-up wrote to .env counts.
        settings, problems = Settings.as_far_as_known()
        results = _examined(settings, problems, only, as_json=as_json)
    counts = Counter(it.status for it in results)
    sys.exit(1 if counts[Status.FAILURE] or (strict and counts[Status.WARNING]) else 0)


def _examined(
    settings: Settings, problems: tuple[str, ...], only: tuple[str, ...], *, as_json: bool
) -> list[Result]:
    """Ask, examine and tell."""
    began = time.monotonic()
    with quietly(logging.CRITICAL), progress("Asking Auth0, Stripe and the store", total=len(PROBES)) as bar:
        facts = facts_of(
            settings,
            problems,
            only=only,
            setup_token=read_variables().together().get("AUTH0_SETUP_TOKEN", "").strip(),
            done=lambda _: bar.advance(bar.task_ids[0]),
        )
    results = list(run(CHECKS, facts, only or None))
    counts = Counter(it.status for it in results)
    if as_json:
        listed = [_document(it) for it in results]
        document({"checks": listed, "counts": {str(status): counts[status] for status in Status}})
    else:
        _tell(results)
        click.echo(_summary(counts, time.monotonic() - began))
    return results


def _mended(results: Sequence[Result]) -> bool:
    """Let the set-up commands mend what they can. Returns whether there was something for them to do."""
    bad = {it.id for it in results if it.status in (Status.FAILURE, Status.WARNING)}
    wanted = sorted({check.mended_by for check in CHECKS if check.mended_by and check.id in bad})
    for name in wanted:
        click.echo(f"\nflask --app wsgi setup {name} --apply")
        command = _setup_command(name)
        try:
            command.main(["--apply"], prog_name=f"flask setup {name}", standalone_mode=False)
        except (click.ClickException, SystemExit) as exc:
            # It has said why already, unless the message is the exception's.
            if isinstance(exc, click.ClickException):
                click.echo(exc.format_message(), err=True)
    if wanted:
        click.echo()
    return bool(wanted)


def _setup_command(name: str) -> click.Command:
    group = current_app.cli.commands["setup"]
    found = group.commands.get(name) if isinstance(group, click.Group) else None
    if found is None:
        raise click.UsageError(f"This release has no `flask setup {name}`.")
    return found


def _tell(results: Sequence[Result]) -> None:
    out = console()
    if not out.is_terminal:
        for it in results:
            click.echo(_line(it))
        return
    for names, it in _folded(results):
        for line in _lines(names, it, out.width):
            out.print(line, soft_wrap=True)


def _folded(results: Sequence[Result]) -> list[tuple[str, Result]]:
    """The results by their names; those of a group that were skipped for the same reason are one."""
    folded: dict[tuple[str, object], list[Result]] = {}
    for number, it in enumerate(results):
        key = (it.group, it.finding if it.status is Status.SKIPPED else number)
        folded.setdefault(key, []).append(it)
    return [(", ".join(it.id for it in same), same[0]) for same in folded.values()]


def _lines(names: str, it: Result, width: int) -> Iterator[Text]:
    """A result as lines of a terminal: one if it is ok, else as many as it needs."""
    finding, style = it.finding, _STYLES[it.status]
    head = Text.assemble(
        (f"{it.status:<8} ", style), (f"{names:<20} ", "" if it.status is Status.OK else style)
    )
    if it.status is Status.OK:
        line = head.append_text(text(finding.summary))
        line.truncate(width, overflow="ellipsis")
        yield line
        return
    indent = " " * len(head) if len(names) <= _NAME else " " * (_STATUS + 1)
    if len(names) > _NAME:
        yield head
        head = Text(indent)
    room = max(width - len(indent), _LEAST_ROOM)
    for number, words in enumerate(textwrap.wrap(printable(finding.summary), room, break_long_words=False)):
        yield (head if number == 0 else Text(indent)).append(words)
    for words in textwrap.wrap(printable(finding.what_to_do), room, break_long_words=False):
        yield Text(f"{indent}{words}", "bold" if finding.blocks else "")
    if finding.page:
        # Never broken, so that it can be copied.
        yield Text.assemble(" " * (_STATUS + 1), (printable(finding.page), "cyan"))


def _line(it: Result) -> str:
    finding = it.finding
    parts = [f"{it.status}: {it.id}: {finding.summary}"]
    if finding.what_to_do:
        parts.append(f"To do: {finding.what_to_do}")
    if finding.page:
        parts.append(finding.page)
    return printable(" ".join(parts))


def _document(it: Result) -> dict[str, str]:
    return {
        "id": it.id,
        "group": it.group,
        "status": str(it.status),
        "summary": it.finding.summary,
        "what_to_do": it.finding.what_to_do,
        "page": it.finding.page,
    }


def _summary(counts: Counter[Status], seconds: float) -> str:
    names = {Status.FAILURE: "failure", Status.WARNING: "warning", Status.OK: "ok", Status.SKIPPED: "skipped"}
    plural = (Status.FAILURE, Status.WARNING)
    told = ", ".join(
        f"{counts[status]} {name}{'s' if status in plural and counts[status] > 1 else ''}"
        for status, name in names.items()
        if counts[status]
    )
    total = sum(counts.values())
    return f"{total} check{'' if total == 1 else 's'} in {seconds:.1f} s: {told}."
