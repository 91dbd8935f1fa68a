"""What shoppers and developers do in a browser, with what they see on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import KINDS, Person

EVE = "eve@example.com"


def test_somebody_who_signs_up_sees_their_customer_id(person: Person) -> None:
    person.sign_up(EVE, name="Eve Example")
    assert person.path() == "/account"
    expect(person.page.get_by_role("main")).to_contain_text("Eve Example")
    expect(person.page.get_by_role("main")).to_contain_text(EVE)
    (customer,) = person.shop.customers()
    assert person.customer() == customer["id"]
    person.open("/")
    assert person.customer() == customer["id"]


def test_the_customer_is_found_on_the_stripe_dashboard(person: Person) -> None:
    person.come_logged_in(EVE, new=True)
    customer_id = person.customer()
    person.click("Compare the two records")
    assert person.path() == "/account/link"
    assert person.customer() == customer_id
    user_id = person.page.locator("#auth0-user-id").inner_text()
    person.click("Open in the Stripe dashboard")
    page = person.page
    assert f"/test/customers/{customer_id}" in page.url
    expect(page.locator("#customer-id")).to_have_text(customer_id)
    expect(page.locator("#customer-email")).to_have_text(EVE)
    expect(page.locator("#customer-description")).to_contain_text(user_id)
    owner = page.locator('[data-metadata-key="auth0_user_id"] [data-metadata-value]')
    expect(owner).to_have_text(user_id)


def test_the_customer_id_is_found_on_the_auth0_dashboard(person: Person) -> None:
    person.come_logged_in(EVE, new=True)
    customer_id = person.customer()
    person.click("Compare the two records")
    user_id = person.page.locator("#auth0-user-id").inner_text()
    person.click("Open in the Auth0 dashboard")
    expect(person.page.locator("#user-id")).to_have_text(user_id)
    shown = json.loads(person.page.locator("#app-metadata").inner_text())
    assert shown["stripe_customer_id"] == customer_id


def test_logging_out_and_in_again_shows_the_same_customer_and_links_nothing(person: Person) -> None:
    person.come_logged_in(EVE, new=True)
    customer_id = person.customer()
    person.log_out()
    assert person.path() == "/"
    expect(person.page.get_by_role("link", name="Log in", exact=True)).to_be_visible()
    expect(person.page.locator("body")).not_to_contain_text(customer_id)
    person.shop.forget_requests()
    person.log_in(EVE)
    assert person.path() == "/account"
    assert person.customer() == customer_id
    # The account page verifies the link, unless that was done in the second of the login, and lists
    # subscriptions, unless it did that a moment ago; the login itself asked Stripe nothing.
    verified, listed = f"GET /v1/customers/{customer_id}", "GET /v1/subscriptions"
    assert person.shop.stripe_requests() in ([verified, listed], [listed], [])


def test_a_pending_link_is_tried_again_with_the_button(person: Person) -> None:
    person.shop.sandbox.stripe_server.stop()
    person.log_in("ada@example.com")
    expect(person.page.locator("[data-link-status]")).to_have_attribute("data-link-status", "pending")
    person.shop.sandbox.stripe_server.start()
    person.click("Try again")
    (customer,) = person.shop.customers()
    assert person.customer() == customer["id"]


def test_declining_the_login_offers_another_account(person: Person) -> None:
    person.open("/account")
    person.click("Decline")
    expect(person.page.get_by_role("heading", level=1)).to_have_text("You were not logged in")
    person.click("Use another account")
    expect(person.page.get_by_label("Email address")).to_be_visible()
    person.forgive("403")


def test_the_back_button_after_a_login_skips_the_callback(desktop: Person) -> None:
    desktop.log_in("ada@example.com")
    desktop.page.go_back()
    assert "/u/login" in desktop.page.url
    desktop.page.go_forward()
    assert desktop.path() == "/account"
    # The provider's own page is one that cannot be gone back to.
    desktop.forgive("400")


@pytest.mark.parametrize("where", ["/", "/account", "/account/link"])
def test_the_id_is_copied(desktop: Person, where: str) -> None:
    desktop.page.clock.install()
    desktop.come_logged_in("ada@example.com")
    desktop.open(where)
    button = desktop.page.get_by_role("button", name="Copy customer ID")
    button.click()
    expect(desktop.page.get_by_role("button", name="Copied customer ID")).to_be_visible()
    expect(desktop.page.get_by_role("status")).to_have_text("Copied")
    assert desktop.page.evaluate("navigator.clipboard.readText()") == desktop.customer()
    desktop.page.clock.fast_forward(2_000)
    expect(button).to_be_visible()


def test_an_id_that_cannot_be_copied_is_selected(desktop: Person) -> None:
    desktop.page.add_init_script("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))")
    desktop.come_logged_in("ada@example.com")
    desktop.page.get_by_role("button", name="Copy customer ID").click()
    expect(desktop.page.get_by_role("status")).to_contain_text("The text is selected.")
    assert desktop.page.evaluate("getSelection().toString()") == desktop.customer()


def test_there_is_no_copy_button_without_javascript(people: Callable[..., Person]) -> None:
    person = people(**KINDS["without JavaScript"])
    person.come_logged_in("ada@example.com")
    expect(person.page.get_by_role("button", name=re.compile("Copy"))).to_have_count(0)


def test_no_page_is_wider_than_a_phone(people: Callable[..., Person]) -> None:
    person = people(**KINDS["phone"])
    person.open("/")
    assert_fits(person)
    person.sign_up(f"{'a-long-address' * 4}@{'example' * 6}.com", name="W" * 300)
    for path in ("/account", "/account/link", "/"):
        person.open(path)
        assert_fits(person)


def assert_fits(person: Person) -> None:
    """Nobody has to scroll sideways."""
    size = person.page.viewport_size
    assert size is not None
    assert person.page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_a_login_in_one_tab_shows_in_the_other(desktop: Person) -> None:
    desktop.open("/")
    other = desktop.page.context.new_page()
    desktop.log_in("ada@example.com")
    other.goto(desktop.shop.url)
    expect(other.locator("#stripe-customer-id")).to_have_text(desktop.customer())


def test_two_people_at_one_computer_see_nothing_of_each_other(desktop: Person) -> None:
    desktop.log_in("ada@example.com")
    hers = desktop.customer()
    desktop.log_out()
    desktop.log_in("grace@example.com")
    assert desktop.customer() != hers
    expect(desktop.page.locator("body")).not_to_contain_text("ada@example.com")
    for _ in range(3):
        desktop.page.go_back()
        expect(desktop.page.locator("body")).not_to_contain_text(hers)
    assert desktop.path() == "/account"
    desktop.forgive("400")  # the provider's page again


def test_the_main_things_are_reached_with_the_keyboard(desktop: Person) -> None:
    desktop.come_logged_in("ada@example.com")
    page, reached = desktop.page, set()
    for _ in range(15):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.textContent.replace(/\\s+/g, ' ').trim()"))
    assert {"Skip to content", "Copy customer ID", "Compare the two records"} <= reached
    page.locator("summary", has_text="Account").focus()
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Log out", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("summary", has_text="Account")).to_be_focused()
    expect(page.get_by_role("button", name="Log out", exact=True)).to_be_hidden()
