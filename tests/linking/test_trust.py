"""Links that belong to another account or mode, or are garbage: nothing is overwritten, nothing is used."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from tests.support import (
    ADA,
    OTHER_ACCOUNT,
    OTHER_KEY,
    RESTRICTED_KEY,
    SECOND_LIVE_KEY,
    Shop,
    held,
    in_background,
    link_status,
    shown_customer,
    until,
)
from webstore import linking
from webstore.linking.models import LinkStatus
from webstore.sandbox.stripe import ACCOUNT, LIVE_KEY, TEST_KEY


def log_in(shop: Shop) -> httpx.Response:
    """Log in with a new browser. The home page shows the outcome of the login."""
    return shop.browser().log_in("ada@example.com", path="/")


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The log lines that ask an operator to look at something."""
    return [record.message for record in caplog.records if record.levelno >= logging.ERROR]


def assert_untouched(shop: Shop, metadata: dict[str, Any]) -> None:
    """Nothing was written at either vendor, and the user's record is as it was."""
    asked = [*shop.stripe_requests(), *shop.management_requests()]
    assert not [request for request in asked if request.startswith(("POST", "PATCH", "DELETE"))]
    assert shop.app_metadata(ADA) == metadata


WORLDS = {
    "test, then live": (TEST_KEY, LIVE_KEY),
    "live, then test": (LIVE_KEY, TEST_KEY),
    "a second test account": (TEST_KEY, OTHER_KEY),
    "live, then a restricted test key": (LIVE_KEY, RESTRICTED_KEY),
    "a second test account, then live": (OTHER_KEY, LIVE_KEY),
}


@pytest.mark.parametrize(("first", "second"), WORLDS.values(), ids=WORLDS)
def test_each_world_has_its_own_customer_and_keeps_it(
    shop: Shop, caplog: pytest.LogCaptureFixture, first: str, second: str
) -> None:
    shop.sandbox.stripe.control.change_settings({"denied_permissions": ["account_read"]})
    linked = {}
    for key in (first, second):
        shop.restart(DASHBOARD_LINKS="1", STRIPE_SECRET_KEY=key)
        linked[key] = shown_customer(log_in(shop))
        assert shop.use(ADA, linked[key]).customer_id == linked[key] is not None
    assert linked[first] != linked[second]
    metadata = shop.app_metadata(ADA)
    for key in (first, second):
        shop.restart(DASHBOARD_LINKS="1", STRIPE_SECRET_KEY=key)
        shop.forget_requests()
        assert shown_customer(log_in(shop)) == linked[key]
        # The ID of the other world, in an old session, does not get in the way.
        assert shop.use(ADA, linked[second if key == first else first]).customer_id == linked[key]
        assert_untouched(shop, metadata)
    live = [key for key in (first, second) if key == LIVE_KEY]
    assert metadata["stripe_customer_id"] == linked[live[0] if live else first]
    assert alarms(caplog) == []


def test_a_test_and_a_live_store_that_link_one_user_at_once_settle(shop: Shop) -> None:
    """Both find nothing recorded. The store that is overwritten finds its own customer again."""
    with shop.worker(STRIPE_SECRET_KEY=LIVE_KEY) as live:
        with held(shop.sandbox.stripe.control, "POST", "/v1/customers") as has_come:
            test_link = in_background(lambda: shop.use(ADA))
            until(has_come)
            linked = {"live": linking.verified_customer(live, ADA, None).customer_id}
        linked["test"] = test_link.result().customer_id
        for _ in range(2):
            shop.forget_requests()
            assert linking.verified_customer(live, ADA, None).customer_id == linked["live"]
            assert shop.use(ADA).customer_id == linked["test"]
    assert None not in linked.values()
    assert linked["live"] != linked["test"]
    assert_untouched(
        shop,
        {
            "stripe_customer_id": linked["live"],
            "stripe_account": f"{ACCOUNT} live",
            f"stripe_customer_id_{ACCOUNT}_test": linked["test"],
            f"stripe_account_{ACCOUNT}_test": f"{ACCOUNT} test",
        },
    )


def test_a_session_from_before_the_switch_of_keys_shows_no_customer_of_the_other_world(shop: Shop) -> None:
    browser = shop.browser()
    test_customer = shown_customer(browser.log_in())
    shop.restart(DASHBOARD_LINKS="1", STRIPE_SECRET_KEY=LIVE_KEY)
    # The store's shared state is another one, too, so the provider is asked silently who this is.
    assert shown_customer(browser.open("/")) not in (None, test_customer)
    assert shown_customer(browser.open("/account")) == the_customer_of_this_key(shop)


def test_a_second_live_account_is_refused_and_nothing_is_written(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.restart(DASHBOARD_LINKS="1", STRIPE_SECRET_KEY=LIVE_KEY)
    linked = shop.use(ADA).customer_id
    metadata = shop.app_metadata(ADA)
    shop.restart(DASHBOARD_LINKS="1", STRIPE_SECRET_KEY=SECOND_LIVE_KEY)
    shop.forget_requests()
    assert link_status(log_in(shop)) == "pending"
    refused = shop.use(ADA, linked)
    assert (refused.status, refused.customer_id) == (LinkStatus.REFUSED, None)
    assert len(alarms(caplog)) == 2
    assert_untouched(shop, metadata)
    page = shop.browser().log_in("ada@example.com", path="/account")
    assert "There is a problem with your account" in page.text
    shop.restart(DASHBOARD_LINKS="1", STRIPE_SECRET_KEY=SECOND_LIVE_KEY, LINK_SECOND_ACCOUNT="1")
    own = shown_customer(log_in(shop))
    assert own not in (None, linked)
    assert shop.app_metadata(ADA)["stripe_customer_id"] == linked


def test_link_of_the_other_mode_without_a_pin_is_left_alone_and_this_one_gets_its_own(shop: Shop) -> None:
    shop.restart(DASHBOARD_LINKS="1", STRIPE_SECRET_KEY=LIVE_KEY)
    live = shop.stripe("POST", "/customers")["id"]
    shop.management("PATCH", ADA, {"app_metadata": {"stripe_customer_id": live}})
    shop.restart(DASHBOARD_LINKS="1", STRIPE_SECRET_KEY=TEST_KEY)
    own = shop.use(ADA, live)
    assert (own.status, own.customer_id) == (LinkStatus.CREATED, the_customer_of_this_key(shop))
    metadata = shop.app_metadata(ADA)
    assert metadata["stripe_customer_id"] == live
    assert metadata[f"stripe_customer_id_{ACCOUNT}_test"] == own.customer_id


def the_customer_of_this_key(shop: Shop) -> str:
    (customer,) = shop.customers()
    return str(customer["id"])


def test_the_claim_of_another_world_is_not_shown_while_stripe_is_down(shop: Shop) -> None:
    metadata = {"stripe_customer_id": "cus_live", "stripe_account": f"{ACCOUNT} live"}
    shop.management("PATCH", ADA, {"app_metadata": metadata})
    shop.sandbox.stripe_server.stop()
    assert link_status(log_in(shop)) == "pending"
    assert shop.app_metadata(ADA) == metadata


def test_the_claim_of_another_world_in_the_id_token_says_nothing_about_this_one(shop: Shop) -> None:
    shop.sandbox.auth0.control.change_settings({"claim_action": True})
    shop.restart(DASHBOARD_LINKS="1", STRIPE_SECRET_KEY=LIVE_KEY)
    live = shop.use(ADA).customer_id
    shop.restart(DASHBOARD_LINKS="1", STRIPE_SECRET_KEY=TEST_KEY)
    own = shown_customer(log_in(shop))
    assert own == the_customer_of_this_key(shop) != live
    assert shop.app_metadata(ADA)["stripe_customer_id"] == live


@pytest.mark.parametrize(
    "garbage",
    [
        "garbage",
        "",
        "cus_",
        "cus_x/../cus_y",
        "cus_1 ",
        "CUS_1",
        "acct_1",
        42,
        True,
        ["cus_1"],
        {"id": "cus_1"},
    ],
    ids=repr,
)
def test_garbage_is_neither_used_nor_overwritten(
    shop: Shop, caplog: pytest.LogCaptureFixture, garbage: object
) -> None:
    metadata = {"stripe_customer_id": garbage}
    shop.management("PATCH", ADA, {"app_metadata": metadata}).raise_for_status()
    shop.forget_requests()
    assert link_status(log_in(shop)) == "pending"
    assert shop.use(ADA).customer_id is None
    assert len(alarms(caplog)) == 2
    assert_untouched(shop, metadata)


@pytest.mark.parametrize("account", [None, f"{ACCOUNT} test"], ids=["no account", "our account"])
def test_customer_that_stripe_does_not_know_in_live_mode_is_not_taken_as_deleted(
    shop: Shop, caplog: pytest.LogCaptureFixture, account: str | None
) -> None:
    account = account and account.replace("test", "live")
    shop.restart(DASHBOARD_LINKS="1", STRIPE_SECRET_KEY=LIVE_KEY)
    metadata = {"stripe_customer_id": "cus_unknown"} | ({"stripe_account": account} if account else {})
    shop.management("PATCH", ADA, {"app_metadata": metadata})
    shop.forget_requests()
    outcome = shop.use(ADA, "cus_unknown")
    assert (outcome.status, outcome.customer_id) == (LinkStatus.PENDING, None)
    assert len(alarms(caplog)) == 1
    assert_untouched(shop, metadata)


@pytest.mark.parametrize("account", [None, f"{OTHER_ACCOUNT} test"], ids=["no account", "another account"])
def test_customer_that_stripe_does_not_know_in_test_mode_is_left_alone_and_this_world_gets_its_own(
    shop: Shop, account: str | None
) -> None:
    metadata = {"stripe_customer_id": "cus_unknown"} | ({"stripe_account": account} if account else {})
    shop.management("PATCH", ADA, {"app_metadata": metadata})
    own = shop.use(ADA, "cus_unknown").customer_id
    assert own == the_customer_of_this_key(shop)
    assert shop.app_metadata(ADA) == {
        **metadata,
        f"stripe_customer_id_{ACCOUNT}_test": own,
        f"stripe_account_{ACCOUNT}_test": f"{ACCOUNT} test",
    }


def test_wiped_test_data_of_our_own_account_is_healed(shop: Shop) -> None:
    first = shop.use(ADA).customer_id
    shop.sandbox.stripe.control.reset()
    healed = shop.use(ADA, first)
    assert healed.status is LinkStatus.HEALED
    (customer,) = shop.customers()
    assert healed.customer_id == customer["id"] != first
    assert customer["metadata"]["auth0_user_id"] == ADA


def test_other_users_customer_recorded_by_mistake_alters_nothing_of_theirs(shop: Shop) -> None:
    theirs = shop.browser().log_in("grace@example.com", path="/")
    before = shop.stripe("GET", f"/customers/{shown_customer(theirs)}")
    shop.management("PATCH", ADA, {"app_metadata": {"stripe_customer_id": before["id"]}})
    log_in(shop)
    assert shop.use(ADA, before["id"]).customer_id not in (before["id"], None)
    assert shop.stripe("GET", f"/customers/{before['id']}") == before
    assert shown_customer(shop.browser().log_in("grace@example.com", path="/")) == before["id"]


def test_key_that_stripe_does_not_know_alarms_and_proves_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    linked = shop.use(ADA).customer_id
    metadata = shop.app_metadata(ADA)
    shop.restart(DASHBOARD_LINKS="1", STRIPE_SECRET_KEY="sk_test_revoked")
    shop.forget_requests()
    assert shop.use(ADA, linked).customer_id is None
    assert len(alarms(caplog)) == 1
    assert_untouched(shop, metadata)


def test_application_without_the_scope_to_write_alarms_and_the_customer_is_found_later(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.sandbox.auth0.control.change_settings({"management_scopes": ["read:users"]})
    assert link_status(log_in(shop)) == "pending"
    assert "DirectoryRefused" in alarms(caplog)[0]
    (made,) = shop.customers()
    shop.sandbox.auth0.control.change_settings({"management_scopes": ["read:users", "update:users"]})
    shop.lose_state()
    assert shown_customer(log_in(shop)) == made["id"]
    assert len(shop.customers()) == 1
