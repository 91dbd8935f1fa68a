"""The linking protocol at login: which calls it makes, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.linking.attempts import ADA, DAY_S, Attempt, asked, change, claim, login, run
from tests.unit.linking.vendors import Vendors
from webstore.linking.calls import (
    CreateCustomer,
    GetCustomer,
    ListByEmail,
    ListCreatedSince,
    ReadAccount,
    ReadUser,
    RecordLink,
    SearchByOwner,
)
from webstore.linking.models import Account, Customer, CustomerPage, LinkStatus, User


def test_claim_in_the_id_token_costs_no_call(vendors: Vendors) -> None:
    outcome = run(vendors, login(vendors, claim("cus_1")))
    assert (outcome.status, outcome.customer_id) == (LinkStatus.ALREADY_LINKED, "cus_1")
    assert asked(vendors) == []


def test_claim_with_its_account_costs_the_account_read(vendors: Vendors) -> None:
    claimed = claim("cus_1", "acct_1 test")
    assert run(vendors, login(vendors, claimed)).customer_id == "cus_1"
    assert asked(vendors) == [ReadAccount]


@pytest.mark.parametrize("account", ["acct_1 live", "acct_2 test"])
def test_claim_of_another_world_says_nothing_about_this_one(vendors: Vendors, account: str) -> None:
    run(vendors, login(vendors, claim("cus_9", account)))
    assert asked(vendors)[:2] == [ReadAccount, ReadUser]
    change(vendors, customer_id="cus_9", account=account)
    own = {"stripe_customer_id_acct_1_test": "cus_1", "stripe_account_acct_1_test": "acct_1 test"}
    outcome = run(vendors, login(vendors, claim("cus_9", account, **own)))
    assert (outcome.customer_id, asked(vendors)) == ("cus_1", [ReadAccount])


def test_claim_that_is_no_customer_id_is_not_believed(vendors: Vendors) -> None:
    run(vendors, login(vendors, claim("garbage")))
    assert asked(vendors)[0] is ReadUser


def test_recorded_user_costs_one_read_and_the_account(vendors: Vendors) -> None:
    change(vendors, customer_id="cus_1", account="acct_1 test")
    assert run(vendors, login(vendors)).customer_id == "cus_1"
    assert asked(vendors) == [ReadUser, ReadAccount]


def test_new_account_costs_a_read_a_create_and_a_record(vendors: Vendors) -> None:
    assert run(vendors, login(vendors)).status is LinkStatus.CREATED
    assert asked(vendors) == [ReadUser, ReadAccount, CreateCustomer, RecordLink]
    assert vendors.calls[-1] == RecordLink(ADA, "cus_1", "acct_1 test")


def test_old_account_is_looked_up_by_email_then_by_search(vendors: Vendors) -> None:
    change(vendors, created_at=vendors.now - DAY_S)
    run(vendors, login(vendors))
    assert asked(vendors)[2:5] == [ListByEmail, SearchByOwner, CreateCustomer]


def test_old_account_without_email_is_looked_up_by_search_alone(vendors: Vendors) -> None:
    change(vendors, created_at=vendors.now - DAY_S, email=None)
    run(vendors, login(vendors))
    assert asked(vendors)[2:4] == [SearchByOwner, CreateCustomer]


def test_search_is_not_asked_when_the_list_shows_an_own_customer(vendors: Vendors) -> None:
    change(vendors, created_at=vendors.now - DAY_S)
    vendors.put(Customer("cus_9", email="ada@example.com", owner=ADA))
    assert run(vendors, login(vendors)).customer_id == "cus_9"
    assert asked(vendors) == [ReadUser, ReadAccount, ListByEmail, GetCustomer, ReadUser, RecordLink]


def test_without_search_the_customers_since_the_users_creation_are_listed(vendors: Vendors) -> None:
    vendors.search_missing = True
    change(vendors, created_at=vendors.now - DAY_S)
    run(vendors, login(vendors))
    assert vendors.calls[2:5] == [
        ListByEmail("ada@example.com"),
        SearchByOwner(ADA),
        ListCreatedSince(vendors.now - DAY_S),
    ]


@pytest.mark.parametrize("reason", ["lookup_always", "adopt_by_email", "an earlier failure"])
def test_new_account_is_looked_up_where_there_is_a_reason(vendors: Vendors, reason: str) -> None:
    failed = reason == "an earlier failure"
    change(vendors, link_failed_at=vendors.now - 1000 if failed else None)
    policy: dict[str, Any] = {} if failed else {reason: True}
    run(vendors, login(vendors, **policy))
    assert asked(vendors)[2:4] == [ListByEmail, SearchByOwner]


def test_key_window_ends_before_stripe_forgets_the_key(vendors: Vendors) -> None:
    for age_s, looked_up in ((22.9 * 3600, False), (23 * 3600, True)):
        vendors.users[ADA] = User(ADA, email="ada@example.com", created_at=vendors.now - age_s)
        run(vendors, login(vendors))
        assert (ListByEmail in asked(vendors)) is looked_up


def test_account_of_a_restricted_key_is_compared_by_its_mode(vendors: Vendors) -> None:
    vendors.account = Account(None, livemode=False)
    for account, linked in (("acct_1 test", "cus_9"), ("acct_1 live", "cus_1")):
        change(vendors, customer_id="cus_9", account=account)
        assert run(vendors, login(vendors)).customer_id == linked
    assert vendors.users[ADA].records["stripe_customer_id_test"] == "cus_1"


def test_listing_without_search_that_was_cut_off_proves_no_absence(vendors: Vendors) -> None:
    change(vendors, created_at=vendors.now - DAY_S)
    vendors.search_missing = True
    attempt = Attempt(vendors, login(vendors))
    attempt.until(ListCreatedSince)
    attempt.step(answer=CustomerPage((), complete=False))
    outcome = attempt.finish()
    assert (outcome.status, outcome.alarm) == (LinkStatus.PENDING, True)
    assert vendors.made == 0
