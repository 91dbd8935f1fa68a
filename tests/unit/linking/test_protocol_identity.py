"""Which user a customer belongs to: users created again, tenants that moved, imports, capital letters."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.linking.attempts import ADA, DAY_S, Attempt, asked, change, login, policy_of, run, use
from tests.unit.linking.vendors import Vendors
from webstore.linking import protocol
from webstore.linking.calls import CreateCustomer, ListByEmail, ReadUser, RecordLink, UpdateCustomer
from webstore.linking.models import ClaimedLink, Creation, Customer, LinkStatus, User

SOCIAL = "google-oauth2|104201337"
FORMER = "old-shop.eu.auth0.com"
OURS = "shop.eu.auth0.com"


@pytest.mark.parametrize(
    "user_id",
    [
        "google-oauth2|104201337",
        "samlp|corp|ada",
        "auth0|custom-import-7",
        "auth0|65f0c0ffee",
        "auth0|000000000000000000000001x",
        "AUTH0|000000000000000000000001",
    ],
)
def test_a_user_id_that_comes_again_finds_its_old_customer(vendors: Vendors, user_id: str) -> None:
    """The account was closed, and a day later Auth0 creates the same ID again: its age proves nothing."""

    def log_in() -> str | None:
        steps = protocol.at_login(user_id, ClaimedLink(), policy_of(vendors), vendors.now)
        return run(vendors, steps).customer_id

    vendors.users[user_id] = User(user_id, email="ada@example.com", created_at=vendors.now)
    first = log_in()
    vendors.advance(25 * 3600)
    vendors.users[user_id] = User(user_id, email="ada@example.org", created_at=vendors.now)
    assert log_in() == first
    assert vendors.made == 1


def test_a_random_user_id_needs_no_look_up_while_it_is_young(vendors: Vendors) -> None:
    run(vendors, login(vendors))
    assert ListByEmail not in asked(vendors)


# A tenant that moved


@pytest.fixture
def moved(vendors: Vendors) -> Vendors:
    """The recorded customer names the user of the tenant's former domain."""
    vendors.put(Customer("cus_9", email="ada@example.com", name="Ada Example", owner=ADA, tenant=FORMER))
    change(vendors, customer_id="cus_9", account="acct_1 test")
    return vendors


def test_a_living_customer_of_this_user_under_another_tenant_is_refused(moved: Vendors) -> None:
    before = dict(moved.users), dict(moved.customers)
    outcome = run(moved, use(moved))
    assert (outcome.status, outcome.customer_id, outcome.alarm) == (LinkStatus.REFUSED, None, True)
    assert FORMER in outcome.reason
    assert "AUTH0_FORMER_TENANTS" in outcome.reason
    assert (moved.users, moved.customers) == before
    assert moved.made == 0


def test_a_former_tenants_customer_is_kept_and_names_this_one_from_then_on(moved: Vendors) -> None:
    outcome = run(moved, use(moved, former_tenants=(FORMER,)))
    assert (outcome.status, outcome.customer_id) == (LinkStatus.VERIFIED, "cus_9")
    assert moved.customers["cus_9"].tenant == OURS
    # Once is enough.
    run(moved, use(moved, former_tenants=(FORMER,)))
    assert UpdateCustomer not in asked(moved)
    # And the setting may go again.
    assert run(moved, use(moved)).customer_id == "cus_9"


def test_a_user_moved_without_metadata_finds_the_former_tenants_customer(moved: Vendors) -> None:
    moved.users[ADA] = User(ADA, email="ada@example.com", created_at=moved.now)
    outcome = run(moved, login(moved, former_tenants=(FORMER,)))
    assert (outcome.status, outcome.customer_id) == (LinkStatus.ADOPTED, "cus_9")
    assert moved.customers["cus_9"].tenant == OURS
    assert moved.made == 0


# Somebody else's


def test_leaving_a_customer_that_names_another_user_is_an_alarm(vendors: Vendors) -> None:
    vendors.put(Customer("cus_9", owner="auth0|somebody", tenant=OURS))
    change(vendors, customer_id="cus_9", account="acct_1 test")
    outcome = run(vendors, use(vendors))
    assert (outcome.status, outcome.customer_id, outcome.alarm) == (LinkStatus.HEALED, "cus_1", True)
    assert "cus_9" in outcome.reason
    assert outcome.predecessors == vendors.users[ADA].replaced == ("cus_9",)
    assert vendors.customers["cus_9"].owner == "auth0|somebody"
    # It happens once.
    again = run(vendors, use(vendors))
    assert (again.status, again.alarm) == (LinkStatus.VERIFIED, False)


# An import that races


def import_during_create(vendors: Vendors, took_s: float, **policy: Any) -> Attempt:
    """An import records a customer while the create is under way."""
    attempt = Attempt(vendors, login(vendors, **policy))
    attempt.until(CreateCustomer)
    assert attempt.call is not None
    made = vendors.answer(attempt.call)
    assert isinstance(made, Creation)
    vendors.put(Customer("cus_import", owner=ADA, tenant=OURS))
    change(vendors, customer_id="cus_import", account="acct_1 test")
    attempt.step(answer=Creation(made.customer, replayed=False, took_s=took_s))
    return attempt


@pytest.mark.parametrize(
    ("took_s", "policy"),
    [(protocol.SLOW_CREATE_S + 0.1, {}), (0.0, {"lookup_always": True}), (0.0, {"adopt_by_email": True})],
)
def test_a_record_of_somebody_else_is_seen_before_the_first_record(
    vendors: Vendors, took_s: float, policy: dict[str, bool]
) -> None:
    attempt = import_during_create(vendors, took_s, **policy)
    assert isinstance(attempt.call, ReadUser)
    outcome = attempt.finish()
    assert (outcome.status, outcome.customer_id) == (LinkStatus.ALREADY_LINKED, "cus_import")
    assert vendors.users[ADA].customer_id == "cus_import"


def test_a_customer_that_another_login_finds_during_a_look_up_is_kept(vendors: Vendors) -> None:
    """The search shows the old customer after one login has looked and before another one does."""
    vendors.users[SOCIAL] = User(SOCIAL, email="ada@example.org", created_at=vendors.now)
    vendors.put(Customer("cus_old", email="ada@example.com", owner=SOCIAL, tenant=OURS))
    slow, quick = (
        Attempt(vendors, protocol.at_login(SOCIAL, ClaimedLink(), policy_of(vendors), vendors.now))
        for _ in range(2)
    )
    slow.until(CreateCustomer)
    vendors.advance(vendors.search_lag_s)
    assert quick.finish().status is LinkStatus.ADOPTED
    outcome = slow.finish()
    assert (outcome.status, outcome.customer_id) == (LinkStatus.ALREADY_LINKED, "cus_old")
    assert vendors.users[SOCIAL].customer_id == "cus_old"


def test_a_quick_first_login_stays_at_one_read_one_create_and_one_record(vendors: Vendors) -> None:
    """The window that is left: an import within the second of the create is overwritten."""
    attempt = import_during_create(vendors, protocol.SLOW_CREATE_S)
    assert isinstance(attempt.call, RecordLink)


# Addresses


@pytest.mark.parametrize("address", ["Ada@Example.com", "ADA@EXAMPLE.COM"])
def test_an_unowned_customer_with_the_address_in_capitals_is_adopted(vendors: Vendors, address: str) -> None:
    change(vendors, email_verified=True)
    vendors.put(Customer("cus_7", email=address, created=5))
    vendors.put(Customer("cus_8", email="ada@example.com", created=9))
    vendors.put(Customer("cus_9", email="ada@example.co", created=1))
    vendors.advance(100)
    outcome = run(vendors, login(vendors, adopt_by_email=True))
    assert (outcome.status, outcome.customer_id) == (LinkStatus.ADOPTED, "cus_7")
    # The other one is named, so that an operator can look at it.
    assert outcome.others == ("cus_8",)
    assert vendors.customers["cus_8"].owner is None
    assert vendors.made == 0


def test_without_search_the_list_alone_finds_the_address(vendors: Vendors) -> None:
    vendors.search_missing = True
    change(vendors, email_verified=True, created_at=vendors.now - DAY_S)
    vendors.put(Customer("cus_8", email="ada@example.com", created=9))
    assert run(vendors, login(vendors, adopt_by_email=True)).customer_id == "cus_8"
