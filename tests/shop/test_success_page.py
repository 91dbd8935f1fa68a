"""The page that Stripe leads to after the payment."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import cast

import pytest

from tests.goods import (
    Good,
    content,
    go_to_payment,
    in_cart,
    pay,
    put_in,
    read_again,
    sell,
    session_of,
    sessions_made,
)
from tests.support import ADA, Browser, Shop
from webstore.routes import Services, attach
from webstore.shop.models import CheckoutSession, Money, SessionStatus
from webstore.shop.ports import Checkouts


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
    assert "Your payment is not complete" in content(page)
    (address_of_payment,) = re.findall(r'href="([^"]*)">Continue to payment', page.text)
    assert made in address_of_payment
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]
    shop.stripe("POST", f"/checkout/sessions/{made}/expire")
    page = ada.open(address)
    assert "This checkout has expired" in content(page)
    assert "you have not been charged" in content(page)
    # The items are in the cart still.
    assert "Buy again" not in content(page)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_an_expired_purchase_of_one_item_can_be_bought_again(shop: Shop, ada: Browser) -> None:
    lamp = sell(shop, "Lamp", 900)
    made = session_of(go_to_payment(ada, f"/checkout?price={lamp.price}&quantity=3"))
    shop.stripe("POST", f"/checkout/sessions/{made}/expire")
    page = ada.open(f"/checkout/success?session_id={made}")
    cart = ada.submit(page, action="/orders/again")
    assert in_cart(cart) == [("Blue mug", 2), ("Lamp", 3)]


def test_a_payment_that_takes_days_is_shown_as_under_way(shopper: Browser) -> None:
    page = pay(shopper, go_to_payment(shopper), paymentMethod="debit")
    assert "Your order is placed" in content(page)
    assert "still processing the payment" in content(page)
    assert "Your cart is empty." in content(shopper.open("/cart"))


def settle(shop: Shop, *, succeeded: bool) -> None:
    """Let the bank answer the newest payment."""
    intent = shop.stripe("GET", "/payment_intents")["data"][0]["id"]
    shop.sandbox.stripe.settle(intent, succeeded=succeeded)


def pay_by_debit(browser: Browser, price: str) -> str:
    """Buy one piece by bank debit; returns the address of the success page."""
    page = pay(browser, go_to_payment(browser, f"/checkout?price={price}"), paymentMethod="debit")
    assert "Your order is placed" in content(page)
    return str(page.url)


def test_a_debit_that_fails_says_so_and_leads_to_buying_again(shop: Shop, mug: Good, ada: Browser) -> None:
    address = pay_by_debit(ada, mug.price)
    settle(shop, succeeded=False)
    page = ada.open(address)
    assert "The payment failed" in content(page)
    assert "You can order the same items again." in content(page)
    # There are two in the cart already.
    assert in_cart(ada.submit(page, action="/orders/again")) == [("Blue mug", 3)]


def test_a_first_debit_of_a_subscription_that_fails_leads_to_the_invoice(shop: Shop, ada: Browser) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    address = pay_by_debit(ada, box.price)
    settle(shop, succeeded=False)
    page = ada.open(address)
    assert "The payment failed" in content(page)
    (invoice,) = re.findall(r'href="([^"]*)" rel="noopener">Pay the invoice', page.text)
    assert invoice == shop.stripe("GET", "/invoices")["data"][0]["hosted_invoice_url"]
    assert "Buy again" not in content(page)


def test_a_debit_that_succeeds_is_paid(shop: Shop, mug: Good, ada: Browser) -> None:
    address = pay_by_debit(ada, mug.price)
    settle(shop, succeeded=True)
    assert "Payment received." in content(ada.open(address))


def test_a_failed_order_is_bought_again_with_all_of_its_items(shop: Shop, mug: Good, ada: Browser) -> None:
    lamp = sell(shop, "Lamp", 900)
    put_in(ada, lamp)
    page = pay(ada, go_to_payment(ada), paymentMethod="debit")
    settle(shop, succeeded=False)
    page = ada.open(str(page.url))
    form = page.text[page.text.index('action="/orders/again"') :]
    sent = {name: re.findall(rf'name="{name}" value="([^"]*)"', form) for name in ("price", "quantity")}
    assert sent == {"price": [mug.price, lamp.price], "quantity": ["2", "1"]}
    cart = ada.client.post("/orders/again", data=sent, headers={"Origin": shop.url})
    assert in_cart(cart) == [("Blue mug", 2), ("Lamp", 1)]


def test_a_free_order_is_not_called_paid(shop: Shop, ada: Browser) -> None:
    sample = sell(shop, "Sample", 0)
    page = pay(ada, go_to_payment(ada, f"/checkout?price={sample.price}"))
    assert "There was nothing to pay today." in content(page)
    assert "Payment received" not in content(page)


class Saving:
    """A Stripe whose sessions only save a payment method, as another program of the shop makes them."""

    def get_session(self, session_id: str) -> CheckoutSession:
        money = Money(0, "")
        return CheckoutSession(
            session_id, SessionStatus.COMPLETE, "no_payment_required", "setup", 1.0, 2.0, money, owner=ADA
        )


def test_a_session_that_saves_a_payment_method_is_no_order(shop: Shop, ada: Browser) -> None:
    services: Services = shop.app.extensions["webstore"]
    attach(shop.app, replace(services, checkouts=cast(Checkouts, Saving())))
    page = ada.open("/checkout/success?session_id=cs_test_1")
    assert page.status_code == 200
    assert "Your payment method is saved You have not been charged." in content(page)
    assert "Total" not in content(page)
    assert "Paid" not in content(page)


def test_the_order_has_the_number_of_the_session_and_a_link(shop: Shop, ada: Browser) -> None:
    page = pay(ada, go_to_payment(ada))
    (made,) = sessions_made(shop)
    number = made["metadata"]["order_number"]
    assert f'<a href="/orders/{number}">{number}</a>' in page.text
    assert len(number) <= 20
    paid = shop.stripe("GET", f"/payment_intents/{made['payment_intent']}")
    assert paid["metadata"]["order_number"] == number


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_at_the_success_page_is_the_shops_fault(shop: Shop, ada: Browser, status: int) -> None:
    page = pay(ada, go_to_payment(ada))
    error = {"error": {"type": "invalid_request_error", "message": "This key has no permission."}}
    shop.sandbox.stripe.control.add_fault(action="status", path="/v1/checkout/.*", status=status, body=error)
    refused = ada.open(str(page.url))
    assert refused.status_code == 409
    assert "Our team has been notified" in content(refused)
    assert "Try again" not in content(refused)


def test_stripe_down_at_the_success_page(shop: Shop, ada: Browser) -> None:
    page = pay(ada, go_to_payment(ada))
    shop.sandbox.stripe_server.stop()
    down = ada.open(str(page.url))
    assert down.status_code == 503
    assert "please don't pay again" in content(down)
    shop.sandbox.stripe_server.start()
    assert "Thank you" in content(ada.open(str(page.url)))


def test_the_items_are_shown_with_their_pictures(shop: Shop, mug: Good, ada: Browser) -> None:
    page = pay(ada, go_to_payment(ada))
    shop.stripe("POST", f"/products/{mug.product}", **{"images[0]": "https://cdn.example/mug.png"})
    read_again(shop)
    assert 'src="https://cdn.example/mug.png"' in ada.open(str(page.url)).text
