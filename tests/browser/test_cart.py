"""The cart in a browser: its buttons save what was typed, and its messages say what is true."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Person
from tests.goods import Good, notice, replace_price, sell
from tests.support import Shop


@pytest.fixture(autouse=True)
def shelf(shop: Shop) -> dict[str, Good]:
    """What the shop sells."""
    return {"mug": sell(shop, "Blue mug", 1250), "tray": sell(shop, "Oak tray", 4000)}


def fill_cart(person: Person) -> Person:
    """Put a mug and a tray into the cart, and stay at its page."""
    for name in ("Blue mug", "Oak tray"):
        person.open("/")
        person.click(name)
        person.click("Add to cart")
    return person


@pytest.fixture
def anybody(person: Person) -> Person:
    """Somebody at the cart's page with each kind of browser."""
    return fill_cart(person)


@pytest.fixture
def shopper(desktop: Person) -> Person:
    """Somebody at the cart's page."""
    return fill_cart(desktop)


def quantity(person: Person, name: str) -> str:
    """What the quantity field of this item shows."""
    return person.page.get_by_label(f"Quantity of {name}").input_value()


def type_quantity(person: Person, name: str, text: str) -> None:
    """Type a quantity, and press nothing."""
    person.page.get_by_label(f"Quantity of {name}").fill(text)


def main_text(person: Person) -> str:
    """The words of the page."""
    return " ".join(person.page.get_by_role("main").inner_text().split())


def test_go_to_checkout_takes_what_was_typed(anybody: Person) -> None:
    type_quantity(anybody, "Blue mug", "3")
    anybody.click("Checkout")
    assert anybody.path() == "/checkout"
    expect(anybody.page.get_by_role("listitem").filter(has_text="Blue mug")).to_contain_text("Quantity 3")
    expect(anybody.page.get_by_role("main")).to_contain_text("€77.50")


def test_removing_one_line_keeps_what_was_typed_in_another(shopper: Person) -> None:
    type_quantity(shopper, "Blue mug", "3")
    shopper.click("Remove Oak tray")
    assert quantity(shopper, "Blue mug") == "3"
    expect(shopper.page.get_by_label("Quantity of Oak tray")).to_have_count(0)
    expect(shopper.page.get_by_role("main")).to_contain_text("€37.50")


def test_the_enter_key_saves_and_stays(shopper: Person) -> None:
    type_quantity(shopper, "Blue mug", "3")
    type_quantity(shopper, "Oak tray", "2")
    with shopper.page.expect_navigation():
        shopper.page.get_by_label("Quantity of Oak tray").press("Enter")
    assert shopper.path() == "/cart?done=changed"
    assert (quantity(shopper, "Blue mug"), quantity(shopper, "Oak tray")) == ("3", "2")


def test_a_wrong_quantity_is_marked_and_nothing_is_lost(shopper: Person) -> None:
    type_quantity(shopper, "Blue mug", "1000")
    # The browser itself lets this button send a wrong quantity.
    shopper.click("Remove Oak tray")
    shopper.forgive("400")
    expect(shopper.page.get_by_role("alert")).to_contain_text("quantity from 0 to 999")
    assert (quantity(shopper, "Blue mug"), quantity(shopper, "Oak tray")) == ("1000", "1")
    expect(shopper.page.get_by_label("Quantity of Blue mug")).to_have_attribute("aria-invalid", "true")
    type_quantity(shopper, "Blue mug", "10")
    shopper.click("Checkout")
    expect(shopper.page.get_by_role("main")).to_contain_text("€165.00")


def test_a_delisted_item_keeps_its_name(shopper: Person, shelf: dict[str, Good]) -> None:
    shopper.shop.stripe("POST", f"/products/{shelf['mug'].product}", active="false")
    notice(shopper.shop)
    shopper.open("/cart")
    line = shopper.page.get_by_role("listitem").filter(has_text="Blue mug")
    expect(line).to_contain_text("No longer available.")
    assert main_text(shopper).lower().count("no longer available") == 1
    shopper.click("Remove Blue mug")
    assert "Blue mug" not in main_text(shopper)


def test_a_change_is_said_once(shopper: Person, shelf: dict[str, Good]) -> None:
    replace_price(shopper.shop, shelf["mug"], 1400)
    replace_price(shopper.shop, shelf["tray"], 4000)
    shopper.open("/cart")
    assert main_text(shopper).count("instead of") == 1
    assert "Blue mug now costs €14.00 instead of €12.50." in main_text(shopper)
    expect(shopper.page.get_by_role("status").first).not_to_contain_text("Oak tray")
    shopper.click("Checkout")
    assert "instead of" not in main_text(shopper)
    shopper.open("/cart")
    assert "instead of" not in main_text(shopper)


def test_you_have_not_paid_has_no_green_tick(desktop: Person) -> None:
    desktop.come_logged_in("ada@example.com")
    desktop.open("/")
    desktop.click("Blue mug")
    desktop.click("Add to cart")
    expect(desktop.page.get_by_role("status").first).to_have_class("notice good")
    desktop.click("Checkout")
    desktop.click("Continue to payment")
    desktop.page.locator("#back").click()
    message = desktop.page.get_by_role("status").first
    expect(message).to_have_text("You have not been charged. Your cart is as you left it.")
    expect(message).to_have_class("notice wait")
    assert quantity(desktop, "Blue mug") == "1"
