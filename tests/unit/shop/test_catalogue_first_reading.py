"""The first reading of the catalogue: who waits for it, for how long, and when a process is ready."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.fakes import Fleet
from tests.unit.shop.conftest import TTL_S
from tests.unit.shop.goods import MUG
from webstore.errors import PaymentsRefused, PaymentsUnavailable, StateUnavailable
from webstore.shop.catalogue import COLD_RETRY_S, PATIENCE_S, CatalogueService
from webstore.shop.models import Product


def test_the_shopper_who_begins_the_reading_waits_for_it(fleet: Fleet) -> None:
    fleet.hold()
    fleet.meanwhile = fleet.release
    assert fleet.worker().current().products == (MUG,)
    assert (fleet.stripe.readings, fleet.waits) == (1, 1)


@pytest.mark.parametrize("here", [True, False], ids=["of this process", "of another process"])
def test_the_others_wait_for_the_same_reading(fleet: Fleet, here: bool) -> None:
    reader, other = fleet.worker(), fleet.worker()
    fleet.hold()
    reader.warm()
    assert len(fleet.begun) == 1
    fleet.meanwhile = fleet.release
    assert (reader if here else other).current().products == (MUG,)
    assert fleet.waits > 0
    assert fleet.stripe.readings == 1


def test_a_refused_first_reading_is_the_set_ups_fault_in_every_process(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    """A key without the permission to read prices: no outage, so nobody is asked to try again."""
    fleet.stripe.error = PaymentsRefused("Stripe answered 403: give the key the permission")
    for worker in (fleet.worker(), fleet.worker()):
        with pytest.raises(PaymentsRefused):
            worker.current()
    assert fleet.stripe.readings == 1
    (line,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "give the key the permission" in line.message
    # Once the permission is there, the next reading ends it.
    fleet.stripe.error = None
    fleet.later(COLD_RETRY_S + 1)
    assert fleet.worker().current().products == (MUG,)


def test_nobody_waits_past_their_patience(fleet: Fleet) -> None:
    fleet.hold()
    reader, other = fleet.worker(), fleet.worker()
    began = fleet.clock.now
    with pytest.raises(PaymentsUnavailable):
        reader.current()
    assert PATIENCE_S <= fleet.clock.now - began < PATIENCE_S + 1
    began = fleet.clock.now
    with pytest.raises(PaymentsUnavailable):
        other.current()
    assert PATIENCE_S <= fleet.clock.now - began < PATIENCE_S + 1
    assert len(fleet.begun) == 1


def test_the_wait_counts_from_before_the_reading_began(fleet: Fleet) -> None:
    """Beginning a reading can take long. The shopper's patience must not begin again after that."""

    def begin_slowly(_reading: object) -> None:
        fleet.later(PATIENCE_S + 0.1)

    worker = CatalogueService(
        fleet.stripe, fleet.state, ttl_s=TTL_S, background=begin_slowly, now=fleet.clock
    )
    began = fleet.clock.now
    with pytest.raises(PaymentsUnavailable):
        worker.current()
    assert fleet.clock.now - began < PATIENCE_S + 1
    assert fleet.waits == 0


@dataclass
class Crowd:
    """Shoppers of one process. Each comes while the earlier ones wait."""

    fleet: Fleet
    worker: CatalogueService
    size: int
    came: int = 0
    #: When each of them was sent away.
    sent_away: list[float] = field(default_factory=list)

    def come(self) -> None:
        if self.came < self.size:
            self.came += 1
            with pytest.raises(PaymentsUnavailable):
                self.worker.current()
            self.sent_away.append(self.fleet.clock.now)


def test_a_crowd_waits_until_the_same_moment_and_later_shoppers_do_not_wait(fleet: Fleet) -> None:
    fleet.hold()
    worker = fleet.worker()
    crowd = Crowd(fleet, worker, 5)
    fleet.meanwhile = crowd.come
    began = fleet.clock.now
    crowd.come()
    assert len(crowd.sent_away) == 5
    # Each wait of the store is half a second long, also the last one of each shopper.
    assert max(crowd.sent_away) - began < PATIENCE_S + 0.5 * 5 + 0.5

    ended, waits = fleet.clock.now, fleet.waits
    for _ in range(3):
        with pytest.raises(PaymentsUnavailable):
            worker.current()
    assert (fleet.clock.now, fleet.waits) == (ended, waits)
    fleet.release()
    assert worker.current().products == (MUG,)


def test_a_failure_reaches_all_at_once_and_is_not_tried_again_at_once(fleet: Fleet) -> None:
    fleet.stripe.error = PaymentsUnavailable("down")
    one, two = fleet.worker(), fleet.worker()
    began = fleet.clock.now
    for worker in (one, two, one, two):
        with pytest.raises(PaymentsUnavailable):
            worker.current()
    assert fleet.stripe.readings == 1
    assert fleet.clock.now - began < 1, "a shopper waited for nothing"
    fleet.stripe.error = None
    fleet.later(COLD_RETRY_S)
    assert two.current().products == one.current().products == (MUG,)
    assert fleet.stripe.readings == 2


def test_a_first_reader_that_was_killed_is_replaced(fleet: Fleet) -> None:
    # The claim of a process that ended before it had read.
    fleet.state.set("catalogue-turn", "taken", 20.0)
    with pytest.raises(PaymentsUnavailable):
        fleet.worker().current()
    fleet.later(20.0)
    assert fleet.worker().current().products == (MUG,)


def test_without_a_free_thread_the_shopper_is_sent_away_and_a_later_one_served(fleet: Fleet) -> None:
    threads: list[bool] = []

    def begin(reading: object) -> None:
        if not threads:
            raise RuntimeError("can't start new thread")
        assert callable(reading)
        reading()

    worker = CatalogueService(
        fleet.stripe,
        fleet.state,
        ttl_s=TTL_S,
        background=begin,
        now=fleet.clock,
        sleep=fleet.clock.sleep,
    )
    with pytest.raises(PaymentsUnavailable):
        worker.current()
    threads.append(True)
    fleet.later(20.0)
    assert worker.current().products == (MUG,)


# Whether a process is ready


def test_a_process_is_ready_once_the_first_reading_has_ended(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.hold()
    assert [worker.warm() for _ in range(3)] == [False] * 3
    assert (len(fleet.begun), fleet.stripe.readings) == (1, 0)
    fleet.release()
    assert worker.warm()
    assert fleet.waits == 0


@pytest.mark.parametrize("products", [(MUG,), ()], ids=["goods", "an empty shop"])
def test_a_process_is_ready_at_once_with_the_catalogue_of_another_one(
    fleet: Fleet, products: tuple[Product, ...]
) -> None:
    fleet.stripe.products = products
    fleet.worker().current()
    fleet.later(24 * 3600)
    fleet.hold()
    assert fleet.worker().warm()
    assert fleet.waits == 0


def test_a_process_stays_ready_once_a_reading_has_failed(fleet: Fleet) -> None:
    fleet.stripe.error = PaymentsUnavailable("down")
    worker = fleet.worker()
    assert worker.warm()
    # The mark of the failure is gone, and another reading is under way.
    fleet.later(COLD_RETRY_S)
    fleet.hold()
    assert worker.warm()
    assert len(fleet.begun) == 1


def test_a_process_is_ready_after_a_failed_reading_however_seldom_it_is_asked(fleet: Fleet) -> None:
    worker = fleet.worker()
    fleet.hold()
    assert not worker.warm()
    fleet.stripe.error = PaymentsUnavailable("down")
    fleet.release()
    # The mark of the failure is gone, and the next question begins another reading.
    fleet.later(10 * COLD_RETRY_S)
    fleet.hold()
    assert worker.warm()


def test_a_process_is_ready_once_the_reading_of_another_one_has_failed(fleet: Fleet) -> None:
    fleet.stripe.error = PaymentsUnavailable("down")
    with pytest.raises(PaymentsUnavailable):
        fleet.worker().current()
    assert fleet.worker().warm()
    assert fleet.stripe.readings == 1


def test_a_process_gets_ready_without_the_shared_state(fleet: Fleet) -> None:
    fleet.state.down = True
    worker = fleet.worker()
    fleet.hold()
    assert not worker.warm()
    fleet.release()
    assert worker.warm()
    with pytest.raises(StateUnavailable):
        fleet.state.get("catalogue:2")
