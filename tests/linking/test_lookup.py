"""The look-up for an earlier attempt, over real HTTP: e-mails that change, search, awkward user IDs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.linking.steps import EVE, USER, log_in
from tests.support import (
    DAY_S,
    Shop,
    held,
    in_background,
    link_status,
    running_shop,
    shown_customer,
    the_customer,
    until,
)
from webstore import linking

NEW_EVE = "eve.new@example.com"
# Auth0 accepts this address. Stripe refuses it, because its domain has no dot.
REFUSED = "eve@localhost"


def log_in_without_recording(shop: Shop, email: str = EVE) -> None:
    """A login that makes a customer and fails to record it."""
    shop.sandbox.auth0.control.add_fault(action="reset", method="PATCH", path=USER)
    assert link_status(log_in(shop, email)) == "pending"
    assert len(shop.customers()) == 1


def change_email(shop: Shop, user_id: str, email: str) -> None:
    shop.management("PATCH", user_id, {"email": email}).raise_for_status()


# E-mails


def test_email_changed_at_once_leaves_the_link_pending_until_search_shows_the_first_attempt(
    shop: Shop, eve: str
) -> None:
    shop.sandbox.stripe.control.change_settings({"search_lag_s": 60.0})
    log_in_without_recording(shop)
    (made,) = shop.customers()
    change_email(shop, eve, NEW_EVE)
    assert link_status(log_in(shop, NEW_EVE)) == "pending"
    assert shop.customers() == [made]
    shop.advance(61)
    assert shown_customer(log_in(shop, NEW_EVE)) == made["id"] == the_customer(shop, eve)["id"]


def test_email_changed_a_day_later_finds_the_first_attempt(shop: Shop, eve: str) -> None:
    log_in_without_recording(shop)
    (made,) = shop.customers()
    shop.advance(25 * 3600)
    change_email(shop, eve, NEW_EVE)
    assert shown_customer(log_in(shop, NEW_EVE)) == made["id"] == the_customer(shop, eve)["id"]


def test_changed_name_counts_as_the_same_attempt(shop: Shop, eve: str) -> None:
    log_in_without_recording(shop)
    (made,) = shop.customers()
    shop.management("PATCH", eve, {"name": "Eve Renamed"}).raise_for_status()
    assert shown_customer(log_in(shop)) == made["id"] == the_customer(shop, eve)["id"]


@pytest.mark.parametrize("hours", [0, 25])
def test_address_that_stripe_refuses_gives_one_customer_without_email(shop: Shop, hours: int) -> None:
    eve = shop.add_user(REFUSED)
    log_in_without_recording(shop, REFUSED)
    shop.advance(hours * 3600)
    assert shown_customer(log_in(shop, REFUSED)) == the_customer(shop, eve)["id"]
    assert the_customer(shop, eve)["email"] is None


@pytest.mark.parametrize(
    "seconds", [0.0, 61.0, 25 * 3600.0], ids=["at once", "a minute later", "a day later"]
)
def test_refused_address_that_is_corrected_after_a_half_done_login_makes_no_second_customer(
    shop: Shop, seconds: float
) -> None:
    shop.sandbox.stripe.control.change_settings({"search_lag_s": 60.0})
    eve = shop.add_user(REFUSED)
    log_in_without_recording(shop, REFUSED)
    (made,) = shop.customers()
    change_email(shop, eve, NEW_EVE)
    shop.advance(seconds)
    log_in(shop, NEW_EVE)
    shop.advance(700)
    assert shown_customer(log_in(shop, NEW_EVE)) == made["id"] == the_customer(shop, eve)["id"]


@pytest.mark.parametrize("seconds", [0.0, 61.0], ids=["at once", "a minute later"])
def test_address_changed_to_one_that_stripe_refuses_after_a_half_done_login_makes_no_second_customer(
    shop: Shop, eve: str, seconds: float
) -> None:
    shop.sandbox.stripe.control.change_settings({"search_lag_s": 60.0})
    log_in_without_recording(shop)
    (made,) = shop.customers()
    change_email(shop, eve, REFUSED)
    shop.advance(seconds)
    log_in(shop, REFUSED)
    shop.advance(700)
    assert shown_customer(log_in(shop, REFUSED)) == made["id"] == the_customer(shop, eve)["id"]


def test_user_without_email_gets_one_customer_without_email(shop: Shop) -> None:
    def log_in_by_provider() -> httpx.Response:
        browser = shop.browser()
        page = browser.open("/login?connection=google-oauth2&next=/")
        return browser.submit(page, name="Eve Example", email="")

    shop.sandbox.auth0.control.add_fault(action="reset", method="PATCH", path=USER)
    assert link_status(log_in_by_provider()) == "pending"
    page = log_in_by_provider()
    (customer,) = shop.customers()
    assert shown_customer(page) == customer["id"]
    assert (customer["email"], customer["name"]) == (None, "Eve Example")
    shop.advance(25 * 3600)
    assert shown_customer(log_in_by_provider()) == customer["id"]
    assert shop.customers() == [customer]


@pytest.mark.parametrize("before", [None, EVE], ids=["address added", "address removed"])
def test_address_added_or_removed_between_the_attempts_makes_no_second_customer(
    shop: Shop, before: str | None
) -> None:
    """At a social provider an address may come and go."""
    after = EVE if before is None else None
    user_id = "google-oauth2|100000000000000000001"
    shop.add_user(before, user_id=user_id, connection="google-oauth2")
    shop.sandbox.auth0.control.add_fault(action="reset", method="PATCH", path=USER)
    assert shop.use(user_id).customer_id is None
    (made,) = shop.customers()
    shop.sandbox.auth0.state.users.change(user_id, lambda user: replace(user, email=after))
    shop.use(user_id)
    shop.advance(61)
    assert shop.use(user_id).customer_id == made["id"] == the_customer(shop, user_id)["id"]


# Search


def test_without_search_the_first_attempt_is_found_in_the_list(shop: Shop) -> None:
    shop.sandbox.stripe.control.change_settings({"search": "unavailable"})
    eve = shop.add_user(EVE, age_s=30 * DAY_S)
    log_in_without_recording(shop)
    (made,) = shop.customers()
    shop.advance(25 * 3600)
    change_email(shop, eve, NEW_EVE)
    assert shown_customer(log_in(shop, NEW_EVE)) == made["id"] == the_customer(shop, eve)["id"]


def test_without_search_and_too_many_customers_to_list_nothing_is_created(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.sandbox.stripe.control.change_settings({"search": "unavailable"})
    eve = shop.add_user(EVE, age_s=DAY_S)
    shop.sandbox.stripe.control.seed({"customers": 501})
    shop.forget_requests()
    assert link_status(log_in(shop)) == "pending"
    assert "POST /v1/customers" not in shop.stripe_requests()
    assert [record.levelno for record in caplog.records if eve in record.message] == [logging.ERROR]


def test_search_that_fails_proves_nothing(shop: Shop) -> None:
    eve = shop.add_user(EVE, age_s=30 * DAY_S)
    log_in_without_recording(shop)
    shop.advance(25 * 3600)
    change_email(shop, eve, NEW_EVE)
    for fault in (
        {"action": "status", "status": 500},
        {"action": "status", "status": 429},
        {"action": "reset"},
    ):
        shop.sandbox.stripe.control.add_fault(path="/v1/customers/search", **fault)
        assert link_status(log_in(shop, NEW_EVE)) == "pending"
    assert shown_customer(log_in(shop, NEW_EVE)) == the_customer(shop, eve)["id"]


def test_list_that_fails_proves_nothing(shop: Shop) -> None:
    eve = shop.add_user(EVE, age_s=30 * DAY_S)
    log_in_without_recording(shop)
    shop.advance(25 * 3600)
    shop.sandbox.stripe.control.change_settings({"search_lag_s": 2 * DAY_S})
    shop.sandbox.stripe.control.add_fault(action="status", status=500, method="GET", path="/v1/customers")
    assert link_status(log_in(shop)) == "pending"
    assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]


def test_lagging_search_does_not_matter_while_the_email_is_the_same(shop: Shop) -> None:
    shop.sandbox.stripe.control.change_settings({"search_lag_s": 3600.0})
    eve = shop.add_user(EVE, age_s=30 * DAY_S)
    log_in_without_recording(shop)
    assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]


@pytest.mark.parametrize("shows", ["current", "indexed"])
def test_deleted_customer_that_search_still_answers_is_not_adopted(shop: Shop, shows: str) -> None:
    eve = shop.add_user(EVE, age_s=30 * DAY_S)
    dead = shop.stripe("POST", "/customers", **{"metadata[auth0_user_id]": eve})["id"]
    shop.advance(7200)
    shop.sandbox.stripe.control.change_settings({"search_lag_s": 3600.0, "search_shows": shows})
    shop.stripe("DELETE", f"/customers/{dead}")
    page = log_in(shop)
    assert "GET /v1/customers/search" in shop.stripe_requests()
    assert shown_customer(page) == the_customer(shop, eve)["id"] != dead


def test_customer_that_search_still_shows_as_own_but_was_given_away_is_not_adopted(shop: Shop) -> None:
    eve = shop.add_user(EVE, age_s=30 * DAY_S)
    given = shop.stripe("POST", "/customers", **{"metadata[auth0_user_id]": eve})["id"]
    shop.advance(7200)
    shop.sandbox.stripe.control.change_settings({"search_lag_s": 3600.0, "search_shows": "indexed"})
    shop.stripe("POST", f"/customers/{given}", **{"metadata[auth0_user_id]": "auth0|other"})
    page = log_in(shop)
    assert shown_customer(page) not in (given, None)
    assert shop.stripe("GET", f"/customers/{given}")["metadata"]["auth0_user_id"] == "auth0|other"


def test_of_several_own_customers_the_highest_generation_then_the_oldest_is_adopted(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    eve = shop.add_user(EVE, age_s=30 * DAY_S)
    made = []
    for generation in ("0", "1", "1"):
        metadata = {"metadata[auth0_user_id]": eve, "metadata[link_generation]": generation}
        made.append(shop.stripe("POST", "/customers", email=EVE, **metadata)["id"])
        shop.advance(10)
    assert shown_customer(log_in(shop)) == made[1]
    assert len(shop.customers()) == 3
    (reported,) = [record for record in caplog.records if f"others={made[2]},{made[0]}" in record.message]
    assert reported.levelno == logging.WARNING


def test_customer_of_another_tenants_user_with_the_same_id_is_not_adopted(shop: Shop) -> None:
    eve = shop.add_user(EVE, age_s=30 * DAY_S)
    metadata = {"metadata[auth0_user_id]": eve, "metadata[auth0_tenant]": "other.eu.auth0.com"}
    other = shop.stripe("POST", "/customers", email=EVE, **metadata)["id"]
    assert shown_customer(log_in(shop)) not in (other, None)
    assert shop.stripe("GET", f"/customers/{other}")["metadata"]["auth0_tenant"] == "other.eu.auth0.com"


# Awkward user IDs

VICTIM = "auth0|victim"
AWKWARD = {
    "quote": 'auth0|o"neil',
    "apostrophe": "auth0|o'neil",
    "backslash": "auth0|back\\slash",
    "backslash at the end": "auth0|back\\",
    "backslash and quote": 'auth0|both\\"',
    "pipes": "samlp|company|eve@example.com",
    "non-ASCII": "oauth2|josé-日本語",
    "slash and percent": "oauth2|a/b%2Fc",
    "injection": f'auth0|x" OR metadata["auth0_user_id"]:"{VICTIM}',
    "injection by backslash": f'auth0|x\\" OR metadata["auth0_user_id"]:"{VICTIM}',
}


@pytest.mark.parametrize("user_id", AWKWARD.values(), ids=AWKWARD)
def test_search_for_an_awkward_user_id_finds_this_user_alone(shop: Shop, user_id: str) -> None:
    victims = shop.stripe("POST", "/customers", **{"metadata[auth0_user_id]": VICTIM})["id"]
    shop.add_user(EVE, user_id=user_id, age_s=30 * DAY_S)
    shop.sandbox.auth0.control.add_fault(action="reset", method="PATCH", path=USER)
    assert link_status(log_in(shop)) == "pending"
    (made,) = [customer for customer in shop.customers() if customer["id"] != victims]
    shop.advance(25 * 3600)
    change_email(shop, user_id, NEW_EVE)
    shop.forget_requests()
    assert shown_customer(log_in(shop, NEW_EVE)) == made["id"]
    assert shop.app_metadata(user_id)["stripe_customer_id"] == made["id"]
    assert made["metadata"]["auth0_user_id"] == user_id
    # Stripe understood the search, and one customer was read: the user's own.
    asked = [(seen.path, seen.status) for seen in shop.sandbox.stripe.control.requests()]
    assert ("/v1/customers/search", 200) in asked
    assert [path for path, _ in asked if path.startswith("/v1/customers/cus_")] == [
        f"/v1/customers/{made['id']}"
    ]


# Existing customers with the same e-mail


@pytest.fixture
def adopting(tmp_path: Path) -> Iterator[Shop]:
    """A store whose operator lets it adopt existing customers by e-mail."""
    with running_shop(tmp_path / "adopting", LINK_EXISTING_BY_EMAIL="1") as shop:
        yield shop


def verified_users(shop: Shop) -> tuple[str, str]:
    """Two users who verified the same address: one of the tenant's database, one of a social provider."""
    social = "google-oauth2|100000000000000000001"
    first = shop.add_user(EVE, email_verified=True)
    return first, shop.add_user(EVE, email_verified=True, user_id=social, connection="google-oauth2")


def owners(shop: Shop) -> dict[str, str]:
    """Each customer's owner."""
    return {customer["id"]: customer["metadata"].get("auth0_user_id") for customer in shop.customers()}


def test_existing_customer_is_adopted_by_the_user_with_its_verified_address(adopting: Shop) -> None:
    existing = adopting.stripe("POST", "/customers", email=EVE, **{"metadata[crm]": "77"})["id"]
    eve = adopting.add_user(EVE, email_verified=True)
    assert shown_customer(log_in(adopting)) == existing
    customer = the_customer(adopting, eve)
    assert customer["metadata"] == {
        "crm": "77",
        "auth0_user_id": eve,
        "auth0_tenant": adopting.environment["AUTH0_DOMAIN"],
    }
    assert adopting.use(eve, existing).customer_id == existing


def test_of_several_existing_customers_the_oldest_is_adopted_and_the_log_names_the_others(
    adopting: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    oldest = adopting.stripe("POST", "/customers", email=EVE)["id"]
    adopting.advance(10)
    others = {adopting.stripe("POST", "/customers", email=EVE)["id"] for _ in range(2)}
    eve = adopting.add_user(EVE, email_verified=True)
    caplog.set_level(logging.WARNING)
    assert shown_customer(log_in(adopting)) == oldest
    assert owners(adopting) == {oldest: eve, **dict.fromkeys(others)}
    (line,) = [record.getMessage() for record in caplog.records if f"link user={eve}" in record.getMessage()]
    told = re.search(r"others=(\S+)", line)
    assert told is not None
    assert set(told[1].split(",")) == others
    # The others are reported once, and stay as they are.
    assert adopting.use(eve).customer_id == oldest


@pytest.mark.parametrize("written", ["Eve@Example.com", "EVE@EXAMPLE.COM"])
def test_existing_customer_with_the_address_in_capitals_is_adopted_and_not_doubled(
    adopting: Shop, written: str
) -> None:
    existing = adopting.stripe("POST", "/customers", email=written)["id"]
    # Stripe's list tells capitals apart. The search does not, and lags.
    adopting.sandbox.stripe.control.change_settings({"search_lag_s": 0.0})
    eve = adopting.add_user(EVE, email_verified=True)
    assert shown_customer(log_in(adopting)) == existing
    assert owners(adopting) == {existing: eve}


def test_existing_customer_is_never_adopted_by_an_unverified_address(adopting: Shop) -> None:
    existing = adopting.stripe("POST", "/customers", email=EVE)["id"]
    eve = adopting.add_user(EVE, email_verified=False)
    assert shown_customer(log_in(adopting)) not in (existing, None)
    assert owners(adopting)[existing] is None
    assert adopting.app_metadata(eve)["stripe_customer_id"] != existing


def test_existing_customer_is_not_adopted_unless_the_operator_allows_it(shop: Shop) -> None:
    existing = shop.stripe("POST", "/customers", email=EVE)["id"]
    shop.add_user(EVE, email_verified=True, age_s=30 * DAY_S)
    assert shown_customer(log_in(shop)) not in (existing, None)
    assert owners(shop)[existing] is None


def test_of_two_users_with_one_verified_address_one_gets_the_existing_customer(adopting: Shop) -> None:
    existing = adopting.stripe("POST", "/customers", email=EVE)["id"]
    first, second = verified_users(adopting)
    assert adopting.use(first).customer_id == existing
    own = adopting.use(second).customer_id
    assert own is not None
    assert owners(adopting) == {existing: first, own: second}


def test_of_two_users_who_claim_an_existing_customer_at_once_one_gets_it(adopting: Shop) -> None:
    existing = adopting.stripe("POST", "/customers", email=EVE)["id"]
    first, second = verified_users(adopting)
    with adopting.worker() as other:
        with held(adopting.sandbox.stripe.control, "POST", f"/v1/customers/{existing}") as has_come:
            slow = in_background(lambda: adopting.use(first))
            until(has_come)
            fast = linking.verified_customer(other, second, None)
        outcomes = {first: slow.result().customer_id, second: fast.customer_id}
    assert outcomes[second] == existing
    assert owners(adopting) == {customer: user for user, customer in outcomes.items()}
    for user_id, customer in outcomes.items():
        assert customer is not None
        assert adopting.app_metadata(user_id)["stripe_customer_id"] == customer
        assert adopting.use(user_id, existing).customer_id == customer


def test_claim_of_a_worker_killed_before_recording_is_found_again(adopting: Shop) -> None:
    existing = adopting.stripe("POST", "/customers", email=EVE)["id"]
    eve = adopting.add_user(EVE, email_verified=True)
    log_in_without_recording(adopting)
    assert shown_customer(log_in(adopting)) == existing == the_customer(adopting, eve)["id"]


def test_imported_user_finds_an_older_customer_where_the_look_up_is_always_made(tmp_path: Path) -> None:
    with running_shop(tmp_path / "state", LINK_LOOKUP="always") as shop:
        eve = shop.add_user(EVE)
        older = shop.stripe("POST", "/customers", email=EVE, **{"metadata[auth0_user_id]": eve})["id"]
        assert shown_customer(log_in(shop)) == older == the_customer(shop, eve)["id"]
