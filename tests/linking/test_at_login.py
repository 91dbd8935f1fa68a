"""The linking protocol at login, over real HTTP: first logins, and attempts that end half-way."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.linking.steps import EVE, USER, let_calls_take, log_in
from tests.support import (
    ADA,
    DAY_S,
    RESTRICTED_KEY,
    Shop,
    held,
    in_background,
    link_status,
    running_shop,
    shown_customer,
    the_customer,
    until,
)
from webstore.linking.protocol import SLOW_CREATE_S
from webstore.sandbox.stripe import ACCOUNT

HOURS_LATER = pytest.mark.parametrize("hours", [0, 25], ids=["again at once", "again a day later"])


def abandoned_before_recording(shop: Shop) -> None:
    """A login whose worker is lost after the create. The next worker has nothing in memory."""
    shop.sandbox.auth0.control.add_fault(action="reset", method="PATCH", path=USER)
    assert link_status(log_in(shop)) == "pending"
    assert len(shop.customers()) == 1
    shop.restart()


# The calls of a login


def test_first_login_makes_one_customer_recorded_on_both_sides(shop: Shop) -> None:
    page = log_in(shop, "ada@example.com")
    customer = the_customer(shop, ADA)
    assert (shown_customer(page), link_status(page)) == (customer["id"], "linked")
    assert (customer["email"], customer["name"]) == ("ada@example.com", "Ada Example")
    assert customer["description"] == f"Created by the web store for the Auth0 user {ADA}"
    assert customer["metadata"] == {
        "auth0_user_id": ADA,
        "auth0_tenant": shop.environment["AUTH0_DOMAIN"],
        "link_generation": "0",
    }
    assert shop.app_metadata(ADA) == {
        "stripe_customer_id": customer["id"],
        "stripe_account": f"{shop.stripe('GET', '/account')['id']} test",
    }


def test_first_login_of_a_new_account_is_three_calls_and_one_account_read_a_process(shop: Shop) -> None:
    let_calls_take(shop, 0.0)
    for number, account_read in enumerate((["GET /v1/account"], [])):
        email = f"new{number}@example.com"
        shop.add_user(email)
        shop.forget_requests()
        assert link_status(log_in(shop, email)) == "linked"
        quoted = f"/api/v2/users/{shop.user_id(email).replace('|', '%7C')}"
        assert shop.management_requests() == [f"GET {quoted}", f"PATCH {quoted}"]
        assert shop.stripe_requests() == [*account_read, "POST /v1/customers"]


def test_first_login_reads_the_user_again_after_a_slow_create(shop: Shop) -> None:
    let_calls_take(shop, SLOW_CREATE_S + 0.1)
    user = f"/api/v2/users/{shop.add_user(EVE).replace('|', '%7C')}"
    assert link_status(log_in(shop)) == "linked"
    assert shop.management_requests() == [f"GET {user}", f"GET {user}", f"PATCH {user}"]
    assert shop.stripe_requests() == ["GET /v1/account", "POST /v1/customers"]


def test_first_login_where_the_look_up_is_always_made_reads_the_user_again(tmp_path: Path) -> None:
    """The look-up itself costs a list and a search besides."""
    with running_shop(tmp_path / "state", LINK_LOOKUP="always") as shop:
        let_calls_take(shop, 0.0)
        user = f"/api/v2/users/{shop.add_user(EVE).replace('|', '%7C')}"
        assert link_status(log_in(shop)) == "linked"
        assert shop.management_requests() == [f"GET {user}", f"GET {user}", f"PATCH {user}"]
        assert shop.stripe_requests() == [
            "GET /v1/account",
            "GET /v1/customers",
            "GET /v1/customers/search",
            "POST /v1/customers",
        ]


def test_returning_login_is_one_user_read(shop: Shop) -> None:
    browser = shop.browser()
    first = shown_customer(browser.log_in(path="/"))
    browser.log_out()
    shop.forget_requests()
    page = browser.log_in(path="/")
    assert shown_customer(page) == first
    assert shop.stripe_requests() == []
    assert shop.management_requests() == [f"GET /api/v2/users/{ADA.replace('|', '%7C')}"]


def test_returning_login_with_the_claim_in_the_id_token_makes_no_call(shop: Shop) -> None:
    shop.add_user(EVE)
    first = shown_customer(log_in(shop))
    shop.sandbox.auth0.control.change_settings({"claim_action": True})
    shop.forget_requests()
    assert shown_customer(log_in(shop)) == first
    assert shop.stripe_requests() == []
    assert shop.management_requests() == []


def test_no_login_of_a_linked_shopper_asks_stripe_about_a_customer(shop: Shop) -> None:
    first = shown_customer(log_in(shop, "ada@example.com"))
    shop.lose_state()
    shop.forget_requests()
    assert shown_customer(log_in(shop, "ada@example.com")) == first
    assert not [asked for asked in shop.stripe_requests() if "/v1/customers" in asked]


def test_restricted_key_that_may_not_read_its_account_still_links(tmp_path: Path) -> None:
    with running_shop(tmp_path / "state", STRIPE_SECRET_KEY=RESTRICTED_KEY) as shop:
        shop.sandbox.stripe.control.change_settings({"denied_permissions": ["account_read"]})
        page = log_in(shop, "ada@example.com")
        assert shown_customer(page) == the_customer(shop, ADA)["id"]
        assert "stripe_account" not in shop.app_metadata(ADA)
        assert shown_customer(log_in(shop, "ada@example.com")) == shown_customer(page)
        assert shop.use(ADA).customer_id == shown_customer(page)


def test_a_key_that_may_write_no_customers_leaves_the_link_pending_and_alarms(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_shop(tmp_path / "state", STRIPE_SECRET_KEY=RESTRICTED_KEY) as shop:
        shop.sandbox.stripe.control.change_settings({"denied_permissions": ["customer_write"]})
        assert link_status(log_in(shop, "ada@example.com")) == "pending"
        assert [record.levelname for record in caplog.records if "PaymentsRefused" in record.message] == [
            "ERROR"
        ]
        shop.sandbox.stripe.control.change_settings({"denied_permissions": []})
        assert shown_customer(log_in(shop, "ada@example.com")) == the_customer(shop, ADA)["id"]


# Attempts that stop half-way


@HOURS_LATER
def test_customer_of_a_worker_killed_before_recording_is_found_again(
    shop: Shop, eve: str, hours: int
) -> None:
    abandoned_before_recording(shop)
    (made,) = shop.customers()
    shop.advance(hours * 3600)
    assert shown_customer(log_in(shop)) == made["id"]
    assert the_customer(shop, eve) == made


@HOURS_LATER
@pytest.mark.parametrize("effect", ["after", "before"], ids=["with effect", "without effect"])
def test_create_that_times_out_leads_to_one_customer(tmp_path: Path, effect: str, hours: int) -> None:
    with running_shop(tmp_path / "state", LINK_BUDGET_S="0.5") as shop:
        eve = shop.add_user(EVE)
        shop.sandbox.stripe.control.add_fault(action="hang", method="POST", path="/v1/customers", when=effect)
        assert link_status(log_in(shop)) == "pending"
        assert len(shop.customers()) == (1 if effect == "after" else 0)
        shop.sandbox.stripe.control.clear_faults()
        shop.restart(LINK_BUDGET_S="3")
        shop.advance(hours * 3600)
        assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]


def test_create_that_failed_stays_pending_until_its_effect_appears(shop: Shop, eve: str) -> None:
    shop.sandbox.stripe.fail(path="/v1/customers", effect="later", delay_s=300)
    for _ in range(2):
        assert link_status(log_in(shop)) == "pending"
        assert shop.customers() == []
        assert shop.app_metadata(eve)["stripe_link_failed_at"] == pytest.approx(time.time(), abs=60)
    shop.advance(301)
    assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]
    assert "stripe_link_failed_at" not in shop.app_metadata(eve)


def test_failed_create_is_replaced_by_the_next_generation_only_after_the_settling_time(
    shop: Shop, eve: str
) -> None:
    shop.sandbox.stripe.fail(path="/v1/customers", effect="none")
    assert link_status(log_in(shop)) == "pending"
    shop.advance(590)
    assert link_status(log_in(shop)) == "pending"
    creates = [seen for seen in shop.sandbox.stripe.control.requests() if seen.method == "POST"]
    assert [seen.replayed for seen in creates] == [False, True]
    assert len({seen.idempotency_key for seen in creates}) == 1
    shop.advance(20)
    assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]
    assert the_customer(shop, eve)["metadata"]["link_generation"] == "1"


def test_effect_that_appears_after_the_next_generation_is_never_used(shop: Shop, eve: str) -> None:
    shop.sandbox.stripe.fail(path="/v1/customers", effect="later", delay_s=1200)
    assert link_status(log_in(shop)) == "pending"
    shop.advance(601)
    used = shown_customer(log_in(shop))
    assert used is not None
    shop.advance(700)
    assert len(shop.customers()) == 2
    assert shown_customer(log_in(shop)) == used
    assert shop.use(eve, used).customer_id == used
    assert shop.app_metadata(eve)["stripe_customer_id"] == used
    # If the record is lost, the look-up prefers the customer in use.
    shop.management("PATCH", eve, {"app_metadata": {"stripe_customer_id": None}})
    shop.advance(DAY_S)
    assert shown_customer(log_in(shop)) == used


def test_500_that_was_not_stored_is_tried_again_at_the_next_login(shop: Shop, eve: str) -> None:
    shop.sandbox.stripe.control.add_fault(
        action="status", status=500, method="POST", path="/v1/customers", when="after"
    )
    assert link_status(log_in(shop)) == "pending"
    assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]


RECORD_FAULTS: dict[str, dict[str, Any]] = {
    "429": {"action": "status", "status": 429, "headers": {"x-ratelimit-reset": "4102444800"}},
    "500": {"action": "status", "status": 500},
    "500 with effect": {"action": "status", "status": 500, "when": "after"},
    "time-out with effect": {"action": "hang", "when": "after"},
    "time-out without effect": {"action": "hang", "when": "before"},
    "reset": {"action": "reset"},
    "cut-off answer": {"action": "truncate"},
}


@pytest.mark.parametrize("fault", RECORD_FAULTS.values(), ids=RECORD_FAULTS)
def test_next_login_records_what_this_one_could_not_record(tmp_path: Path, fault: dict[str, Any]) -> None:
    with running_shop(tmp_path / "state", LINK_BUDGET_S="1") as shop:
        eve = shop.add_user(EVE)
        shop.sandbox.auth0.control.add_fault(method="PATCH", path=USER, **fault)
        assert link_status(log_in(shop)) == "pending"
        shop.sandbox.auth0.control.clear_faults()
        assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]


def test_two_logins_of_one_process_at_once_make_one_customer(shop: Shop, eve: str) -> None:
    with held(shop.sandbox.stripe.control, "POST", "/v1/customers") as has_come:
        first = in_background(lambda: log_in(shop))
        until(has_come)
        second = log_in(shop)
    assert shown_customer(first.result()) == the_customer(shop, eve)["id"]
    assert shown_customer(second) == the_customer(shop, eve)["id"]


# Other metadata, and the shared state


def test_other_keys_of_app_metadata_are_kept(shop: Shop, eve: str) -> None:
    others = {"plan": "gold", "roles": ["tester"], "nested": {"a": {"b": 1}}, "stripe_note": ""}
    shop.management("PATCH", eve, {"app_metadata": others})
    shop.sandbox.stripe.fail(path="/v1/customers", effect="none")
    assert link_status(log_in(shop)) == "pending"
    noted = shop.app_metadata(eve)
    assert noted.pop("stripe_link_failed_at") > 0
    assert noted.pop("stripe_link_failed_try") == f"0_{ACCOUNT}_test"
    assert noted == others
    shop.advance(601)
    first = shown_customer(log_in(shop))
    account = f"{shop.stripe('GET', '/account')['id']} test"
    assert shop.app_metadata(eve) == {**others, "stripe_customer_id": first, "stripe_account": account}
    shop.stripe("DELETE", f"/customers/{first}")
    healed = shop.use(eve).customer_id
    assert healed != first
    ours = {"stripe_customer_id": healed, "stripe_account": account, "stripe_replaced": first}
    assert shop.app_metadata(eve) == {**others, **ours}


STEPS = {
    "user read": ("auth0", "GET", USER),
    "account read": ("stripe", "GET", "/v1/account"),
    "list": ("stripe", "GET", "/v1/customers"),
    "search": ("stripe", "GET", "/v1/customers/search"),
    "create": ("stripe", "POST", "/v1/customers"),
    "record": ("auth0", "PATCH", USER),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_shared_state_lost_before_any_step_of_a_first_login_changes_nothing(
    shop: Shop, step: tuple[str, str, str]
) -> None:
    vendor, method, path = step
    eve = shop.add_user(EVE, age_s=DAY_S)
    control = shop.sandbox.auth0.control if vendor == "auth0" else shop.sandbox.stripe.control
    with held(control, method, path) as has_come:
        login = in_background(lambda: log_in(shop))
        until(has_come)
        shop.remove_state()
    assert shown_customer(login.result()) == the_customer(shop, eve)["id"]
    assert shown_customer(log_in(shop)) == the_customer(shop, eve)["id"]


def test_shared_state_lost_after_a_create_that_was_not_recorded_changes_nothing(shop: Shop, eve: str) -> None:
    abandoned_before_recording(shop)
    (made,) = shop.customers()
    shop.lose_state()
    assert shown_customer(log_in(shop)) == made["id"] == the_customer(shop, eve)["id"]


def test_shared_state_that_cannot_be_used_at_all_changes_nothing(tmp_path: Path) -> None:
    with running_shop(tmp_path / "state") as shop:
        shop.block_state()
        eve = shop.add_user(EVE)
        first = shown_customer(log_in(shop))
        assert first == the_customer(shop, eve)["id"]
        # A start without it is refused.
        (tmp_path / "state").unlink()
        shop.restart()
        shop.block_state()
        assert shown_customer(log_in(shop)) == first
        shop.stripe("DELETE", f"/customers/{first}")
        healed = shop.use(eve)
        assert healed.customer_id == the_customer(shop, eve)["id"] != first
