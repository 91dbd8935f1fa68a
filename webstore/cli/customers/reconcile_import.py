"""`flask customers reconcile --import`: brings in pairs of users and customers from a file."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import click

from webstore.cli.terminal import console, store, text
from webstore.errors import StateUnavailable
from webstore.linking.verdicts import forget_verdict, forget_verdict_of
from webstore.reconcile.pairs import Import, Result, read_pairs

from .reconcile_output import Progress
from .reconcile_parts import IMPORT_AGE_S, How, Vendors, spooled

#: Lines of each result that are printed.
_SAMPLES = 20
_TITLES = {
    Result.LINKED: "linked already",
    Result.DONE: "linked now",
    Result.SAFE: "can be linked: add --apply",
    Result.PERSON: "for a person",
}


def import_pairs(both: Vendors, file: Path, how: How, *, apply: bool) -> int:
    """Check the pairs in the file, and link them; how many are not linked. Raises the errors of both."""
    linker, state = both.linker, store().state
    account = linker.payments.account()
    about = file.stat()
    subject = [repr(account), str(file.resolve()), about.st_size, about.st_mtime, apply]

    def changed(user_id: str, customer_id: str) -> None:
        with suppress(StateUnavailable):
            forget_verdict(state, user_id)
            forget_verdict_of(state, customer_id)

    with spooled("import", subject, how, age_s=IMPORT_AGE_S) as spool:
        with Progress() as progress:
            bringing = Import(spool, linker, progress.tell, changed, both.threads)
            bringing.load(read_pairs(file))
            bringing.run(apply=apply)
        counts = Counter(it.result for it in bringing.results() if it.result)
        if how.as_json:
            _print_json(bringing, counts)
        else:
            _print(bringing, counts)
    return counts[Result.SAFE] + counts[Result.PERSON]


def _print_json(bringing: Import, counts: Counter[Result]) -> None:
    click.echo('{"pairs": [', nl=False)
    between = "\n  "
    for pair in bringing.results():
        click.echo(f"{between}{json.dumps(asdict(pair))}", nl=False)
        between = ",\n  "
    click.echo(f'\n], "counts": {json.dumps({str(it): counts[it] for it in Result})}}}')


def _print(bringing: Import, counts: Counter[Result]) -> None:
    click.echo(f"{counts.total():,} pairs")
    for result, title in _TITLES.items():
        click.echo(f"{counts[result]:7,} {title}")
    out, shown = console(), Counter[Result]()
    for pair in bringing.results():
        if pair.result is None or pair.result is Result.LINKED:
            continue
        shown[pair.result] += 1
        if shown[pair.result] <= _SAMPLES:
            line = f"line {pair.line}: {pair.who} {pair.customer_id}: {pair.message}"
            out.print(text(line, style="" if pair.result is Result.PERSON else "dim"))
    if any(number > _SAMPLES for number in shown.values()):
        click.echo("--json lists all of them.")
