"""Open Checkout Sessions end when what they sell is no longer for sale."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.fakes import Memory, open_session
from tests.unit.offline import offline_store
from tests.unit.webhook_deliveries import SECRETS, Inbox, opened
from webstore.errors import PaymentsRefused, PaymentsUnavailable
from webstore.routes import Services
from webstore.shop.fulfilment import Outcome
from webstore.shop.models import BoughtLine, CheckoutSession, Money, SessionStatus
from webstore.shop.places import Places
from webstore.shop.ports import Availability
from webstore.shop.withdrawn import EVERY_S, Goods, expire_sessions


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("webhooks"), STRIPE_WEBHOOK_SECRET=SECRETS) as app:
        yield app


@pytest.fixture
def inbox(app: Flask) -> Inbox:
    """A store with two open sessions: one sells a mug, the other one a mug and tea."""
    inbox = opened(app)
    put(inbox, selling(inbox, "cs_mug", "mug"))
    put(inbox, selling(inbox, "cs_both", "tea", "mug"))
    inbox.office.products = {"price_mug": "prod_mug", "price_tea": "prod_tea"}
    return inbox


def selling(inbox: Inbox, session_id: str, *goods: str, age_s: float = 60) -> CheckoutSession:
    lines = tuple(BoughtLine(it, 1, Money(1, "eur"), f"price_{it}", f"prod_{it}") for it in goods)
    return replace(open_session(session_id), owner="auth0|1", lines=lines, created=inbox.clock() - age_s)


def put(inbox: Inbox, session: CheckoutSession) -> None:
    inbox.till.made[session.id] = session
    inbox.office.open.append(session)


def change(inbox: Inbox, kind: str, object_id: str, number: int = 1, age_s: float = 1) -> TestResponse:
    about = {"id": object_id, "object": kind.partition(".")[0]}
    return inbox.deliver(kind, about, event=f"evt_{number}", age_s=age_s)


def ended(inbox: Inbox) -> set[str]:
    return {it.id for it in inbox.till.made.values() if it.status is SessionStatus.EXPIRED}


@pytest.mark.parametrize("kind", ["product.updated", "product.deleted"])
@pytest.mark.parametrize("availability", [Availability.GONE, Availability.OUT_OF_STOCK])
def test_sessions_with_a_product_that_is_not_for_sale_end(
    inbox: Inbox, kind: str, availability: Availability
) -> None:
    inbox.till.unavailable["prod_tea"] = availability
    assert change(inbox, kind, "prod_tea").json == {"outcome": "done"}
    assert ended(inbox) == {"cs_both"}
    assert inbox.forgotten == 1


@pytest.mark.parametrize("kind", ["price.updated", "price.deleted"])
def test_sessions_at_a_price_that_is_not_for_sale_end(inbox: Inbox, kind: str) -> None:
    del inbox.office.products["price_mug"]
    change(inbox, kind, "price_mug")
    assert ended(inbox) == {"cs_mug", "cs_both"}


def test_sessions_at_a_price_of_a_product_that_is_sold_out_end(inbox: Inbox) -> None:
    inbox.till.unavailable["prod_tea"] = Availability.OUT_OF_STOCK
    change(inbox, "price.updated", "price_tea")
    assert ended(inbox) == {"cs_both"}


@pytest.mark.parametrize(
    ("kind", "object_id"), [("product.updated", "prod_mug"), ("price.updated", "price_mug")]
)
def test_a_change_of_what_is_still_for_sale_ends_nothing(inbox: Inbox, kind: str, object_id: str) -> None:
    assert change(inbox, kind, object_id).json == {"outcome": "done"}
    assert ended(inbox) == set()
    assert "open sessions" not in inbox.office.calls


def test_a_session_that_was_paid_just_now_stays(inbox: Inbox) -> None:
    inbox.till.unavailable["prod_mug"] = Availability.GONE
    inbox.till.end("cs_mug", SessionStatus.COMPLETE)
    assert change(inbox, "product.updated", "prod_mug").json == {"outcome": "done"}
    assert ended(inbox) == {"cs_both"}


def test_during_an_outage_the_event_has_to_come_again(inbox: Inbox) -> None:
    inbox.till.unavailable["prod_mug"] = Availability.GONE
    inbox.office.instead = [PaymentsUnavailable("down")]
    assert change(inbox, "product.updated", "prod_mug").status_code == 503
    inbox.till.cannot_expire = PaymentsUnavailable("down")
    assert change(inbox, "product.updated", "prod_mug").status_code == 503
    inbox.till.cannot_expire = None
    assert change(inbox, "product.updated", "prod_mug").json == {"outcome": "done"}
    assert ended(inbox) == {"cs_mug", "cs_both"}


def test_a_key_that_may_not_expire_sessions_is_an_error_and_the_event_comes_again(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.till.unavailable["prod_mug"] = Availability.GONE
    inbox.till.cannot_expire = PaymentsRefused("403; to do: give the restricted key the permission")
    assert change(inbox, "product.updated", "prod_mug").status_code == 503
    (error,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert "give the restricted key the permission" in error.getMessage()
    assert ended(inbox) == set()

    inbox.till.cannot_expire = None
    assert change(inbox, "product.updated", "prod_mug").json == {"outcome": "done"}
    assert ended(inbox) == {"cs_mug", "cs_both"}


# Many events about one thing


def meanwhile(inbox: Inbox, act: Callable[[], None]) -> list[float]:
    """Do this while the first event waits that has to. Returns how long each one waits, in seconds."""
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            act()
        inbox.clock.sleep(seconds)

    services: Services = inbox.app.extensions["webstore"]
    inbox.use_webhooks(replace(services.webhooks, sleep=sleep))
    return waits


def test_of_a_burst_of_events_about_one_product_two_ask_and_the_others_are_done(inbox: Inbox) -> None:
    answers: list[TestResponse] = []

    def burst() -> None:
        answers.extend(change(inbox, "product.updated", "prod_mug", number) for number in range(3, 200))

    waits = meanwhile(inbox, burst)
    answers.append(change(inbox, "product.updated", "prod_mug", 1))
    answers.append(change(inbox, "product.updated", "prod_mug", 2))
    assert [answer.json for answer in answers] == [{"outcome": "done"}] * 199
    assert inbox.till.calls == 2
    assert len(waits) == 1
    assert waits[0] <= EVERY_S + 1


def test_what_is_sold_out_twice_within_seconds_ends_the_session_of_the_time_between(inbox: Inbox) -> None:
    inbox.till.unavailable["prod_mug"] = Availability.OUT_OF_STOCK
    change(inbox, "product.updated", "prod_mug", 1)
    del inbox.till.unavailable["prod_mug"]

    def buy_the_last_one() -> None:
        put(inbox, selling(inbox, "cs_new", "mug", age_s=0))
        inbox.till.unavailable["prod_mug"] = Availability.OUT_OF_STOCK
        assert change(inbox, "product.updated", "prod_mug", 3).status_code == 200

    meanwhile(inbox, buy_the_last_one)
    change(inbox, "product.updated", "prod_mug", 2)
    assert ended(inbox) == {"cs_mug", "cs_both", "cs_new"}


def test_if_the_one_that_waits_fails_it_comes_again_and_asks_then(inbox: Inbox) -> None:
    change(inbox, "product.updated", "prod_mug", 1)

    def stripe_goes_down() -> None:
        assert change(inbox, "product.updated", "prod_mug", 3).status_code == 200
        inbox.till.unavailable["prod_mug"] = Availability.GONE
        inbox.office.instead = [PaymentsUnavailable("down")]

    meanwhile(inbox, stripe_goes_down)
    assert change(inbox, "product.updated", "prod_mug", 2).status_code == 503
    assert ended(inbox) == set()
    assert change(inbox, "product.updated", "prod_mug", 2).json == {"outcome": "done"}
    assert ended(inbox) == {"cs_mug", "cs_both"}


def test_an_event_that_was_answered_long_after_it_happened_asks_nothing(inbox: Inbox) -> None:
    change(inbox, "product.updated", "prod_mug", 1)
    inbox.clock.sleep(60)
    change(inbox, "product.updated", "prod_mug", 2, age_s=3600)
    assert inbox.till.calls == 1
    change(inbox, "product.updated", "prod_mug", 3, age_s=61)
    assert inbox.till.calls == 2, "Stripe's clock may be some seconds behind the store's"


def test_without_a_place_to_wait_an_event_comes_again(inbox: Inbox) -> None:
    services: Services = inbox.app.extensions["webstore"]
    places = Places(1)
    inbox.use_webhooks(replace(services.webhooks, waiting_places=places))
    change(inbox, "product.updated", "prod_mug", 1)
    with places.one():
        assert change(inbox, "product.updated", "prod_mug", 2).status_code == 409
    assert change(inbox, "product.updated", "prod_mug", 2).json == {"outcome": "done"}
    assert inbox.till.calls == 2


def test_without_the_shared_state_each_event_asks(inbox: Inbox) -> None:
    goods = Goods(inbox.office, inbox.till, Memory(down=True), inbox.clock)
    inbox.till.unavailable["prod_mug"] = Availability.GONE
    for _ in range(2):
        assert expire_sessions(goods, "product", "prod_mug", inbox.clock()) is Outcome.DONE
    assert ended(inbox) == {"cs_mug", "cs_both"}


@pytest.mark.parametrize("garbage", ["", "garbage", "\N{REPLACEMENT CHARACTER}"])
def test_times_that_no_store_wrote_are_passed_over(inbox: Inbox, garbage: str) -> None:
    state = Memory()
    goods = Goods(inbox.office, inbox.till, state, inbox.clock, inbox.clock.sleep)
    assert expire_sessions(goods, "product", "prod_mug", inbox.clock()) is Outcome.DONE
    state.kept = dict.fromkeys(state.kept, garbage)
    # Somebody seems to ask already, and this state never forgets it.
    assert expire_sessions(goods, "product", "prod_mug", inbox.clock()) is Outcome.BUSY
    state.kept = {key: text for key, text in state.kept.items() if not key.startswith("withdrawn:")}
    assert expire_sessions(goods, "product", "prod_mug", inbox.clock()) is Outcome.DONE


def test_an_event_of_two_products_lists_the_sessions_for_each(inbox: Inbox) -> None:
    inbox.till.unavailable = {"prod_mug": Availability.GONE, "prod_tea": Availability.GONE}
    change(inbox, "product.updated", "prod_tea", 1)
    assert ended(inbox) == {"cs_both"}
    change(inbox, "product.updated", "prod_mug", 2)
    assert ended(inbox) == {"cs_both", "cs_mug"}


def test_an_event_older_than_any_open_session_asks_nothing(inbox: Inbox) -> None:
    inbox.till.unavailable["prod_mug"] = Availability.GONE
    assert change(inbox, "product.updated", "prod_mug", age_s=25 * 3600).json == {"outcome": "done"}
    assert (inbox.till.calls, inbox.office.calls, inbox.forgotten) == (0, [], 1)
