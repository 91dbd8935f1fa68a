"""The catalogue's cache: how often Stripe is read, by how many, and what is served meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support import in_background, until
from webstore.errors import PaymentsFailed, PaymentsUnavailable, StateUnavailable
from webstore.shop.catalogue import COLD_RETRY_S, EARLY_S, PATIENCE_S, CatalogueService
from webstore.shop.models import Catalogue, Money, Price, Product, Recurrence

TTL_S = 60.0
MUG = Product(
    "prod_mug",
    "Mug “large” \N{HOT BEVERAGE}",
    (
        Price("price_once", "prod_mug", Money(1250, "eur"), nickname="for friends"),
        Price("price_often", "prod_mug", Money(900, "usd"), Recurrence("month", 3)),
    ),
    description="Holds coffee.",
    images=("https://cdn.example/mug.png",),
    in_stock=False,
    shippable=True,
    created=1.0,
    updated=2.5,
)
TEA = Product("prod_tea", "Tea", (Price("price_tea", "prod_tea", Money(300, "eur")),))


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Stripe:
    """What is for sale, and how often somebody looked."""

    products: tuple[Product, ...] = (MUG,)
    error: Exception | None = None
    readings: int = 0
    #: Readings wait for it.
    open: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def read_catalogue(self) -> Catalogue:
        self.readings += 1
        products = self.products
        assert self.open.wait(20)
        if self.error is not None:
            raise self.error
        return Catalogue(products, read_at=0.0)


class FleetState:
    """A state on the test's clock, which can be unreachable."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self.entries: dict[str, tuple[str, float]] = {}
        self.down = False
        self.calls = 0

    def get(self, key: str) -> str | None:
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        with self._reached():
            found = {key: self.entries[key] for key in keys if key in self.entries}
            return {key: value for key, (value, until_) in found.items() if until_ > self._clock()}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        with self._reached():
            self.entries[key] = value, self._clock() + ttl_s

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        with self._reached():
            if key in self.entries and self.entries[key][1] > self._clock():
                return False
            self.entries[key] = value, self._clock() + ttl_s
            return True

    def count(self, key: str, ttl_s: float) -> int:
        raise NotImplementedError

    def delete(self, key: str) -> None:
        with self._reached():
            self.entries.pop(key, None)

    def _reached(self) -> threading.Lock:
        self.calls += 1
        if self.down:
            raise StateUnavailable("unplugged")
        return self._lock


@dataclass
class Fleet:
    """Several processes' catalogues on one shared state, at a clock that only the test moves."""

    clock: Clock
    stripe: Stripe
    state: FleetState
    workers: list[CatalogueService] = field(default_factory=list)

    def worker(self) -> CatalogueService:
        """One more process, which has nothing in memory yet."""
        service = CatalogueService(self.stripe, self.state, ttl_s=TTL_S, now=self.clock, sleep=self._sleep)
        self.workers.append(service)
        return service

    def _sleep(self, seconds: float) -> None:
        time.sleep(0.002)
        self.clock.now += seconds

    def later(self, seconds: float) -> None:
        self.clock.now += seconds

    def settle(self) -> None:
        """Wait until nobody reads any more."""
        until(nobody_reads)

    def shown(self, worker: CatalogueService) -> list[str]:
        """What the worker shows once whatever its request started has ended."""
        worker.current()
        self.settle()
        return [product.id for product in worker.current().products]


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    clock = Clock()
    fleet = Fleet(clock, Stripe(), FleetState(clock))
    yield fleet
    fleet.stripe.open.set()
    fleet.settle()


# What is read is what is shown


def test_another_process_shows_exactly_what_one_has_read(fleet: Fleet) -> None:
    fleet.stripe.products = (MUG, TEA)
    read = fleet.worker().current()
    assert read == Catalogue((MUG, TEA), fleet.clock.now)
    assert fleet.worker().current() == read
    assert fleet.stripe.readings == 1


def test_an_empty_shop_is_remembered_too(fleet: Fleet) -> None:
    fleet.stripe.products = ()
    assert fleet.worker().current().products == ()
    assert fleet.worker().current().products == ()
    assert fleet.stripe.readings == 1


@pytest.mark.parametrize("key", ["catalogue:1", "catalogue-content:1"], ids=["the pointer", "the content"])
@pytest.mark.parametrize(
    "garbage",
    ["", "{", "null", "[]", "[1, 2]", "7", "version bm90IHppcHBlZA==", "version \x00", '["v", "", "x"]'],
)
def test_a_state_that_holds_something_else_is_as_good_as_empty(fleet: Fleet, key: str, garbage: str) -> None:
    fleet.worker().current()
    fleet.state.entries[key] = garbage, fleet.clock.now + TTL_S
    fleet.later(TTL_S)
    fleet.state.entries[key] = garbage, fleet.clock.now + TTL_S
    assert fleet.worker().current().products == (MUG,)


# How often Stripe is read


def test_a_fresh_catalogue_is_not_read_again(fleet: Fleet) -> None:
    one, two = fleet.worker(), fleet.worker()
    for _ in range(29):
        assert one.current().products == two.current().products == (MUG,)
        fleet.later(2.0)
    fleet.settle()
    assert fleet.stripe.readings == 1


def test_one_worker_reads_an_old_one_anew_while_all_are_served(fleet: Fleet) -> None:
    one, two = fleet.worker(), fleet.worker()
    one.current(), two.current()
    fleet.later(TTL_S)
    fleet.stripe.products = (TEA,)
    fleet.stripe.open.clear()
    assert [worker.current().products for worker in (one, two, one, two)] == [(MUG,)] * 4
    until(lambda: fleet.stripe.readings == 2)
    fleet.stripe.open.set()
    fleet.settle()
    assert one.current().products == (TEA,)
    fleet.later(1.0)
    assert two.current().products == (TEA,)
    assert fleet.stripe.readings == 2


def test_ten_minutes_of_traffic_on_three_workers_are_ten_readings(fleet: Fleet) -> None:
    workers = [fleet.worker() for _ in range(3)]
    for second in range(600):
        workers[second % 3].current()
        workers[(second + 1) % 3].current()
        fleet.settle()
        fleet.later(1.0)
    assert fleet.stripe.readings == 10


def test_a_process_asks_the_shared_state_once_a_second(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.settle()
    fleet.later(1.0)
    before = fleet.state.calls
    for _ in range(100):
        worker.current()
    assert fleet.state.calls == before + 1


def test_a_clock_that_was_put_back_stops_nothing(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.later(-7 * 24 * 3600)
    fleet.stripe.products = (TEA,)
    # The claim was made by the clock of before; a real one expires by the state's own.
    fleet.state.entries.pop("catalogue-turn")
    assert fleet.shown(worker) == ["prod_tea"]


# Stripe down


def test_what_is_old_is_served_while_stripe_is_down_and_stripe_is_asked_no_more_often(fleet: Fleet) -> None:
    workers = [fleet.worker() for _ in range(2)]
    for worker in workers:
        worker.current()
    fleet.stripe.error = PaymentsUnavailable("down")
    for _ in range(3600):
        fleet.later(1.0)
        for worker in workers:
            assert worker.current().products == (MUG,)
        fleet.settle()
    assert fleet.stripe.readings == 1 + 60
    fleet.stripe.error, fleet.stripe.products = None, (TEA,)
    fleet.later(TTL_S)
    assert fleet.shown(workers[0]) == ["prod_tea"]


def test_a_new_process_shows_the_old_catalogue_while_stripe_is_down(fleet: Fleet) -> None:
    fleet.worker().current()
    fleet.stripe.error = PaymentsFailed("500")
    fleet.later(5 * 24 * 3600)
    assert fleet.worker().current().products == (MUG,)


def test_a_mistake_in_the_reading_is_logged_and_stops_nothing(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.stripe.error = ZeroDivisionError("a mistake")
    fleet.later(TTL_S)
    assert fleet.shown(worker) == ["prod_mug"]
    assert "a mistake" in caplog.text
    fleet.stripe.error, fleet.stripe.products = None, (TEA,)
    fleet.later(TTL_S)
    assert fleet.shown(worker) == ["prod_tea"]


def test_who_finds_a_very_old_catalogue_waits_a_moment_for_the_new_one(fleet: Fleet) -> None:
    fleet.worker().current()
    fleet.later(24 * 3600)
    fleet.stripe.products = (TEA,)
    assert fleet.worker().current().products == (TEA,)


# Nothing was ever read


def _can_sell(worker: CatalogueService) -> bool:
    with suppress(PaymentsUnavailable):
        return bool(worker.current().products)
    return False


def test_the_first_ones_wait_for_the_one_who_reads(fleet: Fleet) -> None:
    fleet.stripe.open.clear()
    one, two = fleet.worker(), fleet.worker()
    waiting = [in_background(worker.current) for worker in (one, one, two)]
    until(lambda: fleet.stripe.readings == 1)
    fleet.stripe.open.set()
    assert [found.result(20).products for found in waiting] == [(MUG,)] * 3
    assert fleet.stripe.readings == 1


def test_they_do_not_wait_for_ever(fleet: Fleet) -> None:
    fleet.stripe.open.clear()
    worker, other = fleet.worker(), fleet.worker()
    first = in_background(worker.current)
    until(lambda: fleet.stripe.readings == 1)
    began = fleet.clock.now
    with pytest.raises(PaymentsUnavailable):
        other.current()
    assert PATIENCE_S <= fleet.clock.now - began < PATIENCE_S + 1
    fleet.later(PATIENCE_S)
    with pytest.raises(PaymentsUnavailable):
        first.result(20)


def test_a_failure_is_told_to_all_at_once_and_not_tried_again_at_once(fleet: Fleet) -> None:
    fleet.stripe.error = PaymentsUnavailable("down")
    one, two = fleet.worker(), fleet.worker()
    began = fleet.clock.now
    for worker in (one, two, one, two):
        with pytest.raises(PaymentsUnavailable):
            worker.current()
    assert fleet.stripe.readings == 1
    assert fleet.clock.now - began < 1, "somebody waited for nothing"
    fleet.stripe.error = None
    fleet.later(COLD_RETRY_S)
    assert two.current().products == one.current().products == (MUG,)
    assert fleet.stripe.readings == 2


def test_a_crowd_waits_for_a_moment_and_after_that_nobody_does(fleet: Fleet) -> None:
    fleet.stripe.open.clear()
    worker = fleet.worker()
    waiting = [in_background(worker.current) for _ in range(5)]
    until(lambda: fleet.stripe.readings == 1)
    fleet.later(PATIENCE_S + 0.1)
    assert {type(found.exception(20)) for found in waiting} == {PaymentsUnavailable}
    began = fleet.clock.now
    for _ in range(3):
        with pytest.raises(PaymentsUnavailable):
            worker.current()
    assert fleet.clock.now == began
    fleet.stripe.open.set()
    until(lambda: _can_sell(worker))
    assert worker.current().products == (MUG,)


def test_a_first_reader_who_was_killed_is_replaced(fleet: Fleet) -> None:
    fleet.state.set("catalogue-turn", "taken", 20.0)  # as its claim looks, without anybody reading
    with pytest.raises(PaymentsUnavailable):
        fleet.worker().current()
    fleet.later(20.0)
    assert fleet.worker().current().products == (MUG,)


# Webhooks


def test_a_change_is_shown_soon_on_every_worker(fleet: Fleet) -> None:
    one, two = fleet.worker(), fleet.worker()
    one.current(), two.current()
    fleet.stripe.products = (TEA,)
    one.forget()
    fleet.settle()
    assert one.current().products == (TEA,)
    fleet.later(1.0)
    assert two.current().products == (TEA,)
    assert fleet.stripe.readings == 2


def test_a_change_during_a_reading_is_read_after_it(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.later(TTL_S)
    fleet.stripe.open.clear()
    worker.current()
    until(lambda: fleet.stripe.readings == 2)
    fleet.stripe.products = (TEA,)
    worker.forget()
    fleet.stripe.open.set()
    fleet.settle()
    assert worker.current().products == (MUG,)
    fleet.later(EARLY_S)
    assert fleet.shown(worker) == ["prod_tea"]


def test_a_storm_of_webhooks_is_one_reading_in_five_seconds(fleet: Fleet) -> None:
    workers = [fleet.worker() for _ in range(2)]
    for worker in workers:
        worker.current()
    for second in range(60):
        for worker in workers:
            for _ in range(5):
                worker.forget()
            worker.current()
        fleet.settle()
        fleet.later(1.0)
        assert fleet.stripe.readings <= 2 + second // EARLY_S + 1
    fleet.later(EARLY_S)
    fleet.stripe.products = (TEA,)
    assert fleet.shown(workers[1]) == ["prod_tea"], "the last change was lost"


def test_webhooks_while_stripe_is_down_do_not_mean_more_readings(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.stripe.error = PaymentsUnavailable("down")
    for _ in range(600):
        worker.forget()
        worker.current()
        fleet.settle()
        fleet.later(1.0)
    # One for its age, one for the changes, in each minute.
    assert fleet.stripe.readings <= 1 + 2 * 10


def test_after_a_change_was_read_nothing_is_read_before_its_time(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    worker.forget()
    fleet.settle()
    for _ in range(29):
        fleet.later(2.0)
        worker.current()
    fleet.settle()
    assert fleet.stripe.readings == 2


# Without the shared state


def test_without_the_state_each_process_reads_for_itself_once_a_minute(fleet: Fleet) -> None:
    fleet.state.down = True
    workers = [fleet.worker() for _ in range(2)]
    for _ in range(300):
        for worker in workers:
            assert worker.current().products == (MUG,)
        fleet.settle()
        fleet.later(1.0)
    assert fleet.stripe.readings == 2 * 5


def test_without_the_state_a_failure_is_not_tried_again_at_once(fleet: Fleet) -> None:
    fleet.state.down = True
    fleet.stripe.error = PaymentsUnavailable("down")
    worker = fleet.worker()
    for _ in range(5):
        with pytest.raises(PaymentsUnavailable):
            worker.current()
    assert fleet.stripe.readings == 1
    fleet.later(COLD_RETRY_S)
    fleet.stripe.error = None
    assert worker.current().products == (MUG,)


def test_without_the_state_a_change_is_read_here_and_the_failure_to_tell_is_told(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.state.down = True
    fleet.stripe.products = (TEA,)
    with pytest.raises(StateUnavailable):
        worker.forget()
    fleet.settle()
    assert worker.current().products == (TEA,)


def test_a_state_that_was_lost_costs_a_reading_and_no_page(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.settle()
    fleet.state.entries.clear()
    fleet.later(1.0)
    fleet.stripe.error = PaymentsUnavailable("down")
    assert worker.current().products == (MUG,)
    fleet.stripe.error = None
    fleet.later(TTL_S)
    assert fleet.shown(worker) == ["prod_mug"]
    assert fleet.worker().current().products == (MUG,)


def test_what_came_back_is_not_believed_where_it_is_older(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.settle()
    fleet.state.down = True
    fleet.later(TTL_S)
    fleet.stripe.products = (TEA,)
    assert fleet.shown(worker) == ["prod_tea"]
    fleet.state.down = False
    fleet.stripe.error = PaymentsUnavailable("down")
    fleet.later(1.0)
    assert fleet.shown(worker) == ["prod_tea"]


# Real processes, threads and files


def nobody_reads() -> bool:
    return all(thread.name != "catalogue" for thread in threading.enumerate())


# As gunicorn does with `preload_app`: made in the master, used in the workers it forks.
FORK = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from webstore.catalogue import CatalogueService
from webstore.commerce import Catalogue, Money, Price, Product
from webstore.gateways.state import FileState

MUG = Product("prod_mug", "Mug", (Price("price_mug", "prod_mug", Money(1, "eur")),))


class Stripe:
    def read_catalogue(self):
        print("read", flush=True)
        time.sleep(0.3)
        return Catalogue((MUG,), 0.0)


service = CatalogueService(Stripe(), FileState(Path(sys.argv[1])), ttl_s=60.0)
for _ in range(3):
    if os.fork() == 0:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: service.current().products, range(200)))
        os._exit(0 if found == [(MUG,)] * 200 else 1)
for _ in range(3):
    print("exit", os.wait()[1], flush=True)
"""


def test_workers_that_are_forked_at_once_read_once_on_one_file(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 (a script of this file)
        [sys.executable, "-c", FORK, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert sorted(done.stdout.splitlines()) == ["exit 0"] * 3 + ["read"], done.stderr
