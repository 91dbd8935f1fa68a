"""What `flask customers reconcile` prints: progress, a summary with samples, or one JSON document."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict
from itertools import groupby, islice
from types import TracebackType

import click
from rich.progress import (
    BarColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from webstore.cli.terminal import console, table, text
from webstore.reconcile.models import Finding, Kind, Repair, Summary
from webstore.reconcile.run import Run

#: Findings of a kind that are printed.
_SAMPLES = 3
_DOCS = "docs/operations.md"


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        """The rate, if it is known."""
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="dim")


class Progress(AbstractContextManager["Progress"]):
    """A line for each part of the run on a terminal's standard error; nothing in a pipe."""

    def __init__(self) -> None:
        err = console(err=True)
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f}"),
            _Rate(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=err,
            transient=True,
            disable=not err.is_terminal,
        )
        self._lock = threading.Lock()
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Progress:
        """Begin to show it."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Take it away."""
        self._bars.stop()

    def tell(self, what: str, number: int, total: int | None) -> None:
        """So many more of this part are done, of so many in all."""
        with self._lock:
            if what not in self._tasks:
                self._tasks[what] = self._bars.add_task(what, total=total)
        self._bars.update(self._tasks[what], advance=number, total=total)


def print_json(findings: Iterable[Finding], summary: Summary, refusal: str | None) -> None:
    """Print one document. The findings may be too many to hold, so they are printed one by one."""
    click.echo('{"findings": [', nl=False)
    between = "\n  "
    for finding in findings:
        click.echo(f"{between}{json.dumps(asdict(finding))}", nl=False)
        between = ",\n  "
    known = asdict(summary)
    if refusal is not None:
        known["error"] = refusal
    # The document goes on behind the list.
    click.echo(f"\n], {json.dumps(known)[1:]}")


def print_summary(run: Run, summary: Summary) -> None:
    """Print how many users and customers were compared, the number of findings, and some of each kind."""
    click.echo(
        f"{summary.users:,} users of {summary.tenant}, {summary.customers:,} customers of {summary.account}, "
        f"in {summary.took_s:,.0f} s."
    )
    if summary.elsewhere:
        click.echo(
            f"Users linked in another account or mode only: {summary.elsewhere:,}. They are not findings."
        )
    if summary.warning:
        click.echo(summary.warning)
    found = sum(summary.counts.values())
    if not found:
        click.echo("No findings.")
        return
    ends = run.ends()
    rows = [
        [str(kind), f"{number:,}", *(f"{ends.get((kind, it), 0):,}" for it in Repair)]
        for kind, number in summary.counts.items()
        if number
    ]
    click.echo()
    table(["Finding", "Found", "Done", "Safe", "For a person"], rows)
    out = console()
    for kind, some in _samples(run.findings(), summary):
        out.print()
        out.print(text(f"{kind} ({_DOCS}#{kind})", style="bold"))
        for finding in some:
            out.print(text(f"  {finding.user_id or 'nobody'}: {finding.message}"))
            for command in finding.commands:
                out.print(text(f"    {command}", style="dim"))
    click.echo()
    for note in _next(summary, ends):
        click.echo(note)


def _samples(findings: Iterable[Finding], summary: Summary) -> Iterator[tuple[Kind, list[Finding]]]:
    """The first findings of each kind; they come in the order of their kinds."""
    wanted = sum(1 for number in summary.counts.values() if number)
    kinds = groupby(findings, key=lambda it: it.kind)
    for kind, some in islice(kinds, wanted):
        yield kind, list(islice(some, _SAMPLES))


def _next(summary: Summary, ends: dict[tuple[Kind, Repair], int]) -> Iterator[str]:
    safe = summary.repairs.get(Repair.SAFE, 0)
    unlinked = ends.get((Kind.UNLINKED_USER, Repair.SAFE), 0)
    if safe > unlinked:
        yield "--apply repairs what is safe."
    if unlinked:
        yield "--apply --backfill makes customers for users who have none."
    if summary.repairs.get(Repair.PERSON, 0):
        yield "--json and --report list everything, with the commands for what a person has to decide."
