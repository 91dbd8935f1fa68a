"""The cart's pages over the sandbox: filling it, changed goods, and its cookie."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.goods import Good, add_price, content, in_cart, notice, put_in, replace_price, sell
from tests.support import Browser, Shop


@pytest.fixture(scope="module")
def mug(shared: Shop) -> Good:
    return sell(shared, "Blue mug", 1250)


@pytest.fixture(scope="module")
def teapot(shared: Shop) -> Good:
    return sell(shared, "Teapot", 4000)


def test_a_stranger_fills_a_cart(shared: Shop, mug: Good, teapot: Good) -> None:
    browser = shared.browser()
    page = put_in(browser, mug, 2)
    assert (page.url.path, page.status_code) == ("/cart", 200)
    assert page.history[-1].status_code == 303
    assert "Added to your cart." in content(page)
    page = put_in(browser, teapot)
    assert in_cart(page) == [("Blue mug", 2), ("Teapot", 1)]
    assert "€65.00" in content(page)
    for path in ("/", "/cart"):
        assert re.search(r'class="badge">3<', browser.open(path).text)


def test_quantities_are_changed_on_the_page_and_zero_takes_out(shared: Shop, mug: Good, teapot: Good) -> None:
    browser = shared.browser()
    put_in(browser, mug)
    put_in(browser, teapot)
    page = change(browser, {mug: "5", teapot: "2"})
    assert in_cart(page) == [("Blue mug", 5), ("Teapot", 2)]
    assert "Cart updated." in content(page)
    page = change(browser, {mug: "0", teapot: "2"})
    assert in_cart(page) == [("Teapot", 2)]


def test_the_remove_button_takes_a_line_out(shared: Shop, mug: Good, teapot: Good) -> None:
    browser = shared.browser()
    put_in(browser, mug)
    page = put_in(browser, teapot)
    page = browser.submit(page, action="/cart/change", do=f"remove {mug.price}")
    assert "Removed from your cart." in content(page)
    assert in_cart(page) == [("Teapot", 1)]
    page = browser.submit(page, action="/cart/change", do=f"remove {teapot.price}")
    assert "Your cart is empty." in content(page)
    assert browser.cookie("cart") not in browser.client.cookies


def change(browser: Browser, quantities: dict[Good, str]) -> httpx.Response:
    form = {"price": [good.price for good in quantities], "quantity": list(quantities.values())}
    return browser.client.post("/cart/change", data=form)


@pytest.mark.parametrize("quantity", ["0", "-1", "1e9", "1000000000", "ten", ""])
def test_bad_quantities_are_refused_and_change_nothing(shared: Shop, mug: Good, quantity: str) -> None:
    browser = shared.browser()
    put_in(browser, mug, 2)
    page = browser.client.post("/cart/add", data={"price": mug.price, "quantity": quantity})
    assert page.status_code == 400
    assert "quantity from 1 to 999" in content(page)
    assert in_cart(page) == [("Blue mug", 2)]
    if quantity != "0":
        page = change(browser, {mug: quantity})
        assert page.status_code == 400
        assert "quantity from 0 to 999" in content(page)
    assert in_cart(browser.open("/cart")) == [("Blue mug", 2)]


@pytest.mark.parametrize(
    "form",
    [
        {"price": "price_unknown", "quantity": "1"},
        {"price": "../../v1/balance", "quantity": "1"},
        {"quantity": "1"},
        {},
        {"price": "x" * 10_000},
        {"price": "\x00\ud800".encode("utf-8", "surrogatepass").decode("latin-1")},
    ],
)
def test_unknown_prices_are_refused(shared: Shop, form: dict[str, str]) -> None:
    page = shared.browser().client.post("/cart/add", data=form)
    assert page.status_code == 400
    assert "no longer available" in content(page)


def test_a_change_without_quantities_is_refused(shared: Shop, mug: Good) -> None:
    browser = shared.browser()
    put_in(browser, mug)
    assert browser.client.post("/cart/change", data={"price": mug.price}).status_code == 400
    assert in_cart(browser.open("/cart")) == [("Blue mug", 1)]


@pytest.mark.parametrize("path", ["/cart/add", "/cart/change", "/cart/remove"])
def test_other_sites_cannot_fill_a_cart(shared: Shop, mug: Good, path: str) -> None:
    browser = shared.browser()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        page = browser.client.post(path, data={"price": mug.price, "quantity": "1"}, headers=headers)
        assert page.status_code == 403
    assert browser.client.get(path).status_code == 405
    assert browser.cookie("cart") not in browser.client.cookies


def test_the_cart_survives_login_and_logout(shared: Shop, mug: Good) -> None:
    browser = shared.browser()
    put_in(browser, mug, 3)
    browser.log_in(path="/cart")
    assert in_cart(browser.open("/cart")) == [("Blue mug", 3)]
    browser.log_out()
    assert in_cart(browser.open("/cart")) == [("Blue mug", 3)]


def test_pages_of_a_browser_with_a_cart_are_private(shared: Shop, mug: Good) -> None:
    browser = shared.browser()
    assert "public" in browser.open("/").headers["Cache-Control"]
    put_in(browser, mug)
    for path in ("/", f"/products/{mug.product}", "/cart"):
        assert browser.open(path).headers["Cache-Control"] == "private, no-store"
    browser.client.cookies.set(browser.cookie("cart"), "nonsense")
    assert browser.open("/").headers["Cache-Control"] == "private, no-store"


# Goods that changed


def test_a_changed_price_is_said_once(shop: Shop) -> None:
    mug = sell(shop, "Blue mug", 1250)
    browser = shop.browser()
    put_in(browser, mug, 2)
    replace_price(shop, mug, 1400)
    browser.client.head("/cart")
    page = browser.open("/cart")
    assert content(page).count("Blue mug now costs €14.00 instead of €12.50.") == 1
    assert content(page).count("instead of") == 1
    assert "€28.00" in content(page)
    for path in ("/cart", "/checkout", "/cart"):
        assert "instead of" not in content(browser.open(path))
    page = browser.submit(page, action="/cart/change")
    assert in_cart(page) == [("Blue mug", 2)]
    assert "instead of" not in content(page)


@pytest.mark.parametrize("path", ["/cart", "/checkout"])
def test_a_replaced_price_of_the_same_amount_is_not_mentioned(shop: Shop, path: str) -> None:
    mug = sell(shop, "Blue mug", 1250)
    browser = shop.browser()
    put_in(browser, mug)
    before = content(browser.open(path))
    replace_price(shop, mug, 1250)
    assert content(browser.open(path)) == before
    assert in_cart(browser.open("/cart")) == [("Blue mug", 1)]


def test_a_discontinued_variant_is_gone(shop: Shop) -> None:
    shirt = sell(shop, "Shirt", 2000)
    large = add_price(shop, shirt.product, 2000, nickname="Size L")
    add_price(shop, shirt.product, 2000, nickname="Size S")
    shop.stripe("POST", f"/prices/{shirt.price}", active="false")
    notice(shop)
    browser = shop.browser()
    browser.client.post("/cart/add", data={"price": large})
    shop.stripe("POST", f"/prices/{large}", active="false")
    notice(shop)
    page = browser.open("/cart")
    assert (
        content(page).count("This option is no longer available. Please choose again on the product page.")
        == 1
    )
    assert "Size S" not in content(page)


def test_a_price_that_changed_since_the_cart_was_shown_is_shown_after_the_change(shop: Shop) -> None:
    mug = sell(shop, "Blue mug", 1250)
    browser = shop.browser()
    page = put_in(browser, mug)
    replace_price(shop, mug, 1400)
    page = browser.submit(page, action="/cart/change", quantity="3")
    assert "Blue mug now costs €14.00 instead of €12.50." in content(page)
    assert in_cart(page) == [("Blue mug", 3)]


def test_goods_that_are_gone_or_out_of_stock_are_named(shop: Shop) -> None:
    mug, lamp, tea = sell(shop, "Blue mug", 1250), sell(shop, "Lamp", 900), sell(shop, "Tea", 300)
    browser = shop.browser()
    for good in (mug, lamp, tea):
        put_in(browser, good)
    shop.stripe("POST", f"/products/{mug.product}", active="false")
    shop.stripe("POST", f"/products/{lamp.product}", **{"metadata[stock]": "0"})
    notice(shop)
    page = browser.open("/cart")
    assert content(page).count("Out of stock.") == 1
    assert content(page).count("No longer available.") == 1
    assert content(page).count("Not included in the subtotal.") == 2
    assert re.findall("Quantity of ([^<]*)<", page.text) == ["Tea"]
    assert in_cart(page) == [("Blue mug", 1), ("Lamp", 1), ("Tea", 1)]
    assert "Remove Blue mug" in content(page)
    assert "Subtotal €3.00" in content(page)
    page = browser.client.post("/cart/add", data={"price": lamp.price})
    assert page.status_code == 400
    assert "“Lamp” is out of stock" in content(page)


# The cookie


def test_a_tampered_cart_is_an_empty_one(shared: Shop, mug: Good) -> None:
    browser = shared.browser()
    put_in(browser, mug)
    good = browser.client.cookies[browser.cookie("cart")]
    browser.client.cookies.clear()
    body, _, signature = good.rpartition(".")
    bad = [
        body,
        # Its last character holds bits that count for nothing.
        f"{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        f"x{good}",
        good + "x",
        ".",
    ]
    bad += ["", "a.b.c", "x" * 4000, "%00", "..." + good, f".{body}", good[::-1]]
    for text in bad:
        browser.client.cookies.set(browser.cookie("cart"), text)
        page = browser.open("/cart")
        assert page.status_code == 200
        assert "Your cart is empty." in content(page), text
        browser.client.cookies.clear()


def test_another_cookie_of_the_store_is_not_taken_for_a_cart(shared: Shop) -> None:
    browser = shared.browser()
    browser.log_in()
    browser.client.cookies.set(browser.cookie("cart"), browser.client.cookies[browser.cookie()])
    assert "Your cart is empty." in content(browser.open("/cart"))


@pytest.mark.parametrize("quantity", ["00000000199999", "000000001" + "9" * 5000])
def test_leading_zeros_make_no_larger_quantity(shared: Shop, mug: Good, quantity: str) -> None:
    browser = shared.browser()
    put_in(browser, mug, 2)
    form = {"price": mug.price, "quantity": quantity}
    assert browser.client.post("/cart/add", data=form).status_code == 400
    assert browser.client.post("/cart/change", data=form).status_code == 400
    assert browser.client.get("/checkout", params=form).status_code == 400
    assert in_cart(browser.open("/cart")) == [("Blue mug", 2)]


def test_the_cookie_is_signed_with_todays_key_and_read_with_yesterdays(shop: Shop) -> None:
    mug = sell(shop, "Blue mug", 1250)
    browser = shop.browser()
    put_in(browser, mug)
    old = shop.environment["APP_SECRET_KEY"]
    shop.restart(APP_SECRET_KEY="n" * 40, APP_SECRET_KEY_FALLBACKS=old)
    notice(shop)
    assert in_cart(browser.open("/cart")) == [("Blue mug", 1)]
    put_in(browser, mug)
    shop.restart(APP_SECRET_KEY_FALLBACKS="")
    notice(shop)
    assert in_cart(browser.open("/cart")) == [("Blue mug", 2)]
