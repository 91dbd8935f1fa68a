"""The cart's cookie: writing it and reading it."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from tests.unit.offline import offline_store
from tests.unit.purchases import EUR, MUG, PRICE
from webstore.errors import CannotBuy
from webstore.routes.cart_cookie import (
    _serializer,  # signs as the store does
    current_cart,
    keep_cart,
)
from webstore.shop import cart as carts
from webstore.shop.models import Cart, CartLine, Catalogue, Money, Price, Product, Recurrence

MONTHLY = Recurrence("month")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with offline_store(tmp_path_factory.mktemp("cookies")) as app:
        yield app


def cookie_of(app: Flask, cart: Cart) -> str:
    """The header with which the store lets a browser keep this cart."""
    with app.test_request_context("/cart"):
        keep_cart(cart)
        assert current_cart() == cart
        return app.process_response(app.make_response("ok")).headers["Set-Cookie"]


def signed(app: Flask, content: object) -> str:
    """The header of a browser with a cookie that holds this, signed by the store."""
    with app.test_request_context("/cart"):
        return f"webstore-8000-cart={_serializer().dumps(content)}"


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
        [[["price_1", 1, 1, "eur", None, []]], []],
        [[["price_1", 1, 1, "eur", None, "x", ["Mug"], "y"]], []],
        [[], ["a", "b", "c", "d"]],
        [1, 2],
    ],
    ids=repr,
)
def test_a_cart_of_another_release_is_an_empty_one(app: Flask, content: object) -> None:
    with app.test_request_context("/cart", headers={"Cookie": signed(app, content)}):
        assert current_cart() == Cart()


@pytest.mark.parametrize(
    "bad", [["price_2", 1000, 1, "eur", None], ["price_2", 0, 1, "eur", None], ["price_2"], None, 7]
)
def test_a_bad_line_is_left_out_and_the_others_stay(app: Flask, bad: object) -> None:
    cookie = signed(app, [[["price_1", 2, 1200, "eur", None], bad], ["cs_1"]])
    with app.test_request_context("/cart", headers={"Cookie": cookie}):
        assert current_cart() == Cart((CartLine("price_1", 2, EUR),), ("cs_1",))


@pytest.mark.parametrize("variant", [None, "Size L"])
@pytest.mark.parametrize("recurrence", [None, MONTHLY])
def test_the_cookie_keeps_the_cart_whole(
    app: Flask, variant: str | None, recurrence: Recurrence | None
) -> None:
    offer = Price("price_mug", "prod_mug", EUR, recurrence, variant)
    catalogue = Catalogue((Product("prod_mug", "Mug", (offer,)),), 1.0)
    cart = carts.add(Cart(sessions=("cs_1",)), catalogue, offer.id, 2)
    assert (cart.lines[0].variant is None) == (variant is None)
    cookie = cookie_of(app, cart).partition(";")[0]
    with app.test_request_context("/cart", headers={"Cookie": cookie}):
        assert current_cart() == cart


@pytest.mark.parametrize(
    ("stored", "line"),
    [
        (["price_1", 2, 1200, "eur", None], CartLine("price_1", 2, EUR)),
        (
            ["price_1", 2, 1200, "eur", "prod_1", "month", 3, "AbCd"],
            CartLine("price_1", 2, EUR, "prod_1", Recurrence("month", 3), "AbCd"),
        ),
        (["price_1", 2, 1200, "eur", "p", ["Mug"]], CartLine("price_1", 2, EUR, "p", name="Mug")),
        (
            ["price_1", 2, 1200, "eur", "p", "month", 1, "AbCd", ["Mug"]],
            CartLine("price_1", 2, EUR, "p", MONTHLY, "AbCd", "Mug"),
        ),
    ],
    ids=["without a name", "without a name, monthly", "with a name", "with a name, monthly"],
)
def test_cookies_of_earlier_releases_and_of_this_one_are_read(
    app: Flask, stored: list[object], line: CartLine
) -> None:
    with app.test_request_context("/cart", headers={"Cookie": signed(app, [[stored], ["cs_1"]])}):
        assert current_cart() == Cart((line,), ("cs_1",))


def test_names_give_way_before_lines_and_sessions(app: Flask) -> None:
    dice = random.Random(7)  # noqa: S311  # no secret

    def text(length: int) -> str:
        return "".join(dice.choices(string.ascii_letters + string.digits, k=length))

    lines = tuple(
        CartLine(f"price_{text(24)}", 1, EUR, f"prod_{text(14)}", MONTHLY, text(4), text(80 + number))
        for number in range(20)
    )
    cart = Cart(lines, tuple(f"cs_test_{text(58)}" for _ in range(3)))
    with app.test_request_context("/cart"):
        keep_cart(cart)
        kept = current_cart()
        assert [replace(line, name=None) for line in kept.lines] == [replace(it, name=None) for it in lines]
        assert kept.sessions == cart.sessions
        names = [line.name for line in kept.lines]
        gone = names.count(None)
        assert 0 < gone < 20
        # The longest ones go first.
        assert names == [line.name for line in lines[: 20 - gone]] + [None] * gone
        said = app.process_response(app.make_response("ok")).headers["Set-Cookie"]
    with app.test_request_context("/cart", headers={"Cookie": said.partition(";")[0]}):
        assert current_cart() == kept


def test_the_cookies_attributes(app: Flask) -> None:
    cart = carts.add(Cart(), Catalogue((MUG,), 1.0), PRICE.id, 1)
    said = cookie_of(app, cart)
    assert said.startswith("webstore-8000-cart=")
    for part in ("HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={30 * 24 * 3600}"):
        assert part in said


def test_the_cookies_attributes_over_https(tmp_path: Path) -> None:
    cart = carts.add(Cart(), Catalogue((MUG,), 1.0), PRICE.id, 1)
    with offline_store(tmp_path, BASE_URL="https://shop.example") as app:
        cookie = cookie_of(app, cart)
    assert cookie.partition("=")[0] == "__Host-webstore-cart"
    assert "Secure" in cookie
    assert "Domain" not in cookie


def test_a_full_cart_fits_into_its_cookie(app: Flask) -> None:
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
    assert len(cookie_of(app, cart).encode()) < 3000


def test_a_cart_that_does_not_fit_is_refused_and_sessions_give_way(app: Flask) -> None:
    dice = random.Random(6)  # noqa: S311  # no secret
    long = ["".join(dice.choices(string.ascii_letters, k=250)) for _ in range(20)]
    with app.test_request_context("/cart"):
        with pytest.raises(CannotBuy, match="Your cart is full"):
            keep_cart(Cart(tuple(CartLine(name, 1, EUR) for name in long)))
        assert current_cart() == Cart()
        few = tuple(CartLine(name, 1, EUR) for name in long[:9])
        keep_cart(Cart(few, tuple(long[10:13])))
        assert current_cart().lines == few
        assert 0 < len(current_cart().sessions) < 3
        assert current_cart().sessions[-1] == long[12]
