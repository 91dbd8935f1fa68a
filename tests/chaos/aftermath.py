"""After the storm: late effects appear, everybody logs in once in each world, and both sides are read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, takewhile

from tests.chaos.audit import Findings, audit
from tests.chaos.people import Person
from tests.chaos.storm import Storm
from tests.chaos.visits import Ledger, Visit
from tests.chaos.weather import LATEST_EFFECT_S
from tests.chaos.worlds import World
from tests.support import DAY_S

_QUIET_CLIENTS, _RECOVERY_CLIENTS = 4, 8
#: Settling is counted from the beginning of an attempt; this long the slowest takes to come to its create.
_LONGEST_ATTEMPT_S = 9.0
#: Twice as long as a breaker waits before it tries a vendor that hung.
_RECOVERY_S = 6.0
UNNOTED = "Stripe replays a failure that a killed worker could not note; it counts only after LINK_SETTLE_S"
SLOW = "linked behind the answer: this machine was slower than LINK_BUDGET_S"
CHANGED = "the name or address changed after a create whose effect is not seen"


@dataclass
class InWorld:
    """What became of everybody in one world."""

    #: By user ID, why they were rightly pending after the quiet login.
    waiting: dict[str, str] = field(default_factory=dict)
    #: Users who were pending after the quiet login without a reason.
    unlinked: list[str] = field(default_factory=list)
    #: Users whom the quiet login linked to a customer that was dead already.
    linked_to_dead: list[str] = field(default_factory=list)
    #: Both sides after the quiet logins.
    findings: Findings = field(default_factory=Findings)
    #: Users whose recorded customer is dead, and what two browsers show that use it at once.
    healed: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    #: Both sides at the end.
    last: Findings = field(default_factory=Findings)


@dataclass
class Aftermath:
    """What became of everybody once it was quiet."""

    #: The logins since then. Those left pending log in once more, a day later.
    quiet: Ledger = field(default_factory=Ledger)
    worlds: dict[str, InWorld] = field(default_factory=dict)
    #: How many users there are in the end.
    users: int = 0
    #: Links and customers that one more login wrote, although everybody was linked everywhere.
    written: list[str] = field(default_factory=list)
    #: Users whose plain keys are not the live world's.
    misplaced: list[str] = field(default_factory=list)


def aftermath(storm: Storm, *, settle_s: float) -> Aftermath:
    """Wait until all late effects have appeared, then read both sides."""
    storm.pass_time(LATEST_EFFECT_S + 60)
    people, after = storm.people, Aftermath(worlds={world.name: InWorld() for world in storm.worlds})
    quiet = after.quiet
    for world in storm.worlds:
        _delete_half_of_the_unrecorded(storm, world)
    _recover(storm, quiet, max(settle_s, _RECOVERY_S))
    for world in storm.worlds:
        # Links that were verified in the last minute of the storm are verified again.
        world.store.lose_state()
    before = people.records()
    everybody = people.users()
    after.users = len(everybody)
    _log_in(storm, quiet, everybody)
    now = people.records()
    for world in storm.worlds:
        _sort_the_unlinked(after.worlds[world.name], world, storm, quiet, before=before, now=now)
    waiting = {user_id for found in after.worlds.values() for user_id in found.waiting}
    if waiting:
        storm.pass_time(DAY_S + 3600)
        _log_in(storm, quiet, [person for person in everybody if person.user_id in waiting])
    for world in storm.worlds:
        found = after.worlds[world.name]
        found.findings = _read(storm, world, quiet.shown[world.name], settle_s)
        linked_before = {id for id, metadata in before.items() if world.link_in(metadata) is not None}
        found.linked_to_dead = [id for id in found.findings.dead if id not in linked_before]
        found.healed = _use_at_once(storm, world, quiet, found.findings.dead)
    after.written = _written_by_one_more_login(storm, quiet, everybody)
    for world in storm.worlds:
        after.worlds[world.name].last = _read(storm, world, {}, settle_s)
    after.misplaced = [
        f"{user_id}: {metadata.get('stripe_account')}"
        for user_id, metadata in people.records().items()
        for world in storm.worlds
        if world.livemode and metadata.get("stripe_account") != world.pin
    ]
    return after


def _sort_the_unlinked(
    found: InWorld,
    world: World,
    storm: Storm,
    quiet: Ledger,
    *,
    before: Mapping[str, Mapping[str, object]],
    now: Mapping[str, Mapping[str, object]],
) -> None:
    """Who was not shown as linked by the quiet login: with a reason to wait, or without."""
    # Also the next one after a failure that was noted already: the note names the create.
    noted = {
        id for id, it in now.items() if world.note_in(it) not in (None, world.note_in(before.get(id, {})))
    }
    for person in storm.people.users():
        if person.user_id in quiet.shown[world.name]:
            continue
        words = world.store.last_words(person.user_id)
        reason = UNNOTED if person.user_id in noted else CHANGED if person.changed else None
        if " ended late: " in words and world.link_in(now[person.user_id]) is not None:
            reason = SLOW
        if reason is None:
            found.unlinked.append(f"{world.name}: {person.user_id} ({person.kind}): {words}")
        else:
            found.waiting[person.user_id] = reason


def _delete_half_of_the_unrecorded(storm: Storm, world: World) -> None:
    """On the dashboard: customers whose worker was gone before it recorded them."""
    weather = storm.weather
    records = storm.people.records()
    for customer in list(world.office.customers()):
        owner = customer["metadata"].get("auth0_user_id", "")
        linked = world.link_in(records.get(owner, {})) is not None
        if not linked and weather.dice.random() < 0.5:
            weather.deleted[world.name][customer["id"]] = owner
            world.office.delete_customer(customer["id"])
            weather.done["customers deleted on the dashboard before they were recorded"] += 1


def _recover(storm: Storm, quiet: Ledger, seconds: float) -> None:
    """Let shoppers who were linked long ago come, until every process has seen that its vendors answer again.

    A breaker lets one call a few seconds through to a vendor that hung, and after its answer everybody.
    """
    linked = [person for person in storm.people.users() if person.kind == "linked before in each world"]
    ledger, ends = Ledger(), time.monotonic() + seconds

    def come(number: int) -> None:
        for person in cycle(linked[number::_RECOVERY_CLIENTS] or linked):
            for world in storm.worlds:
                if time.monotonic() > ends:
                    return
                Visit(world, ledger, person).log_in(compare=True)

    with ThreadPoolExecutor(_RECOVERY_CLIENTS) as clients:
        list(clients.map(come, range(_RECOVERY_CLIENTS)))
    quiet.bad.extend(ledger.bad)


def _log_in(storm: Storm, quiet: Ledger, people: Sequence[Person]) -> None:
    """Each of them once in each world, in any order."""
    orders = [storm.people.dice.sample(storm.worlds, len(storm.worlds)) for _ in people]

    def log_in(person: Person, order: Sequence[World]) -> None:
        for world in order:
            Visit(world, quiet, person).log_in()

    with ThreadPoolExecutor(_QUIET_CLIENTS) as clients:
        list(clients.map(log_in, people, orders))


def _written_by_one_more_login(storm: Storm, quiet: Ledger, people: Sequence[Person]) -> list[str]:
    """The links and customers that are written when everybody logs in again."""
    controls = (storm.sandbox.auth0.control, storm.sandbox.stripe.control)
    # The logs keep a bounded number of requests, so it is the last one that says where the new ones begin.
    seen = [control.requests()[-1] for control in controls]
    _log_in(storm, quiet, people)
    fresh = [
        it
        for control, last in zip(controls, seen, strict=True)
        for it in takewhile(lambda it: it is not last, reversed(control.requests()))  # noqa: B023 (used at once)
    ]
    return [
        f"{it.method} {it.path}"
        for it in fresh
        if it.method == "PATCH" or (it.method, it.path) == ("POST", "/v1/customers")
    ]


def _read(storm: Storm, world: World, shown: Mapping[str, Iterable[str]], settle_s: float) -> Findings:
    storm.remember()
    return audit(
        world,
        storm.people.users(),
        merged=storm.people.merged,
        shown=shown,
        shown_before=storm.ledger.shown[world.name],
        deleted=storm.weather.deleted[world.name],
        failed=storm.failed[world.name],
        least_s=settle_s - _LONGEST_ATTEMPT_S,
    )


def _use_at_once(
    storm: Storm, world: World, quiet: Ledger, user_ids: Iterable[str]
) -> dict[str, tuple[str | None, str | None]]:
    """Let each of them log in with two browsers at once and compare the records, which heals a dead link."""
    people = {person.user_id: person for person in storm.people.everybody}
    healed = {}
    with ThreadPoolExecutor(2) as browsers:
        for user_id in user_ids:
            visits = [Visit(world, quiet, people[user_id]) for _ in range(2)]
            one, other = browsers.map(lambda visit: visit.log_in(compare=True), visits)
            healed[user_id] = (one, other)
    return healed
