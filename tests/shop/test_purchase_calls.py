"""What a purchase costs in calls to Stripe, without the verification of the link."""

from __future__ import annotations

from tests.goods import Good, content, go_to_payment, pay, put_in, sell
from tests.support import Browser, Shop

CREATE, SESSION = "POST /v1/checkout/sessions", "GET /v1/checkout/sessions/cs"
PRODUCTS, SUBSCRIPTIONS = "GET /v1/products", "GET /v1/subscriptions"
EXPIRE = "POST /v1/checkout/sessions/cs/expire"


def calls(shop: Shop) -> list[str]:
    """The calls so far, without linking's, in order."""
    return [
        "/".join("cs" if part.startswith("cs_") else part for part in request.split("/"))
        for request in shop.stripe_requests()
        if not request.startswith("GET /v1/customers/")
    ]


def test_a_product_page_costs_no_call(shop: Shop, mug: Good, ada: Browser) -> None:
    shop.forget_requests()
    assert ada.open(f"/products/{mug.product}").status_code == 200
    assert shop.stripe_requests() == []


def test_a_plain_purchase_is_three_calls(shop: Shop, ada: Browser) -> None:
    put_in(ada, sell(shop, "Lamp", 900))
    shop.forget_requests()
    page = ada.open("/checkout")
    assert calls(shop) == []
    payment = ada.submit(page, action="/checkout")
    assert calls(shop) == [PRODUCTS, CREATE]
    assert "Thank you" in content(pay(ada, payment))
    assert calls(shop) == [PRODUCTS, CREATE, SESSION]


def test_the_subscription_guard_is_one_call_more(shop: Shop, ada: Browser) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    shop.forget_requests()
    assert "Thank you" in content(pay(ada, go_to_payment(ada, f"/checkout?price={box.price}")))
    assert calls(shop) == [SUBSCRIPTIONS, PRODUCTS, CREATE, SESSION]


def test_the_guards_page_is_one_call(shop: Shop, ada: Browser) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    pay(ada, go_to_payment(ada, f"/checkout?price={box.price}"))
    shop.forget_requests()
    assert go_to_payment(ada, f"/checkout?price={box.price}").status_code == 409
    assert calls(shop) == [SUBSCRIPTIONS]


def test_the_carts_earlier_open_session_is_two_calls_more(shop: Shop, ada: Browser) -> None:
    go_to_payment(ada)
    page = ada.open("/checkout")
    shop.forget_requests()
    ada.submit(page, action="/checkout")
    # The cart's session is read, and read once more after the replay, because a replay shows an old state.
    assert calls(shop) == [SESSION, PRODUCTS, CREATE, SESSION]


def test_a_changed_cart_expires_its_earlier_session(shop: Shop, ada: Browser) -> None:
    go_to_payment(ada)
    put_in(ada, sell(shop, "Lamp", 900))
    page = ada.open("/checkout")
    shop.forget_requests()
    ada.submit(page, action="/checkout")
    assert calls(shop) == [SESSION, PRODUCTS, CREATE, EXPIRE]


def test_another_quantity_of_a_subscription_expires_the_earlier_session_first(
    shop: Shop, ada: Browser
) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    go_to_payment(ada, f"/checkout?price={box.price}&quantity=1")
    page = ada.open(f"/checkout?price={box.price}&quantity=2")
    shop.forget_requests()
    ada.submit(page, action="/checkout")
    assert calls(shop) == [EXPIRE, SUBSCRIPTIONS, PRODUCTS, CREATE]


def test_a_refusal_lists_the_open_sessions_once(shop: Shop, mug: Good, ada: Browser) -> None:
    page = ada.open(f"/checkout?price={mug.price}&quantity=1")
    shop.stripe("POST", f"/products/{mug.product}", **{"metadata[stock]": "0"})
    shop.forget_requests()
    assert ada.submit(page, action="/checkout").status_code == 409
    # The catalogue may be read again at the same time.
    assert calls(shop)[0] == PRODUCTS
    assert [call for call in calls(shop) if "checkout" in call] == ["GET /v1/checkout/sessions"]
