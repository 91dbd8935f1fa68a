"""The addresses of pages in the vendors' dashboards."""

from __future__ import annotations

import pytest

from webstore.dashboards import auth0_dashboard, customer_page, user_page


@pytest.mark.parametrize(
    ("domain", "dashboard"),
    [
        ("my-shop.eu.auth0.com", "https://manage.auth0.com/dashboard/eu/my-shop"),
        ("my-shop.auth0.com", "https://manage.auth0.com/dashboard/us/my-shop"),
        ("login.example.com", ""),
        ("auth0.com", ""),
        ("a.b.eu.auth0.com", ""),
        ("127.0.0.1:8001", ""),
    ],
)
def test_a_tenants_dashboard_is_told_by_its_canonical_domain(domain: str, dashboard: str) -> None:
    assert auth0_dashboard(domain) == dashboard


def test_a_users_page_has_the_encoded_user_id() -> None:
    page = user_page("https://manage.auth0.com/dashboard/eu/shop/", "auth0|1")
    assert page == "https://manage.auth0.com/dashboard/eu/shop/users/YXV0aDAlN0Mx"


@pytest.mark.parametrize(
    ("dashboard", "pin", "page"),
    [
        ("https://dashboard.stripe.com/test", None, "https://dashboard.stripe.com/test/customers/cus_1"),
        ("https://dashboard.stripe.com", None, "https://dashboard.stripe.com/customers/cus_1"),
        (
            "https://dashboard.stripe.com/test",
            "acct_1 live",
            "https://dashboard.stripe.com/acct_1/customers/cus_1",
        ),
        (
            "https://dashboard.stripe.com",
            "acct_2 test",
            "https://dashboard.stripe.com/acct_2/test/customers/cus_1",
        ),
    ],
)
def test_a_customers_page_is_in_its_account_and_mode(dashboard: str, pin: str | None, page: str) -> None:
    assert customer_page(dashboard, "cus_1", pin) == page
