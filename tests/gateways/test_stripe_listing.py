"""Finding customers at Stripe, and whose key the store has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateways.shopfront import DRAFT, Shopfront, named
from tests.support import ADA, OTHER_ACCOUNT, OTHER_KEY, RESTRICTED_KEY
from webstore.errors import (
    PaymentsFailed,
    PaymentsUnavailable,
    SearchUnavailable,
    StateUnavailable,
)
from webstore.gateways.state import FileState
from webstore.gateways.stripe.customers import MAX_PAGES, StripePayments
from webstore.linking.models import Account, CustomerDraft
from webstore.sandbox.stripe import ACCOUNT, LIVE_KEY, TEST_KEY

# Listing


def test_a_listing_by_email_finds_exactly_this_address(payments: StripePayments) -> None:
    for number, email in enumerate(
        ("ada+1@example.com", "ada@example.com", "ADA@example.com", "ada@example.com")
    ):
        payments.create_customer(named(f"user {number}", email), f"key {number}")
    found = payments.list_by_email("ada@example.com")
    assert sorted(customer.owner or "" for customer in found) == ["user 1", "user 3"]
    assert [customer.owner for customer in payments.list_by_email("ada+1@example.com")] == ["user 0"]
    assert payments.list_by_email("nobody@example.com") == ()


def test_a_listing_is_read_beyond_its_first_hundred(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.stripe.control.seed({"customers": 250})
    page = payments.list_created_since(0)
    assert (len({customer.id for customer in page.customers}), page.complete) == (250, True)
    assert [query.get("starting_after") is None for query in shopfront.queries()] == [True, False, False]
    assert shopfront.asked() == ["GET /v1/customers"] * 3


def test_a_listing_of_whole_pages_ends_with_the_last(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.stripe.control.seed({"customers": 200})
    page = payments.list_created_since(0)
    assert (len(page.customers), page.complete) == (200, True)
    assert len(shopfront.asked()) == 2


def test_a_listing_that_is_too_long_says_that_it_is_not_complete(
    shopfront: Shopfront, payments: StripePayments
) -> None:
    shopfront.stripe.control.seed({"customers": 100 * MAX_PAGES + 1})
    page = payments.list_created_since(0)
    assert (len(page.customers), page.complete) == (100 * MAX_PAGES, False)
    assert len(shopfront.asked()) == MAX_PAGES


def test_a_listing_begins_at_the_moment_asked_for(shopfront: Shopfront, payments: StripePayments) -> None:
    payments.create_customer(named("older"), "key 1")
    shopfront.stripe.control.clock.advance(1000)
    newer = payments.create_customer(named("newer"), "key 2").customer
    for since in (newer.created, newer.created + 0.9, newer.created - 500):
        assert [customer.owner for customer in payments.list_created_since(since).customers] == ["newer"]
    assert len(payments.list_created_since(newer.created - 1001).customers) == 2


def test_a_listing_that_breaks_off_is_unavailable(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.stripe.control.seed({"customers": 150})
    shopfront.fault(action="reset", path="/v1/customers", skip=1)
    with pytest.raises(PaymentsUnavailable):
        payments.list_created_since(0)


# Search


@pytest.mark.parametrize(
    "user_id",
    [
        ADA,
        "auth0|it's",
        'auth0|"quoted"',
        "auth0|back\\slash",
        'auth0|both\\"',
        "auth0|ends with \\",
        "auth0|käthe-日本語-🦜",
        "samlp|corp|a/b c",
        'auth0|x" OR metadata["auth0_user_id"]:"somebody',
        "auth0|x' OR name~'Eve",
        "null",
    ],
)
def test_a_search_finds_the_customers_that_name_a_user_and_no_others(
    shopfront: Shopfront, payments: StripePayments, user_id: str
) -> None:
    shopfront.settings(search_lag_s=0.0)
    payments.create_customer(named("somebody"), "key 1")
    payments.create_customer(CustomerDraft(None, "Eve", None, {}), "key 2")
    assert payments.search_by_owner(user_id) == ()
    mine = payments.create_customer(named(user_id), "key 3").customer
    assert payments.search_by_owner(user_id) == (mine,)


def test_a_search_lags_behind(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.settings(search_lag_s=60.0)
    payments.create_customer(DRAFT, "key")
    assert payments.search_by_owner(ADA) == ()
    shopfront.stripe.control.clock.advance(61)
    assert [customer.owner for customer in payments.search_by_owner(ADA)] == [ADA]


def test_an_account_without_search_says_so(shopfront: Shopfront, payments: StripePayments) -> None:
    shopfront.settings(search="unavailable")
    with pytest.raises(SearchUnavailable):
        payments.search_by_owner(ADA)


def test_a_key_that_may_not_search_has_no_search(shopfront: Shopfront) -> None:
    shopfront.settings(denied_permissions=["customer_read"])
    with pytest.raises(SearchUnavailable):
        shopfront.payments(RESTRICTED_KEY).search_by_owner(ADA)


@pytest.mark.parametrize("status", [429, 500])
def test_a_search_that_fails_does_not_mean_that_there_is_no_search(shopfront: Shopfront, status: int) -> None:
    shopfront.fault(action="status", path="/v1/customers/search", status=status)
    with pytest.raises(PaymentsUnavailable):
        shopfront.payments().search_by_owner(ADA)


# The account


@pytest.mark.parametrize(
    ("key", "account"),
    [
        (TEST_KEY, Account(ACCOUNT, livemode=False)),
        (LIVE_KEY, Account(ACCOUNT, livemode=True)),
        (RESTRICTED_KEY, Account(ACCOUNT, livemode=False)),
        (OTHER_KEY, Account(OTHER_ACCOUNT, livemode=False)),
    ],
)
def test_the_account_and_mode_are_the_keys(shopfront: Shopfront, key: str, account: Account) -> None:
    assert shopfront.payments(key).account() == account


def test_the_account_is_read_once_for_all_workers(shopfront: Shopfront) -> None:
    for worker in (shopfront.payments(), shopfront.payments()):
        for _ in range(2):
            assert worker.account().pin == f"{ACCOUNT} test"
    assert shopfront.asked() == ["GET /v1/account"]
    assert shopfront.payments(LIVE_KEY).account().pin == f"{ACCOUNT} live"


def test_without_the_state_a_worker_reads_the_account_once(shopfront: Shopfront, tmp_path: Path) -> None:
    (tmp_path / "in the way").touch()
    state = FileState(tmp_path / "in the way")
    with pytest.raises(StateUnavailable):
        state.get("anything")
    worker = shopfront.payments(state=state)
    assert [worker.account().id for _ in range(2)] == [ACCOUNT] * 2
    assert shopfront.asked() == ["GET /v1/account"]


def test_a_restricted_key_that_may_not_read_its_account_has_no_pin(shopfront: Shopfront) -> None:
    shopfront.settings(denied_permissions=["account_read"])
    worker = shopfront.payments(RESTRICTED_KEY)
    for _ in range(2):
        assert worker.account() == Account(None, livemode=False)
        assert worker.account().pin is None
    assert shopfront.asked() == ["GET /v1/account"]


def test_an_account_that_could_not_be_read_is_asked_for_again(shopfront: Shopfront) -> None:
    worker = shopfront.payments()
    shopfront.fault(action="status", path="/v1/account", status=500)
    with pytest.raises(PaymentsFailed):
        worker.account()
    assert worker.account().id == ACCOUNT


# Subscriptions


def test_the_subscriptions_of_a_customer_that_have_not_ended(
    shopfront: Shopfront, payments: StripePayments
) -> None:
    listed = [
        {"id": f"sub_{status}", "object": "subscription", "status": status}
        for status in ("active", "canceled", "incomplete_expired", "past_due", "trialing")
    ]
    body = {"object": "list", "data": listed, "has_more": False, "url": "/v1/subscriptions"}
    shopfront.fault(action="status", path="/v1/subscriptions", status=200, body=body)
    assert payments.list_running("cus_1") == ("sub_active", "sub_past_due", "sub_trialing")
    assert shopfront.queries() == [{"customer": ["cus_1"], "limit": ["100"]}]


@pytest.mark.parametrize("data", [None, "x", [7], [{"id": 7, "status": "active"}]])
def test_an_answer_that_is_no_list_of_subscriptions_proves_nothing(
    shopfront: Shopfront, payments: StripePayments, data: object
) -> None:
    body = {"object": "list", "data": data, "has_more": False, "url": "/v1/subscriptions"}
    shopfront.fault(action="status", path="/v1/subscriptions", status=200, body=body)
    with pytest.raises(PaymentsUnavailable):
        payments.list_running("cus_1")
