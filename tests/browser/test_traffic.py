"""What a shopper in a browser makes the store ask Stripe: all of it is valid by the SDK's types."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Person
from tests.goods import sell
from tests.support import Shop
from tests.traffic.problems import problems_of_answers, problems_of_events, problems_of_requests
from tests.traffic.recorder import record
from tests.traffic.walk import quiet

EVE = "eve@example.com"


def test_a_shopper_does_everything_and_all_calls_and_answers_are_valid(desktop: Person, shop: Shop) -> None:
    traffic = record(shop)
    shop.sandbox.send_webhooks()
    sell(shop, "Blue mug", 1250)
    sell(shop, "Lamp", 900)
    sell(shop, "Tea box", 1900, every="month")
    desktop.sign_up(EVE)
    customer = desktop.customer()

    put_in_cart(desktop, "Blue mug")
    put_in_cart(desktop, "Lamp")
    desktop.click("Checkout")
    desktop.click("Continue to payment")
    pay_by_card(desktop)
    put_in_cart(desktop, "Lamp")
    desktop.click("Checkout")
    desktop.click("Continue to payment")
    desktop.page.get_by_label("Bank debit").check()
    press_pay(desktop)
    intent = shop.stripe("GET", "/payment_intents", limit="1")["data"][0]["id"]
    shop.sandbox.stripe.settle(intent, succeeded=False)
    desktop.page.reload()

    subscribe(desktop)
    desktop.click("Continue to payment")
    pay_by_card(desktop)
    subscribe(desktop)
    desktop.click("Continue to payment")
    expect(desktop.page.locator("[data-subscription]")).to_have_count(1)
    desktop.forgive("409")

    desktop.open("/orders")
    orders = desktop.page.get_by_role("article")
    expect(orders).to_have_count(3)
    with desktop.page.expect_navigation():
        orders.last.locator('a[href^="/orders/"]').first.click()
    expect(desktop.page.get_by_role("main")).to_contain_text("Blue mug")

    desktop.open("/account")
    desktop.click("Billing and subscriptions")
    expect(desktop.page.get_by_role("main")).to_contain_text("Tea box")
    desktop.page.locator("#return").click()
    desktop.click("close your account")
    desktop.page.get_by_label("To confirm, type").fill("close my account")
    desktop.click("Close my account")
    quiet(shop)

    assert any(customer in exchange.body for exchange in traffic.calls)
    assert problems_of_requests(traffic) == []
    assert problems_of_answers(traffic) == []
    assert problems_of_events(traffic) == []


def put_in_cart(person: Person, name: str) -> None:
    """Put one into the cart, from its page."""
    person.open("/")
    person.click(name)
    person.click("Add to cart")


def subscribe(person: Person) -> None:
    """Go to the checkout of a subscription."""
    person.open("/")
    person.click("Tea box")
    person.click("Buy now")


def pay_by_card(person: Person) -> None:
    """Fill in Stripe's payment page, and see the order."""
    person.page.get_by_label("Card number").fill("4242 4242 4242 4242")
    person.page.get_by_label("Expiry").fill("12 / 34")
    person.page.get_by_label("CVC").fill("123")
    person.page.get_by_label("Cardholder name").fill("Eve Example")
    press_pay(person)
    expect(person.page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")


def press_pay(person: Person) -> None:
    """Press the button of the payment page."""
    with person.page.expect_navigation():
        person.page.locator("#payment button[value=pay]").click()
