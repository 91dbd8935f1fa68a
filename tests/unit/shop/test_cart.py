"""The cart: adding, changing, removing, and its lines beside today's catalogue."""

from __future__ import annotations

from dataclasses import replace

import pytest

from webstore.errors import CannotBuy
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
    return Cart(tuple(line_of(it, quantity) for it in prices))


def line_of(price: Price, quantity: int = 1) -> CartLine:
    name = price.product_id.removeprefix("prod_").title()
    return CartLine(price.id, quantity, price.money, price.product_id, price.recurrence, name=name)


# Adding


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
    with pytest.raises(CannotBuy, match="quantity from 1 to 999"):
        carts.quantity_of(text)


def test_zero_is_a_quantity_where_it_removes_the_line() -> None:
    assert carts.quantity_of("0", least=0) == 0
    with pytest.raises(CannotBuy, match="from 0 to 999"):
        carts.quantity_of("-1", least=0)


def test_the_same_thing_twice_is_one_line() -> None:
    cart = carts.add(carts.add(Cart(), SHELF, MUG.id, 2), SHELF, MUG.id, 3)
    assert cart.lines == (line_of(MUG, 5),)
    assert cart.count == 5


def test_a_line_holds_at_most_999_pieces() -> None:
    cart = carts.add(Cart(), SHELF, MUG.id, 998)
    assert carts.add(cart, SHELF, MUG.id, 1).count == 999
    with pytest.raises(CannotBuy, match="your cart holds 998"):
        carts.add(cart, SHELF, MUG.id, 2)


def test_a_cart_holds_at_most_20_lines() -> None:
    many = [price(f"n{number}") for number in range(21)]
    shelf = Catalogue(tuple(product(f"n{number}", it) for number, it in enumerate(many)), 0.0)
    cart = Cart()
    for it in many[:20]:
        cart = carts.add(cart, shelf, it.id, 1)
    with pytest.raises(CannotBuy, match="can hold 20 different items"):
        carts.add(cart, shelf, many[20].id, 1)
    assert carts.add(cart, shelf, many[0].id, 1).count == 21


@pytest.mark.parametrize("price_id", ["", "price_unknown", "mug", "' OR 1=1"])
def test_an_unknown_price_is_not_added(price_id: str) -> None:
    with pytest.raises(CannotBuy, match="no longer available"):
        carts.add(Cart(), SHELF, price_id, 1)


def test_goods_out_of_stock_are_not_added() -> None:
    with pytest.raises(CannotBuy, match="“Lamp” is out of stock"):
        carts.add(Cart(), SHELF, "price_lamp", 1)


@pytest.mark.parametrize(
    ("there", "new", "said"), [(MUG, TEA, "USD.*EUR"), (BOX, CLUB, "different intervals")]
)
def test_goods_that_cannot_be_paid_together_are_not_added(there: Price, new: Price, said: str) -> None:
    with pytest.raises(CannotBuy, match=said):
        carts.add(cart_of(there), SHELF, new.id, 1)
    with pytest.raises(CannotBuy):
        carts.add(cart_of(new), SHELF, there.id, 1)


def test_goods_bought_once_can_be_added_to_a_subscription() -> None:
    cart = carts.add(carts.add(Cart(), SHELF, MUG.id, 1), SHELF, BOX.id, 1)
    assert [line.price_id for line in cart.lines] == [MUG.id, BOX.id]
    # The third one is compared with all, not with the last one alone.
    with pytest.raises(CannotBuy, match="“Club” and “Box”"):
        carts.add(replace(cart, lines=cart.lines[::-1]), SHELF, CLUB.id, 1)


# Changing and removing


def test_a_change_of_quantities_adds_no_line() -> None:
    cart = carts.change(cart_of(MUG, BOX), {MUG.id: 7, BOX.id: 0, CLUB.id: 3})
    assert cart.lines == (line_of(MUG, 7),)
    assert carts.remove(cart, MUG.id) == Cart()
    assert carts.remove(cart, "price_unknown") == cart


def test_a_change_never_makes_more_than_a_cart_can_hold() -> None:
    assert carts.change(cart_of(MUG), {MUG.id: 10**9}).lines[0].quantity == 999


def test_items_bought_at_a_former_price_are_taken_out_too() -> None:
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
def test_nothing_is_taken_out_if_it_is_not_clear_which_line_was_bought(bought: BoughtLine) -> None:
    large = replace(MUG, id="price_large")
    nameless = CartLine("price_nameless", 1, EUR)
    cart = Cart((*cart_of(MUG, large, BOX).lines, nameless))
    assert carts.without(cart, [bought]) == cart


def test_bought_pieces_are_taken_out_and_later_ones_stay() -> None:
    cart = replace(cart_of(MUG, BOX, quantity=3), sessions=("cs_1",))
    bought = [BoughtLine("Mug", 2, EUR, MUG.id), BoughtLine("Box", 9, EUR, BOX.id), BoughtLine("?", 1, EUR)]
    left = carts.without(cart, bought)
    assert left.lines == (line_of(MUG, 1),)
    assert left.sessions == ("cs_1",)


def test_the_three_newest_sessions_are_remembered() -> None:
    cart = Cart()
    for session_id in ("a", "b", "c", "d", "b"):
        cart = carts.with_session(cart, session_id)
    assert cart.sessions == ("c", "d", "b")
    assert carts.without_session(cart, "d").sessions == ("c", "b")


# The lines of a form


def test_a_line_is_found_by_its_price_and_else_by_its_product() -> None:
    large = replace(MUG, id="price_large")
    cart = cart_of(MUG, BOX, large)
    assert carts.line_of(cart, large.id, BOX.product_id) == line_of(large)
    assert carts.line_of(cart, "price_former", BOX.product_id) == line_of(BOX)
    # Two lines of the product: it is not clear which one was meant.
    assert carts.line_of(cart, "price_former", MUG.product_id) is None
    assert carts.line_of(Cart((CartLine("price_nameless", 1, EUR),)), "price_former", None) is None
    assert carts.line_of(cart, "price_former") is None


# Beside today's catalogue


def shelf_of(*products: Product) -> Catalogue:
    return Catalogue(products, 1.0)


def test_an_unchanged_line() -> None:
    (row,) = carts.against(cart_of(MUG, quantity=2), SHELF)
    assert (row.before, row.problem) == (None, None)
    assert row.purchase == Purchase(SHELF.products[0], MUG, 2)
    assert carts.total_of([row.purchase]) == Money(2400, "eur")


def test_a_changed_price_comes_with_the_former_amount() -> None:
    dearer = replace(MUG, money=Money(1300, "eur"))
    (row,) = carts.against(cart_of(MUG), shelf_of(product("mug", dearer)))
    assert row.before == EUR
    assert carts.total_of(carts.purchases([row])) == dearer.money


def test_a_new_price_in_the_place_of_an_archived_one_is_a_changed_price() -> None:
    dearer = Price("price_mug_2", MUG.product_id, Money(1300, "eur"))
    shelf = shelf_of(product("mug", dearer))
    (row,) = carts.against(cart_of(MUG, quantity=2), shelf)
    assert (row.before, row.price, row.problem) == (EUR, dearer, None)
    seen = carts.at_todays_prices(cart_of(MUG, quantity=2), shelf)
    assert seen.lines == (line_of(dearer, 2),)
    assert carts.against(seen, shelf)[0].before is None


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
def test_a_price_of_another_kind_never_replaces_an_archived_one(instead: list[Price]) -> None:
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
    assert (row.problem, row.price_id, row.before) == (None, "price_2", None)


def test_a_line_that_cannot_be_bought_keeps_the_price_that_was_seen() -> None:
    dearer = replace(MUG, money=Money(1300, "eur"))
    shelf = shelf_of(product("mug", dearer, in_stock=False))
    assert carts.at_todays_prices(cart_of(MUG), shelf) == cart_of(MUG)


def test_a_monthly_price_is_not_replaced_by_a_yearly_one() -> None:
    (row,) = carts.against(cart_of(BOX), shelf_of(product("box", Price("price_2", "prod_box", EUR, YEARLY))))
    assert row.problem is Problem.GONE


def test_two_lines_that_become_one_are_added_up() -> None:
    now = Price("price_now", "prod_mug", EUR)
    cart = cart_of(MUG, now, quantity=600)
    assert carts.at_todays_prices(cart, shelf_of(product("mug", now))).lines == (line_of(now, 999),)


def test_goods_that_are_gone_or_out_of_stock_are_not_bought() -> None:
    lamp = price("lamp")
    rows = carts.against(cart_of(price("gone"), lamp, MUG), SHELF)
    assert [row.problem for row in rows] == [Problem.GONE, Problem.OUT_OF_STOCK, None]
    assert [it.price for it in carts.purchases(rows)] == [MUG]
    assert carts.total_of(()) is None


# Names


def test_a_line_keeps_the_name_of_its_product() -> None:
    (row,) = carts.against(carts.add(Cart(), SHELF, MUG.id, 1), shelf_of())
    assert (row.problem, row.name) == (Problem.GONE, "Mug")


def test_the_present_name_is_shown_and_kept() -> None:
    shelf = shelf_of(Product("prod_mug", "Blue mug", (MUG,)), product("lamp", price("lamp"), in_stock=False))
    cart = Cart(tuple(CartLine(it.id, 1, EUR, it.product_id, name="Old name") for it in (MUG, price("lamp"))))
    assert [row.name for row in carts.against(cart, shelf)] == ["Blue mug", "Lamp"]
    assert [line.name for line in carts.at_todays_prices(cart, shelf).lines] == ["Blue mug", "Lamp"]


def test_a_line_of_an_earlier_release_has_no_name_once_its_product_is_gone() -> None:
    (row,) = carts.against(Cart((CartLine("price_mug", 1, EUR, "prod_mug"),)), shelf_of())
    assert row.name is None


@pytest.mark.parametrize(
    ("name", "kept"), [("x" * 40, "x" * 40), ("x" * 41, "x" * 39 + "…"), ("a " * 30, "a " * 19 + "a…")]
)
def test_a_long_name_is_shortened_in_the_cart(name: str, kept: str) -> None:
    cart = carts.add(Cart(), shelf_of(Product("prod_mug", name, (MUG,))), MUG.id, 1)
    assert cart.lines[0].name == kept


def test_rows_are_set_aside_by_what_is_known_later_than_the_catalogue() -> None:
    cart = cart_of(MUG, BOX, CLUB, price("lamp"))
    found = carts.set_aside(
        carts.against(cart, SHELF),
        {"prod_mug": Problem.OUT_OF_STOCK, "prod_box": Problem.GONE, "prod_lamp": Problem.GONE},
    )
    assert [row.problem for row in found] == [
        Problem.OUT_OF_STOCK,
        Problem.GONE,
        None,
        Problem.OUT_OF_STOCK,
    ]
    assert [row.name for row in found] == ["Mug", "Box", "Club", "Lamp"]
    assert [row.product is None for row in found] == [False, True, False, False]
    assert [it.price for it in carts.purchases(found)] == [CLUB]
