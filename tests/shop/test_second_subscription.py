"""Nobody subscribes twice by accident: the page about a running subscription."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.goods import (
    Good,
    add_price,
    content,
    go_to_payment,
    notice,
    pay,
    put_in,
    sell,
    sessions_made,
)
from tests.support import Browser, Shop
from webstore.gateways.stripe.session_params import variant_key


@pytest.fixture
def box(shop: Shop) -> Good:
    return sell(shop, "Tea box", 1900, every="month")


@pytest.fixture
def subscriber(shop: Shop, box: Good) -> Browser:
    """Ada, with a running subscription to the box."""
    browser = shop.browser()
    browser.log_in()
    subscribe(browser, box)
    return browser


def subscribe(browser: Browser, box: Good) -> httpx.Response:
    page = pay(browser, go_to_payment(browser, f"/checkout?price={box.price}"))
    assert "Thank you" in content(page)
    return page


def subscriptions(shop: Shop) -> int:
    return len(shop.stripe("GET", "/subscriptions")["data"])


def test_three_purchases_in_a_row_are_one_subscription(shop: Shop, box: Good, subscriber: Browser) -> None:
    for _ in range(2):
        page = go_to_payment(subscriber, f"/checkout?price={box.price}")
        assert page.status_code == 409
        assert "You are already subscribed" in content(page)
    assert subscriptions(shop) == len(sessions_made(shop)) == 1


def test_the_page_names_the_subscription_and_the_portal_comes_first(box: Good, subscriber: Browser) -> None:
    page = go_to_payment(subscriber, f"/checkout?price={box.price}")
    words = content(page)
    assert "Tea box Active €19.00 / month Next charge on" in words
    assert "Your order was not placed, and you have not been charged." in words
    actions = re.findall(r'<form[^>]*action="([^"]*)"', page.text[page.text.index("<main") :])
    assert actions[:2] == ["/account/portal", "/checkout"]
    assert words.index("Manage your subscription") < words.index("Subscribe a second time")


@pytest.mark.parametrize("variant", ["L", "Mug", "Large"])
def test_the_page_and_the_invoices_have_the_variant(shop: Shop, variant: str) -> None:
    mug = sell(shop, "Large Mug", 1900, every="month")
    chosen = Good(mug.product, add_price(shop, mug.product, 2100, every="month", nickname=variant))
    notice(shop)
    browser = shop.browser()
    browser.log_in()
    subscribe(browser, chosen)
    told = content(go_to_payment(browser, f"/checkout?price={chosen.price}"))
    assert f"Large Mug ({variant}) Active" in told
    (invoice,) = shop.stripe("GET", "/invoices")["data"]
    kept = invoice["parent"]["subscription_details"]["metadata"]
    assert kept[variant_key(chosen.price)] == variant
    (subscription,) = shop.stripe("GET", "/subscriptions")["data"]
    assert subscription["description"].endswith(f": Large Mug ({variant})")


def test_a_name_that_ends_with_the_variant_is_shown_as_it_is(shop: Shop) -> None:
    tea = sell(shop, "Tea (250 g)", 1900, every="month")
    chosen = Good(tea.product, add_price(shop, tea.product, 1900, every="month", nickname="250 g"))
    notice(shop)
    browser = shop.browser()
    browser.log_in()
    subscribe(browser, chosen)
    assert "Tea (250 g) Active" in content(go_to_payment(browser, f"/checkout?price={chosen.price}"))


def test_the_portal_is_one_press_away(box: Good, subscriber: Browser) -> None:
    page = go_to_payment(subscriber, f"/checkout?price={box.price}")
    portal = subscriber.submit(page, action="/account/portal")
    assert portal.status_code == 200
    assert "/account" not in portal.url.path


def test_a_deliberate_second_one_is_sold(shop: Shop, box: Good, subscriber: Browser) -> None:
    told = go_to_payment(subscriber, f"/checkout?price={box.price}")
    page = pay(subscriber, subscriber.submit(told, action="/checkout"))
    assert "Thank you" in content(page)
    assert subscriptions(shop) == 2


def test_an_old_tab_leads_back_to_the_page(shop: Shop, box: Good) -> None:
    browser = shop.browser()
    browser.log_in()
    old_tab = browser.open(f"/checkout?price={box.price}")
    subscribe(browser, box)
    told = browser.submit(old_tab, action="/checkout")
    assert told.status_code == 409
    assert "You are already subscribed" in content(told)
    pay(browser, browser.submit(told, action="/checkout"))
    # This form knew of one subscription, and there are two now.
    again = browser.submit(told, action="/checkout")
    assert again.status_code == 409
    assert "these subscriptions" in content(again)
    assert subscriptions(shop) == 2


def test_a_made_up_answer_is_no_answer(shop: Shop, box: Good, subscriber: Browser) -> None:
    told = go_to_payment(subscriber, f"/checkout?price={box.price}")
    for second in ("", "0", "x" * 5000):
        assert subscriber.submit(told, action="/checkout", second=second).status_code == 409
    assert len(sessions_made(shop)) == 1


def test_a_subscription_that_has_ended_is_not_told(shop: Shop, box: Good, subscriber: Browser) -> None:
    (running,) = shop.stripe("GET", "/subscriptions")["data"]
    shop.stripe("DELETE", f"/subscriptions/{running['id']}")
    subscribe(subscriber, box)


def test_another_product_is_not_held_up(shop: Shop, subscriber: Browser) -> None:
    subscribe(subscriber, sell(shop, "Coffee box", 2100, every="month"))


def test_the_cart_is_kept_and_its_other_items_are_named(shop: Shop, box: Good, subscriber: Browser) -> None:
    put_in(subscriber, sell(shop, "Lamp", 900))
    put_in(subscriber, box)
    told = go_to_payment(subscriber)
    assert told.status_code == 409
    assert "Lamp, €9.00" in content(told)
    assert "Lamp" in content(subscriber.open("/cart"))
    page = pay(subscriber, subscriber.submit(told, action="/checkout"))
    assert "Thank you" in content(page)


def test_a_cart_that_changed_since_is_told_before_the_second_one(box: Good, subscriber: Browser) -> None:
    put_in(subscriber, box)
    told = go_to_payment(subscriber)
    put_in(subscriber, box)
    assert "Your order has changed" in content(subscriber.submit(told, action="/checkout"))


@pytest.mark.parametrize(("status", "answer"), [(500, 503), (403, 409)])
def test_nothing_is_sold_blindly(
    shop: Shop, box: Good, subscriber: Browser, status: int, answer: int
) -> None:
    page = subscriber.open(f"/checkout?price={box.price}")
    error = {"error": {"type": "invalid_request_error", "message": "This key has no permission."}}
    shop.sandbox.stripe.control.add_fault(
        action="status", path="/v1/subscriptions", status=status, body=error, times=None
    )
    assert subscriber.submit(page, action="/checkout").status_code == answer
    assert len(sessions_made(shop)) == 1


def test_a_session_that_could_not_be_expired_is_no_way_to_a_second_subscription(
    shop: Shop, box: Good
) -> None:
    browser = shop.browser()
    browser.log_in()
    pages = [browser.open(f"/checkout?price={box.price}&quantity={quantity}") for quantity in (1, 2, 3)]
    first = browser.submit(pages[0], action="/checkout")
    shop.sandbox.stripe.control.add_fault(
        action="status", method="POST", path="/v1/checkout/sessions/.*/expire", status=500, body="", times=1
    )
    stuck = browser.submit(pages[1], action="/checkout")
    assert stuck.status_code == 503
    assert "You have not been charged" in content(stuck)
    assert [made["status"] for made in sessions_made(shop)] == ["open"]
    third = browser.submit(pages[2], action="/checkout")
    assert [made["status"] for made in sessions_made(shop)] == ["open", "expired"]
    pay(browser, first)
    pay(browser, third)
    assert subscriptions(shop) == 1


def test_an_earlier_session_that_was_paid_meanwhile_is_told(shop: Shop, box: Good) -> None:
    browser = shop.browser()
    browser.log_in()
    pages = [browser.open(f"/checkout?price={box.price}&quantity={quantity}") for quantity in (1, 2)]
    pay(browser, browser.submit(pages[0], action="/checkout"))
    told = browser.submit(pages[1], action="/checkout")
    assert told.status_code == 409
    assert "You are already subscribed" in content(told)
    assert subscriptions(shop) == 1
