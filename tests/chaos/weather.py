"""Random faults while people log in."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.chaos.dice import Dice
from tests.chaos.people import People
from tests.chaos.worlds import World
from webstore.sandbox.control import Control
from webstore.sandbox.vendors import Sandbox

#: The longest that an effect of a failed create is late, in seconds of Stripe's clock.
LATEST_EFFECT_S = 120.0
_HOUR_S = 3600.0

_STRIPE = [
    ("POST", "/v1/customers"),
    ("POST", "/v1/customers"),
    ("GET", "/v1/customers"),
    ("GET", "/v1/customers/search"),
    ("GET", "/v1/customers/cus_.*"),
    ("GET", "/v1/account"),
    (None, "/v1/.*"),
]
_MANAGEMENT = [
    ("GET", "/api/v2/users/.*"),
    ("PATCH", "/api/v2/users/.*"),
    ("PATCH", "/api/v2/users/.*"),
    (None, "/api/v2/.*"),
]


@dataclass
class Weather:
    """Disturbs the vendors and the store."""

    sandbox: Sandbox
    worlds: Sequence[World]
    people: People
    dice: Dice
    #: Faults that struck, by their names.
    struck: Counter[str] = field(default_factory=Counter)
    #: Interventions, by their names.
    done: Counter[str] = field(default_factory=Counter)
    #: By world, the owner of each customer deleted on the dashboard.
    deleted: defaultdict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))

    def rage(self, stop: threading.Event) -> None:
        """Disturb something every now and then until told to stop."""
        events: dict[Callable[[threading.Event], None], int] = {
            self._stripe_is_unwell: 34,
            self._auth0_is_unwell: 22,
            self._creates_fail: 12,
            self._search_changes: 5,
            self._stripe_is_slow: 4,
            self._an_outage: 4,
            self._state_is_lost: 6,
            self._somebody_is_renamed: 8,
            self._a_customer_is_deleted: 5,
            self._accounts_are_merged_or_split: 10,
        }
        while not stop.wait(self.dice.uniform(0.05, 0.5)):
            self.dice.choices(list(events), weights=list(events.values()))[0](stop)

    def clear(self) -> None:
        """End all faults and delays. Effects that are late are still to appear."""
        self._let_go()
        self.sandbox.stripe.clear_failures()
        quiet = {"search": "on", "search_lag_s": 1.0, "search_shows": "current", "execution_s": 0.0}
        self.sandbox.stripe.control.change_settings({**quiet, "rate_limit_per_s": 0})

    def _stripe_is_unwell(self, _: threading.Event) -> None:
        method, path = self.dice.choice(_STRIPE)
        self._fault(self.sandbox.stripe.control, method, path, _stripe_answers)

    def _auth0_is_unwell(self, _: threading.Event) -> None:
        method, path = self.dice.choice(_MANAGEMENT)
        self._fault(self.sandbox.auth0.control, method, path, _management_answers)

    def _fault(
        self, control: Control, method: str | None, path: str, answers: Callable[[Dice], dict[str, object]]
    ) -> None:
        """One fault of the transport, a few times."""
        dice = self.dice
        what: dict[str, object] = dice.choice(
            [
                {"action": "latency", "seconds": dice.uniform(0.05, 1.5)},
                {"action": "hang", "seconds": dice.uniform(1.2, 6.0)},
                {"action": "reset"},
                {"action": "truncate"},
                {"action": "trickle", "seconds": dice.uniform(0.005, 0.2)},
                {"action": "status", **answers(dice)},
                {"action": "status", **answers(dice)},
                {"action": "status", "status": 200, "body": "<html>A proxy's page</html>"},
            ]
        )
        if what.get("status") == 403:
            # There it says what the key may do, which no weather changes: see docs/linking.md, "Worlds".
            path = rf"(?!/v1/account$){path}"
        when = dice.choice(["before", "after"])
        control.add_fault(method=method, path=path, when=when, times=dice.randint(1, 4), **what)

    def _creates_fail(self, _: threading.Event) -> None:
        """Stripe's own 500s, stored under the key and replayed."""
        effect = self.dice.choice(["none", "now", "later"])
        times = self.dice.randint(1, 3)
        delay_s = round(self.dice.uniform(0.2, 1.0) * self.dice.choice([2.0, 20.0, LATEST_EFFECT_S]), 3)
        self.sandbox.stripe.fail(path="/v1/customers", times=times, effect=effect, delay_s=delay_s)
        self.done[f"creates ordered to fail with effect {effect}"] += times

    def _search_changes(self, _: threading.Event) -> None:
        changes: dict[str, object] = self.dice.choice(
            [
                {"search": "unavailable"},
                {"search": "on", "search_lag_s": 0.0},
                {"search": "on", "search_lag_s": 60.0, "search_shows": "current"},
                {"search": "on", "search_lag_s": _HOUR_S, "search_shows": "indexed"},
            ]
        )
        self.sandbox.stripe.control.change_settings(changes)
        self.done["changes of the search"] += 1

    def _stripe_is_slow(self, _: threading.Event) -> None:
        """Creates that are in flight for a while, or a rate limit of Stripe's own."""
        changes: dict[str, object] = self.dice.choice(
            [
                {"execution_s": 0.3},
                {"execution_s": 0.05},
                {"rate_limit_per_s": 20},
                {"execution_s": 0.0, "rate_limit_per_s": 0},
            ]
        )
        self.sandbox.stripe.control.change_settings(changes)
        self.done["changes of Stripe's speed"] += 1

    def _an_outage(self, stop: threading.Event) -> None:
        """A vendor's whole API hangs, or trickles, for a while."""
        control, path = self.dice.choice(
            [(self.sandbox.stripe.control, "/v1/.*"), (self.sandbox.auth0.control, "/api/v2/.*")]
        )
        action, seconds = self.dice.choice([("hang", 10.0), ("trickle", 1.0), ("reset", 0.0)])
        control.add_fault(action=action, path=path, seconds=seconds, times=None)
        stop.wait(self.dice.uniform(0.5, 4.0))
        self._let_go()
        self.done["outages of a whole API"] += 1

    def _state_is_lost(self, _: threading.Event) -> None:
        self.dice.choice(self.worlds).store.lose_state()
        self.done["losses of the shared state"] += 1

    def _somebody_is_renamed(self, _: threading.Event) -> None:
        newest = self.people.everybody[-60:]
        self.people.rename(self.dice.choice(newest), f"Renamed {self.dice.randrange(10**6)}")
        self.done["changes of a name"] += 1

    def _a_customer_is_deleted(self, _: threading.Event) -> None:
        """On the dashboard, one of the newest: it may be one that is just being recorded."""
        state, world = self.sandbox.stripe.state, self.dice.choice(self.worlds)
        with state.lock:
            state.catch_up()
            table = state.world(world.account, livemode=world.livemode).customers
            newest = [table.at(place) for place in range(max(0, len(table) - 20), len(table))]
        living = [customer for customer in newest if not customer.deleted]
        if living:
            customer = self.dice.choice(living)
            self.deleted[world.name][customer.id] = customer.metadata["auth0_user_id"]
            world.office.delete_customer(customer.id)
            self.done["customers deleted on the dashboard"] += 1

    def _accounts_are_merged_or_split(self, _: threading.Event) -> None:
        """Two of the newest, so that they log in at the same time; or two who were merged before."""
        pairs = sorted(self.people.merged)
        if pairs and self.dice.random() < 0.5:
            by_id = {person.user_id: person for person in self.people.everybody}
            one, other = (by_id[user_id] for user_id in self.dice.choice(pairs))
        else:
            one, other = self.dice.sample(self.people.everybody[-60:], 2)
            known = {user_id for pair in pairs for user_id in pair}
            if {one.user_id, other.user_id} & known:
                return
        self.people.regroup(one, other)
        self.done["accounts merged, or split again"] += 1

    def _let_go(self) -> None:
        """No more faults of the transport, after counting them."""
        for vendor in (self.sandbox.stripe.control, self.sandbox.auth0.control):
            for fault in vendor.faults():
                self.struck[_name(fault)] += int(str(fault["hits"]))
            vendor.clear_faults()


def _name(fault: dict[str, object]) -> str:
    action = fault["action"]
    if action != "status":
        return str(action)
    return "a proxy's page" if fault["status"] == 200 else f"status {fault['status']}"


def _stripe_answers(dice: Dice) -> dict[str, object]:
    """https://docs.stripe.com/api/errors"""
    status = dice.choice([429, 429, 500, 500, 502, 503, 401, 403])
    kind = "api_error" if status >= 500 else "invalid_request_error"
    error = {"type": kind, "message": "Made up by the weather."}
    if status == 429:
        error["code"] = "rate_limit"
    return {"status": status, "body": {"error": error}, "headers": {"Retry-After": "3600"}}


def _management_answers(dice: Dice) -> dict[str, object]:
    """https://auth0.com/docs/api/management/v2#errors and its rate-limit headers, with a far-off reset."""
    status = dice.choice([429, 429, 500, 503, 401, 403])
    headers = {"Retry-After": "3600", "x-ratelimit-reset": str(int(time.time() + _HOUR_S))}
    body = {"statusCode": status, "error": "Made up", "message": "by the weather"}
    return {"status": status, "body": body, "headers": headers}
