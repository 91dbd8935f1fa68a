"""The catalogue's cache: how often Stripe is read, and which catalogue shoppers see."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes import Fleet
from tests.unit.shop.conftest import TTL_S
from tests.unit.shop.goods import MUG, TEA
from webstore.errors import PaymentsFailed, PaymentsUnavailable, StateUnavailable
from webstore.shop.catalogue import COLD_RETRY_S, EARLY_S
from webstore.shop.models import Catalogue

# The pages show the last reading


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


@pytest.mark.parametrize("key", ["catalogue:2", "catalogue-content:2"], ids=["the pointer", "the content"])
@pytest.mark.parametrize(
    "garbage",
    ["", "{", "null", "[]", "[1, 2]", "7", "version bm90IHppcHBlZA==", "version \x00", '["v", "", "x"]'],
)
def test_a_state_with_garbage_in_it_is_treated_as_empty(fleet: Fleet, key: str, garbage: str) -> None:
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
    assert fleet.stripe.readings == 1


def test_one_worker_reads_an_old_catalogue_again_while_all_serve_it(fleet: Fleet) -> None:
    one, two = fleet.worker(), fleet.worker()
    one.current(), two.current()
    fleet.later(TTL_S)
    fleet.stripe.products = (TEA,)
    fleet.hold()
    assert [worker.current().products for worker in (one, two, one, two)] == [(MUG,)] * 4
    assert (len(fleet.begun), fleet.waits) == (1, 0)
    fleet.release()
    assert one.current().products == (TEA,)
    fleet.later(1.0)
    assert two.current().products == (TEA,)
    assert fleet.stripe.readings == 2


def test_ten_minutes_of_traffic_on_three_workers_are_ten_readings(fleet: Fleet) -> None:
    workers = [fleet.worker() for _ in range(3)]
    for second in range(600):
        workers[second % 3].current()
        workers[(second + 1) % 3].current()
        fleet.later(1.0)
    assert fleet.stripe.readings == 10


def test_a_process_asks_the_shared_state_once_a_second(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.later(1.0)
    before = fleet.state.calls
    for _ in range(100):
        worker.current()
    assert fleet.state.calls == before + 1


def test_a_clock_that_was_put_back_stops_no_reading(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.later(-7 * 24 * 3600)
    fleet.stripe.products = (TEA,)
    # The claim was made by the former clock. A real claim expires by the state's own clock.
    fleet.state.entries.pop("catalogue-turn")
    assert fleet.shown(worker) == ["prod_tea"]


# Stripe down


def test_an_outage_of_stripe_shows_the_old_catalogue_and_costs_no_more_readings(fleet: Fleet) -> None:
    workers = [fleet.worker() for _ in range(2)]
    for worker in workers:
        worker.current()
    fleet.stripe.error = PaymentsUnavailable("down")
    for _ in range(3600):
        fleet.later(1.0)
        for worker in workers:
            assert worker.current().products == (MUG,)
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


def test_a_very_old_catalogue_is_worth_a_short_wait(fleet: Fleet) -> None:
    fleet.worker().current()
    fleet.later(24 * 3600)
    fleet.stripe.products = (TEA,)
    fleet.hold()
    fleet.meanwhile = fleet.release
    assert fleet.worker().current().products == (TEA,)
    assert fleet.waits == 1


# Webhooks


def test_a_change_is_shown_soon_on_every_worker(fleet: Fleet) -> None:
    one, two = fleet.worker(), fleet.worker()
    one.current(), two.current()
    fleet.stripe.products = (TEA,)
    one.forget()
    assert one.current().products == (TEA,)
    fleet.later(1.0)
    assert two.current().products == (TEA,)
    assert fleet.stripe.readings == 2


def test_a_change_during_a_reading_is_read_after_it(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.later(TTL_S)

    def change() -> None:
        fleet.stripe.products = (TEA,)
        worker.forget()

    fleet.stripe.during = change
    fleet.hold()
    worker.current()
    fleet.release()
    assert fleet.stripe.readings == 2
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
        fleet.later(1.0)
    # One for its age, one for the changes, in each minute.
    assert fleet.stripe.readings <= 1 + 2 * 10


def test_after_a_change_was_read_nothing_is_read_before_its_time(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    worker.forget()
    for _ in range(29):
        fleet.later(2.0)
        worker.current()
    assert fleet.stripe.readings == 2


# Without the shared state


def test_without_the_state_each_process_reads_for_itself_once_a_minute(fleet: Fleet) -> None:
    fleet.state.down = True
    workers = [fleet.worker() for _ in range(2)]
    for _ in range(300):
        for worker in workers:
            assert worker.current().products == (MUG,)
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


def test_without_the_state_a_change_is_read_here_and_an_error_says_that_others_missed_it(
    fleet: Fleet,
) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.state.down = True
    fleet.stripe.products = (TEA,)
    with pytest.raises(StateUnavailable):
        worker.forget()
    assert worker.current().products == (TEA,)


def test_a_state_that_was_lost_costs_a_reading_and_no_page(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.state.entries.clear()
    fleet.later(1.0)
    fleet.stripe.error = PaymentsUnavailable("down")
    assert worker.current().products == (MUG,)
    fleet.stripe.error = None
    fleet.later(TTL_S)
    assert fleet.shown(worker) == ["prod_mug"]
    assert fleet.worker().current().products == (MUG,)


def test_a_catalogue_that_came_back_with_the_state_is_ignored_if_it_is_older(fleet: Fleet) -> None:
    worker = fleet.worker()
    worker.current()
    fleet.state.down = True
    fleet.later(TTL_S)
    fleet.stripe.products = (TEA,)
    assert fleet.shown(worker) == ["prod_tea"]
    fleet.state.down = False
    fleet.stripe.error = PaymentsUnavailable("down")
    fleet.later(1.0)
    assert fleet.shown(worker) == ["prod_tea"]


# Real processes, threads and files

# As gunicorn does with `preload_app`: made in the master, used in the workers it forks.
FORK = """
import os, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from webstore.gateways.state import FileState
from webstore.gateways.threads import in_background
from webstore.shop import catalogue
from webstore.shop.catalogue import CatalogueService
from webstore.shop.models import Catalogue, Money, Price, Product

# On a busy machine the reading can take longer than a shopper's patience.
catalogue.PATIENCE_S = 30.0
MUG = Product("prod_mug", "Mug", (Price("price_mug", "prod_mug", Money(1, "eur")),))


class Stripe:
    def read_catalogue(self):
        print("read", flush=True)
        time.sleep(0.1)
        return Catalogue((MUG,), 0.0)


state = FileState(Path(sys.argv[1]))
service = CatalogueService(Stripe(), state, ttl_s=60.0, background=in_background)
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
