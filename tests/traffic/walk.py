"""What shoppers do, a function each. All of it makes the store call Stripe."""

from __future__ import annotations

import re

import httpx

from tests.goods import (
    Good,
    add_price,
    content,
    go_to_payment,
    notice,
    pay,
    put_in,
    read_again,
    sell,
)
from tests.login.subscribers import tell_of_changes
from tests.support import DAY_S, Browser, Shop, until
from tests.traffic.recorder import Traffic

#: More than the ten items that an object of Stripe contains of a list.
MANY = 12
_DECLINED = "4000 0000 0000 0002"
#: Everything that the payment page can ask for.
_ADDRESSES = {
    f"{kind}{name}": value
    for kind in ("shipping", "billing")
    for name, value in {
        "Name": "Ada Example",
        "AddressLine1": "Main Street 1",
        "Locality": "Berlin",
        "PostalCode": "10115",
        "Country": "DE",
    }.items()
}


def quiet(shop: Shop) -> None:
    """Wait until Stripe has delivered all events."""
    until(shop.sandbox.stripe.state.deliveries.idle, within_s=20)


def newcomer(shop: Shop, email: str) -> Browser:
    """Somebody signs up, which makes a customer."""
    browser = shop.browser()
    assert browser.sign_up(email).status_code == 200
    return browser


def customer_of(shop: Shop, email: str) -> str:
    """The customer that is recorded for a user."""
    return str(shop.app_metadata(shop.user_id(email))["stripe_customer_id"])


def look_around(shop: Shop, good: Good) -> None:
    """A stranger looks at the products."""
    browser = shop.browser()
    for path in ("/", "/?q=mug", f"/products/{good.product}", "/cart", "/sitemap.xml", "/terms", "/checkout"):
        assert browser.open(path).status_code == 200


def buy(browser: Browser, good: Good, quantity: int = 1, **fields: str) -> httpx.Response:
    """Buy one thing right away."""
    page = pay(browser, go_to_payment(browser, f"/checkout?price={good.price}&quantity={quantity}"), **fields)
    assert page.url.path == "/checkout/success", content(page)
    return page


def buy_a_full_cart(shop: Shop, browser: Browser) -> None:
    """A cart with more items than a session contains, of variants with nicknames."""
    cup = sell(shop, "Cup", 800, description="Holds tea.", **{"images[0]": "https://cdn.example/cup.png"})
    goods = [
        Good(cup.product, add_price(shop, cup.product, 800 + size, nickname=f"{size} ml"))
        for size in range(100, 100 + MANY)
    ]
    notice(shop)
    for good in goods:
        put_in(browser, good, 2)
    page = pay(browser, go_to_payment(browser))
    assert page.url.path == "/checkout/success", content(page)


def change_the_mind(browser: Browser, good: Good) -> None:
    """Open the payment page, go back, change the cart, and pay with a second card."""
    put_in(browser, good)
    go_to_payment(browser)
    page = browser.open("/cart?done=canceled")
    browser.submit(page, action="/cart/change", quantity="3")
    page = go_to_payment(browser)
    assert pay(browser, page, cardNumber=_DECLINED).status_code == 402
    assert pay(browser, page).url.path == "/checkout/success"


def bank_debits(shop: Shop, browser: Browser, good: Good, plan: Good) -> None:
    """Bank debits that succeed and fail, of a single purchase and of a subscription."""
    for bought in (good, plan):
        for succeeded in (True, False):
            page = browser.open(f"/checkout?price={bought.price}&quantity=1")
            page = browser.submit(page, action="/checkout")
            if page.status_code == 409:
                # The first one is a running subscription.
                page = browser.submit(page, action="/checkout")
            page = pay(browser, page, paymentMethod="debit")
            assert page.url.path == "/checkout/success", content(page)
            intent = shop.stripe("GET", "/payment_intents", limit="1")["data"][0]["id"]
            shop.sandbox.stripe.settle(intent, succeeded=succeeded)
            assert browser.open(str(page.url)).status_code == 200


def subscribe_twice(shop: Shop, browser: Browser, plan: Good) -> str:
    """Subscribe, read about the running subscription, and subscribe once more; returns the new one's ID."""
    buy(browser, plan)
    told = go_to_payment(browser, f"/checkout?price={plan.price}")
    assert told.status_code == 409
    page = pay(browser, browser.submit(told, action="/checkout"))
    assert page.url.path == "/checkout/success"
    return str(shop.stripe("GET", "/subscriptions", limit="1")["data"][0]["id"])


def read_orders(browser: Browser) -> list[str]:
    """Read the list of orders to its end, and each order's page; returns the orders' numbers."""
    page, numbers = browser.open("/orders"), []
    for _ in range(10):
        assert page.status_code == 200, content(page)
        numbers += re.findall(r'href="/orders/([^"?]+)"', page.text)
        older = re.findall(r'rel="next" href="([^"]*)"', page.text)
        if not older:
            break
        page = browser.open(older[0])
    numbers = list(dict.fromkeys(numbers))
    for number in numbers:
        assert browser.open(f"/orders/{number}").status_code == 200, number
    assert browser.open("/orders/260101-ABCDEF").status_code == 404
    return numbers


def read_account(browser: Browser) -> None:
    """The account page, the comparison of the records, and the billing portal and back."""
    page = browser.open("/account")
    assert page.status_code == 200
    assert browser.open("/account/link").status_code == 200
    portal = browser.submit(page, action="/account/portal")
    assert (portal.status_code, "/account" in str(portal.url)) == (200, False), content(portal)


def cancel_in_the_portal(browser: Browser) -> None:
    """Let a subscription end in the billing portal, and see that on the account page."""
    portal = browser.submit(browser.open("/account"), action="/account/portal")
    (cancel, *_) = re.findall(r'href="([^"]*/cancel)"', portal.text)
    browser.submit(browser.open(str(portal.url.join(cancel))))
    assert "It ends on" in content(browser.open("/account"))


def pay_the_open_invoice(browser: Browser) -> None:
    """Pay the invoice of a failed renewal on Stripe's page, where the account page leads."""
    (invoice, *_) = re.findall(r'<a class="button small" href="([^"]*)"', browser.open("/account").text)
    card = {"cardNumber": "4242424242424242", "cardExpiry": "12 / 34", "cardCvc": "123", "billingName": "Eve"}
    assert browser.client.post(invoice, data=card).status_code == 200
    assert browser.open("/account").status_code == 200


def healing(shop: Shop, email: str) -> None:
    """The operator deletes a customer, and the next login heals the link."""
    browser = newcomer(shop, email)
    customer = customer_of(shop, email)
    browser.log_out()
    shop.stripe("DELETE", f"/customers/{customer}")
    quiet(shop)
    browser.log_in(email)
    assert customer_of(shop, email) != customer


def looked_up(shop: Shop, email: str) -> None:
    """A user that is older than the store is looked for among the customers, by metadata and by address."""
    shop.stripe("POST", "/customers", email=email)
    user_id = shop.add_user(email, age_s=30 * DAY_S, email_verified=True)
    shop.browser().log_in(email)
    assert shop.app_metadata(user_id)["stripe_customer_id"]


def refusals(shop: Shop, browser: Browser) -> None:
    """Things that cannot be bought any more, although the page still offers them."""
    late = sell(shop, "Late mug", 1250)
    page = browser.open(f"/checkout?price={late.price}&quantity=1")
    shop.stripe("POST", f"/prices/{late.price}", active="false")
    assert browser.submit(page, action="/checkout").status_code == 409
    dear = sell(shop, "Yacht", 99_999_999)
    page = browser.open(f"/checkout?price={dear.price}&quantity=900")
    assert browser.submit(page, action="/checkout").status_code == 409
    assert browser.open("/checkout/success?session_id=cs_test_a1b2c3").status_code == 404


def a_large_subscription(shop: Shop, email: str) -> None:
    """A subscription with more items than its object contains."""
    browser = newcomer(shop, email)
    customer = customer_of(shop, email)
    product = shop.stripe("POST", "/products", name="Tea")["id"]
    prices = [add_price(shop, product, 300 + number, every="month") for number in range(MANY)]
    shop.sandbox.stripe.subscribe(customer=customer, prices=prices)
    tell_of_changes(shop, customer)
    assert browser.open("/account").status_code == 200


def all_options(shop: Shop, traffic: Traffic, email: str, mug: Good) -> None:
    """A checkout with every option of the settings."""
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
    options = ("AUTOMATIC_TAX", "PROMOTION_CODES", "PHONE", "TERMS", "RECEIPTS")
    shop.restart(
        CHECKOUT_SHIPPING_COUNTRIES="de,fr",
        CHECKOUT_SHIPPING_RATES=rate,
        **{f"CHECKOUT_{option}": "1" for option in options},
    )
    traffic.record_deliveries(shop)
    browser = newcomer(shop, email)
    read_again(shop)
    page = go_to_payment(browser, f"/checkout?price={mug.price}&quantity=2")
    fields = {"phoneNumber": "+49 30 1234567", "termsOfServiceConsentCheckbox": "on", "shippingRate": rate}
    page = pay(browser, page, **fields, **_ADDRESSES)
    assert page.url.path == "/checkout/success", content(page)
    assert len(read_orders(browser)) == 1


def close_the_account(browser: Browser) -> None:
    """Close an account with running subscriptions."""
    page = browser.submit(browser.open("/account/close"), action="/close", confirmation="close my account")
    assert "Your account is closed" in content(page)
