"""Many people log in at once, in bursts, while workers are killed and the weather is bad."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.chaos.dice import Dice, dice
from tests.chaos.people import People, Person
from tests.chaos.visits import Ledger, Visit, say
from tests.chaos.weather import Weather
from tests.chaos.worlds import World, switch_keys
from webstore.sandbox.vendors import Sandbox

CLIENTS = 24
FIRST_PEOPLE, PEOPLE_A_BURST = 300, 10
_BURST_S = (6.0, 14.0)
_PROGRESS_EVERY_S = 10.0


@dataclass
class Storm:
    """A storm of `minutes`, in which at least `kills` workers are killed."""

    seed: int
    minutes: float
    kills: int
    sandbox: Sandbox
    worlds: Sequence[World]
    people: People
    weather: Weather
    ledger: Ledger = field(default_factory=Ledger)
    #: How often time was moved on, by how.
    jumps: Counter[str] = field(default_factory=Counter)
    #: By world and request ID, when each create began whose failure Stripe kept under its key.
    failed: defaultdict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))
    #: What broke in a thread of the storm itself.
    broken: list[BaseException] = field(default_factory=list)

    def killed(self) -> int:
        """How many workers were killed."""
        return sum(world.store.kills() for world in self.worlds)

    def rage(self) -> None:
        """Burst after burst until the time is over; raises what broke in the storm's own threads."""
        chance = dice(self.seed, "storm")
        ends = time.monotonic() + self.minutes * 60
        self.people.arrive(FIRST_PEOPLE)
        with self._progress():
            while time.monotonic() < ends and not self.broken:
                self._burst(min(chance.uniform(*_BURST_S), ends - time.monotonic()), chance)
                self._between_bursts(chance)
        if self.broken:
            raise self.broken[0]

    def pass_time(self, seconds: float) -> None:
        """Let time pass at both vendors and for every account, which is how the store sees it."""
        self.remember()
        self.sandbox.stripe.control.clock.advance(seconds)
        self.sandbox.auth0.control.clock.advance(seconds)
        self.people.grow_older(seconds)

    def remember(self) -> None:
        """Keep for the audit what Stripe forgets: events after 30 days, answers under a key after one."""
        state = self.sandbox.stripe.state
        for world in self.worlds:
            world.office.read_events()
            with state.lock:
                keys = state.world(world.account, livemode=world.livemode).keys
                self.failed[world.name] |= keys.failures()

    def _burst(self, seconds: float, chance: Dice) -> None:
        fresh = self.people.arrive(PEOPLE_A_BURST)
        guests = _Guests(self.people, self.worlds, fresh, dice(chance.randrange(2**32), "guests"))
        stop = threading.Event()
        weather = self._started(self.weather.rage, stop)
        others = [self._started(self._kill_workers, stop)]
        others += [self._started(lambda stop: self._visit(guests, stop), stop) for _ in range(CLIENTS)]
        try:
            stop.wait(seconds)
        finally:
            stop.set()
            weather.join()
            # The sky clears first, so that nobody is held up for long.
            self.weather.clear()
            for thread in others:
                thread.join()

    def _started(self, work: Callable[[threading.Event], None], stop: threading.Event) -> threading.Thread:
        """A thread that works until `stop`, and stops the burst if it breaks."""

        def run() -> None:
            try:
                work(stop)
            except BaseException as exc:  # noqa: BLE001 (the storm raises it again)
                self.broken.append(exc)
                stop.set()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def _between_bursts(self, chance: Dice) -> None:
        """Now and then time is moved on, or people move; no login is under way."""
        for person in chance.sample(self.people.everybody[-100:], 5):
            self.people.move(person, chance.randrange(10**6))
        happenings = ["no time", "minutes", "more than a day", "no time, and two stores exchange their keys"]
        what = chance.choices(happenings, weights=[4, 4, 3, 1 if len(self.worlds) > 1 else 0])[0]
        if what == "minutes":
            self.pass_time(chance.uniform(1, 1800))
        elif what == "more than a day":
            # Attempts that run on behind an answered login must not see a day pass within themselves:
            # the processes that make them end here.
            for world in self.worlds:
                world.store.kill_all()
            time.sleep(0.3)
            self.pass_time(chance.uniform(24.5, 60) * 3600)
        elif "keys" in what:
            switch_keys(self.worlds, chance)
        self.jumps[what] += 1

    def _visit(self, guests: _Guests, stop: threading.Event) -> None:
        while not stop.is_set():
            world, person, compare = guests.next()
            Visit(world, self.ledger, person).log_in(compare=compare)

    def _kill_workers(self, stop: threading.Event) -> None:
        chance = dice(self.seed, f"kills {self.killed()}")
        # Twice as often as asked for: the breaks count as time, too.
        mean_s = self.minutes * 60 / max(1, self.kills) / 2
        while not stop.wait(chance.expovariate(1 / mean_s)):
            store = chance.choice(self.worlds).store
            workers = store.workers()
            for worker in workers if chance.random() < 0.1 else chance.sample(workers, min(1, len(workers))):
                store.kill(worker)

    @contextmanager
    def _progress(self) -> Iterator[None]:
        ended, began = threading.Event(), time.monotonic()

        def show() -> None:
            while not ended.wait(_PROGRESS_EVERY_S):
                say(f"  {time.monotonic() - began:5.0f} s  {self.state()}")

        thread = threading.Thread(target=show, name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def state(self) -> str:
        """How things stand, in one line."""
        ledger, weather = self.ledger, self.weather
        return (
            f"{ledger.done} logins of {len(self.people.everybody)} users, {self.killed()} kills, "
            f"{weather.struck.total()} faults, {ledger.pending} pending, {ledger.cut} cut off by a kill, "
            f"{len(ledger.bad)} errors"
        )


class _Guests:
    """Who logs in next: mostly those of this burst, often several times at the same moment, at any store."""

    def __init__(
        self, people: People, worlds: Sequence[World], fresh: Sequence[Person], chance: Dice
    ) -> None:
        self._everybody, self._fresh, self._chance = people.everybody, fresh, chance
        self._worlds = worlds
        self._lock = threading.Lock()
        self._again: list[Person] = []

    def next(self) -> tuple[World, Person, bool]:
        """Where somebody logs in, who, and whether they compare the two records."""
        chance = self._chance
        with self._lock:
            if not self._again:
                recent = self._everybody[-3 * PEOPLE_A_BURST :]
                circle = chance.choices([self._fresh, recent, self._everybody], weights=[6, 3, 2])[0]
                self._again = [chance.choice(circle)] * chance.choice([1, 1, 2, 2, 3, 5])
            return chance.choice(self._worlds), self._again.pop(), chance.random() < 0.1
