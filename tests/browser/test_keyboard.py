"""A purchase without a mouse, at 400 % zoom of a screen of 1280 pixels, in forced colours."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Person
from tests.goods import sell
from tests.support import PASSWORD

#: https://www.w3.org/WAI/WCAG22/Understanding/reflow.html
_ZOOMED = {"viewport": {"width": 320, "height": 256}, "forced_colors": "active"}
_MANY = 60
# The words of the focused element, or of its label; nothing if its focus cannot be seen.
_FOCUSED = """() => {
  const it = document.activeElement;
  const box = it.getBoundingClientRect();
  const inside = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  // The card around a radio button or a product's name may have the outline.
  const marked = [it, it.closest("label"), it.closest("li")?.querySelector(".picture")]
    .some((one) => one && getComputedStyle(one).outlineStyle !== "none");
  return inside && marked ? (it.labels?.[0] ?? it).textContent.replace(/\\s+/g, " ").trim() : "";
}"""


def tab_to(page: Page, words: str) -> None:
    """Press the Tab key until the element with these words has the focus, visibly."""
    for _ in range(_MANY):
        page.keyboard.press("Tab")
        if page.evaluate(_FOCUSED) == words:
            return
    raise AssertionError(f"the Tab key does not reach {words!r} on {page.url}")


def go_by(page: Page, words: str) -> None:
    """Reach the link or button and press Enter; the next page is not wider than the screen."""
    tab_to(page, words)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url


def type_into(page: Page, fields: dict[str, str]) -> None:
    """Reach each field and type."""
    for label, text in fields.items():
        tab_to(page, label)
        page.keyboard.type(text)


def test_a_purchase_by_keyboard_alone_zoomed_and_in_forced_colours(people: Callable[..., Person]) -> None:
    person = people(**_ZOOMED)
    page = person.page
    sell(person.shop, "Blue mug", 1250)
    person.open("/")
    go_by(page, "Blue mug")
    go_by(page, "Add to cart")
    go_by(page, "Checkout")
    go_by(page, "Log in to continue")
    type_into(page, {"Email address": "ada@example.com", "Password": PASSWORD})
    with page.expect_navigation():
        page.keyboard.press("Enter")
    go_by(page, "Continue to payment")
    card = {
        "Card number": "4242424242424242",
        "Expiry": "1234",
        "CVC": "123",
        "Cardholder name": "Ada Example",
    }
    type_into(page, card)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for your order")
    go_by(page, "Your orders")
    expect(page.get_by_role("article")).to_contain_text("€12.50")
