"""What the pages of orders say about items, disputes and credits, and what they offer to do."""

from __future__ import annotations

import re

import pytest

from tests.goods import Good, add_price, content, notice, pay, put_in, sell
from tests.shop.test_order_money import (
    again,
    customer_of,
    invoices,
    newest_charge,
    order_pages,
    subscription_of,
    the_order,
)
from tests.shop.test_order_pages import TIMES, buy, shown, statuses
from tests.support import ADA, Browser, Shop


@pytest.fixture
def ada(shop: Shop) -> Browser:
    """Ada, logged in, with an empty cart."""
    browser = shop.browser()
    browser.log_in()
    return browser


@pytest.fixture
def box(shop: Shop) -> Good:
    return sell(shop, "Tea box", 1900, every="month")


def with_variants(shop: Shop, name: str, *variants: str, every: str | None = None) -> list[Good]:
    """A product that is sold in these variants only."""
    good = sell(shop, name, 1500, every=every)
    prices = [add_price(shop, good.product, 1500, every=every, nickname=it) for it in variants]
    shop.stripe("POST", f"/prices/{good.price}", active="false")
    notice(shop)
    return [Good(good.product, price) for price in prices]


def both(browser: Browser) -> tuple[str, str]:
    """The words of the newest order in the list, and on its own page."""
    _, listed = shown(browser.open("/orders"))[0]
    ((_, own),) = shown(order_pages(browser)[0])
    return listed, own


# Items


def test_a_variant_is_shown_though_the_name_contains_its_letters(shop: Shop, ada: Browser) -> None:
    (small,) = with_variants(shop, "T-Shirt", "S")
    mugs = with_variants(shop, "Large Mug", "L", "Mug")
    for good in (small, *mugs):
        put_in(ada, good)
    success = pay(ada, ada.submit(ada.open("/checkout"), action="/checkout"))
    assert all(it in content(success) for it in ("T-Shirt (S)", "Large Mug (L)", "Large Mug (Mug)"))
    for text in both(ada):
        assert all(it in text for it in ("T-Shirt · S €", "Large Mug · L €", "Large Mug · Mug €"))


def test_a_renewal_shows_variant_and_quantity_once(shop: Shop, ada: Browser) -> None:
    (tea,) = with_variants(shop, "Earl Grey", "250 g", every="month")
    buy(ada, tea, 2)
    shop.sandbox.stripe.renew(subscription_of(shop))
    for text in both(ada):
        assert f"Earl Grey · 250 g {TIMES} 2" in text
        assert text.count("250 g") == 1
        assert text.count(TIMES) == 1


def test_a_renewal_keeps_the_variant_when_its_price_is_archived(shop: Shop, ada: Browser) -> None:
    (tea,) = with_variants(shop, "Earl Grey", "250 g", every="month")
    buy(ada, tea)
    shop.stripe("POST", f"/prices/{tea.price}", active="false")
    notice(shop)
    shop.sandbox.stripe.renew(subscription_of(shop))
    assert all(text.count("250 g") == 1 for text in both(ada))


def test_a_changed_plan_offers_the_new_plan_alone(shop: Shop, ada: Browser) -> None:
    small, large = (
        sell(shop, name, cents, every="month") for name, cents in (("Small", 1000), ("Large", 3000))
    )
    buy(ada, small)
    shop.sandbox.stripe.change_subscription(subscription_of(shop), price=large.price)
    own = order_pages(ada)[0]
    assert "Unused time" in content(own)
    offered = re.findall(r'name="price" value="([^"]*)"', own.text)
    prorations = [
        it["parent"][it["parent"]["type"]]["proration"] for it in invoices(shop)[0]["lines"]["data"]
    ]
    assert offered == ([large.price] if False in prorations else [])
    shop.sandbox.stripe.renew(subscription_of(shop))
    assert re.findall(r'name="price" value="([^"]*)"', order_pages(ada)[0].text) == [large.price]


def test_a_number_in_small_letters_leads_to_the_order(mug: Good, ada: Browser) -> None:
    buy(ada, mug)
    (own,) = order_pages(ada)
    answer = ada.open(own.url.path.lower())
    assert (answer.status_code, answer.url.path) == (200, own.url.path)
    digits = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
    assert ada.open(own.url.path.translate(digits)).status_code == 404


@pytest.mark.parametrize("noted", ["261126-A22222", "250101-222222"])
def test_a_number_that_another_program_noted_leads_to_no_dead_end(
    shop: Shop, mug: Good, ada: Browser, noted: str
) -> None:
    buy(ada, mug)
    session = shop.stripe("GET", "/checkout/sessions")["data"][0]["id"]
    shop.stripe("POST", f"/checkout/sessions/{session}", **{"metadata[order_number]": noted})
    (own,) = order_pages(ada)
    assert own.status_code == 200
    assert noted not in own.text


# Subscriptions that were made at Stripe


def test_the_first_invoice_of_a_subscription_that_names_the_buyer_is_listed(
    shop: Shop, box: Good, ada: Browser
) -> None:
    buy(ada, box)
    tea = sell(shop, "Green tea", 900, every="month")
    shop.sandbox.stripe.subscribe(
        customer=customer_of(shop), prices=[tea.price], metadata={"auth0_user_id": ADA}
    )
    found = shown(ada.open("/orders"))
    assert sorted("Subscription" in text for _, text in found) == [False, True]
    assert sum("Green tea" in text for _, text in found) == 1


def test_a_purchase_of_an_earlier_release_is_listed_once(shop: Shop, box: Good, ada: Browser) -> None:
    buy(ada, box)
    subscription = subscription_of(shop)
    shop.stripe("POST", f"/subscriptions/{subscription}", **{"metadata[order_number]": ""})
    shop.sandbox.stripe.renew(subscription)
    found = shown(ada.open("/orders"))
    assert ["Renewal" in text for _, text in found] == [True, False]


# Disputes and credits


def test_a_dispute_about_a_part_that_is_lost(shop: Shop, mug: Good, ada: Browser) -> None:
    buy(ada, mug, 2)
    dispute = shop.sandbox.stripe.dispute(newest_charge(shop), amount=500)
    status, text = the_order(ada)
    assert (status, "The bank is looking into it." in text) == ("disputed", True)
    shop.sandbox.stripe.close_dispute(dispute["id"], won=False)
    status, text = the_order(ada)
    assert (status, "Partly refunded" in text) == ("partly_refunded", True)
    assert "Total €25.00 Returned by your bank €5.00" in text


def test_two_disputes_that_the_shop_won_among_many_others(shop: Shop, mug: Good, ada: Browser) -> None:
    for quantity in (1, 2):
        buy(ada, mug, quantity)
        found = shop.sandbox.stripe.dispute(newest_charge(shop))
        shop.sandbox.stripe.close_dispute(found["id"], won=True)
    shop.forget_requests()
    assert statuses(ada.open("/orders")) == ["paid", "paid"]
    assert len(shop.stripe_requests()) <= 4


@pytest.mark.parametrize("by", ["customer_balance", "out_of_band"])
def test_a_credit_note_beside_a_refund_is_not_hidden(shop: Shop, ada: Browser, by: str) -> None:
    stripe = shop.sandbox.stripe
    lines = [{"description": "Engraving", "amount": 1000}]
    made = stripe.add_invoice(customer=customer_of(shop), lines=lines)["id"]
    stripe.pay_invoice(made)
    shop.stripe("POST", "/refunds", charge=newest_charge(shop), amount="500")
    stripe.credit_invoice(made, amount=500, by=by)
    listed, own = both(ada)
    assert "Refunded, at least €5.00" in listed
    assert "See the order's page for the full refund." in listed
    assert "Refunded €5.00 Credited €5.00" in own
    assert statuses(order_pages(ada)[0]) == ["refunded"]


# Ways to pay


def test_a_debit_that_failed_is_bought_again_from_the_list(shop: Shop, mug: Good, ada: Browser) -> None:
    buy(ada, mug, 3, paymentMethod="debit")
    intent = shop.stripe("GET", "/payment_intents")["data"][0]["id"]
    shop.sandbox.stripe.settle(intent, succeeded=False)
    page = ada.open("/orders")
    ((status, text),) = shown(page)
    assert (status, "Amount due" in text, "Buy again" in text) == ("failed", False, True)
    assert "Amount due" not in the_order(ada)[1]
    cart = ada.submit(page, action="/orders/again")
    assert (cart.url.path, 'value="3"' in cart.text) == ("/cart", True)


def test_an_ended_subscriptions_invoice_is_payable_as_long_as_it_is_open(
    shop: Shop, box: Good, ada: Browser
) -> None:
    buy(ada, box, paymentMethod="debit")
    intent = shop.stripe("GET", "/payment_intents")["data"][0]["id"]
    shop.sandbox.stripe.settle(intent, succeeded=False)
    shop.stripe("DELETE", f"/subscriptions/{subscription_of(shop)}")
    (invoice,) = invoices(shop)
    assert invoice["status"] == "open"
    for text in both(ada):
        assert "Pay now" in text
        assert "Amount due €19.00" in text
    shop.sandbox.stripe.void_invoice(invoice["id"])
    assert the_order(ada)[0] == "void"
    for text in both(ada):
        assert "Pay now" not in text
        assert "Amount due" not in text


def test_an_invoice_that_the_shop_gave_up_is_not_payable(shop: Shop, box: Good, ada: Browser) -> None:
    buy(ada, box)
    shop.sandbox.stripe.renew(subscription_of(shop), succeeded=False)
    shop.stripe("DELETE", f"/subscriptions/{subscription_of(shop)}")
    shop.sandbox.stripe.mark_uncollectible(invoices(shop)[0]["id"])
    for text in both(again(shop)):
        assert "Not paid" in text
        assert "Pay now" not in text
        assert "Amount due" not in text
