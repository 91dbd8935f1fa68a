"""Accounts that are merged in Auth0 and split again, over HTTP: one customer in use, never a stranger's."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.goods import sell
from tests.login.subscribers import buy
from tests.support import DAY_S, Browser, Shop, shown_customer
from webstore.linking.models import LinkStatus


@dataclass
class Pair:
    """Two accounts of one person."""

    shop: Shop
    primary: str
    secondary: str
    #: Their addresses.
    emails: dict[str, str]

    def ask(self, method: str, path: str, body: dict[str, str] | None = None) -> httpx.Response:
        """Ask the Management API about the primary's identities, as an operator would."""
        answer = self.shop.management(method, self.primary, body, path=path)
        assert answer.is_success, answer.text
        return answer

    def merge(self) -> None:
        provider, _, account = self.secondary.partition("|")
        self.ask("POST", "/identities", {"provider": provider, "user_id": account})

    def split(self) -> None:
        provider, _, account = self.secondary.partition("|")
        self.ask("DELETE", f"/identities/{provider}/{quote(account, safe='')}")

    def owner(self, customer_id: str | None) -> str:
        """The user that the customer names."""
        found: dict[str, Any] = self.shop.stripe("GET", f"/customers/{customer_id}")
        return str(found["metadata"]["auth0_user_id"])

    def owned(self, user_id: str) -> list[str]:
        """The living customers that name the user."""
        return [it["id"] for it in self.shop.customers() if it["metadata"].get("auth0_user_id") == user_id]


_numbers = count(1)


def social(number: int) -> dict[str, str]:
    """What makes a user one of a social provider."""
    return {"user_id": f"google-oauth2|{number:021}", "connection": "google-oauth2"}


def two_accounts(shop: Shop, *, is_social: bool = False) -> Pair:
    """Two accounts with different addresses, none of them with a customer."""
    number = next(_numbers)
    addresses = (f"eve{number}@example.com", f"eve{number}@example.org")
    primary = shop.add_user(addresses[0], age_s=30 * DAY_S)
    secondary = shop.add_user(addresses[1], age_s=30 * DAY_S, **(social(number) if is_social else {}))
    return Pair(shop, primary, secondary, dict(zip((primary, secondary), addresses, strict=True)))


@pytest.fixture
def pair(shared: Shop) -> Pair:
    """Two accounts with passwords."""
    return two_accounts(shared)


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def linked(pair: Pair, user_id: str) -> str:
    """Link the user, who had no customer, and give the customer."""
    outcome = pair.shop.use(user_id)
    assert outcome.status is LinkStatus.CREATED
    assert outcome.customer_id is not None
    return outcome.customer_id


@pytest.mark.parametrize("is_social", [False, True], ids=["database", "social"])
def test_only_the_secondary_has_a_customer_it_moves_to_the_primary(
    shared: Shop, caplog: pytest.LogCaptureFixture, *, is_social: bool
) -> None:
    pair = two_accounts(shared, is_social=is_social)
    seconds = linked(pair, pair.secondary)
    pair.merge()
    outcome = pair.shop.use(pair.primary)
    assert (outcome.status, outcome.customer_id) == (LinkStatus.ADOPTED, seconds)
    assert pair.owner(seconds) == pair.primary
    assert pair.shop.app_metadata(pair.primary)["stripe_customer_id"] == seconds
    assert pair.owned(pair.primary) == [seconds]
    assert pair.owned(pair.secondary) == []
    assert pair.shop.use(pair.primary).status is LinkStatus.VERIFIED
    assert alarms(caplog) == []


def test_only_the_primary_has_a_customer_it_stays(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    first = linked(pair, pair.primary)
    pair.merge()
    assert pair.shop.use(pair.primary).customer_id == first
    pair.shop.forget_requests()
    assert pair.shop.use(pair.primary, first).customer_id == first
    # The merged account was looked up once; now nothing is searched or written any more.
    assert pair.shop.stripe_requests() == [f"GET /v1/customers/{first}"]
    assert len(pair.shop.management_requests()) == 1
    assert alarms(caplog) == []


def test_both_have_a_customer_the_primarys_stays_and_running_subscriptions_are_named(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = linked(pair, pair.primary), linked(pair, pair.secondary)
    good = sell(pair.shop, "Tea box", 1900, every="month")
    made = pair.shop.sandbox.stripe.subscribe(customer=second, prices=[good.price])
    pair.merge()
    outcome = pair.shop.use(pair.primary)
    assert (outcome.customer_id, outcome.predecessors) == (first, (second,))
    (alarm,) = alarms(caplog)
    assert f"{made['id']} runs on {second}" in alarm
    # The alarm comes once.
    assert not pair.shop.use(pair.primary).alarm
    assert len(alarms(caplog)) == 1
    assert (pair.owner(first), pair.owner(second)) == (pair.primary, pair.secondary)


def test_a_customer_beside_this_one_is_no_alarm_when_nothing_runs_on_it(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    linked(pair, pair.primary)
    second = linked(pair, pair.secondary)
    pair.merge()
    caplog.set_level(logging.WARNING)
    pair.shop.use(pair.primary)
    assert alarms(caplog) == []
    assert f"others={second}" in caplog.text


@pytest.mark.parametrize("later_s", [60.0, 2 * DAY_S], ids=["at once", "days later"])
@pytest.mark.parametrize("had_one", ["secondary", "both"])
def test_after_a_split_nobody_gets_the_others_customer(shared: Shop, had_one: str, later_s: float) -> None:
    pair = two_accounts(shared, is_social=True)
    first = linked(pair, pair.primary) if had_one == "both" else None
    second = linked(pair, pair.secondary)
    pair.merge()
    kept = pair.shop.use(pair.primary).customer_id
    assert kept == (first or second)
    pair.split()
    shared.advance(later_s)
    assert shared.use(pair.primary).customer_id == kept
    split = shared.use(pair.secondary)
    assert split.customer_id not in (None, kept)
    # A customer that was never claimed for the primary is found again; never a second one beside it.
    assert (split.customer_id == second) is (had_one == "both")
    assert pair.owner(split.customer_id) == pair.secondary
    assert pair.owned(pair.primary) == [kept]
    assert pair.owned(pair.secondary) == [split.customer_id]


def test_merged_and_split_again_before_either_was_used(shared: Shop) -> None:
    pair = two_accounts(shared, is_social=True)
    second = linked(pair, pair.secondary)
    pair.merge()
    pair.split()
    first = linked(pair, pair.primary)
    found = pair.shop.use(pair.secondary)
    assert found.customer_id == second != first
    assert pair.owned(pair.secondary) == [second]


def test_merged_split_and_merged_again_within_a_day(pair: Pair) -> None:
    second = linked(pair, pair.secondary)
    for _ in range(2):
        pair.merge()
        assert pair.shop.use(pair.primary).customer_id == second
        pair.split()
        assert pair.shop.use(pair.secondary).customer_id not in (None, second)
    assert pair.owned(pair.primary) == [second]


def test_the_secondarys_password_opens_the_primarys_account_with_its_customer(shared: Shop) -> None:
    pair = two_accounts(shared)
    shown = shown_customer(logged_in(pair, pair.secondary).open("/account"))
    pair.merge()
    assert shown_customer(logged_in(pair, pair.secondary).open("/account")) == shown
    assert pair.owner(shown) == pair.primary


def test_orders_follow_the_merge_and_the_split(shop: Shop) -> None:
    pair = two_accounts(shop)
    tea, soap = (sell(shop, name, 900, every="month") for name in ("Tea box", "Soap box"))
    buy(shop, logged_in(pair, pair.primary), tea)
    buy(shop, logged_in(pair, pair.secondary), soap)
    assert ordered(pair, pair.primary) == {"Tea box"}
    pair.merge()
    # Both accounts had a customer. The orders of the secondary's are shown beside the primary's own.
    shop.use(pair.primary)
    assert ordered(pair, pair.secondary) == {"Tea box", "Soap box"}
    pair.split()
    assert ordered(pair, pair.primary) == {"Tea box"}
    assert ordered(pair, pair.secondary) == {"Soap box"}


def logged_in(pair: Pair, user_id: str) -> Browser:
    """A browser that has logged in with the account's own password."""
    browser = pair.shop.browser()
    browser.log_in(pair.emails[user_id])
    return browser


def ordered(pair: Pair, user_id: str) -> set[str]:
    """Which of the two products the orders page names, read now."""
    pair.shop.remove_state()
    page = logged_in(pair, user_id).open("/orders")
    assert page.status_code == 200
    return {name for name in ("Tea box", "Soap box") if name in page.text}
