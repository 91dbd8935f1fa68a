"""Open Checkout Sessions end when what they sell is no longer for sale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.fakes import open_session
from tests.unit.offline import offline_store
from tests.unit.webhook_deliveries import SECRETS, Inbox, opened
from webstore.errors import PaymentsUnavailable
from webstore.shop.models import BoughtLine, CheckoutSession, Money, SessionStatus
from webstore.shop.ports import Availability


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


def test_a_burst_of_events_about_one_product_lists_the_sessions_once(inbox: Inbox) -> None:
    inbox.till.unavailable["prod_mug"] = Availability.GONE
    for number in range(20):
        change(inbox, "product.updated", "prod_mug", number)
    assert inbox.office.calls.count("open sessions") == 1
    inbox.clock.sleep(11)
    change(inbox, "product.updated", "prod_mug", 21)
    assert inbox.office.calls.count("open sessions") == 2


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
