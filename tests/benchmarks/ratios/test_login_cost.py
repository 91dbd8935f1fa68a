"""What a login costs, compared with the smallest callback that Authlib makes possible.

The same person comes back to both in neighbouring windows, with vendors that answer at once and with vendors
that are 50 ms away. docs/performance.md describes the method.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, cycle, islice

import pytest

from .collector import ROUNDS, WINDOW_S, Collector
from .conftest import Pair
from .figures import Goal
from .logins import Person, Window, first_callback, logged_in, new_person, next_callback, one_by_one
from .raw import request
from .servers import Server
from .vendors import Vendors

pytestmark = pytest.mark.timeout(3600)

#: Seconds that a call to a vendor takes longer; the second figure is a vendor in another region.
AWAY_S = (0.0, 0.05)
#: Logins of a window for each of its seconds, by how far the vendors are away.
LOGINS_PER_S = {0.0: 20, 0.05: 8}
FEWEST = 4
REGULARS = 10
#: Of the wall time of the minimal callback and the hops of the kind.
MOST_WALL = 1.05
MOST_CPU = 1.25


@dataclass(frozen=True)
class Kind:
    """A kind of login at the store."""

    name: str
    #: Whether the ID token has the claim with the customer's ID.
    claim: bool = False
    #: Whether nobody of these has logged in at the store before.
    first: bool = False
    #: Calls one after the other that the minimal callback does not make.
    hops: float = 0.0
    most_wall: float = MOST_WALL
    most_cpu: float | None = None


BEGIN = "/login"
KINDS = (
    Kind("returning, with the claim", claim=True, most_cpu=MOST_CPU),
    Kind("returning, without the claim", hops=1.0),
    # Three calls, and what they cost beside their hops.
    Kind("first login", first=True, hops=3.3, most_wall=1.0),
)


@dataclass(repr=False)
class Windows:
    """The windows of one kind of login, and the minimal ones right before them."""

    store: list[Window] = field(default_factory=list)
    minimal: list[Window] = field(default_factory=list)


@dataclass(repr=False)
class Bench:
    """What a window needs."""

    pair: Pair
    vendors: Vendors
    people: Iterator[Person]
    numbers: Iterator[int]

    def store_window(self, kind: Kind, logins: int) -> Window:
        """Callbacks of this kind at the store."""
        host = self.pair.store.host
        if not kind.first:
            return self._window(self.pair.store, logins)
        names = (f"newcomer-{number}@example.com" for number in islice(self.numbers, logins))
        return measured_callbacks(self.pair.store, [first_callback(host, name)[0] for name in names])

    def minimal_window(self, logins: int) -> Window:
        """Callbacks of the minimal app."""
        return self._window(self.pair.minimal, logins)

    def _window(self, server: Server, logins: int) -> Window:
        people = islice(self.people, logins)
        return measured_callbacks(server, [next_callback(server.host, person) for person in people])


def measured_callbacks(server: Server, prepared: list[bytes]) -> Window:
    """A window of these callbacks, all of which log somebody in."""
    window, answers = one_by_one(server, prepared)
    for answer in answers:
        logged_in(answer)
    return window


Found = dict[tuple[str, float], Windows]


@pytest.fixture(scope="module")
def measured(pair: Pair, vendors: Vendors, found: Collector) -> Found:
    people = [new_person(pair.store.host, f"regular-{number}@example.com") for number in range(REGULARS)]
    bench = Bench(pair, vendors, cycle(people), count())
    # The first logins of a process read the provider's keys, and load and connect things.
    for kind in KINDS:
        vendors.claim(given=kind.claim)
        bench.minimal_window(FEWEST)
        bench.store_window(kind, FEWEST)
    windows: Found = {}
    try:
        for _ in range(ROUNDS):
            measure_begin(bench, found, windows.setdefault((BEGIN, 0.0), Windows()))
            for away_s in AWAY_S:
                vendors.keep_away(away_s)
                for kind in KINDS:
                    kept = windows.setdefault((kind.name, away_s), Windows())
                    measure_kind(bench, found, kind, away_s, kept)
    finally:
        vendors.keep_away(0)
        vendors.claim(given=False)
    add_figures(found, windows)
    return windows


def measure_begin(bench: Bench, found: Collector, windows: Windows) -> None:
    """A window of redirects to the provider, which make no call."""
    for server, kept in ((bench.pair.minimal, windows.minimal), (bench.pair.store, windows.store)):
        asked = [request("/login", server.host)] * _logins(0.0)
        window, answers = found.window(one_by_one, server, asked)
        assert {answer.status for answer in answers} == {302}
        kept.append(window)


def measure_kind(bench: Bench, found: Collector, kind: Kind, away_s: float, windows: Windows) -> None:
    """A window of minimal callbacks, then one of this kind."""
    logins = _logins(away_s)
    bench.vendors.claim(given=kind.claim)
    windows.minimal.append(found.window(bench.minimal_window, logins))
    windows.store.append(found.window(bench.store_window, kind, logins))


def _logins(away_s: float) -> int:
    return max(FEWEST, round(LOGINS_PER_S[away_s] * WINDOW_S))


def add_figures(found: Collector, measured: Found) -> None:
    """The rows of the table: for each kind, near and far vendors."""
    for (name, away_s), windows in measured.items():
        subject = name if name == BEGIN else f"{name}, {1000 * away_s:g} ms away"
        kind = next((kind for kind in KINDS if kind.name == name), None)
        pairs = list(zip(windows.store, windows.minimal, strict=True))
        found.add("login", subject, "wall", "ms", [store.wall_ms for store, _ in pairs])
        found.add("login", subject, "minimal", "ms", [minimal.wall_ms for _, minimal in pairs])
        hops_ms = 1000 * away_s * kind.hops if kind else 0.0
        wall = [store.wall_ms / (minimal.wall_ms + hops_ms) for store, minimal in pairs]
        goal = Goal(kind.most_wall) if kind and away_s else None
        found.add("login", subject, "wall, of minimal and hops", "ratio", wall, goal=goal)
        if away_s:
            more = [(store.wall_ms - minimal.wall_ms) / (1000 * away_s) for store, minimal in pairs]
            found.add("login", subject, "hops more", "hops", more)
        costs = [(store.cpu_ms, minimal.cpu_ms) for store, minimal in pairs]
        known = [(store, minimal) for store, minimal in costs if store is not None and minimal is not None]
        found.add("login", subject, "CPU", "ms", [store for store, _ in known])
        cpu = [store / minimal for store, minimal in known]
        goal = Goal(kind.most_cpu) if kind and kind.most_cpu else None
        found.add("login", subject, "CPU, of minimal", "ratio", cpu, goal=goal)


def test_every_login_succeeded(measured: Found) -> None:
    # `logged_in` has looked at each answer; here, that none was left out.
    for windows in measured.values():
        assert len(windows.store) == len(windows.minimal) == ROUNDS
