"""The cart: what can be put into it, what it says about changed goods, and its cookie."""

from __future__ import annotations

import random
import re
import string
from dataclasses import replace

import httpx
import pytest

from tests.goods import Good, add_price, content, in_cart, notice, put_in, sell
from tests.support import Browser, Shop
from webstore.errors import CannotBuy
from webstore.routes.cart_cookie import current_cart, keep_cart
from webstore.shop import cart as carts
from webstore.shop.cart import Problem
from webstore.shop.models import (
    BoughtLine,
    Cart,
    CartLine,
    Catalogue,
    Money,
    Price,
    Product,
    Purchase,
    Recurrence,
)

EUR, USD = Money(1200, "eur"), Money(1500, "usd")
MONTHLY, YEARLY = Recurrence("month"), Recurrence("year")


def product(name: str, *prices: Price, in_stock: bool = True) -> Product:
    return Product(f"prod_{name}", name.title(), prices, in_stock=in_stock)


def price(name: str, money: Money = EUR, recurrence: Recurrence | None = None) -> Price:
    return Price(f"price_{name}", f"prod_{name}", money, recurrence)


MUG, TEA, BOX, CLUB = price("mug"), price("tea", USD), price("box", EUR, MONTHLY), price("club", EUR, YEARLY)
SHELF = Catalogue(
    (
        product("mug", MUG),
        product("tea", TEA),
        product("box", BOX),
        product("club", CLUB),
        product("lamp", price("lamp"), in_stock=False),
    ),
    0.0,
)


def cart_of(*prices: Price, quantity: int = 1) -> Cart:
    return Cart(tuple(CartLine(it.id, quantity, it.money, it.product_id, it.recurrence) for it in prices))


# What goes in


@pytest.mark.parametrize("text", ["1", "999", " 7 ", "007", "0" * 4000 + "7"])
def test_quantities_are_whole_numbers(text: str) -> None:
    assert carts.quantity_of(text) == int(text)


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "-1",
        "1e9",
        "1000",
        "1000000000",
        "9" * 5000,
        "00000000199999",
        "000000001" + "9" * 5000,
        "0" * 5000,
        "1.5",
        "",
        "x",
        "\N{FULLWIDTH DIGIT ONE}",
        "²",
        "1 2",
        "+1",
        "0x1",
        "NaN",
    ],
)
def test_other_quantities_are_refused_in_words(text: str) -> None:
    with pytest.raises(CannotBuy, match="whole number from 1 to 999"):
        carts.quantity_of(text)


def test_nothing_at_all_is_a_quantity_where_it_means_taking_out() -> None:
    assert carts.quantity_of("0", least=0) == 0
    with pytest.raises(CannotBuy, match="from 0 to 999"):
        carts.quantity_of("-1", least=0)


def test_the_same_thing_twice_is_one_line() -> None:
    cart = carts.add(carts.add(Cart(), SHELF, MUG.id, 2), SHELF, MUG.id, 3)
    assert cart.lines == (CartLine(MUG.id, 5, EUR, MUG.product_id),)
    assert cart.count == 5


def test_more_than_999_of_a_thing_do_not_go_in() -> None:
    cart = carts.add(Cart(), SHELF, MUG.id, 998)
    assert carts.add(cart, SHELF, MUG.id, 1).count == 999
    with pytest.raises(CannotBuy, match="your cart holds 998"):
        carts.add(cart, SHELF, MUG.id, 2)


def test_more_than_20_different_things_do_not_go_in() -> None:
    many = [price(f"n{number}") for number in range(21)]
    shelf = Catalogue(tuple(product(f"n{number}", it) for number, it in enumerate(many)), 0.0)
    cart = Cart()
    for it in many[:20]:
        cart = carts.add(cart, shelf, it.id, 1)
    with pytest.raises(CannotBuy, match="holds 20 different things"):
        carts.add(cart, shelf, many[20].id, 1)
    assert carts.add(cart, shelf, many[0].id, 1).count == 21


@pytest.mark.parametrize("price_id", ["", "price_unknown", "mug", "' OR 1=1"])
def test_what_is_not_sold_does_not_go_in(price_id: str) -> None:
    with pytest.raises(CannotBuy, match="not sold any more"):
        carts.add(Cart(), SHELF, price_id, 1)


def test_what_is_out_of_stock_does_not_go_in() -> None:
    with pytest.raises(CannotBuy, match="“Lamp” is out of stock"):
        carts.add(Cart(), SHELF, "price_lamp", 1)


@pytest.mark.parametrize(
    ("there", "new", "said"), [(MUG, TEA, "USD.*EUR"), (BOX, CLUB, "different intervals")]
)
def test_what_cannot_be_paid_together_does_not_go_in(there: Price, new: Price, said: str) -> None:
    with pytest.raises(CannotBuy, match=said):
        carts.add(cart_of(there), SHELF, new.id, 1)
    with pytest.raises(CannotBuy):
        carts.add(cart_of(new), SHELF, there.id, 1)


def test_a_subscription_takes_things_along_that_are_bought_once() -> None:
    cart = carts.add(carts.add(Cart(), SHELF, MUG.id, 1), SHELF, BOX.id, 1)
    assert [line.price_id for line in cart.lines] == [MUG.id, BOX.id]
    # The third one is compared with all, not with the last one alone.
    with pytest.raises(CannotBuy, match="“Club” and “Box”"):
        carts.add(replace(cart, lines=cart.lines[::-1]), SHELF, CLUB.id, 1)


# What comes out


def test_quantities_are_changed_and_nothing_is_added_by_that() -> None:
    cart = carts.change(cart_of(MUG, BOX), {MUG.id: 7, BOX.id: 0, CLUB.id: 3})
    assert cart.lines == (CartLine(MUG.id, 7, EUR, MUG.product_id),)
    assert carts.remove(cart, MUG.id) == Cart()
    assert carts.remove(cart, "price_unknown") == cart


def test_a_change_never_makes_more_than_a_cart_can_hold() -> None:
    assert carts.change(cart_of(MUG), {MUG.id: 10**9}).lines[0].quantity == 999


def test_what_was_bought_at_a_former_price_comes_out_as_well() -> None:
    cart = replace(cart_of(MUG, BOX, quantity=3), sessions=("cs_1",))
    bought = [
        BoughtLine("Mug", 2, EUR, "price_former", MUG.product_id),
        BoughtLine("Box", 1, EUR, "price_former_box", BOX.product_id, MONTHLY),
    ]
    assert [line.quantity for line in carts.without(cart, bought).lines] == [1, 2]


@pytest.mark.parametrize(
    "bought",
    [
        BoughtLine("Box", 1, EUR, "price_former", BOX.product_id),
        BoughtLine("Box", 1, EUR, "price_former", BOX.product_id, YEARLY),
        BoughtLine("Mug", 1, EUR, "price_former", MUG.product_id),
        BoughtLine("?", 1, EUR, "price_former"),
    ],
    ids=["once", "another rhythm", "two lines", "no product"],
)
def test_nothing_comes_out_where_it_is_in_doubt(bought: BoughtLine) -> None:
    large = replace(MUG, id="price_large")
    nameless = CartLine("price_nameless", 1, EUR)
    cart = Cart((*cart_of(MUG, large, BOX).lines, nameless))
    assert carts.without(cart, [bought]) == cart


def test_what_was_bought_comes_out_and_what_was_put_in_on_top_stays() -> None:
    cart = replace(cart_of(MUG, BOX, quantity=3), sessions=("cs_1",))
    bought = [BoughtLine("Mug", 2, EUR, MUG.id), BoughtLine("Box", 9, EUR, BOX.id), BoughtLine("?", 1, EUR)]
    left = carts.without(cart, bought)
    assert left.lines == (CartLine(MUG.id, 1, EUR, MUG.product_id),)
    assert left.sessions == ("cs_1",)


def test_three_sessions_are_remembered_the_newest() -> None:
    cart = Cart()
    for session_id in ("a", "b", "c", "d", "b"):
        cart = carts.with_session(cart, session_id)
    assert cart.sessions == ("c", "d", "b")
    assert carts.without_session(cart, "d").sessions == ("c", "b")


# Beside today's catalogue


def shelf_of(*products: Product) -> Catalogue:
    return Catalogue(products, 1.0)


def test_a_line_that_is_as_it_was() -> None:
    (row,) = carts.against(cart_of(MUG, quantity=2), SHELF)
    assert (row.before, row.problem) == (None, None)
    assert row.purchase == Purchase(SHELF.products[0], MUG, 2)
    assert carts.total_of([row.purchase]) == Money(2400, "eur")


def test_a_changed_price_is_told_with_the_old_one() -> None:
    dearer = replace(MUG, money=Money(1300, "eur"))
    (row,) = carts.against(cart_of(MUG), shelf_of(product("mug", dearer)))
    assert row.before == EUR
    assert carts.total_of(carts.purchases([row])) == dearer.money


def test_a_new_price_in_the_place_of_an_archived_one_is_a_changed_price() -> None:
    dearer = Price("price_mug_2", MUG.product_id, Money(1300, "eur"))
    shelf = shelf_of(product("mug", dearer))
    (row,) = carts.against(cart_of(MUG, quantity=2), shelf)
    assert (row.before, row.price, row.problem) == (EUR, dearer, None)
    told = carts.at_todays_prices(cart_of(MUG, quantity=2), shelf)
    assert told.lines == (CartLine("price_mug_2", 2, dearer.money, MUG.product_id),)
    assert carts.against(told, shelf)[0].before is None


@pytest.mark.parametrize(
    "instead",
    [
        [Price("price_2", "prod_mug", Money(9, "eur")), Price("price_3", "prod_mug", Money(8, "eur"))],
        [Price("price_2", "prod_mug", USD)],
        [Price("price_2", "prod_mug", EUR, MONTHLY)],
        [Price("price_2", "prod_mug", EUR, nickname="Size S")],
    ],
    ids=["two prices", "another currency", "a subscription", "another variant"],
)
def test_a_price_that_may_not_be_meant_never_takes_the_place_of_another(instead: list[Price]) -> None:
    (row,) = carts.against(cart_of(MUG), shelf_of(product("mug", *instead)))
    assert row.problem is Problem.GONE
    assert row.product is not None
    assert row.purchase is None


def test_a_variant_is_never_swapped_for_another_one() -> None:
    large = replace(MUG, nickname="Size L")
    cart = carts.add(Cart(), shelf_of(product("mug", large)), large.id, 1)
    for nickname in ("Size S", None):
        small = Price("price_2", "prod_mug", EUR, nickname=nickname)
        (row,) = carts.against(cart, shelf_of(product("mug", small)))
        assert row.problem is Problem.GONE
    (row,) = carts.against(cart, shelf_of(product("mug", Price("price_2", "prod_mug", EUR, None, "Size L"))))
    assert (row.problem, row.replaced, row.before) == (None, True, None)


def test_what_cannot_be_bought_keeps_the_price_that_was_seen() -> None:
    dearer = replace(MUG, money=Money(1300, "eur"))
    shelf = shelf_of(product("mug", dearer, in_stock=False))
    assert carts.at_todays_prices(cart_of(MUG), shelf) == cart_of(MUG)


def test_a_monthly_price_is_not_replaced_by_a_yearly_one() -> None:
    (row,) = carts.against(cart_of(BOX), shelf_of(product("box", Price("price_2", "prod_box", EUR, YEARLY))))
    assert row.problem is Problem.GONE


def test_two_lines_that_become_one_are_added_up() -> None:
    now = Price("price_now", "prod_mug", EUR)
    cart = cart_of(MUG, now, quantity=600)
    assert carts.at_todays_prices(cart, shelf_of(product("mug", now))).lines == (
        CartLine("price_now", 999, EUR, "prod_mug"),
    )


def test_what_has_gone_or_is_out_of_stock_is_not_bought() -> None:
    lamp = price("lamp")
    rows = carts.against(cart_of(price("gone"), lamp, MUG), SHELF)
    assert [row.problem for row in rows] == [Problem.GONE, Problem.OUT_OF_STOCK, None]
    assert [it.price for it in carts.purchases(rows)] == [MUG]
    assert carts.total_of(()) is None


# The pages


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
    assert "It is in your cart." in content(page)
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
    assert "Your cart is up to date." in content(page)
    page = change(browser, {mug: "0", teapot: "2"})
    assert in_cart(page) == [("Teapot", 2)]


def test_the_remove_button_takes_a_line_out(shared: Shop, mug: Good, teapot: Good) -> None:
    browser = shared.browser()
    put_in(browser, mug)
    page = put_in(browser, teapot)
    page = browser.submit(page, action="/cart/remove")
    assert in_cart(page) == [("Teapot", 1)]
    page = browser.submit(page, action="/cart/remove")
    assert "There is nothing in your cart yet." in content(page)
    assert "webstore-cart" not in browser.client.cookies


def change(browser: Browser, quantities: dict[Good, str]) -> httpx.Response:
    form = {"price": [good.price for good in quantities], "quantity": list(quantities.values())}
    return browser.client.post("/cart/change", data=form)


@pytest.mark.parametrize("quantity", ["0", "-1", "1e9", "1000000000", "ten", ""])
def test_bad_quantities_are_said_plainly_and_change_nothing(shared: Shop, mug: Good, quantity: str) -> None:
    browser = shared.browser()
    put_in(browser, mug, 2)
    page = browser.client.post("/cart/add", data={"price": mug.price, "quantity": quantity})
    assert page.status_code == 400
    assert "whole number from 1 to 999" in content(page)
    assert in_cart(page) == [("Blue mug", 2)]
    if quantity != "0":
        page = change(browser, {mug: quantity})
        assert page.status_code == 400
        assert "whole number from 0 to 999" in content(page)
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
def test_unknown_prices_are_said_plainly(shared: Shop, form: dict[str, str]) -> None:
    page = shared.browser().client.post("/cart/add", data=form)
    assert page.status_code == 400
    assert "not sold any more" in content(page)


def test_a_change_without_quantities_is_refused(shared: Shop, mug: Good) -> None:
    browser = shared.browser()
    put_in(browser, mug)
    assert browser.client.post("/cart/change", data={"price": mug.price}).status_code == 400
    assert in_cart(browser.open("/cart")) == [("Blue mug", 1)]


@pytest.mark.parametrize("path", ["/cart/add", "/cart/change", "/cart/remove"])
def test_other_sites_fill_nobodys_cart(shared: Shop, mug: Good, path: str) -> None:
    browser = shared.browser()
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        page = browser.client.post(path, data={"price": mug.price, "quantity": "1"}, headers=headers)
        assert page.status_code == 403
    assert browser.client.get(path).status_code == 405
    assert "webstore-cart" not in browser.client.cookies


def test_the_cart_survives_login_and_logout(shared: Shop, mug: Good) -> None:
    browser = shared.browser()
    put_in(browser, mug, 3)
    browser.log_in(path="/cart")
    assert in_cart(browser.open("/cart")) == [("Blue mug", 3)]
    browser.log_out()
    assert in_cart(browser.open("/cart")) == [("Blue mug", 3)]


def test_pages_of_a_browser_with_a_cart_are_nobody_elses(shared: Shop, mug: Good) -> None:
    browser = shared.browser()
    assert "public" in browser.open("/").headers["Cache-Control"]
    put_in(browser, mug)
    for path in ("/", f"/products/{mug.product}", "/cart"):
        assert browser.open(path).headers["Cache-Control"] == "private, no-store"
    browser.client.cookies.set("webstore-cart", "nonsense")
    assert browser.open("/").headers["Cache-Control"] == "private, no-store"


# What changed meanwhile


def test_a_changed_price_is_said_plainly(shop: Shop) -> None:
    mug = sell(shop, "Blue mug", 1250)
    browser = shop.browser()
    put_in(browser, mug, 2)
    shop.stripe("POST", f"/prices/{mug.price}", active="false")
    add_price(shop, mug.product, 1400)
    notice(shop)
    page = browser.open("/cart")
    assert "Blue mug now costs €14.00 instead of €12.50." in content(page)
    assert "€28.00" in content(page)
    page = browser.submit(page, action="/cart/change")
    assert in_cart(page) == [("Blue mug", 2)]
    assert "instead of" not in content(page)


def test_a_price_of_the_same_amount_in_anothers_place_is_said_too(shop: Shop) -> None:
    mug = sell(shop, "Blue mug", 1250)
    browser = shop.browser()
    put_in(browser, mug)
    shop.stripe("POST", f"/prices/{mug.price}", active="false")
    add_price(shop, mug.product, 1250)
    notice(shop)
    for path in ("/cart", "/checkout"):
        assert "The price of Blue mug has been replaced by a new one of the same amount." in content(
            browser.open(path)
        )
    page = browser.submit(browser.open("/cart"), action="/cart/change")
    assert "replaced" not in content(page)
    assert in_cart(page) == [("Blue mug", 1)]


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
    assert "Shirt is not sold at this price any more." in content(page)
    assert "Size S" not in content(page)


def test_a_price_that_changed_since_the_cart_was_shown_is_said_after_the_change(shop: Shop) -> None:
    mug = sell(shop, "Blue mug", 1250)
    browser = shop.browser()
    page = put_in(browser, mug)
    shop.stripe("POST", f"/prices/{mug.price}", active="false")
    add_price(shop, mug.product, 1400)
    notice(shop)
    page = browser.submit(page, action="/cart/change", quantity="3")
    assert "Blue mug now costs €14.00 instead of €12.50." in content(page)
    assert in_cart(page) == [("Blue mug", 3)]


def test_what_is_gone_or_out_of_stock_is_said_plainly(shop: Shop) -> None:
    mug, lamp, tea = sell(shop, "Blue mug", 1250), sell(shop, "Lamp", 900), sell(shop, "Tea", 300)
    browser = shop.browser()
    for good in (mug, lamp, tea):
        put_in(browser, good)
    shop.stripe("POST", f"/products/{mug.product}", active="false")
    shop.stripe("POST", f"/products/{lamp.product}", **{"metadata[stock]": "0"})
    notice(shop)
    page = browser.open("/cart")
    assert "Lamp is out of stock." in content(page)
    assert "An item that is not sold any more cannot be bought." in content(page)
    assert "Total €3.00" in content(page)
    page = browser.client.post("/cart/add", data={"price": lamp.price})
    assert page.status_code == 400
    assert "“Lamp” is out of stock" in content(page)


# The cookie


def test_a_tampered_cart_is_an_empty_one(shared: Shop, mug: Good) -> None:
    browser = shared.browser()
    put_in(browser, mug)
    good = browser.client.cookies["webstore-cart"]
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
        browser.client.cookies.set("webstore-cart", text)
        page = browser.open("/cart")
        assert page.status_code == 200
        assert "There is nothing in your cart yet." in content(page), text
        browser.client.cookies.clear()


def test_another_cookie_of_the_store_is_no_cart(shared: Shop) -> None:
    browser = shared.browser()
    browser.log_in()
    browser.client.cookies.set("webstore-cart", browser.client.cookies["webstore"])
    assert "There is nothing in your cart yet." in content(browser.open("/cart"))


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        None,
        1,
        [[], [], []],
        [[["price_1"]], []],
        [[["price_1", "x", 1, "eur", None]], []],
        [[["price_1", 0, 1, "eur", None]], []],
        [[["price_1", -1, 1, "eur", None]], []],
        [[["price_1", 1000, 1, "eur", None]], []],
        [[["price_1", 1, 1, "eur", None]] * 21, []],
        [[["price_1", 1, 1, "eur", None, "month", "x"]], []],
        [[["price_1", 1, 1, "eur", None, "month", 1, "x", "y"]], []],
        [[["price_1", 1, None, "eur", None]], []],
        [[], ["a", "b", "c", "d"]],
        [1, 2],
    ],
    ids=repr,
)
def test_a_cart_of_another_release_is_an_empty_one(shared: Shop, content: object) -> None:
    with shared.app.test_request_context("/cart"):
        from webstore.routes.cart_cookie import _serializer  # noqa: PLC0415  # signs as the store does

        text = _serializer().dumps(content)
    with shared.app.test_request_context("/cart", headers={"Cookie": f"webstore-cart={text}"}):
        assert current_cart() == Cart()


@pytest.mark.parametrize(
    "bad", [["price_2", 1000, 1, "eur", None], ["price_2", 0, 1, "eur", None], ["price_2"], None, 7]
)
def test_a_bad_line_takes_none_of_the_others_along(shared: Shop, bad: object) -> None:
    from webstore.routes.cart_cookie import _serializer  # noqa: PLC0415  # signs as the store does

    with shared.app.test_request_context("/cart"):
        text = _serializer().dumps([[["price_1", 2, 1200, "eur", None], bad], ["cs_1"]])
    with shared.app.test_request_context("/cart", headers={"Cookie": f"webstore-cart={text}"}):
        assert current_cart() == Cart((CartLine("price_1", 2, EUR),), ("cs_1",))


@pytest.mark.parametrize("quantity", ["00000000199999", "000000001" + "9" * 5000])
def test_leading_zeros_make_no_larger_quantity(shared: Shop, mug: Good, quantity: str) -> None:
    browser = shared.browser()
    put_in(browser, mug, 2)
    form = {"price": mug.price, "quantity": quantity}
    assert browser.client.post("/cart/add", data=form).status_code == 400
    assert browser.client.post("/cart/change", data=form).status_code == 400
    assert browser.client.get("/checkout", params=form).status_code == 400
    assert in_cart(browser.open("/cart")) == [("Blue mug", 2)]


@pytest.mark.parametrize("variant", [None, "Size L"])
@pytest.mark.parametrize("recurrence", [None, MONTHLY])
def test_the_cookie_keeps_the_cart_whole(
    shared: Shop, variant: str | None, recurrence: Recurrence | None
) -> None:
    offer = Price("price_mug", "prod_mug", EUR, recurrence, variant)
    cart = carts.add(Cart(sessions=("cs_1",)), shelf_of(product("mug", offer)), offer.id, 2)
    assert (cart.lines[0].variant is None) == (variant is None)
    with shared.app.test_request_context("/cart"):
        keep_cart(cart)
        answer = shared.app.process_response(shared.app.make_response("ok"))
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    with shared.app.test_request_context("/cart", headers={"Cookie": cookie}):
        assert current_cart() == cart


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


def test_the_cookies_attributes(shared: Shop, mug: Good) -> None:
    page = shared.browser().client.post("/cart/add", data={"price": mug.price}, follow_redirects=False)
    said = page.headers["Set-Cookie"]
    assert said.startswith("webstore-cart=")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={30 * 24 * 3600}"):
        assert part in said
    with running_secure(shared) as (name, cookie):
        assert name == "__Host-webstore-cart"
        assert "Secure" in cookie
        assert "Domain" not in cookie


class running_secure:  # noqa: N801  # reads as the sentence it is part of
    """The cookie that a store sets which shoppers reach over https."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    def __enter__(self) -> tuple[str, str]:
        from webstore import create_app  # noqa: PLC0415  # once only
        from webstore.settings import Settings  # noqa: PLC0415

        self._app = create_app(
            Settings.from_env({**self._shop.environment, "BASE_URL": "https://shop.example"})
        )
        with self._app.test_request_context("/cart"):
            keep_cart(cart_of(MUG))
            response = self._app.process_response(self._app.make_response("ok"))
        cookie = response.headers["Set-Cookie"]
        return cookie.partition("=")[0], cookie

    def __exit__(self, *_: object) -> None:
        self._app.extensions["webstore"].close()


def test_a_full_cart_fits_into_its_cookie(shared: Shop) -> None:
    dice = random.Random(5)  # noqa: S311  # no secret

    def text(length: int) -> str:
        return "".join(dice.choices(string.ascii_letters + string.digits, k=length))

    lines = tuple(
        CartLine(
            f"price_{text(24)}",
            999,
            Money(dice.randrange(10**7), "eur"),
            f"prod_{text(14)}",
            MONTHLY,
            text(4),
        )
        for _ in range(20)
    )
    cart = Cart(lines, tuple(f"cs_test_{text(58)}" for _ in range(3)))
    with shared.app.test_request_context("/cart"):
        keep_cart(cart)
        assert current_cart() == cart
        cookie = shared.app.process_response(shared.app.make_response("ok")).headers["Set-Cookie"]
    assert len(cookie.encode()) < 3000


def test_a_cart_that_does_not_fit_is_refused_and_sessions_give_way(shared: Shop) -> None:
    dice = random.Random(6)  # noqa: S311  # no secret
    long = ["".join(dice.choices(string.ascii_letters, k=250)) for _ in range(20)]
    with shared.app.test_request_context("/cart"):
        with pytest.raises(CannotBuy, match="Your cart is full"):
            keep_cart(Cart(tuple(CartLine(name, 1, EUR) for name in long)))
        assert current_cart() == Cart()
        few = tuple(CartLine(name, 1, EUR) for name in long[:9])
        keep_cart(Cart(few, tuple(long[10:13])))
        assert current_cart().lines == few
        assert 0 < len(current_cart().sessions) < 3
        assert current_cart().sessions[-1] == long[12]
