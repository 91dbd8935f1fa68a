"""`flask customers reconcile` with the Stripe key of an account that the links are not of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.linking.operators import customers, made, written
from tests.support import OTHER_KEY, SECOND_LIVE_KEY, Shop
from webstore.sandbox.stripe import ACCOUNT, TEST_KEY

FAST = ("--stripe-rps", "2000", "--auth0-rps", "2000")


@pytest.fixture
def shop(shared: Shop) -> Iterator[Shop]:
    """A store whose two vendors are empty."""
    for vendor in (shared.sandbox.auth0, shared.sandbox.stripe):
        vendor.control.reset()
    yield shared
    shared.restart(STRIPE_SECRET_KEY=TEST_KEY, LINK_SECOND_ACCOUNT="")


def linked(shop: Shop, pin: str, number: int = 3) -> list[str]:
    """Users who are linked in this account and mode."""
    links = [{"stripe_customer_id": f"cus_{it}", "stripe_account": pin} for it in range(number)]
    return [shop.add_user(f"u{it}@shop.example", app_metadata=link) for it, link in enumerate(links)]


def reconcile(shop: Shop, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = customers(shop, "reconcile", *FAST, "--json", *arguments)
    return done.exit_code, json.loads(done.stdout)


def test_a_live_key_of_another_account_is_named_and_nothing_is_written(shop: Shop) -> None:
    users = linked(shop, f"{ACCOUNT} live")
    shop.add_user("new@shop.example")
    shop.restart(STRIPE_SECRET_KEY=SECOND_LIVE_KEY)
    said = customers(shop, "reconcile", *FAST)
    assert said.exit_code == 1
    assert said.output.count("The Stripe key is of the wrong account: 3 users are linked to another") == 1
    shop.forget_requests()
    code, found = reconcile(shop, "--apply", "--backfill", "--despite-missing")
    assert (code, "LINK_SECOND_ACCOUNT=1" in found["error"]) == (1, True)
    assert {it["repair"] for it in found["findings"]} == {"safe"}
    assert (written(shop), shop.customers()) == (["POST"], []), "the export job alone"
    code, found = reconcile(shop, "--user", users[0])
    assert (code, "1 user is linked to another live account" in found["error"]) == (1, True)


def test_a_second_live_account_on_purpose_is_clean_after_the_backfill(shop: Shop) -> None:
    linked(shop, f"{ACCOUNT} live")
    shop.restart(STRIPE_SECRET_KEY=SECOND_LIVE_KEY, LINK_SECOND_ACCOUNT="1")
    code, found = reconcile(shop, "--only", "drift")
    assert (code, found["findings"]) == (3, [])
    assert "Nobody is linked to" in found["warning"]
    assert reconcile(shop, "--apply", "--backfill")[0] == 0
    code, found = reconcile(shop)
    assert (code, found["warning"], found["findings"]) == (0, "", [])


def test_some_links_of_another_live_account_are_not_clean(shop: Shop) -> None:
    linked(shop, f"{ACCOUNT} live", 1)
    for it in range(3):
        shop.add_user(f"new{it}@shop.example")
    shop.restart(STRIPE_SECRET_KEY=SECOND_LIVE_KEY, LINK_SECOND_ACCOUNT="1")
    assert reconcile(shop, "--apply", "--backfill")[0] == 0
    shop.restart(STRIPE_SECRET_KEY=SECOND_LIVE_KEY, LINK_SECOND_ACCOUNT="")
    code, found = reconcile(shop)
    assert (code, found["findings"], "error" in found) == (3, [], False)
    assert found["warning"] == "1 user is linked to another live account, and the store refuses them."


def test_a_test_key_of_another_account_is_not_clean(shop: Shop) -> None:
    (user_id, *_) = linked(shop, f"{ACCOUNT} test")
    shop.restart(STRIPE_SECRET_KEY=OTHER_KEY)
    code, found = reconcile(shop, "--apply", "--only", "drift")
    assert (code, found["findings"]) == (3, [])
    assert "3 users are linked in another account or mode. Is the Stripe key right?" in found["warning"]
    # Of one user it says nothing.
    assert reconcile(shop, "--user", user_id)[0] == 0


def test_an_export_without_users_is_not_clean(shop: Shop) -> None:
    for email in ("ada@example.com", "grace@example.com"):
        shop.management("DELETE", shop.user_id(email))
    made(shop)
    code, found = reconcile(shop)
    assert (code, found["findings"], found["users"], found["customers"]) == (3, [], 0, 1)
    assert found["warning"] == "Auth0's export has no users. Is this the right tenant?"
