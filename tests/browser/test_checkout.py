"""Checkout in a browser: a second subscription, and a payment that fails."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Person
from tests.goods import Good, add_price, notice, sell
from tests.support import Shop

ADA = "ada@example.com"


@pytest.fixture
def box(shop: Shop) -> Good:
    """A tea box every month, in two sizes."""
    box = sell(shop, "Tea box", 900, every="month")
    large = add_price(shop, box.product, 1900, every="month", nickname="250 g")
    notice(shop)
    return Good(box.product, large)


def fill_in_card(person: Person) -> None:
    """What Stripe's page asks for; then the button."""
    page = person.page
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("CVC").fill("123")
    page.get_by_label("Cardholder name").fill("Ada Example")
    press_pay(person)


def press_pay(person: Person) -> None:
    with person.page.expect_navigation():
        person.page.locator("#payment button[value=pay]").click()


def heading(person: Person, words: str) -> None:
    """The page says this first."""
    expect(person.page.get_by_role("heading", level=1)).to_have_text(words)


def second_tab(person: Person) -> Person:
    """Another tab of the same browser."""
    return Person(person.page.context.new_page(), person.shop, person.complaints)


def subscriptions(person: Person) -> int:
    """How many subscriptions run at Stripe."""
    return len(person.shop.stripe("GET", "/subscriptions")["data"])


def test_nobody_subscribes_twice_by_accident(person: Person, box: Good) -> None:
    person.come_logged_in(ADA)
    old, older = second_tab(person), second_tab(person)
    for tab in (old, older, person):
        tab.open(f"/checkout?price={box.price}")
    person.click("Continue to payment")
    fill_in_card(person)
    heading(person, "Thank you for your order")
    expect(person.page.get_by_role("main")).to_contain_text("Tea box (250 g)")

    for tab in (old, older):
        tab.click("Continue to payment")
        heading(tab, "You are already subscribed")
        main = tab.page.get_by_role("main")
        expect(main).to_contain_text("Your order was not placed, and you have not been charged.")
        expect(main.locator("[data-subscription]")).to_contain_text("Tea box (250 g)")
        expect(main.locator("[data-subscription]")).to_contain_text("€19.00 / month")
        buttons = ["Manage your subscription", "Subscribe a second time"]
        expect(main.get_by_role("button")).to_have_text(buttons)
    assert subscriptions(person) == 1

    old.click("Subscribe a second time")
    fill_in_card(old)
    heading(old, "Thank you for your order")
    assert subscriptions(person) == 2

    # The form that knew of one subscription does not buy a third one.
    older.click("Subscribe a second time")
    heading(older, "You are already subscribed")
    expect(older.page.locator("[data-subscription]")).to_have_count(2)
    assert subscriptions(person) == 2
    person.forgive("409")


def test_the_billing_portal_is_the_first_choice(desktop: Person, box: Good) -> None:
    desktop.come_logged_in(ADA)
    desktop.open(f"/checkout?price={box.price}")
    desktop.click("Continue to payment")
    fill_in_card(desktop)
    desktop.open(f"/checkout?price={box.price}")
    desktop.click("Continue to payment")
    heading(desktop, "You are already subscribed")
    desktop.forgive("409")
    desktop.click("Manage your subscription")
    assert desktop.page.url.startswith(desktop.shop.environment["STRIPE_API_BASE"])
    expect(desktop.page.get_by_role("main")).to_contain_text("Tea box")


def test_a_failed_bank_debit_is_said_with_the_way_out(person: Person, shop: Shop) -> None:
    mug = sell(shop, "Blue mug", 1250)
    person.come_logged_in(ADA)
    person.open(f"/checkout?price={mug.price}&quantity=2")
    person.click("Continue to payment")
    person.page.get_by_label("Bank debit").check()
    press_pay(person)
    heading(person, "Your order is placed")
    shop.sandbox.stripe.settle(shop.stripe("GET", "/payment_intents")["data"][0]["id"], succeeded=False)
    person.page.reload()
    heading(person, "The payment failed")
    person.click("Buy again")
    assert person.path().startswith("/cart")
    person.click("Checkout")
    expect(person.page.get_by_role("main")).to_contain_text("Quantity 2")
    person.click("Continue to payment")
    fill_in_card(person)
    heading(person, "Thank you for your order")
