"""The account page: the shopper's own data, and the page while the link is pending."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from tests.login.account_pages import Row, content, link_to, rows
from tests.login.subscribers import tell_of_changes
from tests.support import (
    ADA,
    OTHER_ACCOUNT,
    PASSWORD,
    Browser,
    Shop,
    link_status,
    running_shop,
    shown_customer,
)
from webstore.routes import subscription_lists
from webstore.sandbox.stripe import LIVE_KEY

# The account page


@pytest.mark.parametrize("path", ["/account", "/account/link"])
def test_strangers_are_sent_to_the_login_and_come_back(shared: Shop, path: str) -> None:
    browser = shared.browser()
    page = browser.open(path)
    assert page.url.path == "/u/login"
    page = browser.submit(page, email="ada@example.com", password=PASSWORD)
    assert page.url.path == path
    assert page.status_code == 200


def test_the_account_shows_name_email_picture_and_customer(shop: Shop) -> None:
    picture = "https://pictures.example/ada.png?size=72&x=1"
    shop.management("PATCH", ADA, {"picture": picture}).raise_for_status()
    page = shop.browser().log_in()
    assert "Ada Example" in content(page)
    assert "ada@example.com" in content(page)
    assert html.escape(picture) in page.text
    assert shown_customer(page) == shop.app_metadata(ADA)["stripe_customer_id"]
    assert link_status(page) == "linked"


def test_the_id_stands_alone_in_its_element_once_a_page(shared: Shop) -> None:
    browser = shared.browser()
    browser.log_in()
    for path in ("/", "/account", "/account/link"):
        page = browser.open(path)
        assert page.text.count('id="stripe-customer-id"') == 1
        assert page.text.count("data-link-status") == 1
        assert re.fullmatch(r"cus_[A-Za-z0-9]+", shown_customer(page) or "")


def test_without_dashboard_links_the_id_is_on_the_account_page_alone(tmp_path: Path) -> None:
    with running_shop(tmp_path / "state", DASHBOARD_LINKS="0") as shop:
        browser = shop.browser()
        page = browser.log_in()
        assert shown_customer(page) == shop.app_metadata(ADA)["stripe_customer_id"]
        assert page.text.count("data-link-status") == page.text.count('id="stripe-customer-id"') == 1
        for path in ("/", "/cart", "/orders"):
            assert "cus_" not in browser.open(path).text


def test_a_name_is_text_and_never_markup(shared: Shop) -> None:
    browser = shared.browser()
    name = """<img src=x onerror=alert(1)>"'&{{7*7}}"""
    page = browser.open("/login?screen_hint=signup&next=/account")
    browser.submit(page, email="markup@example.com", password=PASSWORD, name=name)
    for path in ("/", "/account", "/account/link"):
        page = browser.open(path)
        assert name in content(page)
        assert "<img src=x" not in page.text


def test_somebody_without_an_email_has_an_account(shared: Shop) -> None:
    browser = shared.browser()
    page = browser.open("/login?connection=google-oauth2&next=/account")
    page = browser.submit(page, name="No Address")
    assert page.url.path == "/account"
    assert "No Address" in content(page)
    assert "No e-mail address" in content(page)
    assert link_status(page) == "linked"
    assert rows(browser.open("/account/link"))["E-mail"] == Row(
        "yes", "Auth0 email Not set", "Stripe email Not set", "Same"
    )


@pytest.mark.parametrize(
    "picture", ["http://p.example/x.png", "javascript:alert(1)", "data:text/html,x", "//p.example/x"]
)
def test_a_picture_that_is_not_https_is_left_out(shop: Shop, picture: str) -> None:
    shop.management("PATCH", ADA, {"picture": picture})
    page = shop.browser().log_in()
    assert "Ada Example" in content(page)
    assert picture not in page.text


# Pending


def test_a_login_while_stripe_is_down_is_pending_and_the_account_page_tries_again(shop: Shop) -> None:
    shop.sandbox.stripe_server.stop()
    browser = shop.browser()
    for page in (browser.log_in(), browser.open("/"), browser.open("/account")):
        assert page.status_code == 200
        assert link_status(page) == "pending"
        assert shown_customer(page) is None
        assert "cus_" not in page.text
    assert link_to(page, "Try again") == "/account"
    assert "Billing and subscriptions" not in content(page), "there is nothing to open yet"
    shop.sandbox.stripe_server.start()
    page = browser.open("/account")
    assert "Billing and subscriptions" in content(page)
    (customer,) = shop.customers()
    assert link_status(page) == "linked"
    assert shown_customer(page) == customer["id"]
    assert shown_customer(browser.open("/")) == customer["id"]
    assert "Try again" not in page.text


def test_a_login_while_the_management_api_is_down_is_pending_too(shop: Shop) -> None:
    shop.sandbox.auth0.control.add_fault(action="status", path="/api/v2/.*", status=503, times=None)
    browser = shop.browser()
    page = browser.log_in()
    assert link_status(page) == "pending"
    assert "ada@example.com" in content(page)
    assert shop.customers() == []
    shop.sandbox.auth0.control.clear_faults()
    assert link_status(browser.open("/account")) == "linked"


def test_a_linked_shopper_costs_the_account_page_the_list_of_subscriptions(shop: Shop, ada: Browser) -> None:
    # However long the requests take, none of them is half a minute later.
    subscription_lists.install(shop.app, lambda: 0.0)
    for calls in (["GET /v1/subscriptions"], [], []):
        shop.forget_requests()
        assert link_status(ada.open("/account")) == "linked"
        assert shop.stripe_requests() + shop.management_requests() == calls
    tell_of_changes(shop)
    for _ in range(2):
        shop.forget_requests()
        assert link_status(ada.open("/account")) == "linked"
        assert shop.stripe_requests() + shop.management_requests() == ["GET /v1/subscriptions"]


def test_a_link_of_another_set_up_is_said_plainly_and_offers_no_retry(shop: Shop) -> None:
    shop.restart(STRIPE_SECRET_KEY=LIVE_KEY)
    metadata = {"stripe_customer_id": "cus_live", "stripe_account": f"{OTHER_ACCOUNT} live"}
    shop.management("PATCH", ADA, {"app_metadata": metadata}).raise_for_status()
    page = shop.browser().log_in()
    assert link_status(page) == "pending"
    assert "cus_live" not in page.text
    assert "There is a problem with your account" in content(page)
    assert "Try again" not in page.text
    assert shop.app_metadata(ADA) == metadata


def test_a_user_deleted_while_pending_is_logged_out_and_gets_no_customer(shop: Shop) -> None:
    shop.sandbox.stripe_server.stop()
    browser = shop.browser()
    browser.log_in()
    shop.management("DELETE", ADA).raise_for_status()
    shop.sandbox.stripe_server.start()
    page = browser.open("/account")
    assert page.url.path == "/"
    assert link_status(page) is None
    assert shop.customers() == []
