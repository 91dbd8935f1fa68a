"""From a choice to Stripe's payment page and back."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

from tests.goods import (
    Good,
    add_price,
    content,
    go_to_payment,
    in_cart,
    notice,
    pay,
    put_in,
    sell,
    session_of,
    sessions_made,
)
from tests.support import ADA, PASSWORD, Browser, Shop, held, in_background, the_customer, until

TIMES = "\N{MULTIPLICATION SIGN}"


def test_a_stranger_logs_in_on_the_way_and_pays(shop: Shop, mug: Good) -> None:
    browser = shop.browser()
    put_in(browser, mug, 2)
    page = browser.open("/checkout")
    assert "Continue to payment" not in content(page)
    (login,) = re.findall(r'href="(/login[^"]*)">Log in to continue', page.text)
    page = browser.submit(browser.open(login), email="ada@example.com", password=PASSWORD)
    assert page.url.path == "/checkout"
    assert "Total €25.00" in content(page)
    page = pay(browser, browser.submit(page, action="/checkout"))
    assert page.url.path == "/checkout/success"
    assert "Thank you for your order" in content(page)
    assert f"Blue mug {TIMES} 2 €25.00" in content(page)
    assert "Your cart is empty." in content(browser.open("/cart"))
    (made,) = sessions_made(shop)
    assert made["customer"] == the_customer(shop, ADA)["id"]
    assert made["client_reference_id"] == made["metadata"]["auth0_user_id"] == ADA
    paid = shop.stripe("GET", f"/payment_intents/{made['payment_intent']}")
    assert (paid["status"], paid["amount"]) == ("succeeded", 2500)
    number = made["metadata"]["order_number"]
    assert paid["customer"] == made["customer"]
    assert paid["metadata"] == {"auth0_user_id": ADA, "order_number": number}
    assert paid["description"] == f"Order {number}: Blue mug x 2"
    assert f"Order {number}" in content(page)


def test_a_stranger_who_buys_one_item_comes_back_to_it_after_the_login(shop: Shop, mug: Good) -> None:
    browser = shop.browser()
    address = f"/checkout?price={mug.price}&quantity=3"
    page = browser.open(address)
    (login,) = re.findall(r'href="(/login[^"]*)">Log in to continue', page.text)
    page = browser.submit(
        browser.open(login.replace("&amp;", "&")), email="ada@example.com", password=PASSWORD
    )
    assert str(page.url) == shop.url + address
    page = browser.submit(page, action="/checkout")
    assert f"/products/{mug.product}" in page.text  # where Stripe's page leads back to
    page = pay(browser, page)
    assert f"Blue mug {TIMES} 3 €37.50" in content(page)


def test_buying_one_item_leaves_the_cart_alone(shop: Shop, ada: Browser) -> None:
    lamp = sell(shop, "Lamp", 900)
    page = pay(ada, go_to_payment(ada, f"/checkout?price={lamp.price}"))
    assert "Lamp €9.00" in content(page)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_two_clicks_at_once_make_one_session(shop: Shop, ada: Browser) -> None:
    page = ada.open("/checkout")
    with ThreadPoolExecutor(2) as clicks:
        pages = list(clicks.map(lambda _: ada.submit(page, action="/checkout"), range(2)))
    assert session_of(pages[0]) == session_of(pages[1])
    assert len(sessions_made(shop)) == 1


def test_a_click_while_the_first_is_still_under_way_waits_for_it(shop: Shop, ada: Browser) -> None:
    page = ada.open("/checkout")
    with held(shop.sandbox.stripe.control, "POST", "/v1/checkout/sessions") as came:
        first = in_background(lambda: ada.submit(page, action="/checkout"))
        until(came)
        shop.sandbox.stripe.control.clear_faults()
        second = ada.submit(page, action="/checkout")
    assert session_of(first.result(20)) == session_of(second)
    assert len(sessions_made(shop)) == 1


def test_going_back_and_on_again_is_the_same_session(shop: Shop, ada: Browser) -> None:
    first = go_to_payment(ada)
    again = go_to_payment(ada)
    assert session_of(again) == session_of(first)
    assert [made["id"] for made in sessions_made(shop)] == [session_of(first)]


def test_the_same_purchase_right_after_paying_is_a_new_one(shop: Shop, mug: Good, ada: Browser) -> None:
    paid = []
    for _ in range(3):
        if not in_cart(ada.open("/cart")):
            put_in(ada, mug, 2)
        page = go_to_payment(ada)
        paid.append(session_of(page))
        assert "Thank you" in content(pay(ada, page))
    assert len(set(paid)) == 3
    charges = shop.stripe("GET", "/charges", limit="100")["data"]
    assert [charge["amount"] for charge in charges] == [2500] * 3


def test_a_canceled_checkout_leaves_the_cart(shopper: Browser) -> None:
    page = go_to_payment(shopper)
    (back,) = re.findall(r'id="back" href="([^"]*)"', page.text)
    page = shopper.open(back)
    assert "You have not been charged. Your cart is as you left it." in content(page)
    assert in_cart(page) == [("Blue mug", 2)]


def test_a_declined_card_can_be_followed_by_a_good_one(shopper: Browser) -> None:
    page = go_to_payment(shopper)
    declined = pay(shopper, page, cardNumber="4000000000000002")
    assert declined.status_code == 402
    assert in_cart(shopper.open("/cart")) == [("Blue mug", 2)]
    assert "Thank you" in content(pay(shopper, page))


def test_a_session_can_be_paid_for_an_hour_at_most(shop: Shop, ada: Browser) -> None:
    go_to_payment(ada)
    (made,) = sessions_made(shop)
    assert 44 * 60 <= made["expires_at"] - made["created"] <= 60 * 60


def test_the_variant_survives_the_payment(shop: Shop, ada: Browser) -> None:
    tea = sell(shop, "Earl Grey, loose leaf", 900)
    large = add_price(shop, tea.product, 1900, nickname="250 g")
    notice(shop)
    page = pay(ada, go_to_payment(ada, f"/checkout?price={large}&quantity=2"))
    assert f"Earl Grey, loose leaf (250 g) {TIMES} 2 €38.00" in content(page)
    (made,) = sessions_made(shop)
    (line,) = shop.stripe("GET", f"/checkout/sessions/{made['id']}/line_items")["data"]
    assert line["metadata"] == {"variant": "250 g"}
    # The dashboard and the receipt show the description of the payment.
    number = made["metadata"]["order_number"]
    charge = shop.stripe("GET", "/charges")["data"][0]
    assert charge["description"] == f"Order {number}: Earl Grey, loose leaf (250 g) x 2"


def test_the_variant_stays_what_it_was_called_then(shop: Shop, ada: Browser) -> None:
    tea = sell(shop, "Earl Grey", 900)
    large = add_price(shop, tea.product, 1900, nickname="250 g")
    notice(shop)
    page = pay(ada, go_to_payment(ada, f"/checkout?price={large}"))
    shop.stripe("POST", f"/prices/{large}", nickname="9 oz")
    assert "Earl Grey (250 g) €19.00" in content(ada.open(str(page.url)))


# Subscriptions and options


def test_a_subscription_with_goods_bought_once(shop: Shop, ada: Browser) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    assert put_in(ada, box).status_code == 200
    page = ada.open("/checkout")
    assert "every month until you cancel" in content(page)
    page = pay(ada, ada.submit(page, action="/checkout"))
    assert "Thank you" in content(page)
    (made,) = sessions_made(shop)
    assert made["mode"] == "subscription"
    bought = shop.stripe("GET", f"/subscriptions/{made['subscription']}")
    assert bought["customer"] == the_customer(shop, ADA)["id"]
    number = made["metadata"]["order_number"]
    assert bought["metadata"] == {"auth0_user_id": ADA, "order_number": number}
    assert bought["description"] == f"Order {number}: Blue mug x 2; Tea box"


def test_goods_that_cannot_be_paid_together_are_refused_when_they_are_added(shop: Shop, ada: Browser) -> None:
    tea = sell(shop, "Tea", 300, currency="usd")
    page = put_in(ada, tea)
    assert page.status_code == 400
    assert "cannot be paid together" in content(page)
    assert in_cart(page) == [("Blue mug", 2)]


def test_the_operators_options_reach_stripe(shop: Shop) -> None:
    rate = shop.stripe(
        "POST",
        "/shipping_rates",
        **{
            "display_name": "Post",
            "type": "fixed_amount",
            "fixed_amount[amount]": "490",
            "fixed_amount[currency]": "eur",
        },
    )["id"]
    shop.restart(
        CHECKOUT_AUTOMATIC_TAX="1",
        CHECKOUT_SHIPPING_COUNTRIES="de,fr",
        CHECKOUT_SHIPPING_RATES=rate,
        CHECKOUT_PROMOTION_CODES="1",
        CHECKOUT_PHONE="1",
        CHECKOUT_TERMS="1",
        CHECKOUT_RECEIPTS="1",
    )
    mug = sell(shop, "Blue mug", 1250)
    browser = shop.browser()
    browser.log_in()
    page = go_to_payment(browser, f"/checkout?price={mug.price}")
    assert page.status_code == 200, content(page)
    (made,) = sessions_made(shop)
    assert made["automatic_tax"]["enabled"] is True
    assert made["shipping_address_collection"]["allowed_countries"] == ["DE", "FR"]
    assert [option["shipping_rate"] for option in made["shipping_options"]] == [rate]
    assert made["allow_promotion_codes"] is True
    assert made["phone_number_collection"] == {"enabled": True}
    assert made["consent_collection"]["terms_of_service"] == "required"
    page = pay(
        browser,
        page,
        phoneNumber="+49 30 1234567",
        termsOfServiceConsentCheckbox="on",
        shippingRate=rate,
        **{
            f"{kind}{name}": value
            for kind in ("shipping", "billing")
            for name, value in {
                "Name": "Ada Example",
                "AddressLine1": "Main Street 1",
                "Locality": "Berlin",
                "PostalCode": "10115",
                "Country": "DE",
            }.items()
        },
    )
    assert "Thank you" in content(page), content(page)
    charge = shop.stripe("GET", "/charges")["data"][0]
    assert charge["receipt_email"] == "ada@example.com"
