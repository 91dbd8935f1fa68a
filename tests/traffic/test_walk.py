"""Every request of the store to Stripe is valid, and so is every answer and webhook of the sandbox.

Shoppers and the operator do all that they can, and the recorded traffic is checked against the SDK's types.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import webstore.gateways.stripe
from tests.goods import sell
from tests.support import Shop, running_shop
from tests.traffic import operators, walk
from tests.traffic.calls import endpoints_called
from tests.traffic.problems import problems_of_answers, problems_of_events, problems_of_requests
from tests.traffic.recorder import Traffic, record
from tests.traffic.sdk import endpoint_of

EVE, PAYER = "eve.walker@example.com", "payer@example.com"


@dataclass(frozen=True)
class Walked:
    """A store at the end of the walk, and its traffic."""

    shop: Shop
    traffic: Traffic


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walked]:
    """The whole walk."""
    state = tmp_path_factory.mktemp("walk") / "state"
    with running_shop(state, LINK_LOOKUP="always", LINK_EXISTING_BY_EMAIL="1") as shop:
        traffic = record(shop)
        shop.sandbox.send_webhooks()
        _walk(shop, traffic)
        yield Walked(shop, traffic)


def _walk(shop: Shop, traffic: Traffic) -> None:
    mug = sell(shop, "Blue mug", 1250)
    free = sell(shop, "Sticker", 0)
    box = sell(shop, "Tea box", 1900, every="month")
    big_box = sell(shop, "Big tea box", 3900, every="month")
    walk.look_around(shop, mug)
    ada = walk.newcomer(shop, "ada.walker@example.com")
    walk.buy_a_full_cart(shop, ada)
    walk.change_the_mind(ada, mug)
    walk.buy(ada, free)
    operators.refunds(shop)
    walk.read_orders(ada)
    walk.read_account(ada)
    eve = walk.newcomer(shop, EVE)
    subscription = walk.subscribe_twice(shop, eve, box)
    operators.renewals(shop, subscription, big_box)
    walk.read_account(eve)
    walk.pay_the_open_invoice(eve)
    walk.cancel_in_the_portal(eve)
    operators.invoices(shop, walk.customer_of(shop, EVE))
    walk.read_orders(eve)
    debtor = walk.newcomer(shop, "debtor@example.com")
    walk.bank_debits(shop, debtor, mug, box)
    walk.read_orders(debtor)
    walk.healing(shop, "healed@example.com")
    walk.looked_up(shop, "known@example.com")
    walk.refusals(shop, debtor)
    operators.taken_off_the_shelf(shop, debtor)
    walk.close_the_account(eve)
    payer = walk.newcomer(shop, PAYER)
    operators.disputes(shop, payer, mug)
    operators.taxes_and_discounts(shop, payer, mug, big_box)
    operators.credits_and_receipts(shop, walk.customer_of(shop, PAYER))
    walk.read_orders(payer)
    walk.a_large_subscription(shop, "large@example.com")
    operators.missed_events(shop)
    operators.rare_charges(shop)
    operators.thin_events(shop, traffic, "thin@example.com")
    walk.all_options(shop, traffic, "optional@example.com", mug)
    operators.many_prices(shop)
    operators.set_up_the_account(shop)
    operators.examine_the_set_up(shop)
    walk.quiet(shop)


def test_the_walk_reaches_every_endpoint_that_the_store_calls(walked: Walked) -> None:
    called = endpoints_called(Path(webstore.gateways.stripe.__file__).parent)
    reached = {str(endpoint_of(it.method, it.path)) for it in walked.traffic.calls}
    assert reached == called


def test_every_request_is_valid(walked: Walked) -> None:
    assert problems_of_requests(walked.traffic) == []


def test_every_answer_is_valid(walked: Walked) -> None:
    assert problems_of_answers(walked.traffic) == []


def test_every_webhook_is_valid(walked: Walked) -> None:
    assert len(walked.traffic.deliveries) > 100
    assert problems_of_events(walked.traffic) == []


def test_lists_inside_of_objects_say_whether_there_is_more(walked: Walked) -> None:
    seen = {
        (it["url"], len(it["data"]), it["has_more"])
        for exchange in walked.traffic.calls
        for it in _lists(exchange.answer)
        if it is not exchange.answer and it["url"].endswith(("/lines", "/line_items"))
    }
    truth = {url: walked.shop.stripe("GET", url.removeprefix("/v1"), limit="100") for url, _, _ in seen}
    assert {more for _, _, more in seen} == {True, False}
    assert [it for it in seen if it[2] != (it[1] < len(truth[it[0]]["data"]))] == []


# Any: any JSON.
def _lists(found: Any) -> Iterator[dict[str, Any]]:
    """Every list object in an answer."""
    if isinstance(found, dict):
        if found.get("object") == "list":
            yield found
        found = list(found.values())
    if isinstance(found, list):
        for inner in found:
            yield from _lists(inner)
