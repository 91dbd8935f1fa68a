"""`flask events`: handles events of Stripe whose delivery was missed."""

from __future__ import annotations

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

from webstore.errors import PaymentsError
from webstore.shop.event_effects import Webhooks
from webstore.shop.fulfilment import Outcome
from webstore.shop.models import StripeEvent
from webstore.shop.replay import LISTED_S, listed
from webstore.shop.webhooks import handle, is_seen

from .terminal import quietly, store

_UNITS = {"m": 60.0, "h": 3600.0, "d": 24 * 3600.0}
_DURATION = re.compile(r"(\d{1,6})([mhd])")
#: What `--dry-run` says about an event that would be handled.
_MISSED = "missed"
_NOT_DONE = (Outcome.FAILED, Outcome.BUSY, Outcome.REFUSED, Outcome.DROPPED)

# Click keeps the lines of a paragraph that begins with \b.
_HELP = """Read Stripe's list of events and handle those that were missed, the oldest first.

Events that had their effect are skipped, so it does no harm to run this again.

\b
Examples:
  flask --app wsgi events replay --since 2d
  flask --app wsgi events replay --since 2026-11-20 --dry-run

Exit code: 0 if all were handled, 1 if some failed or were dropped, or Stripe could not be read, 2 for wrong
options.
"""


class Since(click.ParamType[float]):
    """A time in the past: a duration such as 2d, 12h or 30m, or a date, with a time if wanted (UTC)."""

    name = "time"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The Unix time."""
        if isinstance(value, float):
            return value
        duration = _DURATION.fullmatch(value.strip())
        if duration:
            return time.time() - int(duration[1]) * _UNITS[duration[2]]
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            self.fail(f"{value!r} is no time: use 2d, 12h, 30m, 2026-11-20 or 2026-11-20T18:00.", param, ctx)
        moment = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        if moment > time.time():
            self.fail(f"{value!r} is in the future.", param, ctx)
        return moment


@click.group(short_help="Handle events of Stripe that were missed.")
def events() -> None:
    """Events of Stripe."""


@events.command(help=_HELP, short_help="Read Stripe's list of events and handle those that were missed.")
@click.option(
    "--since",
    required=True,
    type=Since(),
    help="How far to go back: 2d, 12h, 30m, 2026-11-20 or 2026-11-20T18:00 (UTC). Stripe keeps 30 days.",
)
@click.option("--dry-run", is_flag=True, help="List the events, and handle none.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@with_appcontext
def replay(since: float, *, dry_run: bool, as_json: bool) -> None:
    """Read Stripe's list of events and handle those that were missed. Exits with 0, 1 or 2."""
    webhooks = store().background_webhooks
    if time.time() - since > LISTED_S + 60:
        click.echo("Stripe keeps events for 30 days: older ones cannot be replayed.", err=True)
    try:
        with quietly():
            found = listed(webhooks, since)
    except PaymentsError as exc:
        click.echo(f"Stripe's events cannot be read: {exc}", err=True)
        sys.exit(1)
    with quietly():
        results = list(_results(webhooks, found, dry_run=dry_run, as_json=as_json))
    counts = Counter(outcome for _, outcome in results)
    if as_json:
        click.echo(json.dumps(_document(since, results, counts), indent=2))
    else:
        click.echo(_summary(counts))
    sys.exit(1 if any(counts[outcome] for outcome in _NOT_DONE) else 0)


def _results(
    webhooks: Webhooks, found: Sequence[StripeEvent], *, dry_run: bool, as_json: bool
) -> Iterator[tuple[StripeEvent, str]]:
    """Handle each event, and say how that ended; on a terminal also how far it has come."""
    shows_progress, listed_at = sys.stderr.isatty(), webhooks.now()
    for number, event in enumerate(found, 1):
        if shows_progress:
            click.echo(f"\r{number} of {len(found)} ", nl=False, err=True)
        outcome = _peek(webhooks, event) if dry_run else str(handle(webhooks, event, listed_at))
        if not as_json and outcome not in (Outcome.SEEN, Outcome.IGNORED):
            if shows_progress:
                click.echo("\r", nl=False, err=True)
            click.echo(
                f"{_utc(event.created)}  {outcome:<8}  {event.type}  {event.object_id or '-'}  {event.id}"
            )
        yield event, outcome
    if shows_progress and found:
        click.echo("\r", nl=False, err=True)


def _peek(webhooks: Webhooks, event: StripeEvent) -> str:
    return str(Outcome.SEEN) if is_seen(webhooks.state, event) else _MISSED


def _summary(counts: Counter[str]) -> str:
    """One line: how many events ended how."""
    total = counts.total()
    parts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
    return f"{total} {'event' if total == 1 else 'events'}" + (f": {parts}." if parts else ".")


def _document(
    since: float, results: Sequence[tuple[StripeEvent, str]], counts: Counter[str]
) -> dict[str, object]:
    return {
        "since": int(since),
        "counts": dict(sorted(counts.items())),
        "events": [
            {
                "id": event.id,
                "type": event.type,
                "object": event.object_id,
                "created": int(event.created),
                "outcome": outcome,
            }
            for event, outcome in results
        ],
    }


def _utc(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
