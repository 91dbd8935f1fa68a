"""Firefox and WebKit: one purchase in each, and the Back button after a logout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines.drivers import Engine, firefox, webkit
from tests.goods import sell
from tests.support import PASSWORD, Shop, until

ENGINES = {"Firefox": firefox, "WebKit": webkit}


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    folder = tmp_path / "browser"
    folder.mkdir(mode=0o700)
    with ENGINES[request.param](folder) as engine:
        yield engine


def log_in(engine: Engine) -> None:
    """What the provider's page asks for."""
    engine.fill("Email address", "ada@example.com")
    engine.fill("Password", PASSWORD)
    engine.click("Continue")


@pytest.mark.timeout(300)
def test_a_purchase_and_the_back_button_after_the_logout(engine: Engine, shop: Shop) -> None:
    pot = sell(shop, "Teapot", 2900)
    engine.open(f"{shop.url}/products/{pot.product}")
    engine.click("Add to cart")
    engine.sees("Added to your cart.")
    engine.open(f"{shop.url}/checkout")
    engine.click("Log in to continue")
    log_in(engine)
    engine.click("Continue to payment")
    for label, text in {
        "Card number": "4242 4242 4242 4242",
        "Expiry": "12 / 34",
        "CVC": "123",
        "Cardholder name": "Ada Example",
    }.items():
        engine.fill(label, text)
    engine.press("pay")
    engine.sees("Thank you for your order")
    (customer,) = shop.customers()

    engine.open(f"{shop.url}/account")
    engine.sees(customer["id"])
    engine.unfold("Account")
    engine.click("Log out")
    until(lambda: engine.address() == f"{shop.url}/", within_s=30)
    engine.sees("Log in")
    assert_back_shows_nothing(engine, shop, customer["id"])


def assert_back_shows_nothing(engine: Engine, shop: Shop, customer_id: str) -> None:
    """Neither the shopper's data, nor the provider's form under the store's address."""
    for _ in range(6):
        engine.back()
        # A page from the browser's memory is there at once, and reloads itself.
        until(lambda: customer_id not in engine.source(), within_s=30)
        if engine.address().startswith(shop.url):
            assert 'type="password"' not in engine.source()
