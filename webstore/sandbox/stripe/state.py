"""Everything the sandbox's Stripe remembers: a world for each account and mode, behind one lock."""

import heapq
import itertools
import threading
from collections.abc import Callable, Mapping
from typing import Any

from webstore.sandbox.clock import Clock
from webstore.sandbox.stripe.config import StripeConfig, StripeSettings
from webstore.sandbox.stripe.customer_table import CustomerTable
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.events import EventTable
from webstore.sandbox.stripe.failures import Failures
from webstore.sandbox.stripe.idempotency import IdempotencyKeys
from webstore.sandbox.stripe.rate_limit import RateLimit

_MOST_SEEDS = 99_999_999


class World:
    """What one account has in one mode."""

    def __init__(self, account: str, livemode: bool) -> None:
        self.account = account
        self.livemode = livemode
        self.customers = CustomerTable()
        self.events = EventTable()
        self.keys = IdempotencyKeys()
        self.rate = RateLimit()

    @property
    def mode(self) -> str:
        """`live` or `test`."""
        return "live" if self.livemode else "test"


class State:
    """The worlds, the failures asked for, and what is still to happen; `lock` guards all of it."""

    def __init__(self, config: StripeConfig, settings: StripeSettings, clock: Clock) -> None:
        self.config = config
        self.settings = settings
        self.clock = clock
        self.lock = threading.RLock()
        self.failures = Failures()
        self._numbers = itertools.count()
        self._later: list[tuple[float, int, Callable[[float], object]]] = []
        self._worlds: dict[tuple[str, bool], World] = {}
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        with self.lock:
            self.failures.clear()
            self._later.clear()
            self._worlds = {
                (account, livemode): World(account, livemode)
                for account, _ in self.config.keys.values()
                for livemode in (False, True)
            }

    def world(self, account: str, livemode: bool) -> World:
        """The world of an account's mode. Raises KeyError for an account that is not configured."""
        return self._worlds[account, livemode]

    def other_mode(self, world: World) -> World:
        """The same account's other mode."""
        return self._worlds[world.account, not world.livemode]

    @property
    def first_account(self) -> str:
        """The account that the dashboard shows when an address names none."""
        return next(iter(self.config.keys.values()))[0]

    def later(self, due: float, job: Callable[[float], object]) -> None:
        """Do something once the sandbox's clock has reached `due`; the job is told when it was due."""
        heapq.heappush(self._later, (due, next(self._numbers), job))

    def catch_up(self) -> float:
        """Do what is due by now, in order, and give the time."""
        now = self.clock.now()
        while self._later and self._later[0][0] <= now:
            due, _, job = heapq.heappop(self._later)
            try:
                job(due)
            except StripeError:
                continue  # nobody is waiting for the answer of a late effect
        return now

    # Any: the shape of a seed comes from a test's JSON and is checked here.
    def seed(self, spec: Mapping[str, Any]) -> dict[str, object]:
        """Make customers: `{"customers": n}` and optionally `livemode`, `tenant`, `prefix`, `account`.

        Raises ValueError for anything else.
        """
        if unknown := set(spec) - {"customers", "livemode", "tenant", "prefix", "account"}:
            raise ValueError(f"unknown seed fields: {', '.join(sorted(unknown))}")
        count, livemode = spec.get("customers", 0), spec.get("livemode", False)
        prefix, tenant = spec.get("prefix", "seed"), spec.get("tenant", "sandbox")
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= _MOST_SEEDS:
            raise ValueError(f"customers must be a number from 0 to {_MOST_SEEDS}")
        if not isinstance(livemode, bool):
            raise ValueError("livemode must be true or false")
        if not isinstance(prefix, str) or not prefix.isalnum() or not isinstance(tenant, str):
            raise ValueError("prefix must be letters and digits, tenant a string")
        key = (spec.get("account", self.first_account), livemode)
        with self.lock:
            if key not in self._worlds:
                raise ValueError(f"there is no account {key[0]}")
            now = self.catch_up()
            self._worlds[key].customers.add_seeds(count, prefix, tenant, int(now))
        return {"customers": count}
