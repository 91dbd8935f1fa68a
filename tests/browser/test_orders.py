"""An order's page in a browser: found in the list, read, printed, bought again, and paid by hand."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import Person
from tests.browser.test_checkout import fill_in_card, heading, press_pay
from tests.goods import sell
from tests.support import Shop

ADA = "ada@example.com"


def test_an_order_has_a_number_and_a_page_that_can_be_printed(person: Person, shop: Shop) -> None:
    mug = sell(shop, "Blue mug", 1250)
    person.come_logged_in(ADA)
    person.open(f"/checkout?price={mug.price}&quantity=2")
    person.click("Continue to payment")
    fill_in_card(person)
    heading(person, "Thank you for your order")
    found = re.search(r"Order (\d{6}-[2-9A-HJ-NP-Z]{6})", person.page.get_by_role("main").inner_text())
    assert found is not None
    number = found[1]

    person.open("/orders")
    person.click(f"Order {number}")
    assert person.path() == f"/orders/{number}"
    heading(person, f"Order {number}")
    main = person.page.get_by_role("main")
    expect(main).to_contain_text("Paid")
    expect(main.get_by_role("listitem").first).to_contain_text("Blue mug")
    expect(main.get_by_role("listitem").first).to_contain_text("€25.00")

    person.page.emulate_media(media="print")
    expect(person.page.get_by_role("heading", level=1)).to_be_visible()
    for hidden in (
        person.page.get_by_role("navigation").first,
        main.get_by_role("button", name=re.compile("^Buy again")),
    ):
        expect(hidden).to_be_hidden()
    person.page.emulate_media(media="screen")

    with person.page.expect_navigation():
        main.get_by_role("button", name=re.compile("^Buy again")).click()
    assert person.path().startswith("/cart")
    expect(person.page.get_by_label("Quantity")).to_have_value("2")


def test_a_failed_first_debit_is_paid_on_stripes_page(person: Person, shop: Shop) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    person.come_logged_in(ADA)
    person.open(f"/checkout?price={box.price}")
    person.click("Continue to payment")
    person.page.get_by_label("Bank debit").check()
    press_pay(person)
    intent = shop.stripe("GET", "/payment_intents")["data"][0]["id"]
    shop.sandbox.stripe.settle(intent, succeeded=False)

    person.open("/orders")
    main = person.page.get_by_role("main")
    expect(main.get_by_role("article")).to_contain_text("Payment failed")
    main.get_by_role("link", name=re.compile("^Order")).click()
    expect(main).to_contain_text("Your bank declined the payment, so you have not been charged.")
    person.click("Pay now")
    assert person.page.url.startswith(shop.environment["STRIPE_API_BASE"])
