"""Fixtures of the shop's pages."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.goods import Good, add_price, put_in, sell
from tests.shop.pages import HOSTILE, PICTURE, put_on_sale
from tests.support import Browser, Shop, running_shop
from webstore.shop.browsing import PAGE_SIZE


@pytest.fixture
def mug(shop: Shop) -> Good:
    return sell(shop, "Blue mug", 1250)


@pytest.fixture
def ada(shop: Shop, mug: Good) -> Browser:
    """Ada, logged in, with two mugs in the cart."""
    browser = shop.browser()
    put_in(browser, mug, 2)
    browser.log_in(path="/checkout")
    return browser


@pytest.fixture(scope="module")
def shelved(shared: Shop) -> Good:
    """Blue mugs in the store that the tests of a file share."""
    return sell(shared, "Blue mug", 1250)


@pytest.fixture
def shopper(shared: Shop, shelved: Good) -> Browser:
    """A new user of the shared store, logged in, with two mugs in the cart."""
    email = f"{secrets.token_hex(8)}@example.com"
    shared.add_user(email)
    browser = shared.browser()
    put_in(browser, shelved, 2)
    browser.log_in(email, path="/checkout")
    return browser


@pytest.fixture(scope="package")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store with many goods, for tests that only look at them."""
    with running_shop(tmp_path_factory.mktemp("furnished") / "state") as shop:
        for number in range(PAGE_SIZE):
            put_on_sale(shop, f"Spoon {number:02}", 100 + number)
        mug = put_on_sale(
            shop,
            "Blue mug",
            1250,
            id="mug/blue #1?",
            description="Holds coffee.\nAnd tea.",
            **{"images[0]": PICTURE, "images[1]": "https://cdn.example/back.png"},
            **{"metadata[category]": "Tea & ware", "metadata[option]": "Size", "metadata[material]": "Clay"},
            **{"metadata[supplier]": "Secret Ltd"},
        )
        add_price(shop, mug, 1550)
        add_price(shop, mug, 900, every="month", **{"recurring[interval_count]": "3"})
        put_on_sale(
            shop,
            "Sold out tray",
            5000,
            id="tray",
            **{"metadata[stock]": "0", "metadata[category]": "tea ware"},
        )
        put_on_sale(shop, HOSTILE, 100, id="hostile", description=HOSTILE)
        put_on_sale(shop, "Lopapeysa", 2_500_000, "isk", id="lopapeysa")
        yield shop


@pytest.fixture
def stranger(furnished: Shop) -> Browser:
    """A new browser at the store with many goods."""
    return furnished.browser()
