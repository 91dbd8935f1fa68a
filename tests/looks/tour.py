"""Twelve pages of the store with the demo's goods, two of the vendors', and a shopper's way to each."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import Page

from tests.support import PASSWORD, Shop


def visited(page: Page, shop: Shop) -> Iterator[str]:
    """Open one page after the other, and give its name."""
    for name, path in {
        "home": "/",
        "search": "/?q=tea",
        "collection": "/collections/tea-ware",
        "product": "/products/earl-grey",
        "sold-out": "/products/copper-kettle",
    }.items():
        page.goto(shop.url + path)
        yield name
    for product in ("harbour-mug", "tea-of-the-month"):
        page.goto(f"{shop.url}/products/{product}")
        press(page, "Add to cart")
    page.goto(f"{shop.url}/cart")
    yield "cart"
    press(page, "Checkout")
    press(page, "Log in to continue")
    yield "login"
    page.get_by_label("Email address").fill("ada@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Continue")
    yield "checkout"
    press(page, "Continue to payment")
    yield "payment"
    pay(page)
    yield "success"
    page.goto(f"{shop.url}/orders")
    yield "orders"
    page.get_by_role("heading", name="Order").get_by_role("link").click()
    page.wait_for_url("**/orders/*")
    yield "order"
    for name, path in {"account": "/account", "compare": "/account/link"}.items():
        page.goto(shop.url + path)
        yield name


def press(page: Page, words: str) -> None:
    """Press the button or follow the link, and wait for the page it leads to."""
    button = page.get_by_role("button", name=words, exact=True)
    with page.expect_navigation():
        button.or_(page.get_by_role("link", name=words, exact=True)).first.click()


def pay(page: Page) -> None:
    """Fill in the payment page."""
    for label, text in {
        "Card number": "4242 4242 4242 4242",
        "Expiry": "12 / 34",
        "CVC": "123",
        "Cardholder name": "Ada Example",
    }.items():
        page.get_by_label(label).fill(text)
    with page.expect_navigation():
        page.locator("#payment button[value=pay]").click()
