"""Accounts that were merged in Auth0, and split again: one customer in use, and never a stranger's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.linking.attempts import ADA, DAY_S, NOTHING_CLAIMED, asked, change, login, policy_of, run, use
from tests.unit.linking.vendors import Vendors
from webstore.errors import PaymentsUnavailable
from webstore.linking.calls import ListRunning, RecordLink, SearchByOwner, UpdateCustomer
from webstore.linking.models import Customer, LinkStatus, User
from webstore.linking.protocol import at_login

SECOND = "google-oauth2|1042 b"
TENANT = "shop.eu.auth0.com"


@pytest.fixture
def merged(vendors: Vendors) -> Vendors:
    """Ada's account, into which her Google account was merged."""
    change(vendors, identities=(SECOND,), created_at=vendors.now - 90 * DAY_S)
    return vendors


def has_customer(vendors: Vendors, customer_id: str, owner: str, **fields: Any) -> None:
    vendors.put(Customer(customer_id, owner=owner, tenant=TENANT, created=5, **fields), vendors.now - DAY_S)


def log_in_as(vendors: Vendors, user_id: str) -> str | None:
    return run(vendors, at_login(user_id, NOTHING_CLAIMED, policy_of(vendors), vendors.now)).customer_id


def test_the_secondarys_customer_is_adopted_and_names_the_primary_from_then_on(merged: Vendors) -> None:
    has_customer(merged, "cus_9", SECOND, email="ada@example.com", name="Ada Example")
    outcome = run(merged, login(merged))
    assert (outcome.status, outcome.customer_id) == (LinkStatus.ADOPTED, "cus_9")
    assert outcome.identities == (SECOND,)
    assert merged.customers["cus_9"].owner == ADA
    assert merged.made == 0
    # Nothing more is done at the next use.
    used = run(merged, use(merged))
    assert (used.status, used.customer_id, used.alarm) == (LinkStatus.VERIFIED, "cus_9", False)
    assert not {SearchByOwner, RecordLink, UpdateCustomer} & set(asked(merged))


def test_a_merged_accounts_customer_is_found_by_its_address_before_the_search_shows_it(
    vendors: Vendors,
) -> None:
    change(vendors, identities=(SECOND,), merged_emails=("ada@gmail.example",))
    made = Customer("cus_9", owner=SECOND, tenant=TENANT, email="ada@gmail.example", created=vendors.now)
    vendors.put(made)
    assert run(vendors, login(vendors)).customer_id == "cus_9"


def test_a_linked_primary_learns_of_the_merged_accounts_customer_by_its_address(vendors: Vendors) -> None:
    change(vendors, identities=(SECOND,), merged_emails=("ada@gmail.example",))
    change(vendors, customer_id="cus_1", account="acct_1 test")
    vendors.search_missing = True
    vendors.put(Customer("cus_1", owner=ADA, tenant=TENANT, email="ada@example.com", name="Ada Example"))
    vendors.put(Customer("cus_9", owner=SECOND, tenant=TENANT, email="ada@gmail.example"))
    outcome = run(vendors, use(vendors))
    assert (outcome.customer_id, outcome.predecessors) == ("cus_1", ("cus_9",))
    # Without a search the list is all there is to ask, and it is asked once.
    assert vendors.users[ADA].merged == (SECOND,)


def test_a_young_primary_is_looked_up_too(vendors: Vendors) -> None:
    change(vendors, identities=(SECOND,))
    has_customer(vendors, "cus_9", SECOND)
    assert run(vendors, login(vendors)).customer_id == "cus_9"


def test_only_the_primary_has_a_customer(merged: Vendors) -> None:
    has_customer(merged, "cus_1", ADA, email="ada@example.com", name="Ada Example")
    change(merged, customer_id="cus_1", account="acct_1 test")
    outcome = run(merged, use(merged))
    assert (outcome.status, outcome.customer_id, outcome.alarm) == (LinkStatus.VERIFIED, "cus_1", False)
    assert merged.users[ADA].merged == (SECOND,)
    run(merged, use(merged))
    assert SearchByOwner not in asked(merged)


def test_both_have_one_the_primarys_stays_and_the_others_orders_stay_in_sight(merged: Vendors) -> None:
    has_customer(merged, "cus_1", ADA, email="ada@example.com", name="Ada Example")
    has_customer(merged, "cus_2", SECOND)
    merged.running["cus_2"] = ("sub_7", "sub_8")
    change(merged, customer_id="cus_1", account="acct_1 test", replaced=("cus_0",))
    outcome = run(merged, use(merged))
    assert (outcome.status, outcome.customer_id) == (LinkStatus.VERIFIED, "cus_1")
    assert outcome.predecessors == merged.users[ADA].replaced == ("cus_0", "cus_2")
    assert outcome.identities == (SECOND,)
    # Subscriptions run on it that the shopper does not see: an operator has to act. The alarm comes once.
    assert outcome.alarm
    assert "sub_7 runs on cus_2, sub_8 runs on cus_2" in outcome.reason
    assert "flask customers relink" in outcome.reason
    assert not run(merged, use(merged)).alarm
    assert merged.customers["cus_2"].owner == SECOND


def test_of_many_merged_accounts_those_beyond_one_look_up_are_looked_up_at_the_next_use(
    merged: Vendors,
) -> None:
    identities = tuple(f"google-oauth2|{number}" for number in range(14))
    change(merged, identities=identities)
    has_customer(merged, "cus_9", identities[-1])
    merged.running["cus_9"] = ("sub_7",)
    assert run(merged, login(merged)).status is LinkStatus.CREATED
    found = [run(merged, use(merged)) for _ in range(3)]
    assert [it.alarm for it in found] == [False, False, True]
    assert merged.users[ADA].replaced == ("cus_9",)
    assert merged.users[ADA].merged == identities
    run(merged, use(merged))
    assert SearchByOwner not in asked(merged)


def test_both_have_one_and_nothing_is_recorded(merged: Vendors) -> None:
    has_customer(merged, "cus_2", SECOND, email="ada@example.com")
    has_customer(merged, "cus_1", ADA)
    merged.running["cus_2"] = ("sub_7",)
    outcome = run(merged, use(merged))
    assert (outcome.customer_id, outcome.predecessors, outcome.alarm) == ("cus_1", ("cus_2",), True)
    assert "sub_7 runs on cus_2" in outcome.reason


def test_the_users_own_customer_is_preferred_to_one_of_a_higher_generation(merged: Vendors) -> None:
    has_customer(merged, "cus_1", ADA, generation=0)
    has_customer(merged, "cus_2", SECOND, generation=3)
    assert run(merged, use(merged)).customer_id == "cus_1"
    assert merged.customers["cus_2"].owner == SECOND


def test_a_merged_accounts_customer_is_searched_for_after_the_list_showed_the_users_own(
    merged: Vendors,
) -> None:
    has_customer(merged, "cus_1", ADA, email="ada@example.com", name="Ada Example")
    has_customer(merged, "cus_2", SECOND, email="ada@elsewhere.example")
    merged.running["cus_2"] = ("sub_7",)
    assert run(merged, login(merged)).customer_id == "cus_1"
    outcome = run(merged, use(merged))
    assert (outcome.customer_id, outcome.predecessors, outcome.alarm) == ("cus_1", ("cus_2",), True)
    assert "sub_7 runs on cus_2" in outcome.reason


def test_a_customer_beside_this_one_on_which_nothing_runs_is_reported_without_an_alarm(
    merged: Vendors,
) -> None:
    has_customer(merged, "cus_1", ADA)
    has_customer(merged, "cus_2", SECOND)
    change(merged, customer_id="cus_1", account="acct_1 test")
    outcome = run(merged, use(merged))
    assert (outcome.alarm, outcome.others, outcome.predecessors) == (False, ("cus_2",), ("cus_2",))
    assert "cus_2 stays beside this customer" in outcome.reason


def test_subscriptions_that_cannot_be_read_are_an_alarm_and_keep_nobody_waiting(merged: Vendors) -> None:
    has_customer(merged, "cus_1", ADA)
    has_customer(merged, "cus_2", SECOND)
    change(merged, customer_id="cus_1", account="acct_1 test")
    outcome = run(merged, use(merged), errors=[(ListRunning, PaymentsUnavailable("lost"))])
    assert (outcome.status, outcome.customer_id, outcome.alarm) == (LinkStatus.VERIFIED, "cus_1", True)
    assert "the subscriptions of cus_2 could not be read" in outcome.reason
    assert merged.users[ADA].replaced == ("cus_2",)


def test_a_recorded_customer_that_names_the_secondary_is_used_and_renamed(merged: Vendors) -> None:
    """The merge moved the secondary's record to the primary."""
    has_customer(merged, "cus_2", SECOND, email="ada@example.com", name="Ada Example")
    change(merged, customer_id="cus_2", account="acct_1 test")
    outcome = run(merged, use(merged))
    assert (outcome.status, outcome.customer_id, outcome.alarm) == (LinkStatus.VERIFIED, "cus_2", False)
    assert merged.customers["cus_2"].owner == ADA


def test_a_customer_claimed_for_a_tenant_that_moved_is_claimed_by_the_primary_the_same_day(
    merged: Vendors,
) -> None:
    """The first claim changes the tenant, the second one the user: they have keys of their own."""
    moved: dict[str, Any] = {"former_tenants": ("old-shop.eu.auth0.com",)}
    merged.put(Customer("cus_2", owner=SECOND, tenant="old-shop.eu.auth0.com"), merged.now - DAY_S)
    merged.users[SECOND] = User(SECOND, created_at=merged.now - 90 * DAY_S)
    steps = at_login(SECOND, NOTHING_CLAIMED, policy_of(merged, **moved), merged.now)
    assert run(merged, steps).customer_id == "cus_2"
    assert merged.customers["cus_2"].tenant == TENANT
    del merged.users[SECOND]
    assert run(merged, use(merged, **moved)).customer_id == "cus_2"
    assert merged.customers["cus_2"].owner == ADA


def test_a_look_up_that_fails_does_not_keep_the_customer_from_being_used(merged: Vendors) -> None:
    has_customer(merged, "cus_1", ADA)
    change(merged, customer_id="cus_1", account="acct_1 test")
    outcome = run(merged, use(merged), errors=[(SearchByOwner, PaymentsUnavailable("lost"))])
    assert outcome.customer_id == "cus_1"
    assert merged.users[ADA].merged == ()


def test_an_identity_that_was_never_merged_is_a_stranger(vendors: Vendors) -> None:
    has_customer(vendors, "cus_2", SECOND)
    change(vendors, customer_id="cus_2", account="acct_1 test")
    outcome = run(vendors, use(vendors))
    assert outcome.customer_id not in (None, "cus_2")
    assert vendors.customers["cus_2"].owner == SECOND


def test_after_a_split_each_has_a_customer_of_their_own(merged: Vendors) -> None:
    has_customer(merged, "cus_9", SECOND)
    assert run(merged, login(merged)).customer_id == "cus_9"
    change(merged, identities=())
    merged.users[SECOND] = User(SECOND, email="ada@example.org", created_at=merged.now)
    assert run(merged, use(merged)).customer_id == "cus_9"
    merged.advance(100)
    second = log_in_as(merged, SECOND)
    assert second not in (None, "cus_9")
    assert merged.customers[second or ""].owner == SECOND


def test_an_account_that_is_merged_again_is_looked_up_again(merged: Vendors) -> None:
    has_customer(merged, "cus_1", ADA)
    change(merged, customer_id="cus_1", account="acct_1 test")
    run(merged, use(merged))
    change(merged, identities=())
    run(merged, use(merged))
    assert "stripe_merged" not in merged.users[ADA].records
    run(merged, use(merged))
    assert not {RecordLink, SearchByOwner} & set(asked(merged))
    # On its own, the account got a customer with a subscription.
    has_customer(merged, "cus_3", SECOND)
    merged.running["cus_3"] = ("sub_3",)
    change(merged, identities=(SECOND,))
    outcome = run(merged, use(merged))
    assert (outcome.customer_id, outcome.predecessors, outcome.alarm) == ("cus_1", ("cus_3",), True)


def test_after_a_split_the_secondary_finds_its_own_customer_again(merged: Vendors) -> None:
    has_customer(merged, "cus_1", ADA)
    has_customer(merged, "cus_2", SECOND)
    change(merged, customer_id="cus_1", account="acct_1 test")
    run(merged, use(merged))
    change(merged, identities=())
    assert run(merged, use(merged)).identities == ()
    merged.users[SECOND] = User(SECOND, email="ada@example.org", created_at=merged.now)
    assert log_in_as(merged, SECOND) == "cus_2"
