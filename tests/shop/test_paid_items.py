"""Paid items leave the cart, also if the shopper never came back from Stripe's page."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import cast

import pytest

from tests.fakes import Impatient
from tests.goods import (
    Good,
    content,
    go_to_payment,
    in_cart,
    pay,
    pay_without_coming_back,
    put_in,
    replace_price,
    sell,
    send_payment,
    session_of,
    sessions_made,
)
from tests.support import Browser, Shop
from webstore.routes import Services, attach
from webstore.shop.ports import Checkouts
from webstore.shop.session_readings import _answer_key  # what passing time makes the store forget


def some_seconds_later(shop: Shop) -> None:
    """Let the store forget what it has just read about Checkout Sessions, as it does in two seconds."""
    services: Services = shop.app.extensions["webstore"]
    for made in sessions_made(shop):
        services.state.delete(_answer_key(made["id"]))


@pytest.mark.parametrize("path", ["/cart", "/", "/checkout"])
def test_a_payment_empties_the_cart_on_the_next_visit(shopper: Browser, path: str) -> None:
    pay_without_coming_back(shopper, go_to_payment(shopper))
    shopper.open(path)
    assert "Your cart is empty." in content(shopper.open("/cart"))


def test_a_payment_after_the_logout_empties_the_cart_too(shared: Shop, shopper: Browser) -> None:
    page = go_to_payment(shopper)
    shopper.log_out()
    some_seconds_later(shared)
    pay_without_coming_back(shopper, page)
    assert "Your cart is empty." in content(shopper.open("/cart"))


def test_items_added_since_then_stay(shop: Shop, mug: Good, ada: Browser) -> None:
    lamp = sell(shop, "Lamp", 900)
    page = go_to_payment(ada)
    put_in(ada, lamp)
    put_in(ada, mug)
    some_seconds_later(shop)
    pay_without_coming_back(ada, page)
    left = ada.open("/cart")
    assert in_cart(left) == [("Blue mug", 1), ("Lamp", 1)]
    assert "Thank you for your purchase. Its items have left your cart; see your orders." in content(left)


@pytest.mark.parametrize("path", ["/", "/cart", "/checkout"])
def test_a_page_that_was_opened_before_the_payment_does_not_hide_it(
    shared: Shop, shopper: Browser, path: str
) -> None:
    page = go_to_payment(shopper)
    shopper.open(path)
    some_seconds_later(shared)
    pay_without_coming_back(shopper, page)
    assert in_cart(shopper.open("/cart")) == []


def test_a_page_without_a_body_asks_stripe_nothing(shop: Shop, ada: Browser) -> None:
    go_to_payment(ada)
    shop.forget_requests()
    for path in ("/cart", "/checkout", "/"):
        assert "Set-Cookie" not in ada.client.head(path).headers
    assert shop.stripe_requests() == []


def test_a_failed_reading_does_not_hide_the_payment(shop: Shop, ada: Browser) -> None:
    pay_without_coming_back(ada, go_to_payment(ada))
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/checkout/.*")
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]
    assert in_cart(ada.open("/cart")) == []


def test_an_old_page_does_not_sell_paid_items_again(shop: Shop, ada: Browser) -> None:
    old = ada.open("/checkout")
    pay_without_coming_back(ada, go_to_payment(ada))
    page = ada.submit(old, action="/checkout")
    assert page.status_code == 409
    assert "You have already paid for this order. See your orders." in content(page)
    assert in_cart(page) == in_cart(ada.open("/cart")) == []
    assert len(sessions_made(shop)) == 1


def test_an_old_page_sells_nothing_while_a_payment_is_uncertain(shop: Shop, ada: Browser) -> None:
    page = ada.open("/checkout")
    pay_without_coming_back(ada, go_to_payment(ada))
    shop.sandbox.stripe.control.add_fault(
        action="status", status=500, method="GET", path="/v1/checkout/.*", times=1
    )
    down = ada.submit(page, action="/checkout")
    assert down.status_code == 503
    assert "your cart is saved" in content(down)
    assert len(sessions_made(shop)) == 1


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_purchase_that_stripe_refuses_is_no_outage(
    shop: Shop, ada: Browser, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    go_to_payment(ada)
    page = ada.open("/checkout")
    refuse(shop, status, "GET", "/v1/checkout/sessions/.*")
    caplog.clear()
    refused = ada.submit(page, action="/checkout")
    assert refused.status_code == 409
    assert "have to fix first" in content(refused)
    assert len(errors(caplog)) == 1
    assert "The key may not do this." in errors(caplog)[0]
    shop.sandbox.stripe.control.clear_faults()
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


@pytest.mark.parametrize("path", ["/", "/cart", "/checkout"])
def test_a_page_is_shown_though_stripe_refuses_and_the_log_has_one_error(
    shop: Shop, ada: Browser, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    go_to_payment(ada)
    refuse(shop, 403, "GET", "/v1/checkout/sessions/.*")
    caplog.clear()
    assert ada.open(path).status_code == 200
    assert len(errors(caplog)) == 1
    assert "The key may not do this." in errors(caplog)[0]
    assert "to do: give the restricted key the permission" in errors(caplog)[0]


def test_a_session_that_the_key_may_not_expire_is_an_error(
    shop: Shop, ada: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    first = go_to_payment(ada)
    put_in(ada, sell(shop, "Pen", 300))
    refuse(shop, 403, "POST", "/v1/checkout/sessions/.*/expire")
    caplog.clear()
    second = go_to_payment(ada)
    assert session_of(second) != session_of(first)
    assert len(errors(caplog)) >= 1
    assert all(session_of(first) in error for error in errors(caplog))
    assert "to do: give the restricted key the permission" in errors(caplog)[0]
    # It can still be paid, so the cart still looks for it.
    shop.sandbox.stripe.control.clear_faults()
    some_seconds_later(shop)
    pay_without_coming_back(ada, first)
    assert in_cart(ada.open("/cart")) == [("Pen", 1)]


def refuse(shop: Shop, status: int, method: str, path: str) -> None:
    """Let Stripe refuse these requests, as it does for want of a permission."""
    error = {"type": "invalid_request_error", "message": "The key may not do this."}
    shop.sandbox.stripe.control.add_fault(
        action="status", status=status, method=method, path=path, times=None, body={"error": error}
    )


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_replaced_session_cannot_be_paid(shop: Shop, ada: Browser) -> None:
    first = go_to_payment(ada)
    put_in(ada, sell(shop, "Pen", 300))
    second = go_to_payment(ada)
    assert send_payment(ada, first).status_code >= 400
    assert "Thank you" in content(pay(ada, second))
    assert {made["id"]: made["status"] for made in sessions_made(shop)} == {
        session_of(first): "expired",
        session_of(second): "complete",
    }
    assert in_cart(ada.open("/cart")) == []


def test_a_session_that_cannot_be_expired_stays_with_the_cart(shop: Shop, ada: Browser) -> None:
    first = go_to_payment(ada)
    put_in(ada, sell(shop, "Pen", 300))
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/checkout/.*/expire")
    second = go_to_payment(ada)
    assert session_of(second) != session_of(first)
    some_seconds_later(shop)
    pay_without_coming_back(ada, first)
    assert in_cart(ada.open("/cart")) == [("Pen", 1)]


def test_the_session_of_another_user_of_the_browser_stays_open(shop: Shop, ada: Browser) -> None:
    hers = session_of(go_to_payment(ada))
    ada.log_out()
    put_in(ada, sell(shop, "Pen", 300))
    ada.log_in("grace@example.com")
    assert session_of(go_to_payment(ada)) != hers
    assert {made["status"] for made in sessions_made(shop)} == {"open"}


def test_the_last_of_many_sessions_empties_the_cart(shop: Shop, ada: Browser) -> None:
    page = go_to_payment(ada)
    for number in range(3):
        put_in(ada, sell(shop, f"Pen {number}", 300))
        page = go_to_payment(ada)
    put_in(ada, sell(shop, "Pen 3", 300))
    assert sorted(made["status"] for made in sessions_made(shop)) == ["expired"] * 3 + ["open"]
    some_seconds_later(shop)
    pay_without_coming_back(ada, page)
    assert in_cart(ada.open("/cart")) == [("Pen 3", 1)]


def test_items_paid_at_a_former_price_are_taken_out(shop: Shop, mug: Good, ada: Browser) -> None:
    page = go_to_payment(ada)
    replace_price(shop, mug, 1500)
    ada.submit(ada.open("/cart"), action="/cart/change")
    some_seconds_later(shop)
    pay_without_coming_back(ada, page)
    assert in_cart(ada.open("/cart")) == []


def test_items_paid_at_a_former_monthly_price_are_taken_out(shop: Shop) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    browser = shop.browser()
    put_in(browser, box)
    browser.log_in(path="/checkout")
    page = go_to_payment(browser)
    replace_price(shop, box, 2100, every="month")
    browser.submit(browser.open("/cart"), action="/cart/change")
    some_seconds_later(shop)
    pay_without_coming_back(browser, page)
    assert in_cart(browser.open("/cart")) == []


def test_a_shopper_who_has_paid_does_not_read_that_they_have_not(
    shopper: Browser,
) -> None:
    pay_without_coming_back(shopper, go_to_payment(shopper))
    for _ in range(2):
        assert "You have not been charged" not in content(shopper.open("/cart?done=canceled"))


def test_while_stripe_is_down_no_shopper_reads_that_they_have_not_paid(shop: Shop, ada: Browser) -> None:
    pay_without_coming_back(ada, go_to_payment(ada))
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/checkout/.*", times=None)
    page = ada.open("/cart?done=canceled")
    assert in_cart(page) == [("Blue mug", 2)]
    assert "You have not been charged" not in content(page)


def test_stripe_is_not_asked_on_every_page(shop: Shop, ada: Browser) -> None:
    page = go_to_payment(ada)
    shop.forget_requests()
    for _ in range(5):
        ada.open("/")
    asked = [seen for seen in shop.stripe_requests() if "/checkout/sessions/" in seen]
    assert asked == [f"GET /v1/checkout/sessions/{session_of(page)}"]


@pytest.mark.parametrize(("path", "limit_s"), [("/cart", 1.5), ("/checkout", 1.5), ("/", 0.3)])
def test_while_stripe_hangs_the_cart_is_kept_and_the_page_waits_little(
    shop: Shop, ada: Browser, path: str, limit_s: float
) -> None:
    go_to_payment(ada)
    shop.sandbox.stripe.control.add_fault(action="hang", path="/v1/checkout/.*", times=None)
    services: Services = shop.app.extensions["webstore"]
    checkouts = Impatient(services.checkouts, 0.1)
    attach(shop.app, replace(services, checkouts=cast(Checkouts, checkouts)))
    page = ada.open(path)
    assert page.status_code == 200
    (limit,) = checkouts.limits
    assert limit <= limit_s
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_the_home_page_comes_while_stripe_still_hangs(shop: Shop, ada: Browser) -> None:
    go_to_payment(ada)
    shop.sandbox.stripe.control.add_fault(action="hang", path="/v1/checkout/.*", times=None)
    shop.forget_requests()
    assert ada.open("/").status_code == 200
    asked = [seen for seen in shop.sandbox.stripe.control.requests() if "/checkout/" in seen.path]
    assert all(seen.status is None for seen in asked), "Stripe has answered"


def test_an_expired_session_is_forgotten_and_the_cart_kept(shop: Shop, ada: Browser) -> None:
    made = session_of(go_to_payment(ada))
    shop.stripe("POST", f"/checkout/sessions/{made}/expire")
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]
    shop.forget_requests()
    shop.remove_state()
    ada.open("/cart")
    assert f"GET /v1/checkout/sessions/{made}" not in shop.stripe_requests()
    assert session_of(go_to_payment(ada)) != made
