"""After the storm: late effects appear, everybody logs in once, and both sides are read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle

from tests.chaos.audit import Findings, audit
from tests.chaos.people import Person
from tests.chaos.storm import Storm
from tests.chaos.visits import Ledger, Visit
from tests.chaos.weather import LATEST_EFFECT_S
from tests.support import DAY_S

_QUIET_CLIENTS, _RECOVERY_CLIENTS = 4, 8
_NOTE = "stripe_link_failed_at"
#: Settling is counted from the beginning of an attempt; this long the slowest takes to come to its create.
_LONGEST_ATTEMPT_S = 9.0
#: Twice as long as a breaker waits before it tries a vendor that hung.
_RECOVERY_S = 6.0
UNNOTED = "Stripe replays a failure that a killed worker could not note; it counts only after LINK_SETTLE_S"
CHANGED = "the name or address changed after a create whose effect is not seen"


@dataclass
class Aftermath:
    """What became of everybody once it was quiet."""

    #: One login for everybody. Those left pending log in once more, a day later.
    quiet: Ledger
    #: By user ID, why they were rightly pending after the quiet login.
    waiting: dict[str, str]
    #: Users who were pending after the quiet login without a reason.
    unlinked: list[str]
    #: Users whom the quiet login linked to a customer that was dead already.
    linked_to_dead: list[str]
    #: Both sides after the quiet logins.
    findings: Findings
    #: Users whose recorded customer is dead, and what two browsers show that use it at once.
    healed: dict[str, tuple[str | None, str | None]]
    #: Both sides after that.
    last: Findings


def aftermath(storm: Storm, *, settle_s: float) -> Aftermath:
    """Wait until all late effects have appeared, then read both sides."""
    storm.pass_time(LATEST_EFFECT_S + 60)
    quiet, everybody, people = Ledger(), storm.people.everybody, storm.people
    _delete_half_of_the_unrecorded(storm)
    _recover(storm, quiet, max(settle_s, _RECOVERY_S))
    linked_before, noted_before = people.with_key("stripe_customer_id"), people.with_key(_NOTE)
    _log_in(storm, quiet, everybody)
    noted_now = people.with_key(_NOTE) - noted_before
    waiting, unlinked = {}, []
    for person in everybody:
        if person.user_id not in quiet.shown:
            reason = UNNOTED if person.user_id in noted_now else CHANGED if person.changed else None
            if reason is None:
                unlinked.append(f"{person.user_id} ({person.kind}): {storm.store.last_words(person.user_id)}")
            else:
                waiting[person.user_id] = reason
    if waiting:
        storm.pass_time(DAY_S + 3600)
        _log_in(storm, quiet, [person for person in everybody if person.user_id in waiting])
    findings = _read(storm, quiet.shown, storm.ledger.shown, settle_s)
    linked_to_dead = [user_id for user_id in findings.dead if user_id not in linked_before]
    healed = _use_at_once(storm, quiet, findings.dead)
    last = _read(storm, {}, {}, settle_s)
    return Aftermath(quiet, waiting, unlinked, linked_to_dead, findings, healed, last)


def _delete_half_of_the_unrecorded(storm: Storm) -> None:
    """On the dashboard: customers whose worker was gone before it recorded them."""
    linked, weather = storm.people.with_key("stripe_customer_id"), storm.weather
    for customer in list(weather.office.customers()):
        owner = customer["metadata"].get("auth0_user_id", "")
        if owner not in linked and weather.dice.random() < 0.5:
            weather.deleted[customer["id"]] = owner
            weather.office.delete_customer(customer["id"])
            weather.done["customers deleted on the dashboard before they were recorded"] += 1


def _recover(storm: Storm, quiet: Ledger, seconds: float) -> None:
    """Let shoppers who were linked long ago come, until every process has seen that its vendors answer again.

    A breaker lets one call a few seconds through to a vendor that hung, and after its answer everybody.
    """
    linked = [person for person in storm.people.everybody if person.kind == "linked before"]
    ledger, ends = Ledger(), time.monotonic() + seconds

    def come(number: int) -> None:
        for person in cycle(linked[number::_RECOVERY_CLIENTS] or linked):
            if time.monotonic() > ends:
                return
            Visit(storm.store, ledger, person).log_in(compare=True)

    with ThreadPoolExecutor(_RECOVERY_CLIENTS) as clients:
        list(clients.map(come, range(_RECOVERY_CLIENTS)))
    quiet.bad.extend(ledger.bad)


def _log_in(storm: Storm, quiet: Ledger, people: Sequence[Person]) -> None:
    with ThreadPoolExecutor(_QUIET_CLIENTS) as clients:
        list(clients.map(lambda person: Visit(storm.store, quiet, person).log_in(), people))


def _read(
    storm: Storm,
    shown: Mapping[str, Iterable[str]],
    shown_before: Mapping[str, Iterable[str]],
    settle_s: float,
) -> Findings:
    answers = [seen for seen in storm.sandbox.stripe.control.requests() if seen.status == 500]
    replayed = {seen.idempotency_key for seen in answers if seen.replayed}
    failed = {
        seen.idempotency_key or "": seen.started
        for seen in reversed(answers)
        if seen.idempotency_key in replayed
    }
    return audit(
        storm.weather.office,
        storm.people.everybody,
        shown=shown,
        shown_before=shown_before,
        deleted=storm.weather.deleted,
        failed=failed,
        least_s=settle_s - _LONGEST_ATTEMPT_S,
    )


def _use_at_once(
    storm: Storm, quiet: Ledger, user_ids: Iterable[str]
) -> dict[str, tuple[str | None, str | None]]:
    """Let each of them log in with two browsers at once and compare the records, which heals a dead link."""
    people = {person.user_id: person for person in storm.people.everybody}
    healed = {}
    with ThreadPoolExecutor(2) as browsers:
        for user_id in user_ids:
            visits = [Visit(storm.store, quiet, people[user_id]) for _ in range(2)]
            one, other = browsers.map(lambda visit: visit.log_in(compare=True), visits)
            healed[user_id] = (one, other)
    return healed
