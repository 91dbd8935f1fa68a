"""Thousands of logins while workers are killed and both vendors fail: each user has one customer.

Environment: CHAOS_MINUTES (20), CHAOS_LOGINS (5000) and CHAOS_KILLS (200), minima that have to be reached,
and CHAOS_SEED, to repeat a run: it decides who comes, what fails and when, though not how the machine
interleaves it.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chaos.aftermath import Aftermath, aftermath
from tests.chaos.dice import dice
from tests.chaos.office import Office
from tests.chaos.people import People
from tests.chaos.store import Store, free_address
from tests.chaos.storm import Storm
from tests.chaos.visits import say
from tests.chaos.weather import Weather
from webstore.sandbox.vendors import Sandbox

MINUTES = float(os.environ.get("CHAOS_MINUTES", "20"))
LOGINS = int(os.environ.get("CHAOS_LOGINS", "5000"))
KILLS = int(os.environ.get("CHAOS_KILLS", "200"))
SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))

WORKERS = 3
BUDGET_S, SETTLE_S = 1.0, 10.0
#: Seconds for the time after the storm: a login and two reads for everybody.
AFTERMATH_S = 900


@pytest.mark.timeout(MINUTES * 60 + AFTERMATH_S)
def test_every_user_has_one_customer_after_thousands_of_logins_under_kills_and_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled(), interrupted_by_signals(), prepared_storm(tmp_path) as storm:
        say(f"\nCHAOS_SEED={SEED}: {MINUTES:g} minutes, at least {LOGINS} logins and {KILLS} kills")
        storm.rage()
        say(f"  calm     {storm.state()}")
        after = aftermath(storm, settle_s=SETTLE_S)
        say(table(storm, after))
    if problems := failures(storm, after):
        pytest.fail("\n".join(problems), pytrace=False)


def failures(storm: Storm, after: Aftermath) -> list[str]:
    """What must not be, in words."""
    ledger, found, last = storm.ledger, after.findings, after.last
    wrong = {
        "a page with an error": ledger.bad + after.quiet.bad,
        "two customers in use": found.twice,
        "unlinked after one quiet login": after.unlinked,
        "unlinked a day later": last.unlinked,
        "somebody else's customer": found.foreign + last.foreign,
        "a customer too many": found.unexplained,
        "linked to a customer that was dead": after.linked_to_dead,
        "not healed on use": last.dead,
        "healed in two ways": [
            f"{user_id}: {one}, {other}" for user_id, (one, other) in after.healed.items() if one != other
        ],
    }
    problems = [f"{what}: {which}" for what, all_ in wrong.items() for which in all_]
    if ledger.done < LOGINS:
        problems.append(f"{ledger.done} logins instead of {LOGINS}: give it more time (CHAOS_MINUTES)")
    if storm.store.kills() < KILLS:
        problems.append(f"{storm.store.kills()} kills instead of {KILLS}: give it more time (CHAOS_MINUTES)")
    return problems


@contextmanager
def prepared_storm(folder: Path) -> Iterator[Storm]:
    """Both vendors in this process, the store in its own, and everything for the storm."""
    address = free_address()
    with Sandbox(f"http://{address}") as sandbox:
        limits = {
            "LINK_BUDGET_S": f"{BUDGET_S:g}",
            "LINK_SETTLE_S": f"{SETTLE_S:g}",
            # All shoppers come from this one address.
            "LOGIN_RATE_PER_10S": "1000000",
        }
        environment = {**sandbox.environment(), **limits}
        office = Office(environment)
        try:
            with Store(environment, folder, WORKERS) as store:
                people = People(sandbox, office, dice(SEED, "people"))
                weather = Weather(sandbox, store, office, people, dice(SEED, "weather"))
                yield Storm(SEED, MINUTES, KILLS, sandbox, store, people, weather)
        finally:
            # Requests that a fault holds would be held for as long as the fault says.
            sandbox.stripe.control.clear_faults()
            sandbox.auth0.control.clear_faults()
            office.close()


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end the test as Ctrl-C does, so that it can stop the store."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def table(storm: Storm, after: Aftermath) -> str:
    """What happened and what came of it, one figure a line."""
    ledger, found = storm.ledger, after.findings
    seconds = sorted(ledger.callbacks)
    outcomes = ", ".join(f"{number} {status}" for status, number in sorted(storm.store.outcomes().items()))
    reasons = Counter(after.waiting.values())
    lines: list[tuple[str, object]] = [
        ("CHAOS_SEED", SEED),
        ("minutes", f"{MINUTES:g}"),
        ("users", len(storm.people.everybody)),
        ("logins", ledger.done),
        ("workers killed", storm.store.kills()),
        ("logins cut off by a kill", ledger.cut),
        ("visits that were asked to wait a moment", ledger.limited),
        ("logins that left the link pending", ledger.pending),
        (
            "callbacks, in seconds: median, 99 of 100, slowest",
            f"{seconds[len(seconds) // 2]:.2f}, {seconds[len(seconds) * 99 // 100]:.2f}, {seconds[-1]:.2f}",
        ),
        ("faults that struck", storm.weather.struck.total()),
        *((f"- {name}", number) for name, number in sorted(storm.weather.struck.items())),
        *sorted(storm.weather.done.items()),
        *((f"breaks in which {name} passed", number) for name, number in sorted(storm.jumps.items())),
        ("attempts to link, by outcome", outcomes),
        ("pages with an error", len(ledger.bad) + len(after.quiet.bad)),
        (
            "after the storm: linked by one quiet login",
            len(storm.people.everybody) - len(after.waiting) - len(after.unlinked),
        ),
        *((f"pending until the next day: {reason}", number) for reason, number in reasons.items()),
        ("users unlinked", len(after.unlinked) + len(after.last.unlinked)),
        ("users with two customers in use", len(found.twice)),
        ("users shown two living customers in the storm", len(found.ever_twice)),
        ("customers that became or are recorded as somebody else's", len(found.foreign)),
        ("users with a recorded customer that was deleted", len(found.dead)),
        (
            "of these, healed by two browsers at once, the same for both",
            sum(1 for one, other in after.healed.values() if one == other is not None),
        ),
        *((f"living customers beside the one in use: {why}", n) for why, n in found.orphans.items()),
    ]
    return "\n".join(f"  {name:75} {value}" for name, value in lines)
