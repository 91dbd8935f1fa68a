"""`flask customers reconcile`: compares a whole tenant with a whole Stripe account, and repairs."""

from __future__ import annotations

import logging
import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click
from flask.cli import with_appcontext

from webstore.cli.events import Since
from webstore.cli.terminal import fail, quietly, store
from webstore.errors import StateUnavailable, WebstoreError
from webstore.linking.verdicts import forget_verdict, forget_verdict_of
from webstore.reconcile.collect import Collector
from webstore.reconcile.findings import Setting
from webstore.reconcile.lock import Locked, TakenOver
from webstore.reconcile.models import Kind, Summary
from webstore.reconcile.one import collect_one
from webstore.reconcile.pairs import CannotImport
from webstore.reconcile.report import FORMATS, Dashboards, write_report
from webstore.reconcile.run import Options, Run
from webstore.state import State

from .reconcile_import import import_pairs
from .reconcile_output import Progress, print_json, print_summary
from .reconcile_parts import (
    LEAST_AUTH0_RPS,
    LEAST_STRIPE_RPS,
    READ_AGE_S,
    CannotRun,
    How,
    Vendors,
    alone,
    spooled,
    stoppable,
    vendors,
)
from .who import check_who, users_of, words

# Click keeps the lines of a paragraph that begins with \b.
_HELP = """Compare all users of the Auth0 tenant with all customers of the Stripe account, both sides.

Nothing is written without --apply. With it, what the linking protocol allows is repaired, after both sides
were read again; the rest is listed with the commands that a person can run. Logins may go on meanwhile. A run
that was cut short goes on where it stopped when the command is run again.

\b
Examples:
  flask --app wsgi customers reconcile
  flask --app wsgi customers reconcile --json --only orphan_subscription
  flask --app wsgi customers reconcile --apply --report report.html
  flask --app wsgi customers reconcile --apply --backfill --since 90d
  flask --app wsgi customers reconcile --user ada@example.com
  flask --app wsgi customers reconcile --import pairs.csv --apply

docs/operations.md describes each finding. The Management API application needs read:users, and with --apply
update:users and update:users_app_metadata.

Exit code: 0 if nothing is left to do, 3 if there are findings, or users who cannot be compared, 1 if the run
failed, another run took over, or the Stripe key is of the wrong account, 2 for wrong options.
"""
FOUND = 3


@click.command(help=_HELP, short_help="Compare all users and customers, and repair their links.")
@click.option("--apply", is_flag=True, help="Repair what is safe. Without it, nothing is written.")
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([str(it) for it in Kind]),
    help="Only this finding. Repeatable.",
)
@click.option("--user", metavar="WHO", help="Only this user: an e-mail address, user ID or customer ID.")
@click.option("--since", help="Only users who logged in, and customers created, since then.")
@click.option("--limit", type=click.IntRange(1), help="List and repair this many findings at most.")
@click.option("--backfill", is_flag=True, help="With --apply: make customers for users who have none.")
@click.option("--despite-missing", is_flag=True, help="Repair even if many recorded customers are missing.")
@click.option(
    "--import",
    "pairs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Check the pairs in this CSV or JSONL file instead; with --apply, link them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a report as well: .html, .csv or .json.",
)
@click.option(
    "--stripe-rps",
    type=click.FloatRange(LEAST_STRIPE_RPS, 10_000),
    help="Calls to Stripe a second, at most. Default: 80 in live mode, 20 in test mode.",
)
@click.option(
    "--auth0-rps",
    type=click.FloatRange(LEAST_AUTH0_RPS, 10_000),
    default=10.0,
    show_default=True,
    help="Calls to Auth0 a second, at most.",
)
@click.option("--fresh", is_flag=True, help="Start over, even if an earlier run was interrupted.")
@click.option(
    "--spool",
    type=click.Path(exists=True, file_okay=False, writable=True, path_type=Path),
    help="The folder of the run's temporary file, about 1 KB a user. Default: the temporary folder.",
)
@with_appcontext
def reconcile(
    *,
    apply: bool,
    only: tuple[str, ...],
    user: str | None,
    since: str | None,
    limit: int | None,
    backfill: bool,
    despite_missing: bool,
    pairs: Path | None,
    as_json: bool,
    report: Path | None,
    stripe_rps: float | None,
    auth0_rps: float,
    fresh: bool,
    spool: Path | None,
) -> None:
    """Compare both sides, and repair. Exits with 0, 1, 2 or 3."""
    if report is not None:
        _check_report(report)
    if math.isnan(stripe_rps or 0.0) or math.isnan(auth0_rps):
        raise click.BadParameter("it is not a number.", param_hint="--stripe-rps, --auth0-rps")
    if pairs is not None and (only or user or since or limit or backfill or despite_missing or report):
        raise click.UsageError("--import goes with --apply, --json, --fresh, --spool and the limits alone.")
    if user is not None:
        check_who(user)
    since_at = 0.0 if since is None else Since().convert(since, None, click.get_current_context())
    options = Options(
        apply=apply,
        only=frozenset(map(Kind, only)),
        since=max(0.0, since_at),
        limit=limit,
        despite_missing=despite_missing,
        backfill=backfill,
    )
    services = store(as_json=as_json)
    how = How(as_json=as_json, report=report, fresh=fresh, folder=spool)
    try:
        with (
            quietly(logging.CRITICAL),
            stoppable() as stop,
            alone(services.state, stop.because),
            vendors(services, stripe_rps, auth0_rps, stop.asked) as both,
        ):
            left = (
                import_pairs(both, pairs, how, apply=apply)
                if pairs
                else _run(both, options, how, user, since)
            )
    except WebstoreError as exc:
        told = isinstance(exc, CannotRun | CannotImport | Locked)
        fail(str(exc) if told else words(exc), as_json=as_json)
    except TakenOver as exc:
        fail(str(exc), as_json=as_json)
    except KeyboardInterrupt:
        fail("Stopped. Run the command again: it continues there.", as_json=as_json)
    sys.exit(FOUND if left else 0)


def _check_report(report: Path) -> None:
    """End the command unless the report can be written: the run before it may take hours."""
    if report.suffix not in FORMATS:
        raise click.BadParameter(f"the name must end with {', '.join(FORMATS)}.", param_hint="--report")
    if not os.access(report.parent, os.W_OK | os.X_OK) or not report.parent.is_dir():
        raise click.BadParameter(f"the folder {report.parent} cannot be written to.", param_hint="--report")


def _run(both: Vendors, options: Options, how: How, user: str | None, since: str | None) -> int:
    """Make the run; how many findings are left. Ends the command if nothing may be repaired.

    `since`: as it was typed. "90d" means another moment when the command is run again to go on.
    """
    setting = Setting(both.linker.policy, both.linker.payments.account())
    subject = [repr(replace(setting.policy, settle_s=0)), repr(setting.account), since]
    how = replace(how, fresh=how.fresh or user is not None)
    options = replace(options, one_user=user is not None)
    with spooled("reconcile-one" if user else "reconcile", subject, how, age_s=READ_AGE_S) as spool:
        if spool.note("since") is None:
            spool.keep(since=repr(options.since))
        options = replace(options, since=float(spool.note("since") or 0.0))
        with Progress() as progress:
            if user is not None:
                collect_one(spool, setting, both.linker, users_of(both.linker, user), user)
            collector = Collector(spool, setting, both.exports, both.listing, progress.tell)
            changed = _forgetting(store().state)
            run = Run(spool, setting, collector, both.linker, options, progress.tell, changed, both.threads)
            run.audit()
            refusal = run.wrong_account() or (run.refusal() if options.apply else None)
            if options.apply and refusal is None:
                run.repair()
        # If it goes on with what an earlier run has read, that one's beginning counts.
        started_at = float(spool.note("began") or 0.0)
        summary = run.summary(started_at, time.time() - started_at)
        _tell(run, summary, refusal, how)
    if refusal is not None:
        sys.exit(1)
    return run.left(summary)


def _tell(run: Run, summary: Summary, refusal: str | None, how: How) -> None:
    """Write the report, and print."""
    settings = store().settings
    if how.report is not None:
        dashboards = Dashboards(settings.auth0_dashboard_url, settings.stripe_dashboard_url)
        try:
            write_report(how.report, run.findings(), summary, dashboards)
        except OSError as exc:
            raise CannotRun(f"The report {how.report} cannot be written: {exc}") from exc
        click.echo(f"The report is in {how.report}.", err=True)
    if how.as_json:
        print_json(run.findings(), summary, refusal)
        return
    print_summary(run, summary)
    if refusal is not None and refusal not in summary.warning:
        click.echo(refusal, err=True)


def _forgetting(state: State) -> Callable[[str, str | None], None]:
    """Has pages read a repaired link again: they keep verdicts for a minute."""

    def forget(user_id: str, customer_id: str | None) -> None:
        with suppress(StateUnavailable):
            forget_verdict(state, user_id)
            if customer_id:
                forget_verdict_of(state, customer_id)

    return forget
