"""Thousands of logins at several stores while workers are killed and both vendors fail: one customer a world.

Environment: CHAOS_MINUTES (20), CHAOS_LOGINS (5000) and CHAOS_KILLS (200), minima that have to be reached;
CHAOS_WORLDS (test,live), the stores on the tenant; CHAOS_SEED, to repeat a run: it decides who comes, what
fails and when, though not how the machine interleaves it.
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
from tests.chaos.people import People
from tests.chaos.store import free_address
from tests.chaos.storm import Storm
from tests.chaos.visits import say
from tests.chaos.weather import Weather
from tests.chaos.worlds import World, running_worlds
from tests.support import STRIPE_KEYS
from webstore.sandbox.stripe import StripeConfig
from webstore.sandbox.vendors import Sandbox

MINUTES = float(os.environ.get("CHAOS_MINUTES", "20"))
LOGINS = int(os.environ.get("CHAOS_LOGINS", "5000"))
KILLS = int(os.environ.get("CHAOS_KILLS", "200"))
#: Names of `worlds.KEYS`.
WORLDS = os.environ.get("CHAOS_WORLDS", "test,live").split(",")
SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))

WORKERS = 3
BUDGET_S, SETTLE_S = 1.0, 10.0
#: Seconds for the time after the storm: two logins and two reads for everybody in each world.
AFTERMATH_S = 3600


@pytest.mark.timeout(MINUTES * 60 + AFTERMATH_S)
def test_every_user_has_one_customer_after_thousands_of_logins_under_kills_and_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled(), interrupted_by_signals(), prepared_storm(tmp_path) as storm:
        say(f"\nCHAOS_SEED={SEED} CHAOS_WORLDS={','.join(WORLDS)}: {MINUTES:g} minutes")
        storm.rage()
        say(f"  calm     {storm.state()}")
        after = aftermath(storm, settle_s=SETTLE_S)
        say(table(storm, after))
    if problems := failures(storm, after):
        pytest.fail("\n".join(problems), pytrace=False)


def failures(storm: Storm, after: Aftermath) -> list[str]:
    """What must not be, in words."""
    ledger = storm.ledger
    problems = [f"a page with an error: {which}" for which in ledger.bad + after.quiet.bad]
    problems += [f"written although everybody was linked: {which}" for which in after.written]
    problems += [f"the plain keys are not the live world's: {which}" for which in after.misplaced]
    for name, world in after.worlds.items():
        found, last = world.findings, world.last
        wrong = {
            "two customers in use": found.twice,
            "unlinked after one quiet login": world.unlinked,
            "unlinked a day later": last.unlinked,
            "somebody else's customer": found.foreign + last.foreign,
            "a customer too many": found.unexplained,
            "linked to a customer that was dead": world.linked_to_dead,
            "not healed on use": last.dead,
            "healed in two ways": [
                f"{user_id}: {one}, {other}" for user_id, (one, other) in world.healed.items() if one != other
            ],
        }
        problems += [f"{name}: {what}: {which}" for what, all_ in wrong.items() for which in all_]
    if ledger.done < LOGINS:
        problems.append(f"{ledger.done} logins instead of {LOGINS}: give it more time (CHAOS_MINUTES)")
    if storm.killed() < KILLS:
        problems.append(f"{storm.killed()} kills instead of {KILLS}: give it more time (CHAOS_MINUTES)")
    return problems


@contextmanager
def prepared_storm(folder: Path) -> Iterator[Storm]:
    """Both vendors in this process, each store in its own, and everything for the storm."""
    addresses = [free_address() for _ in WORLDS]
    urls = [f"http://{address}" for address in addresses]
    with Sandbox(*urls, stripe=StripeConfig(keys=STRIPE_KEYS)) as sandbox:
        limits = {
            "LINK_BUDGET_S": f"{BUDGET_S:g}",
            "LINK_SETTLE_S": f"{SETTLE_S:g}",
            # All shoppers come from this one address.
            "LOGIN_RATE_PER_10S": "1000000",
        }
        try:
            with running_worlds(
                WORLDS, addresses, sandbox, limits=limits, folder=folder, workers=WORKERS
            ) as worlds:
                people = People(sandbox, worlds, dice(SEED, "people"))
                weather = Weather(sandbox, worlds, people, dice(SEED, "weather"))
                yield Storm(SEED, MINUTES, KILLS, sandbox, worlds, people, weather)
        finally:
            # Requests that a fault holds would be held for as long as the fault says.
            sandbox.stripe.control.clear_faults()
            sandbox.auth0.control.clear_faults()


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
    ledger, weather = storm.ledger, storm.weather
    seconds = sorted(ledger.callbacks)
    lines: list[tuple[str, object]] = [
        ("CHAOS_SEED", SEED),
        ("minutes", f"{MINUTES:g}"),
        ("accounts", len(storm.people.everybody)),
        ("of these, users in the end; the others are merged into them", after.users),
        ("pairs of accounts that were merged at any time", len(storm.people.merged)),
        ("logins", ledger.done),
        ("workers killed", storm.killed()),
        ("visits cut short because the account was merged or split", ledger.overtaken),
        ("logins cut off by a kill", ledger.cut),
        ("visits that were asked to wait a moment", ledger.limited),
        ("logins that left the link pending", ledger.pending),
        (
            "callbacks, in seconds: median, 99 of 100, slowest",
            f"{seconds[len(seconds) // 2]:.2f}, {seconds[len(seconds) * 99 // 100]:.2f}, {seconds[-1]:.2f}",
        ),
        ("faults that struck", weather.struck.total()),
        *((f"- {name}", number) for name, number in sorted(weather.struck.items())),
        *sorted(weather.done.items()),
        *((f"breaks in which {name} passed", number) for name, number in sorted(storm.jumps.items())),
        ("pages with an error", len(ledger.bad) + len(after.quiet.bad)),
        ("links and customers written by one more login in each world", len(after.written)),
        ("users whose plain keys are not the live world's", len(after.misplaced)),
    ]
    for world in storm.worlds:
        lines += [(f"{world.name}: {name}", figure) for name, figure in rows(world, after)]
    return "\n".join(f"  {name:80} {value}" for name, value in lines)


def rows(world: World, after: Aftermath) -> Iterator[tuple[str, object]]:
    """The figures of one world."""
    here = after.worlds[world.name]
    found = here.findings
    outcomes = sorted(world.store.outcomes().items())
    yield "attempts to link, by outcome", ", ".join(f"{number} {status}" for status, number in outcomes)
    yield "linked by one quiet login", after.users - len(here.waiting) - len(here.unlinked)
    for reason, number in Counter(here.waiting.values()).items():
        yield f"pending until the next day: {reason}", number
    yield "users unlinked", len(here.unlinked) + len(here.last.unlinked)
    yield "users with two customers in use", len(found.twice)
    yield "users shown two living customers in the storm", len(found.ever_twice)
    yield "customers that became or are recorded as somebody else's", len(found.foreign + here.last.foreign)
    yield "users with a recorded customer that was deleted", len(found.dead)
    both = sum(1 for one, other in here.healed.values() if one == other is not None)
    yield "of these, healed by two browsers at once, the same for both", both
    for why, number in found.orphans.items():
        yield f"living customers beside the one in use: {why}", number
