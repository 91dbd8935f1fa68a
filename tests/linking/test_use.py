"""The customer that is used for money or personal data, over real HTTP: verified, healed, claimed."""

from __future__ import annotations

import pytest

from tests.linking.steps import EVE, USER
from tests.support import (
    ADA,
    GRACE,
    Shop,
    held,
    in_background,
    link_status,
    shown_customer,
    the_customer,
    until,
)
from webstore import linking
from webstore.linking.models import LinkStatus


@pytest.fixture
def eve(shop: Shop) -> str:
    """The ID of a linked user."""
    user_id = shop.add_user(EVE)
    assert shop.use(user_id).status is LinkStatus.CREATED
    return user_id


def recorded(shop: Shop, user_id: str) -> str:
    found = shop.app_metadata(user_id)["stripe_customer_id"]
    assert isinstance(found, str)
    return found


def customer_by_hand(shop: Shop, user_id: str, email: str = EVE) -> str:
    """A customer that an operator made for the user."""
    made = shop.stripe("POST", "/customers", email=email, **{"metadata[auth0_user_id]": user_id})
    return str(made["id"])


def delete_on_dashboard(shop: Shop, customer_id: str) -> None:
    page = shop.http.post(f"{shop.environment['STRIPE_DASHBOARD_URL']}/customers/{customer_id}/delete")
    assert page.status_code == 303
    assert shop.stripe("GET", f"/customers/{customer_id}")["deleted"] is True


def clear_metadata(shop: Shop, customer_id: str) -> None:
    names = ("auth0_user_id", "auth0_tenant", "link_generation", "replaces")
    shop.stripe("POST", f"/customers/{customer_id}", **{f"metadata[{name}]": "" for name in names})


def unlink(shop: Shop, user_id: str) -> str:
    """Clear both sides, as an operator does; gives the customer that was linked."""
    linked = recorded(shop, user_id)
    clear_metadata(shop, linked)
    nothing = {"stripe_customer_id": None, "stripe_account": None}
    shop.management("PATCH", user_id, {"app_metadata": nothing}).raise_for_status()
    return linked


# Agreement


def test_customer_that_both_sides_name_is_used_and_nothing_is_written(shop: Shop, eve: str) -> None:
    first = recorded(shop, eve)
    shop.forget_requests()
    outcome = shop.use(eve, first)
    assert (outcome.status, outcome.customer_id) == (LinkStatus.VERIFIED, first)
    assert shop.stripe_requests() == [f"GET /v1/customers/{first}"]
    assert shop.management_requests() == [f"GET /api/v2/users/{eve.replace('|', '%7C')}"]


def test_user_and_customer_are_read_at_the_same_time(shop: Shop, eve: str) -> None:
    first = recorded(shop, eve)
    with held(shop.sandbox.auth0.control, "GET", USER) as has_come:
        using = in_background(lambda: shop.use(eve, first))
        until(has_come)
        until(lambda: f"GET /v1/customers/{first}" in shop.stripe_requests())
    assert using.result().customer_id == first


def test_changed_email_and_name_are_carried_over_to_the_customer(shop: Shop, eve: str) -> None:
    shop.management("PATCH", eve, {"email": "eve.new@example.com", "name": "Eve Renamed"})
    shop.use(eve)
    customer = the_customer(shop, eve)
    assert (customer["email"], customer["name"]) == ("eve.new@example.com", "Eve Renamed")


def test_customer_is_used_although_its_email_cannot_be_carried_over(shop: Shop, eve: str) -> None:
    shop.management("PATCH", eve, {"email": "eve@localhost"})
    assert shop.use(eve).customer_id == the_customer(shop, eve)["id"]
    assert the_customer(shop, eve)["email"] == EVE


def test_changed_name_is_carried_over_although_stripe_refuses_the_address(shop: Shop, eve: str) -> None:
    shop.management("PATCH", eve, {"email": "eve@localhost"})
    shop.management("PATCH", eve, {"name": "Eve Renamed"})
    shop.use(eve)
    customer = the_customer(shop, eve)
    assert (customer["email"], customer["name"]) == (EVE, "Eve Renamed")


def test_user_who_is_gone_gets_nothing(shop: Shop, eve: str) -> None:
    first = recorded(shop, eve)
    shop.management("DELETE", eve)
    shop.forget_requests()
    outcome = shop.use(eve, first)
    assert (outcome.status, outcome.customer_id) == (LinkStatus.USER_GONE, None)
    assert "POST /v1/customers" not in shop.stripe_requests()
    assert shop.stripe("GET", f"/customers/{first}")["metadata"]["auth0_user_id"] == eve


@pytest.mark.parametrize("vendor", ["auth0", "stripe"])
@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 401}, {"status": 403}, {"status": 429}, {"status": 200}], ids=str
)
def test_answer_that_proves_nothing_leads_to_no_create_and_no_overwrite(
    shop: Shop, vendor: str, fault: dict[str, int]
) -> None:
    ada = shop.use(ADA).customer_id
    before = (shop.customers(), shop.app_metadata(ADA))
    control = shop.sandbox.auth0.control if vendor == "auth0" else shop.sandbox.stripe.control
    path = USER if vendor == "auth0" else r"/v1/customers/cus_.*"
    control.add_fault(action="status", body="<html>", times=None, method="GET", path=path, **fault)
    shop.forget_requests()
    assert shop.use(ADA, ada).customer_id is None
    assert not [asked for asked in shop.stripe_requests() if asked.startswith("POST")]
    assert not [asked for asked in shop.management_requests() if asked.startswith("PATCH")]
    control.clear_faults()
    assert (shop.customers(), shop.app_metadata(ADA)) == before
    assert shop.use(ADA, ada).customer_id == ada


# Deleted customers


@pytest.mark.parametrize("hours", [1, 25], ids=["within a day of the create", "later"])
def test_customer_deleted_on_the_dashboard_is_healed_on_use(shop: Shop, eve: str, hours: int) -> None:
    first = recorded(shop, eve)
    shop.advance(hours * 3600)
    delete_on_dashboard(shop, first)
    outcome = shop.use(eve, first)
    customer = the_customer(shop, eve)
    assert outcome.customer_id == customer["id"] != first
    assert customer["metadata"]["replaces"] == first
    assert shop.use(eve, first).customer_id == shop.use(eve, customer["id"]).customer_id == customer["id"]


def test_customer_deleted_twice_in_a_row_is_healed_twice_and_the_chain_is_kept(shop: Shop, eve: str) -> None:
    chain = [recorded(shop, eve)]
    for _ in range(2):
        delete_on_dashboard(shop, chain[-1])
        healed = shop.use(eve, chain[0])
        assert healed.predecessors == tuple(chain)
        chain.append(str(healed.customer_id))
    assert len(set(chain)) == 3
    assert shop.app_metadata(eve)["stripe_replaced"] == " ".join(chain[:2])
    assert shop.use(eve, None).predecessors == tuple(chain[:2])
    customer = the_customer(shop, eve)
    assert (customer["id"], customer["metadata"]["replaces"]) == (chain[2], chain[1])


def test_other_users_customer_recorded_by_mistake_is_left_with_an_alarm_and_remembered(
    shop: Shop, eve: str
) -> None:
    theirs = str(shop.use(ADA).customer_id)
    delete_on_dashboard(shop, recorded(shop, eve))
    mistake = {"app_metadata": {"stripe_customer_id": theirs}}
    shop.management("PATCH", eve, mistake).raise_for_status()
    healed = shop.use(eve, theirs)
    assert healed.customer_id not in (None, theirs)
    assert healed.alarm
    # An operator can see where it went. Its orders are shown to nobody else: they name their buyer.
    assert healed.predecessors == (theirs,)
    assert "stripe_replaced" in shop.app_metadata(eve)


def test_customer_deleted_again_before_the_first_healing_was_recorded_is_healed(shop: Shop, eve: str) -> None:
    first = recorded(shop, eve)
    delete_on_dashboard(shop, first)
    shop.sandbox.auth0.control.add_fault(action="reset", method="PATCH", path=USER)
    assert shop.use(eve, first).customer_id is None
    (second,) = shop.customers()
    delete_on_dashboard(shop, second["id"])
    assert shop.use(eve, first).customer_id == the_customer(shop, eve)["id"]
    assert the_customer(shop, eve)["metadata"]["replaces"] == second["id"]


def test_customer_deleted_before_it_was_recorded_is_replaced_at_the_next_login(shop: Shop) -> None:
    eve = shop.add_user(EVE)
    shop.sandbox.auth0.control.add_fault(action="reset", method="PATCH", path=USER)
    assert link_status(shop.browser().log_in(EVE, path="/")) == "pending"
    (first,) = shop.customers()
    delete_on_dashboard(shop, first["id"])
    page = shop.browser().log_in(EVE, path="/")
    assert shown_customer(page) == the_customer(shop, eve)["id"] != first["id"]
    assert the_customer(shop, eve)["metadata"]["replaces"] == first["id"]


def test_two_devices_that_remember_a_deleted_customer_are_given_one_and_the_same(
    shop: Shop, eve: str
) -> None:
    first = recorded(shop, eve)
    delete_on_dashboard(shop, first)
    phone, laptop = shop.use(eve, first), shop.use(eve, first)
    assert phone.customer_id == laptop.customer_id == the_customer(shop, eve)["id"]
    assert (phone.status, laptop.status) == (LinkStatus.HEALED, LinkStatus.VERIFIED)


def test_healing_that_was_not_recorded_is_found_again(shop: Shop, eve: str) -> None:
    first = recorded(shop, eve)
    delete_on_dashboard(shop, first)
    shop.sandbox.auth0.control.add_fault(action="reset", method="PATCH", path=USER)
    assert shop.use(eve, first).customer_id is None
    (made,) = shop.customers()
    shop.advance(25 * 3600)
    assert shop.use(eve, first).customer_id == made["id"] == the_customer(shop, eve)["id"]


def test_login_of_a_shopper_whose_customer_was_deleted_is_not_held_up(shop: Shop, eve: str) -> None:
    first = recorded(shop, eve)
    delete_on_dashboard(shop, first)
    assert shown_customer(shop.browser().log_in(EVE, path="/")) == first
    assert shop.use(eve, first).customer_id == the_customer(shop, eve)["id"]


# Two at once


def test_two_workers_that_heal_at_once_come_to_one_customer(shop: Shop, eve: str) -> None:
    first = recorded(shop, eve)
    delete_on_dashboard(shop, first)
    shop.sandbox.stripe.control.change_settings({"execution_s": 0.2})
    with shop.worker() as other:
        one = in_background(lambda: shop.use(eve, first))
        two = in_background(lambda: linking.verified_customer(other, eve, first))
        outcomes = {one.result().customer_id, two.result().customer_id}
    assert outcomes == {the_customer(shop, eve)["id"]}


def test_worker_that_replaces_while_another_adopts_comes_to_the_adopted_one(shop: Shop, eve: str) -> None:
    first = recorded(shop, eve)
    delete_on_dashboard(shop, first)
    shop.sandbox.stripe.control.change_settings({"search_lag_s": 60.0})
    older = customer_by_hand(shop, eve, email="eve.old@example.com")
    with shop.worker() as other:
        with held(shop.sandbox.stripe.control, "POST", "/v1/customers") as has_come:
            replacing = in_background(lambda: shop.use(eve, first))
            until(has_come)
            shop.sandbox.stripe.control.clock.advance(61)
            adopting = linking.verified_customer(other, eve, first)
        assert (adopting.status, adopting.customer_id) == (LinkStatus.HEALED, older)
        assert replacing.result().customer_id == older
    assert recorded(shop, eve) == older
    assert len(shop.customers()) == 2
    assert shop.use(eve, first).customer_id == older


# Relinked, unlinked, split


def test_phone_whose_session_shows_the_old_customer_uses_the_one_that_was_relinked(
    shop: Shop, eve: str
) -> None:
    old = recorded(shop, eve)
    new = customer_by_hand(shop, eve)
    shop.management("PATCH", eve, {"app_metadata": {"stripe_customer_id": new}})
    assert shop.use(eve, old).customer_id == new
    assert recorded(shop, eve) == new
    assert shop.stripe("GET", f"/customers/{old}")["metadata"]["auth0_user_id"] == eve


def test_phone_whose_session_shows_a_deleted_customer_uses_the_one_that_was_relinked(
    shop: Shop, eve: str
) -> None:
    old = recorded(shop, eve)
    new = customer_by_hand(shop, eve)
    shop.management("PATCH", eve, {"app_metadata": {"stripe_customer_id": new}})
    delete_on_dashboard(shop, old)
    assert shop.use(eve, old).customer_id == new == the_customer(shop, eve)["id"]


def test_relink_while_a_worker_heals_is_not_overwritten(shop: Shop, eve: str) -> None:
    old = recorded(shop, eve)
    delete_on_dashboard(shop, old)
    with held(shop.sandbox.stripe.control, "POST", "/v1/customers") as has_come:
        healing = in_background(lambda: shop.use(eve, old))
        until(has_come)
        new = customer_by_hand(shop, eve)
        shop.management("PATCH", eve, {"app_metadata": {"stripe_customer_id": new}})
    assert healing.result().customer_id == new == recorded(shop, eve)


def test_relink_to_another_users_customer_while_a_worker_heals_is_not_used(shop: Shop, eve: str) -> None:
    theirs = shop.use(GRACE).customer_id
    old = recorded(shop, eve)
    delete_on_dashboard(shop, old)
    with held(shop.sandbox.stripe.control, "POST", "/v1/customers") as has_come:
        healing = in_background(lambda: shop.use(eve, old))
        until(has_come)
        shop.management("PATCH", eve, {"app_metadata": {"stripe_customer_id": theirs}})
    own = healing.result().customer_id
    assert own not in (theirs, None)
    assert own == recorded(shop, eve)
    assert shop.use(GRACE).customer_id == theirs


def test_unlink_while_a_worker_heals_is_not_undone_by_it(shop: Shop, eve: str) -> None:
    old = recorded(shop, eve)
    delete_on_dashboard(shop, old)
    with held(shop.sandbox.stripe.control, "POST", "/v1/customers") as has_come:
        healing = in_background(lambda: shop.use(eve, old))
        until(has_come)
        shop.management("PATCH", eve, {"app_metadata": {"stripe_customer_id": None}})
    assert healing.result().customer_id is None
    assert "stripe_customer_id" not in shop.app_metadata(eve)


@pytest.mark.parametrize("hours", [0, 25])
def test_unlinked_customer_is_not_taken_again_by_the_next_login(shop: Shop, eve: str, hours: int) -> None:
    unlinked = unlink(shop, eve)
    shop.advance(hours * 3600)
    own = shown_customer(shop.browser().log_in(EVE, path="/"))
    assert own not in (unlinked, None)
    assert shop.stripe("GET", f"/customers/{own}")["metadata"]["auth0_user_id"] == eve
    assert shop.use(eve, unlinked).customer_id == own == recorded(shop, eve)
    assert "auth0_user_id" not in shop.stripe("GET", f"/customers/{unlinked}")["metadata"]


def test_unlinked_customer_that_is_given_to_another_user_is_never_used_again(shop: Shop, eve: str) -> None:
    given = unlink(shop, eve)
    shop.stripe("POST", f"/customers/{given}", **{"metadata[auth0_user_id]": GRACE})
    own = shown_customer(shop.browser().log_in(EVE, path="/"))
    assert own not in (given, None)
    assert shop.use(eve, given).customer_id == own
    assert shop.stripe("GET", f"/customers/{given}")["metadata"]["auth0_user_id"] == GRACE


def test_account_that_was_linked_and_split_again_within_a_day_gets_its_own_customer(shop: Shop) -> None:
    """Auth0 deletes the secondary account when two are linked. Its customer goes to the primary account."""
    social = "google-oauth2|100000000000000000001"
    shop.add_user(EVE, user_id=social, connection="google-oauth2")
    merged = shop.use(social).customer_id
    assert merged is not None
    shop.management("DELETE", social)
    shop.stripe("POST", f"/customers/{merged}", **{"metadata[auth0_user_id]": ADA})
    shop.management("PATCH", ADA, {"app_metadata": {"stripe_customer_id": merged}})
    shop.advance(3600)
    shop.add_user(EVE, user_id=social, connection="google-oauth2")
    own = shop.use(social, merged).customer_id
    assert own not in (merged, None)
    assert shop.use(ADA).customer_id == merged
    assert shop.use(social).customer_id == own == recorded(shop, social)


# Recorded customers that name another user, or no user


def test_recorded_customer_of_another_user_is_never_used(shop: Shop, eve: str) -> None:
    theirs = shop.use(GRACE).customer_id
    own = recorded(shop, eve)
    shop.management("PATCH", eve, {"app_metadata": {"stripe_customer_id": theirs}})
    assert shop.use(eve, theirs).customer_id == own == recorded(shop, eve)
    assert shop.use(GRACE).customer_id == theirs


def test_recorded_customer_of_another_user_is_replaced_by_an_own_one_where_there_is_none(shop: Shop) -> None:
    theirs = shop.use(GRACE).customer_id
    shop.management("PATCH", ADA, {"app_metadata": {"stripe_customer_id": theirs}})
    own = shop.use(ADA, theirs).customer_id
    assert own not in (theirs, None)
    assert own == recorded(shop, ADA)
    assert shop.stripe("GET", f"/customers/{own}")["metadata"]["auth0_user_id"] == ADA
    assert shop.use(GRACE).customer_id == theirs


def test_recorded_customer_that_names_nobody_is_claimed(shop: Shop) -> None:
    by_hand = shop.stripe("POST", "/customers", email="ada@example.com")["id"]
    shop.management("PATCH", ADA, {"app_metadata": {"stripe_customer_id": by_hand}})
    outcome = shop.use(ADA, by_hand)
    assert (outcome.status, outcome.customer_id) == (LinkStatus.CLAIMED, by_hand)
    assert the_customer(shop, ADA)["metadata"]["auth0_tenant"] == shop.environment["AUTH0_DOMAIN"]
    assert shop.use(ADA, by_hand).status is LinkStatus.VERIFIED


def test_of_two_users_recorded_with_one_customer_that_names_nobody_one_gets_it(shop: Shop) -> None:
    by_hand = shop.stripe("POST", "/customers")["id"]
    for user_id in (ADA, GRACE):
        shop.management("PATCH", user_id, {"app_metadata": {"stripe_customer_id": by_hand}})
    shop.sandbox.stripe.control.change_settings({"execution_s": 0.2})
    with shop.worker() as other:
        ada = in_background(lambda: shop.use(ADA, by_hand))
        grace = in_background(lambda: linking.verified_customer(other, GRACE, by_hand))
        outcomes = {ADA: ada.result().customer_id, GRACE: grace.result().customer_id}
    (winner,) = [user_id for user_id, customer in outcomes.items() if customer == by_hand]
    (loser,) = {ADA, GRACE} - {winner}
    assert shop.stripe("GET", f"/customers/{by_hand}")["metadata"]["auth0_user_id"] == winner
    assert shop.use(loser, by_hand).customer_id not in (by_hand, None)
    assert shop.use(winner, by_hand).customer_id == by_hand
