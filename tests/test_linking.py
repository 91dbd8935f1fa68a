"""The linking protocol over real HTTP: one test for each row of its table of disturbances."""

from __future__ import annotations

from tests.support import ADA, Shop, link_status, shown_customer


def test_first_login_makes_one_customer_recorded_on_both_sides(shop: Shop) -> None:
    page = shop.browser().log_in()
    (customer,) = shop.customers()
    assert shown_customer(page) == customer["id"]
    assert link_status(page) == "linked"
    assert customer["email"] == "ada@example.com"
    assert customer["metadata"]["auth0_user_id"] == ADA
    assert shop.app_metadata(ADA) == {
        "stripe_customer_id": customer["id"],
        "stripe_account": f"{shop.stripe('GET', '/account')['id']} test",
    }


def test_returning_login_asks_stripe_nothing(shop: Shop) -> None:
    browser = shop.browser()
    first = shown_customer(browser.log_in())
    browser.log_out()
    shop.forget_requests()
    page = browser.log_in()
    assert shown_customer(page) == first
    assert shop.stripe_requests() == []
    assert shop.management_requests() == [f"GET /api/v2/users/{ADA.replace('|', '%7C')}"]
