"""What the pages of orders say about money, with data as real accounts have it."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.goods import Good, content, pay, put_in, sell, session_of, words
from tests.shop.test_order_pages import buy, shown, statuses
from tests.support import ADA, Browser, Shop

DAY_S = 24 * 3600.0


@pytest.fixture
def ada(shop: Shop) -> Browser:
    """Ada, logged in, with an empty cart."""
    browser = shop.browser()
    browser.log_in()
    return browser


@pytest.fixture
def box(shop: Shop) -> Good:
    return sell(shop, "Tea box", 1900, every="month")


def customer_of(shop: Shop, user_id: str = ADA) -> str:
    return str(shop.app_metadata(user_id)["stripe_customer_id"])


def subscription_of(shop: Shop) -> str:
    return str(shop.stripe("GET", "/subscriptions", customer=customer_of(shop))["data"][0]["id"])


def invoices(shop: Shop) -> list[dict[str, Any]]:
    """The customer's invoices, the newest first."""
    listed: list[dict[str, Any]] = shop.stripe("GET", "/invoices", customer=customer_of(shop))["data"]
    return listed


def again(shop: Shop) -> Browser:
    """Ada in a new browser, after a month of absence for instance."""
    browser = shop.browser()
    browser.log_in()
    return browser


def order_pages(browser: Browser) -> list[httpx.Response]:
    """The page of each order in the list, in order."""
    page = browser.open("/orders")
    return [browser.open(path) for path in re.findall(r'<h2>\s*<a href="(/orders/[^"]*)"', page.text)]


def the_order(browser: Browser) -> tuple[str, str]:
    """Status and words of the only order's page; the list has the same status."""
    ((listed, _),) = shown(browser.open("/orders"))
    (page,) = order_pages(browser)
    ((status, text),) = shown(page)
    assert status == listed
    return status, text


# Embedded lists


def test_a_renewal_with_twenty_lines_shows_all_of_them(shop: Shop, ada: Browser) -> None:
    goods = [sell(shop, f"Box {number:02}", 100 + number, every="month") for number in range(20)]
    subscription = shop.sandbox.stripe.subscribe(
        customer=customer_of(shop), prices=[it.price for it in goods]
    )
    shop.sandbox.stripe.renew(subscription["id"])
    page = ada.open("/orders")
    renewal, first = shown(page)
    assert ("Renewal" in renewal[1], "Subscription" in first[1]) == (True, True)
    total = sum(100 + number for number in range(20)) / 100
    assert f"Total €{total:.2f}" in renewal[1]
    text = content(order_pages(ada)[0])
    assert all(f"Box {number:02}" in text for number in range(20))


def test_a_purchase_of_twelve_items_shows_all_of_them(shop: Shop, ada: Browser) -> None:
    for number in range(12):
        put_in(ada, sell(shop, f"Spoon {number:02}", 100 + number))
    pay(ada, ada.submit(ada.open("/checkout"), action="/checkout"))
    ((_, listed),) = shown(ada.open("/orders"))
    assert "and more" in listed
    _, text = the_order(ada)
    assert all(f"Spoon {number:02}" in text for number in range(12))
    assert "Total €12.66" in text


# Calls


def test_a_page_of_ten_orders_takes_four_calls_whatever_their_lines(shop: Shop, ada: Browser) -> None:
    goods = [sell(shop, f"Spoon {number:02}", 100 + number) for number in range(12)]
    boxes = [sell(shop, f"Box {number:02}", 100, every="month") for number in range(12)]
    for _ in range(5):
        for good in goods:
            put_in(ada, good)
        pay(ada, ada.submit(ada.open("/checkout"), action="/checkout"))
    subscription = shop.sandbox.stripe.subscribe(
        customer=customer_of(shop), prices=[it.price for it in boxes]
    )
    for _ in range(4):
        shop.sandbox.stripe.renew(subscription["id"])
    ada.open("/orders")
    shop.forget_requests()
    page = ada.open("/orders")
    assert len(shown(page)) == 10
    asked = shop.stripe_requests()
    assert sorted(asked) == ["GET /v1/charges", "GET /v1/checkout/sessions", "GET /v1/invoices"]
    for path in re.findall(r'<h2>\s*<a href="(/orders/[^"]*)"', page.text):
        shop.forget_requests()
        assert "Box 11" in content(found := ada.open(path)) or "Spoon 11" in content(found)
        assert len(shop.stripe_requests()) <= 3, shop.stripe_requests()


# Failed and unpaid


@pytest.mark.parametrize("every", [None, "month"])
def test_a_first_debit_that_fails_is_said_with_the_way_out(
    shop: Shop, ada: Browser, every: str | None
) -> None:
    good = sell(shop, "Tea box", 1900, every=every)
    buy(ada, good, paymentMethod="debit")
    status, text = the_order(ada)
    assert (status, "Buy again" in text) == ("processing", False)
    intent = shop.stripe("GET", "/payment_intents")["data"][0]["id"]
    shop.sandbox.stripe.settle(intent, succeeded=False)
    page = ada.open("/orders")
    ((status, text),) = shown(page)
    assert (status, "Payment failed" in text) == ("failed", True)
    status, text = the_order(ada)
    assert status == "failed"
    assert "Your bank declined the payment, so you have not been charged." in text
    (own,) = order_pages(ada)
    if every is None:
        assert "Buy again" in text
        cart = ada.submit(own, action="/orders/again")
        assert (cart.url.path, "Tea box" in content(cart)) == ("/cart", True)
    else:
        (address,) = re.findall(r'class="button" href="([^"]*)"[^>]*>Pay now', own.text)
        assert address == invoices(shop)[0]["hosted_invoice_url"]
        assert "Pay now" in text


def test_a_renewal_that_fails_is_paid_by_hand(shop: Shop, box: Good, ada: Browser) -> None:
    buy(ada, box)
    shop.sandbox.stripe.renew(subscription_of(shop), succeeded=False)
    page = ada.open("/orders")
    assert statuses(page) == ["failed", "paid"]
    assert "Amount due €19.00" in shown(page)[0][1]
    shop.sandbox.stripe.pay_invoice(invoices(shop)[0]["id"])
    assert statuses(ada.open("/orders")) == ["paid", "paid"]


def test_invoices_that_are_part_paid_void_or_given_up(shop: Shop, ada: Browser) -> None:
    stripe = shop.sandbox.stripe
    lines = [{"description": "Engraving", "amount": 1000}]
    made = [stripe.add_invoice(customer=customer_of(shop), lines=lines)["id"] for _ in range(5)]
    stripe.pay_invoice(made[1], amount=400)
    stripe.void_invoice(made[2])
    stripe.mark_uncollectible(made[3])
    stripe.pay_invoice(made[4], by="payment_record")
    stripe.add_invoice(customer=customer_of(shop), lines=lines, draft=True)
    found = shown(ada.open("/orders"))
    assert [status for status, _ in found] == ["paid", "uncollectible", "void", "partly_paid", "due"]
    assert all("Invoice" in text and "Engraving" in text for _, text in found)
    assert "Paid €4.00" in found[3][1]
    assert "Amount due €6.00" in found[3][1]
    assert "Pay now" in found[3][1]
    assert "Amount due" not in found[1][1] + found[2][1]


# Refunds


def test_refunds_of_a_renewal_paid_36_days_later_and_of_one_among_many_charges(
    shop: Shop, box: Good, ada: Browser
) -> None:
    buy(ada, box)
    shop.sandbox.stripe.renew(subscription_of(shop), succeeded=False)
    shop.advance(36 * DAY_S)
    unpaid = [it["id"] for it in invoices(shop) if it["status"] == "open"][-1]
    shop.sandbox.stripe.pay_invoice(unpaid)
    charge = shop.stripe("GET", "/charges", customer=customer_of(shop))["data"][0]
    shop.stripe("POST", "/refunds", charge=charge["id"], amount="500")
    shop.lose_state()
    page = again(shop).open("/orders")
    listed = dict(re.findall(r'data-order="([^"]*)" data-status="([^"]*)"', page.text))
    assert listed[unpaid] == "partly_refunded"


def test_a_refund_of_a_payment_that_is_a_charge(shop: Shop, ada: Browser) -> None:
    stripe = shop.sandbox.stripe
    lines = [{"description": "Engraving", "amount": 1000}]
    made = stripe.add_invoice(customer=customer_of(shop), lines=lines)["id"]
    stripe.pay_invoice(made, by="charge")
    charge = shop.stripe("GET", "/charges", customer=customer_of(shop))["data"][0]["id"]
    shop.stripe("POST", "/refunds", charge=charge)
    status, text = the_order(ada)
    assert (status, "Refunded €10.00" in text) == ("refunded", True)


def test_more_than_a_hundred_later_charges_hide_no_refund(shop: Shop, box: Good, ada: Browser) -> None:
    buy(ada, box)
    first = shop.stripe("GET", "/charges", customer=customer_of(shop))["data"][0]["id"]
    for _ in range(101):
        made = shop.sandbox.stripe.add_invoice(
            customer=customer_of(shop), lines=[{"description": "Engraving", "amount": 100}]
        )
        shop.sandbox.stripe.pay_invoice(made["id"])
    shop.stripe("POST", "/refunds", charge=first)
    page = ada.open("/orders")
    while older := re.findall(r'rel="next" href="([^"]*)"', page.text):
        page = ada.open(older[0])
    # There are too many charges for the list: it says so, and the order's page knows.
    path = re.findall(r'<h2>\s*<a href="(/orders/[^"]*)"', page.text)[-1]
    assert "See the order's page for refunds." in shown(page)[-1][1]
    ((status, text),) = shown(ada.open(path))
    assert (status, "Refunded €19.00" in text) == ("refunded", True)


def newest_charge(shop: Shop) -> str:
    return str(shop.stripe("GET", "/charges", customer=customer_of(shop))["data"][0]["id"])


@pytest.mark.parametrize("every", [None, "month"])
def test_a_dispute_is_named_while_it_is_open_and_when_it_is_lost(
    shop: Shop, ada: Browser, every: str | None
) -> None:
    buy(ada, sell(shop, "Tea box", 1900, every=every))
    dispute = shop.sandbox.stripe.dispute(newest_charge(shop))
    status, text = the_order(ada)
    assert (status, "Payment disputed" in text) == ("disputed", True)
    shop.sandbox.stripe.close_dispute(dispute["id"], won=False)
    status, text = the_order(ada)
    assert (status, "Returned by your bank" in text) == ("dispute_lost", True)
    assert "the bank returned the money" in text


def test_a_dispute_that_the_shop_wins_changes_nothing(shop: Shop, mug: Good, ada: Browser) -> None:
    buy(ada, mug)
    dispute = shop.sandbox.stripe.dispute(newest_charge(shop))
    shop.sandbox.stripe.close_dispute(dispute["id"], won=True)
    assert the_order(ada)[0] == "paid"


@pytest.mark.parametrize("by", ["customer_balance", "out_of_band", "refund"])
def test_a_credit_note_is_told_once_with_or_without_a_refund(shop: Shop, ada: Browser, by: str) -> None:
    lines = [{"description": "Engraving", "amount": 1000}]
    made = shop.sandbox.stripe.add_invoice(customer=customer_of(shop), lines=lines)["id"]
    shop.sandbox.stripe.pay_invoice(made)
    shop.sandbox.stripe.credit_invoice(made, amount=300, by=by)
    status, text = the_order(ada)
    words_ = "Refunded" if by == "refund" else "Credited"
    assert (status, f"{words_} €3.00" in text) == ("partly_refunded", True)
    assert text.count("€3.00") == 1
    shop.sandbox.stripe.credit_invoice(made, amount=700, by=by)
    assert the_order(ada)[0] == "refunded"


def test_a_credit_note_before_the_payment_leaves_less_to_pay(shop: Shop, ada: Browser) -> None:
    lines = [{"description": "Engraving", "amount": 1000}]
    made = shop.sandbox.stripe.add_invoice(customer=customer_of(shop), lines=lines)["id"]
    shop.sandbox.stripe.credit_invoice(made, amount=300)
    status, text = the_order(ada)
    assert (status, "Amount due €7.00" in text) == ("due", True)
    assert "Total €10.00 Paid with your credit €3.00" in text


def test_a_receipts_own_number_stands_beside_the_orders(shop: Shop, mug: Good, ada: Browser) -> None:
    buy(ada, mug)
    sent = shop.sandbox.stripe.send_receipt(newest_charge(shop), email="ada@example.com")
    _, text = the_order(ada)
    assert f"Receipt {sent['receipt_number']}" in text


# What the total is made of


def priced(shop: Shop, ada: Browser, good: Good, **money: Any) -> str:
    """Buy two pieces, with this tax, discount or currency; the words of the order's page."""
    page = ada.submit(ada.open(f"/checkout?price={good.price}&quantity=2"), action="/checkout")
    shop.sandbox.stripe.price_session(session_of(page), **money)
    pay(ada, page)
    status, text = the_order(ada)
    assert status == "paid"
    return text


def test_the_sum_explains_tax_and_discount(shop: Shop, mug: Good, ada: Browser) -> None:
    text = priced(shop, ada, mug, tax={"percentage": 20}, discount={"percent_off": 10})
    assert "Items €25.00 Discount -€2.50 Tax €4.50 Total €27.00" in text


def test_tax_in_the_prices_is_named_and_not_added(shop: Shop, mug: Good, ada: Browser) -> None:
    text = priced(shop, ada, mug, tax={"percentage": 25, "inclusive": True})
    assert "Total €25.00 Includes tax €5.00" in text


def test_what_was_charged_in_the_shoppers_own_currency(shop: Shop, mug: Good, ada: Browser) -> None:
    text = priced(shop, ada, mug, presentment={"currency": "usd", "rate": 1.2})
    assert "Total €25.00 Charged in your currency $30.00" in text


def test_a_subscriptions_tax_is_on_its_renewal_too(shop: Shop, box: Good, ada: Browser) -> None:
    page = ada.submit(ada.open(f"/checkout?price={box.price}&quantity=1"), action="/checkout")
    shop.sandbox.stripe.price_session(session_of(page), tax={"percentage": 10})
    pay(ada, page)
    shop.sandbox.stripe.renew(subscription_of(shop))
    for page in order_pages(ada):
        assert "Items €19.00 Tax €1.90 Total €20.90" in content(page)


# Changed plans


def test_a_changed_plan_is_listed_with_its_credit(shop: Shop, ada: Browser) -> None:
    small, large = (
        sell(shop, name, cents, every="month") for name, cents in (("Small", 1000), ("Large", 3000))
    )
    buy(ada, small)
    shop.sandbox.stripe.change_subscription(subscription_of(shop), price=large.price)
    change, _ = shown(ada.open("/orders"))
    assert "Change of subscription" in change[1]
    assert "-€10.00" in change[1]
    text = content(order_pages(ada)[0])
    assert "Unused time" in text
    # The other way round, the customer gets a credit.
    shop.sandbox.stripe.change_subscription(subscription_of(shop), price=small.price)
    (status, text), *_ = shown(ada.open("/orders"))
    assert (status, "Total -€20.00" in text) == ("credit", True)


# Nothing to pay


def test_a_free_order_says_that_nothing_was_to_be_paid(shop: Shop, ada: Browser) -> None:
    buy(ada, sell(shop, "Sample", 0))
    status, text = the_order(ada)
    assert status == "free"
    assert "Nothing to pay" in text
    assert "Paid" not in words(text)


# The page of one order


def test_only_the_owner_sees_an_order(shop: Shop, mug: Good, ada: Browser) -> None:
    buy(ada, mug)
    (own,) = order_pages(ada)
    grace = shop.browser()
    grace.log_in("grace@example.com")
    answers = [grace.open(own.url.path), grace.open("/orders/261126-222222"), grace.open("/orders/nonsense")]
    assert [answer.status_code for answer in answers] == [404, 404, 404]
    assert len({content(answer) for answer in answers}) == 1
    assert "/u/login" in str(shop.browser().open(own.url.path).url)


def test_the_number_is_the_same_everywhere(shop: Shop, mug: Good, ada: Browser) -> None:
    success = buy(ada, mug)
    (own,) = order_pages(ada)
    number = own.url.path.removeprefix("/orders/")
    assert re.fullmatch(r"\d{6}-[2-9][2-9A-HJ-NP-Z]{5}", number)
    assert number in content(success)
    assert number in content(ada.open("/orders"))
    session = shop.stripe("GET", "/checkout/sessions")["data"][0]
    intent = shop.stripe("GET", f"/payment_intents/{session['payment_intent']}")
    assert session["metadata"]["order_number"] == intent["metadata"]["order_number"] == number
    assert number in intent["description"]


def test_what_is_not_sold_any_more_is_left_out_of_buy_again(shop: Shop, mug: Good, ada: Browser) -> None:
    lamp = sell(shop, "Lamp", 900)
    put_in(ada, mug, 2)
    put_in(ada, lamp)
    pay(ada, ada.submit(ada.open("/checkout"), action="/checkout"))
    (own,) = order_pages(ada)
    shop.stripe("POST", f"/products/{lamp.product}", active="false")
    again_ = ada.client.post(
        "/orders/again",
        data={"price": [mug.price, lamp.price], "quantity": ["2", "1"]},
        headers={"Origin": f"{own.url.scheme}://{own.url.netloc.decode()}"},
    )
    assert (again_.url.path, "Blue mug" in content(again_)) == ("/cart", True)
