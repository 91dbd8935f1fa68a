"""The state of the sandbox's Stripe: the objects of each account and mode, guarded by one lock."""

import heapq
import itertools
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from webstore.sandbox.clock import Clock
from webstore.sandbox.stripe.catalogue_tables import PriceTable, Product
from webstore.sandbox.stripe.config import StripeConfig, StripeSettings
from webstore.sandbox.stripe.customer_table import CustomerTable
from webstore.sandbox.stripe.deliveries import Deliveries
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.events import EventTable
from webstore.sandbox.stripe.failures import Failures
from webstore.sandbox.stripe.idempotency import IdempotencyKeys
from webstore.sandbox.stripe.payments.tables import Payments
from webstore.sandbox.stripe.rate_limit import RateLimit
from webstore.sandbox.stripe.seeds import seeded_products
from webstore.sandbox.stripe.tables import RowTable
from webstore.sandbox.stripe.webhook_tables import WebhookEndpoint

_MOST_SEEDS = 99_999_999
_MOST_PRODUCTS, _MOST_PRICES_EACH = 100_000, 20
_SEED_FIELDS = {"customers", "products", "prices_each", "livemode", "tenant", "prefix", "account"}


class World:
    """All objects of one account in one mode (test or live)."""

    def __init__(self, account: str, livemode: bool, deliveries: Deliveries) -> None:
        self.account = account
        self.livemode = livemode
        self.customers = CustomerTable()
        self.products: RowTable[Product] = RowTable()
        self.prices = PriceTable()
        self.payments = Payments()
        self.webhook_endpoints: RowTable[WebhookEndpoint] = RowTable()
        self.events = EventTable(partial(deliveries.announce, self.webhook_endpoints))
        self.keys = IdempotencyKeys()
        self.rate = RateLimit()

    @property
    def mode(self) -> str:
        """`live` or `test`."""
        return "live" if self.livemode else "test"


class State:
    """The worlds, the ordered failures and the scheduled jobs. `lock` guards all of them."""

    def __init__(self, config: StripeConfig, settings: StripeSettings, clock: Clock) -> None:
        self.config = config
        self.settings = settings
        self.clock = clock
        self.lock = threading.RLock()
        self.failures = Failures()
        self.deliveries = Deliveries(settings, clock)
        self._at_start: list[Callable[[], object]] = []
        # The base URL of the latest request. The URLs of hosted pages begin with it.
        self.origin = ""
        self._numbers = itertools.count()
        self._later: list[tuple[float, int, Callable[[float], object]]] = []
        self._worlds: dict[tuple[str, bool], World] = {}
        self.reset()
        clock.when_moved(self._on_time)

    def reset(self) -> None:
        """Remove everything, then run the jobs of `begin_with` again."""
        with self.lock:
            self.deliveries.clear()
            self.failures.clear()
            self._later.clear()
            self._worlds = {
                (account, livemode): World(account, livemode, self.deliveries)
                for account, _ in self.config.keys.values()
                for livemode in (False, True)
            }

            for job in self._at_start:
                job()

    def begin_with(self, job: Callable[[], object]) -> None:
        """Run a job that adds objects now, and again after each reset."""
        with self.lock:
            self._at_start.append(job)
            job()

    def redeliver(self, event_id: str) -> int:
        """Send an event once more to the endpoints that want it. Returns the number of these endpoints.

        Raises LookupError for an unknown event.
        """
        with self.lock:
            for world in self._worlds.values():
                event = world.events.get(event_id)
                if event is not None:
                    return self.deliveries.redeliver(world.webhook_endpoints, event)
        raise LookupError(f"there is no event {event_id}")

    def world(self, account: str, livemode: bool) -> World:
        """The world of an account and mode. Raises KeyError for an account that is not configured."""
        return self._worlds[account, livemode]

    def worlds(self) -> list[World]:
        """The worlds of all accounts, in both modes."""
        return list(self._worlds.values())

    def other_mode(self, world: World) -> World:
        """The world of the same account in the other mode."""
        return self._worlds[world.account, not world.livemode]

    @property
    def first_account(self) -> str:
        """The account that the dashboard shows when a URL names none."""
        return next(iter(self.config.keys.values()))[0]

    def later(self, due: float, job: Callable[[float], object]) -> None:
        """Schedule a job for `due`, in Unix seconds of the sandbox's clock. The job is called with `due`."""
        heapq.heappush(self._later, (due, next(self._numbers), job))

    def _on_time(self) -> None:
        """Run the due jobs as soon as a test moves the clock, without waiting for the next request."""
        with self.lock:
            self.catch_up()

    def catch_up(self) -> float:
        """Run all jobs that are due, in order. Returns the current time in Unix seconds."""
        now = self.clock.now()
        while self._later and self._later[0][0] <= now:
            due, _, job = heapq.heappop(self._later)
            try:
                job(due)
            except StripeError:
                continue  # the request that scheduled the job has already been answered
        return now

    # Any: a seed is JSON from a test, and is checked here.
    def seed(self, spec: Mapping[str, Any]) -> dict[str, object]:
        """Create customers and a catalogue: `{"customers": n, "products": n, "prices_each": m}`.

        Each field is optional, as are `livemode`, `tenant`, `prefix` and `account`. No events are recorded.
        Raises ValueError for an invalid seed.
        """
        if unknown := set(spec) - _SEED_FIELDS:
            raise ValueError(f"unknown seed fields: {', '.join(sorted(unknown))}")
        count = _number(spec, "customers", 0, _MOST_SEEDS)
        products = _number(spec, "products", 0, _MOST_PRODUCTS)
        prices_each = _number(spec, "prices_each", 1, _MOST_PRICES_EACH)
        livemode, prefix = spec.get("livemode", False), spec.get("prefix", "seed")
        tenant = spec.get("tenant", "sandbox")
        if not isinstance(livemode, bool):
            raise ValueError("livemode must be true or false")
        if not isinstance(prefix, str) or not prefix.isalnum() or not isinstance(tenant, str):
            raise ValueError("prefix must be letters and digits, tenant a string")
        key = (spec.get("account", self.first_account), livemode)
        with self.lock:
            if key not in self._worlds:
                raise ValueError(f"there is no account {key[0]}")
            world, created = self._worlds[key], int(self.catch_up())
            if products and world.products.get(f"prod_{prefix}00000000") is not None:
                raise ValueError(f"there are products with the prefix {prefix} already")
            if count:
                world.customers.add_seeds(count, prefix, tenant, created)
            for product, prices in seeded_products(products, prices_each, prefix, created):
                world.products.add(product)
                for price in prices:
                    world.prices.add(price)
        made = {"products": products, "prices": products * prices_each} if "products" in spec else {}
        return {"customers": count, **made}


# Any: as above.
def _number(spec: Mapping[str, Any], name: str, default: int, most: int) -> int:
    value = spec.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{name} must be a number from 0 to {most}")
    return value
