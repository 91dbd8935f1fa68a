"""The page that Stripe leads to after the payment."""

from __future__ import annotations

import re

import pytest

from tests.goods import Good, content, go_to_payment, in_cart, pay, put_in, session_of, sessions_made
from tests.support import Browser, Shop


def test_the_success_page_is_for_its_owner_alone(shop: Shop, ada: Browser) -> None:
    page = pay(ada, go_to_payment(ada))
    grace = shop.browser()
    grace.log_in("grace@example.com")
    hers = grace.open(str(page.url))
    assert hers.status_code == 404
    for secret in ("Blue mug", "€25.00", session_of(page)):
        assert secret not in content(hers)
    stranger = shop.browser().open(str(page.url))
    assert stranger.url.path == "/u/login"


def test_reloading_the_success_page_is_harmless(shop: Shop, mug: Good, ada: Browser) -> None:
    page = pay(ada, go_to_payment(ada))
    put_in(ada, mug)
    for _ in range(3):
        again = ada.open(str(page.url))
        assert "Thank you" in content(again)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 1)]
    assert len(sessions_made(shop)) == 1


@pytest.fixture(scope="module")
def grace(shared: Shop) -> Browser:
    """Grace, logged in at the store that these tests share."""
    browser = shared.browser()
    browser.log_in("grace@example.com")
    return browser


@pytest.mark.parametrize(
    "session_id",
    [
        "",
        "x",
        "cs_test_unknown",
        "cs_test_../../balance",
        "cs_test_%2e%2e",
        "pi_123",
        "cs_" + "x" * 300,
        "cs_é",
    ],
)
def test_a_session_that_does_not_exist(grace: Browser, session_id: str) -> None:
    page = grace.client.get("/checkout/success", params={"session_id": session_id})
    assert page.status_code == 404
    assert grace.client.get("/checkout/success").status_code == 404


def test_an_open_and_an_expired_session_are_distinguished(shop: Shop, ada: Browser) -> None:
    made = session_of(go_to_payment(ada))
    address = f"/checkout/success?session_id={made}"
    page = ada.open(address)
    assert "This purchase is not finished" in content(page)
    (address_of_payment,) = re.findall(r'href="([^"]*)">Continue to payment', page.text)
    assert made in address_of_payment
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]
    shop.stripe("POST", f"/checkout/sessions/{made}/expire")
    page = ada.open(address)
    assert "This purchase has expired" in content(page)
    assert "nothing was charged" in content(page)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_a_payment_that_takes_days_is_shown_as_under_way(shopper: Browser) -> None:
    page = pay(shopper, go_to_payment(shopper), paymentMethod="debit")
    assert "Your order is placed" in content(page)
    assert "still working on the payment" in content(page)
    assert "There is nothing in your cart yet." in content(shopper.open("/cart"))


def test_stripe_down_at_the_success_page(shop: Shop, ada: Browser) -> None:
    page = pay(ada, go_to_payment(ada))
    shop.sandbox.stripe_server.stop()
    down = ada.open(str(page.url))
    assert down.status_code == 503
    assert "please do not pay again" in content(down)
    shop.sandbox.stripe_server.start()
    assert "Thank you" in content(ada.open(str(page.url)))
