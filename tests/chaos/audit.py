"""Both sides of every link, read from outside and held against each other."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.people import Person
from tests.chaos.worlds import World

LATE = "a create answered with a failure, whose effect came or was seen only after LINK_SETTLE_S"
AROUND_A_MERGE = "the user's account was merged with another one, or split from it"
AROUND_A_DELETION = "another customer of the user was deleted on the dashboard"
UNEXPLAINED = "no cause known"


@dataclass
class Findings:
    """What the two sides say about everybody."""

    #: User IDs with a living customer of their own recorded.
    linked: list[str] = field(default_factory=list)
    #: User IDs with nothing recorded.
    unlinked: list[str] = field(default_factory=list)
    #: User IDs whose own customer is recorded and was deleted on the dashboard: it is healed on use.
    dead: list[str] = field(default_factory=list)
    #: What must never be: somebody else's customer, or none that anybody knows of.
    foreign: list[str] = field(default_factory=list)
    #: Users with two living customers in use: shown or recorded since the storm ended.
    twice: list[str] = field(default_factory=list)
    #: Users to whom two customers that still live were shown at any time.
    ever_twice: list[str] = field(default_factory=list)
    #: Living customers that name a user and are not the recorded one, by their cause.
    orphans: Counter[str] = field(default_factory=Counter)
    #: Those of them that have no cause, in words.
    unexplained: list[str] = field(default_factory=list)


def audit(
    world: World,
    people: Iterable[Person],
    *,
    merged: Collection[tuple[str, str]],
    shown: Mapping[str, Iterable[str]],
    shown_before: Mapping[str, Iterable[str]],
    deleted: Mapping[str, str],
    failed: Mapping[str, float],
    least_s: float,
) -> Findings:
    """Read everything of one world.

    `merged`: each primary and secondary account that were merged at any time;
    `shown`, `shown_before`: by user, the customers that pages showed since it is quiet, and in the storm;
    `deleted`: the owner of each customer that was deleted on the dashboard; `failed`: by request ID, when
    each create began whose failure Stripe kept under its key; `least_s`: how soon after that the next
    generation may have been made, at the soonest.
    """
    office = world.office
    office.read_events()
    found = Findings()
    for id, before, after in office.relabelled():
        if (after, before) not in merged:
            found.foreign.append(f"{id} of {before} was given to {after or 'nobody'}")
    regrouped = {user_id for pair in merged for user_id in pair}
    living = {customer["id"]: customer for customer in office.customers()}
    own: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for customer in living.values():
        own[customer["metadata"].get("auth0_user_id", "")].append(customer)
    found.unexplained = [f"{customer['id']} names nobody" for customer in own[""]]
    failed_at = {id: failed[request] for id, request in office.made_by().items() if request in failed}
    for person in people:
        recorded = world.link_in(office.app_metadata(person.user_id))
        _sort_in(found, person.user_id, recorded, living, deleted)
        now = {recorded or "", *shown.get(person.user_id, ())} & living.keys()
        ever = now | ({*shown_before.get(person.user_id, ())} & living.keys())
        for in_use, several in ((now, found.twice), (ever, found.ever_twice)):
            if len(in_use) > 1:
                several.append(f"{person.user_id} ({person.kind}): {', '.join(sorted(in_use))}")
        for orphan in own[person.user_id]:
            if orphan["id"] != recorded:
                used = living.get(recorded or "")
                cause = cause_of(orphan, used, deleted, failed_at, least_s)
                if cause == UNEXPLAINED and person.user_id in regrouped:
                    cause = AROUND_A_MERGE
                found.orphans[cause] += 1
                if cause == UNEXPLAINED:
                    found.unexplained.append(
                        f"{_described(orphan, failed_at)} of {person.user_id} ({person.kind}), "
                        f"beside {_described(used, failed_at) if used else recorded}"
                    )
    return found


def _sort_in(
    found: Findings,
    user_id: str,
    recorded: str | None,
    living: Mapping[str, dict[str, Any]],
    deleted: Mapping[str, str],
) -> None:
    if recorded is None:
        found.unlinked.append(user_id)
    elif recorded in living:
        owner = living[recorded]["metadata"].get("auth0_user_id")
        if owner == user_id:
            found.linked.append(user_id)
        else:
            found.foreign.append(f"{recorded} of {owner} is recorded for {user_id}")
    elif deleted.get(recorded) == user_id:
        found.dead.append(user_id)
    else:
        found.foreign.append(f"{recorded}, which is nobody's, is recorded for {user_id}")


def cause_of(
    orphan: Mapping[str, Any],
    used: Mapping[str, Any] | None,
    deleted: Mapping[str, str],
    failed_at: Mapping[str, float],
    least_s: float,
) -> str:
    """Why there is a living customer beside the recorded one (None: that one is dead).

    Either of the two may be the one in use: the earlier generation, where it came to light first, although
    the later one had been begun; or the later one.
    """
    if orphan["metadata"]["auth0_user_id"] in deleted.values():
        return AROUND_A_DELETION
    if used is None or _generation(orphan) == _generation(used):
        return UNEXPLAINED
    earlier, later = sorted((orphan, used), key=_generation)
    if earlier["id"] not in failed_at:
        return UNEXPLAINED
    # A create that failed, too, was begun when it first answered so, however late its effect.
    begun = failed_at.get(later["id"], float(later["created"]))
    return LATE if begun - failed_at[earlier["id"]] >= least_s else UNEXPLAINED


def _described(customer: Mapping[str, Any], failed_at: Mapping[str, float]) -> str:
    replaces = customer["metadata"].get("replaces")
    return (
        f"{customer['id']} (generation {_generation(customer)}, replaces {replaces}, "
        f"failed first at "
        f"{failed_at.get(customer['id'])}, made at {customer['created']} as {customer['name']!r} "
        f"<{customer['email']}>)"
    )


def _generation(customer: Mapping[str, Any]) -> int:
    return int(customer["metadata"].get("link_generation", "0"))
