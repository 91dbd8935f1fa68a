"""Events whose delivery was missed, and when the store looks for them by itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from tests.fakes import Clock, Till, TimedMemory
from tests.unit.payment_records import Office
from tests.unit.webhook_deliveries import COMPLETED, SESSION
from webstore.errors import PaymentsUnavailable, StateUnavailable, WebhookRejected
from webstore.shop.event_effects import Webhooks
from webstore.shop.fulfilment import Outcome
from webstore.shop.models import StripeEvent
from webstore.shop.order_events import OrderEvent
from webstore.shop.ports import Availability
from webstore.shop.replay import LISTED_S, CatchUp, listed
from webstore.shop.webhooks import handle, receive

HOUR, DAY = 3600.0, 24 * 3600.0


@dataclass
class Store:
    """The webhooks of a store, and the processes that serve it."""

    clock: Clock = field(default_factory=Clock)
    office: Office = field(default_factory=Office)
    till: Till = field(default_factory=Till)
    told: list[OrderEvent] = field(default_factory=list)
    #: Work in the background that was begun and not done yet.
    begun: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock.now = 1_790_000_000.0
        self.state = TimedMemory(self.clock)
        self.webhooks = Webhooks(
            verify=lambda body, signature: None,
            read=self._read,
            checkouts=self.till,
            records=self.office,
            events=self.office,
            sales=self.office,
            state=self.state,
            fulfil=(self.told.append,),
            forget_catalogue=lambda: None,
            livemode=False,
            own_account=lambda: "acct_own",
            now=self.clock,
            sleep=self.clock.sleep,
        )

    def sell(self, number: int, ago_s: float) -> None:
        """A session that was paid so many seconds ago, the newest last; its event waits in Stripe's list."""
        session = replace(SESSION, id=f"cs_{number}")
        self.till.made[session.id] = session
        created = self.clock() - ago_s
        event = StripeEvent(f"evt_{number}", COMPLETED, False, session.id, None, created)  # noqa: FBT003  # as the SDK has it
        self.office.events.insert(0, event)

    def deliver(self, number: int) -> Outcome:
        """Stripe delivers an event of the list."""
        return receive(self.webhooks, f"evt_{number}".encode(), "")

    def start(self) -> None:
        """A new process gets its first requests; work in the background is done later."""
        catch_up = CatchUp(self.webhooks, self.begun.append, self.clock.sleep)
        catch_up.begin()
        catch_up.begin()

    def work(self) -> None:
        """Do the work in the background."""
        begun, self.begun = self.begun, []
        for work in begun:
            work()

    @property
    def sold(self) -> list[str]:
        """The sessions for which the hook was called, in order."""
        return [event.object_id for event in self.told]

    def _read(self, body: bytes) -> StripeEvent:
        found = [event for event in self.office.events if event.id == body.decode()]
        if not found:
            raise WebhookRejected("unknown")
        return found[0]


@pytest.fixture
def store() -> Store:
    return Store()


# The list


def test_missed_events_are_handled_the_oldest_first_and_seen_ones_are_not(store: Store) -> None:
    for number in (1, 2, 3):
        store.sell(number, ago_s=400 - 100 * number)
    store.deliver(2)

    outcomes = [handle(store.webhooks, event) for event in listed(store.webhooks, store.clock() - HOUR)]

    assert outcomes == ["done", "seen", "done"]
    assert store.sold == ["cs_2", "cs_1", "cs_3"]
    assert [handle(store.webhooks, event) for event in listed(store.webhooks, 0)] == ["seen"] * 3


def test_events_of_one_second_keep_their_order(store: Store) -> None:
    for number in (1, 2, 3):
        store.sell(number, ago_s=60)
    assert [event.object_id for event in listed(store.webhooks, 0)] == ["cs_1", "cs_2", "cs_3"]


def test_many_changes_of_one_product_are_one_question(store: Store) -> None:
    store.start()
    store.clock.sleep(DAY)
    for number in range(20):
        event = StripeEvent(f"evt_{number}", "product.updated", False, "prod_mug", None, store.clock() - 60)  # noqa: FBT003  # as the SDK has it
        store.office.events.append(event)
    store.till.unavailable["prod_mug"] = Availability.GONE
    began = store.clock()
    store.start()
    store.work()
    assert store.office.calls.count("open sessions") == 1
    assert store.clock() == began, "none has to wait"


def test_the_list_goes_back_30_days(store: Store) -> None:
    listed(store.webhooks, 0)
    assert store.office.calls == [f"events {store.clock() - LISTED_S:.0f}"]


def test_a_purchase_that_another_event_told_already_is_not_told_again(store: Store) -> None:
    store.sell(1, ago_s=60)
    store.deliver(1)
    store.office.events.append(replace(store.office.events[0], id="evt_thin"))
    for event in listed(store.webhooks, 0):
        handle(store.webhooks, event)
    assert store.sold == ["cs_1"]


# At the start


def test_a_new_store_replays_nothing(store: Store) -> None:
    store.sell(1, ago_s=DAY)
    store.start()
    assert store.begun == []
    assert store.office.calls == []


def test_a_store_that_was_away_for_an_hour_handles_what_it_missed(store: Store) -> None:
    store.start()
    store.clock.sleep(5 * DAY)
    store.sell(1, ago_s=3 * DAY)
    store.sell(2, ago_s=60)

    store.start()
    assert store.sold == [], "no request waits for it"
    store.work()

    assert store.sold == ["cs_1", "cs_2"]
    store.start()
    assert store.begun == [], "it was done once"


def test_a_short_restart_replays_nothing(store: Store) -> None:
    store.sell(1, ago_s=0)
    store.deliver(1)
    store.clock.sleep(HOUR - 1)
    store.start()
    assert store.begun == []


def test_events_that_stripe_was_still_trying_to_deliver_are_looked_at_too(store: Store) -> None:
    store.sell(1, ago_s=2 * DAY)
    store.sell(2, ago_s=0)
    store.deliver(2)
    store.clock.sleep(2 * HOUR)
    store.start()
    store.work()
    assert store.sold == ["cs_2", "cs_1"]


def test_the_first_delivery_after_an_absence_does_not_hide_it(store: Store) -> None:
    store.start()
    store.clock.sleep(DAY)
    store.sell(1, ago_s=HOUR)
    store.sell(2, ago_s=0)
    store.start()
    store.deliver(2)
    store.work()
    assert store.sold == ["cs_2", "cs_1"]


def test_of_several_processes_one_looks(store: Store) -> None:
    store.start()
    store.clock.sleep(DAY)
    store.start()
    store.start()
    store.work()
    assert len(store.office.calls) == 1


def test_what_failed_is_looked_for_at_the_next_start(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.start()
    store.clock.sleep(DAY)
    store.sell(1, ago_s=HOUR)
    store.office.instead = [PaymentsUnavailable("down")]
    store.start()
    store.work()
    assert store.sold == []
    assert "events replay --since" in caplog.text

    store.sell(2, ago_s=0)
    store.deliver(2)
    store.till.instead = [PaymentsUnavailable("down")]
    store.start()
    store.work()
    assert store.sold == ["cs_2"], "the reading of cs_1 failed"

    store.start()
    store.work()
    assert store.sold == ["cs_2", "cs_1"]


def test_a_process_that_dies_at_it_is_replaced_by_another_one(store: Store) -> None:
    store.start()
    store.clock.sleep(DAY)
    store.sell(1, ago_s=2 * HOUR)
    store.sell(2, ago_s=HOUR)
    store.start()
    store.start()
    first, second = store.begun

    def end() -> None:
        # A process that has ended cleans nothing up.
        store.state.down = True
        raise Died

    store.till.meanwhile = end
    with pytest.raises(Died):
        first()
    store.till.meanwhile, store.state.down = lambda: None, False
    second()

    assert store.sold == ["cs_1", "cs_2"]


class Died(BaseException):
    """The thread or the process ends here."""


def test_a_thread_that_ends_at_it_leaves_a_line_and_the_turn_to_the_next_one(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    def end() -> None:
        raise Died

    store.start()
    store.clock.sleep(DAY)
    store.sell(1, ago_s=HOUR)
    store.start()
    store.till.meanwhile = end
    with pytest.raises(Died):
        store.work()
    assert "missed events were not all handled" in caplog.text

    store.till.meanwhile = lambda: None
    began = store.clock()
    store.start()
    store.work()
    assert store.sold == ["cs_1"]
    assert store.clock() == began, "it has waited for a turn that nobody has"


def test_a_hook_that_exits_does_not_end_the_thread(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def leave(_: OrderEvent) -> None:
        raise SystemExit(1)

    store.start()
    store.clock.sleep(DAY)
    for number in (1, 2):
        store.sell(number, ago_s=HOUR)
    store.webhooks = replace(store.webhooks, fulfil=(store.told.append, leave))
    store.start()
    store.work()
    assert store.sold == ["cs_1", "cs_2"]
    assert caplog.text.count("failed with the order event=") == 2


def test_a_fault_does_not_reach_the_request(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def no_thread(_: Callable[[], None]) -> None:
        raise RuntimeError("can't start new thread")

    store.start()
    store.clock.sleep(DAY)
    with caplog.at_level(logging.WARNING):
        CatchUp(store.webhooks, no_thread).begin()
    assert "can't start new thread" in caplog.text
    store.state.down = True
    store.start()
    store.state.down = False
    store.start()
    store.work()
    assert store.office.calls, "the turn was not taken"


@pytest.mark.parametrize("fault", [StateUnavailable("gone"), KeyError("a bug")])
def test_a_fault_in_the_background_is_logged(
    store: Store, fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    store.start()
    store.clock.sleep(DAY)
    store.start()
    store.office.instead = [fault]
    store.work()
    assert "missed events were not all handled" in caplog.text
