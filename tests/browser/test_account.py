"""The account in a browser: its subscriptions, and closing it while one is running."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import KINDS, Person
from tests.login.subscribers import statuses, subscribe
from tests.support import ADA, Shop

EMAIL = "ada@example.com"


def test_closing_the_account_with_a_running_subscription(person: Person) -> None:
    person.come_logged_in(EMAIL)
    subscription = subscribe(person.shop, "Tea box", 900)
    person.open("/account")
    main = person.page.get_by_role("main")
    expect(main).to_contain_text("Tea box")
    expect(main).to_contain_text("€9.00 a month. Next charge")
    person.click("close your account")
    expect(main).to_contain_text("Your subscriptions end at once")
    expect(main.get_by_role("heading", name="Subscriptions that end")).to_be_visible()
    expect(main).to_contain_text("Tea box")
    person.page.get_by_label("To confirm, type").fill("close my account")
    person.click("Close my account")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Your account is closed")
    expect(main).to_contain_text("These subscriptions have ended, with no further charges:")
    expect(main).to_contain_text("What remains at Stripe")
    assert statuses(person.shop) == {subscription: "canceled"}
    assert person.shop.management("GET", ADA).status_code == 404


def test_one_that_cannot_be_ended_and_the_next_try(desktop: Person) -> None:
    desktop.come_logged_in(EMAIL)
    stuck = subscribe(desktop.shop, "Coffee box")
    subscribe(desktop.shop, "Tea box")
    control = desktop.shop.sandbox.stripe.control
    refusal = {"error": {"type": "invalid_request_error", "message": "The key lacks a permission."}}
    path = f"/v1/subscriptions/{stuck}"
    control.add_fault(action="status", method="DELETE", path=path, status=403, body=refusal)
    desktop.open("/account/close")
    for _ in range(2):
        desktop.page.get_by_label("To confirm, type").fill("close my account")
        desktop.click("Close my account")
        if control.faults():
            control.clear_faults()
            alert = desktop.page.get_by_role("alert")
            expect(alert).to_contain_text("These subscriptions have not ended: Coffee box")
            expect(alert).to_contain_text("Our team has been notified")
    desktop.forgive("409")
    expect(desktop.page.get_by_role("heading", level=1)).to_have_text("Your account is closed")


def test_a_failed_payment_leads_to_stripes_page(desktop: Person) -> None:
    desktop.come_logged_in(EMAIL)
    desktop.shop.sandbox.stripe.renew(subscribe(desktop.shop, "Tea box"), succeeded=False)
    desktop.open("/account")
    expect(desktop.page.get_by_role("main")).to_contain_text("Payment failed")
    desktop.click("Pay now for Tea box")
    assert desktop.page.url.startswith(desktop.shop.environment["STRIPE_API_BASE"])


@pytest.mark.parametrize("path", ["/account", "/account/close"])
def test_nothing_is_wider_than_a_phone(people: Callable[..., Person], shop: Shop, path: str) -> None:
    person = people(**KINDS["phone"])
    person.come_logged_in(EMAIL)
    subscribe(shop, "W" * 120, 99_999_999)
    person.open(path)
    assert person.page.evaluate("document.documentElement.scrollWidth") <= 360
