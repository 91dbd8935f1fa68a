"""The cart's one form: each of its buttons saves what was typed, then does what it says."""

from __future__ import annotations

import html
import re

import httpx
import pytest

from tests.goods import Good, content, in_cart, put_in, replace_price, sell, words
from tests.support import Browser, Shop


@pytest.fixture(scope="module")
def mug(shared: Shop) -> Good:
    return sell(shared, "Blue mug", 1250)


@pytest.fixture(scope="module")
def teapot(shared: Shop) -> Good:
    return sell(shared, "Teapot", 4000)


@pytest.fixture
def browser(shared: Shop, mug: Good, teapot: Good) -> Browser:
    """A stranger with a mug and a teapot in the cart."""
    browser = shared.browser()
    put_in(browser, mug)
    put_in(browser, teapot)
    return browser


def press(
    browser: Browser, page: httpx.Response, button: str, typed: dict[str, str] | None = None
) -> httpx.Response:
    """Type quantities by the names of their fields' labels, and press a button of the cart's form."""
    form = re.search(r'<form class="purchase".*?</form>', page.text, re.DOTALL)
    assert form is not None
    lines: dict[str, list[str]] = {"price": [], "product": [], "quantity": []}
    for markup in re.findall(r'<li class="line.*?</li>', form[0], re.DOTALL):
        label = re.search(r"Quantity of ([^<]*)</span>", markup)
        for name, values in lines.items():
            value = re.search(rf'name="{name}"\s+value="([^"]*)"', markup)
            assert value is not None
            values.append(html.unescape(value[1]))
        if label and label[1] in (typed or {}):
            lines["quantity"][-1] = (typed or {})[label[1]]
    buttons = {
        words(name): html.unescape(value)
        for value, name in re.findall(
            r'<button[^>]*name="do"\s+value="([^"]*)"[^>]*>(.*?)</button>', form[0], re.DOTALL
        )
    }
    return browser.client.post("/cart/change", data={**lines, "do": buttons[button]})


def test_go_to_checkout_buys_what_was_typed(browser: Browser) -> None:
    page = press(browser, browser.open("/cart"), "Checkout", {"Blue mug": "3"})
    assert (page.url.path, page.status_code) == ("/checkout", 200)
    assert page.history[-1].status_code == 303
    assert "Quantity 3" in content(page)
    assert "€77.50" in content(page)
    assert in_cart(browser.open("/cart")) == [("Blue mug", 3), ("Teapot", 1)]


def test_removing_a_line_keeps_what_was_typed_in_another_one(browser: Browser) -> None:
    page = press(browser, browser.open("/cart"), "Remove Teapot", {"Blue mug": "3"})
    assert page.url.path == "/cart"
    assert "Removed from your cart." in content(page)
    assert in_cart(page) == [("Blue mug", 3)]


def test_update_saves_all_quantities(browser: Browser) -> None:
    page = press(browser, browser.open("/cart"), "Update quantities", {"Blue mug": "3", "Teapot": "2"})
    assert page.url.path == "/cart"
    assert in_cart(page) == [("Blue mug", 3), ("Teapot", 2)]


def test_the_first_button_which_the_enter_key_presses_updates(browser: Browser) -> None:
    form = browser.open("/cart").text.partition('<form class="purchase"')[2].partition("</form>")[0]
    first = re.search(r"<button[^>]*>", form)
    assert first is not None
    assert 'value="update"' in first[0]
    assert form.count("<form") == 0


@pytest.mark.parametrize("button", ["Checkout", "Update quantities", "Remove Teapot"])
@pytest.mark.parametrize("wrong", ["-1", "1000", "1e3", "ten", "", '"><b>', " "])
def test_a_wrong_quantity_goes_nowhere_and_loses_nothing(browser: Browser, button: str, wrong: str) -> None:
    page = press(browser, browser.open("/cart"), button, {"Blue mug": wrong, "Teapot": "4"})
    assert (page.url.path, page.status_code) == ("/cart/change", 400)
    assert "Enter a quantity from 0 to 999 for Blue mug. Your changes are not saved yet." in content(page)
    assert re.search(r'href="/cart"\s+aria-current="page"', page.text)
    fields = re.findall(
        r'<input type="(\w+)"\s+name="quantity"\s+value="([^"]*)"\s+(aria-invalid)?', page.text
    )
    assert [(kind, html.unescape(value), mark) for kind, value, mark in fields] == [
        ("text", wrong, "aria-invalid"),
        ("number", "4", ""),
    ]
    assert in_cart(browser.open("/cart")) == [("Blue mug", 1), ("Teapot", 1)]


def test_the_quantity_of_the_removed_line_does_not_matter(browser: Browser) -> None:
    page = press(browser, browser.open("/cart"), "Remove Teapot", {"Blue mug": "3", "Teapot": "ten"})
    assert in_cart(page) == [("Blue mug", 3)]


def test_a_corrected_page_is_saved(browser: Browser) -> None:
    page = press(browser, browser.open("/cart"), "Checkout", {"Blue mug": "ten", "Teapot": "4"})
    page = press(browser, page, "Checkout", {"Blue mug": "2"})
    assert page.url.path == "/checkout"
    assert in_cart(browser.open("/cart")) == [("Blue mug", 2), ("Teapot", 4)]


def test_a_checkout_of_nothing_ends_at_the_empty_cart(browser: Browser) -> None:
    page = press(browser, browser.open("/cart"), "Checkout", {"Blue mug": "0", "Teapot": "0"})
    assert page.url.path == "/cart"
    assert "Your cart is empty." in content(page)


@pytest.mark.parametrize("what", ["remove", "remove ", "remove price_unknown", "nonsense", ""])
def test_an_unknown_button_saves_and_removes_nothing(browser: Browser, mug: Good, what: str) -> None:
    form = {"price": mug.price, "quantity": "3", "do": what}
    page = browser.client.post("/cart/change", data=form)
    assert in_cart(page) == [("Blue mug", 3), ("Teapot", 1)]


def test_forms_of_earlier_pages_still_work(browser: Browser, mug: Good, teapot: Good) -> None:
    form = {"price": [mug.price, teapot.price], "quantity": ["3", "2"], "digest": "0123456789abcdef"}
    assert in_cart(browser.client.post("/cart/change", data=form)) == [("Blue mug", 3), ("Teapot", 2)]
    page = browser.client.post("/cart/remove", data={"price": teapot.price})
    assert in_cart(page) == [("Blue mug", 3)]


def test_what_was_typed_is_saved_although_another_tab_has_shown_a_new_price(shop: Shop) -> None:
    mug = sell(shop, "Blue mug", 1250)
    browser = shop.browser()
    page = put_in(browser, mug)
    replace_price(shop, mug, 1400)
    assert "instead of" in content(browser.open("/cart"))
    page = press(browser, page, "Checkout", {"Blue mug": "3"})
    assert page.url.path == "/checkout"
    assert "€42.00" in content(page)


def test_remove_removes_although_another_tab_has_shown_a_new_price(shop: Shop) -> None:
    mug, teapot = sell(shop, "Blue mug", 1250), sell(shop, "Teapot", 4000)
    browser = shop.browser()
    put_in(browser, teapot)
    page = put_in(browser, mug)
    replace_price(shop, mug, 1400)
    browser.open("/cart")
    assert in_cart(press(browser, page, "Remove Blue mug", {"Teapot": "2"})) == [("Teapot", 2)]


def test_a_wrong_quantity_beside_a_new_price_shows_both(shop: Shop) -> None:
    mug = sell(shop, "Blue mug", 1250)
    browser = shop.browser()
    page = put_in(browser, mug)
    replace_price(shop, mug, 1400)
    page = press(browser, page, "Checkout", {"Blue mug": "ten"})
    assert page.status_code == 400
    assert "Blue mug now costs €14.00 instead of €12.50." in content(page)
    assert 'value="ten"' in page.text
    page = press(browser, page, "Checkout", {"Blue mug": "2"})
    assert page.url.path == "/checkout"
    assert "instead of" not in content(page)
    assert "€28.00" in content(page)
