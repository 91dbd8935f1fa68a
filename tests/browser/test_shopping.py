"""Shopping in a browser: from the shelf to the payment page and back to the orders."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import KINDS, Person
from tests.goods import Good, sell
from tests.support import PASSWORD, Shop

ADA = "ada@example.com"


@pytest.fixture(autouse=True)
def shelf(shop: Shop) -> dict[str, Good]:
    """What the shop sells."""
    return {
        "mug": sell(shop, "Blue mug", 1250, description="Holds tea, coffee and pens."),
        "box": sell(shop, "Tea box", 1900, every="month"),
    }


def put_in_cart(person: Person, name: str, quantity: int = 1) -> None:
    """Find it on the shelf and put it into the cart."""
    person.open("/")
    person.click(name)
    person.page.get_by_label("Quantity").fill(str(quantity))
    person.click("Add to cart")
    assert person.path() == "/cart?done=added"


def log_in_on_the_way(person: Person) -> None:
    """What the provider's page asks for."""
    person.page.get_by_label("Email address").fill(ADA)
    person.page.get_by_label("Password").fill(PASSWORD)
    person.click("Continue")


def fill_in_card(person: Person, number: str = "4242 4242 4242 4242") -> None:
    """What Stripe's page asks for; then the button."""
    page = person.page
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("CVC").fill("123")
    page.get_by_label("Cardholder name").fill("Ada Example")
    with page.expect_navigation():
        page.locator("#payment button[value=pay]").click()


def heading(person: Person, words: str) -> None:
    """The page says this first."""
    expect(person.page.get_by_role("heading", level=1)).to_have_text(words)


def customer_of(person: Person) -> str:
    """The living customer of the only shopper."""
    (customer,) = person.shop.customers()
    return str(customer["id"])


def test_a_stranger_fills_a_cart_logs_in_on_the_way_and_pays(person: Person) -> None:
    put_in_cart(person, "Blue mug", 2)
    person.click("Checkout")
    person.click("Log in to continue")
    log_in_on_the_way(person)
    assert person.path() == "/checkout"
    person.click("Continue to payment")
    assert person.page.url.startswith(person.shop.environment["STRIPE_API_BASE"])
    fill_in_card(person)
    heading(person, "Thank you for your order")
    person.click("Your orders")
    order = person.page.get_by_role("article")
    expect(order).to_contain_text("Blue mug \N{MULTIPLICATION SIGN} 2")
    expect(order).to_contain_text("€25.00")
    expect(order).to_contain_text("Paid")
    person.open("/cart")
    expect(person.page.get_by_role("main")).to_contain_text("Your cart is empty.")
    # The payment is on the linked customer, as the dashboard shows it.
    person.open("/account")
    customer = person.customer()
    assert customer == customer_of(person)
    person.page.goto(f"{person.shop.environment['STRIPE_DASHBOARD_URL']}/customers/{customer}")
    expect(person.page.get_by_role("main")).to_contain_text("€25.00")
    expect(person.page.get_by_role("main")).to_contain_text("Succeeded")


def test_buying_one_thing_now(person: Person) -> None:
    person.open("/")
    person.click("Blue mug")
    person.page.get_by_label("Quantity").fill("3")
    person.click("Buy now")
    address = person.path()
    person.click("Log in to continue")
    log_in_on_the_way(person)
    assert person.path() == address
    person.click("Continue to payment")
    fill_in_card(person)
    expect(person.page.get_by_role("main")).to_contain_text("€37.50")


def test_a_declined_card_and_then_a_good_one(desktop: Person) -> None:
    desktop.come_logged_in(ADA)
    put_in_cart(desktop, "Blue mug")
    desktop.click("Checkout")
    desktop.click("Continue to payment")
    fill_in_card(desktop, "4000 0000 0000 0002")
    expect(desktop.page.get_by_role("alert")).to_contain_text("declined")
    fill_in_card(desktop)
    heading(desktop, "Thank you for your order")
    desktop.forgive("402")


def test_a_checkout_that_is_canceled_and_gone_on_with(desktop: Person) -> None:
    desktop.come_logged_in(ADA)
    put_in_cart(desktop, "Blue mug")
    desktop.click("Checkout")
    desktop.click("Continue to payment")
    first = desktop.page.url
    desktop.page.locator("#back").click()
    expect(desktop.page.get_by_role("status").first).to_have_text(
        "You have not been charged. Your cart is as you left it."
    )
    expect(desktop.page.get_by_label("Quantity of Blue mug")).to_have_value("1")
    desktop.click("Checkout")
    desktop.click("Continue to payment")
    assert desktop.page.url == first
    desktop.page.go_back()
    desktop.click("Continue to payment")
    assert desktop.page.url == first
    fill_in_card(desktop)
    heading(desktop, "Thank you for your order")
    desktop.page.go_back()
    desktop.page.go_forward()
    heading(desktop, "Thank you for your order")


def test_a_customer_deleted_in_between_is_healed_and_pays(desktop: Person) -> None:
    desktop.come_logged_in(ADA)
    old = desktop.customer()
    put_in_cart(desktop, "Blue mug")
    desktop.shop.stripe("DELETE", f"/customers/{old}")
    desktop.click("Checkout")
    desktop.click("Continue to payment")
    fill_in_card(desktop)
    heading(desktop, "Thank you for your order")
    assert customer_of(desktop) != old
    desktop.open("/orders")
    expect(desktop.page.get_by_role("article")).to_contain_text("Blue mug")


def test_a_subscription_and_the_portal(desktop: Person) -> None:
    desktop.come_logged_in(ADA)
    put_in_cart(desktop, "Tea box")
    expect(desktop.page.get_by_role("main")).to_contain_text("/ month")
    desktop.click("Checkout")
    desktop.click("Continue to payment")
    fill_in_card(desktop)
    heading(desktop, "Thank you for your order")
    desktop.open("/account")
    desktop.click("Billing and subscriptions")
    expect(desktop.page.get_by_role("main")).to_contain_text("Tea box")
    desktop.page.locator("#return").click()
    assert desktop.path() == "/account"


def test_quantities_and_removing_in_the_cart(person: Person) -> None:
    put_in_cart(person, "Blue mug")
    quantity = person.page.get_by_label("Quantity of Blue mug")
    quantity.fill("4")
    with person.page.expect_navigation():
        quantity.press("Enter")
    expect(person.page.get_by_role("status").first).to_have_text("Cart updated.")
    expect(person.page.get_by_label("Quantity of Blue mug")).to_have_value("4")
    expect(person.page.get_by_role("main")).to_contain_text("€50.00")
    person.click("Remove Blue mug")
    expect(person.page.get_by_role("main")).to_contain_text("Your cart is empty.")


def test_closing_the_account(desktop: Person) -> None:
    desktop.come_logged_in(ADA)
    desktop.click("close your account")
    desktop.page.get_by_label("To confirm, type").fill("close my account")
    desktop.click("Close my account")
    heading(desktop, "Your account is closed")
    desktop.open("/account")
    expect(desktop.page.get_by_label("Email address")).to_be_visible()


def test_nothing_is_wider_than_a_phone(people: Callable[..., Person], shop: Shop) -> None:
    person = people(**KINDS["phone"])
    sell(shop, "W" * 120, 99_999_999)
    person.come_logged_in(ADA)
    person.open("/")
    person.page.get_by_role("link", name="W" * 20).first.click()
    person.click("Add to cart")
    put_in_cart(person, "Blue mug", 999)
    for path in ("/cart", "/checkout", "/orders", "/account", "/account/close"):
        person.open(path)
        width = person.page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360, (path, width)
