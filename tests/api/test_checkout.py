"""Checkout through the JSON API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import TestResponse

from tests.api.conftest import APP
from tests.callers import ask, assert_problem, signed, user_token
from tests.goods import notice, sell, send_payment
from tests.support import ADA, Shop, running_shop, the_customer, until


def order(shop: Shop, token: str, lines: object, **urls: object) -> TestResponse:
    """Ask for a Checkout Session."""
    return ask(shop, "/api/checkout", token, method="POST", json={"lines": lines, **urls})


def session_of(shop: Shop, answer: TestResponse) -> dict[str, Any]:
    """The Checkout Session as Stripe has it."""
    assert answer.status_code == 201, answer.text
    found = answer.get_json()
    assert set(found) == {"id", "url"}
    session: dict[str, Any] = shop.stripe("GET", f"/checkout/sessions/{found['id']}")
    assert session["url"] == found["url"]
    return session


def test_a_checkout_ends_on_the_linked_customer(shop: Shop) -> None:
    mug = sell(shop, "Mug", 1200)

    session = session_of(shop, order(shop, user_token(shop), [{"price": mug.price, "quantity": 3}]))

    assert session["customer"] == the_customer(shop, ADA)["id"]
    assert session["client_reference_id"] == session["metadata"]["auth0_user_id"] == ADA
    assert (session["amount_total"], session["currency"], session["mode"]) == (3600, "eur", "payment")
    base_url = shop.environment["BASE_URL"]
    assert session["success_url"] == f"{base_url}/checkout/success?session_id={{CHECKOUT_SESSION_ID}}"
    assert session["cancel_url"] == f"{base_url}/cart"


def test_a_stale_claim_is_healed_before_money_is_involved(shop: Shop) -> None:
    mug = sell(shop, "Mug", 1200)
    token = user_token(shop)
    assert ask(shop, "/api/me", token).status_code == 200
    dead = the_customer(shop, ADA)["id"]
    shop.stripe("DELETE", f"/customers/{dead}")
    stale = signed(shop, **{f"{shop.environment['BASE_URL']}/stripe_customer_id": dead})

    session = session_of(shop, order(shop, stale, [{"price": mug.price, "quantity": 1}]))

    assert session["customer"] == the_customer(shop, ADA)["id"] != dead


def test_the_same_purchase_twice_is_one_session_while_it_is_open(shop: Shop) -> None:
    mug, token = sell(shop, "Mug", 1200), user_token(shop)
    lines = [{"price": mug.price, "quantity": 1}]
    first = session_of(shop, order(shop, token, lines))
    assert session_of(shop, order(shop, token, lines))["id"] == first["id"]

    shop.stripe("POST", f"/checkout/sessions/{first['id']}/expire")

    assert session_of(shop, order(shop, token, lines))["id"] != first["id"]


def test_a_price_in_several_lines_is_added_up(shop: Shop) -> None:
    mug = sell(shop, "Mug", 1200)
    lines = [{"price": mug.price, "quantity": 1}, {"price": mug.price, "quantity": 2.0}]
    assert session_of(shop, order(shop, user_token(shop), lines))["amount_total"] == 3600


def test_a_recurring_price_is_a_subscription(shop: Shop) -> None:
    tea = sell(shop, "Tea", 900, every="month")
    session = session_of(shop, order(shop, user_token(shop), [{"price": tea.price, "quantity": 1}]))
    assert session["mode"] == "subscription"


def test_the_client_may_choose_where_the_shopper_goes_from_there(tmp_path: Path) -> None:
    with running_shop(tmp_path / "state", API_CORS_ORIGINS=APP) as shop:
        mug = sell(shop, "Mug", 1200)
        lines = [{"price": mug.price, "quantity": 1}]
        success = f"{APP}/thanks?id={{CHECKOUT_SESSION_ID}}"
        cancel = f"{shop.environment['BASE_URL']}/products/mug#reviews"
        answer = order(shop, user_token(shop), lines, success_url=success, cancel_url=cancel)
        session = session_of(shop, answer)
        assert (session["success_url"], session["cancel_url"]) == (success, cancel)


ELSEWHERE = (
    "https://evil.example/",
    "//evil.example",
    "/cart",
    f"{APP}.evil.example/",
    f"{APP}@evil.example/",
    f"{APP}:8443/",
    f"{APP}\\@evil.example/",
    f" {APP}/",
    f"{APP}/\n",
    f"{APP}/a b",
    "https://appxexample/",
    "http://app.example/",
    "javascript:alert(1)",
    f"{APP}/{'x' * 2000}",
    "",
    7,
    None,
)


@pytest.mark.parametrize("url", ELSEWHERE)
@pytest.mark.parametrize("name", ["success_url", "cancel_url"])
def test_other_addresses_are_refused(shared: Shop, name: str, url: object) -> None:
    price = ask(shared, "/api/products/mug", signed(shared)).get_json()["prices"][0]["id"]
    answer = order(shared, signed(shared), [{"price": price, "quantity": 1}], **{name: url})
    assert name in assert_problem(answer, 400)["detail"]


MALFORMED: tuple[object, ...] = (
    None,
    {},
    [],
    "x",
    [None],
    [[]],
    [{}],
    [{"price": "p"}],
    [{"quantity": 1}],
    [{"price": "", "quantity": 1}],
    [{"price": 1, "quantity": 1}],
    [{"price": "p" * 256, "quantity": 1}],
    *([{"price": "p", "quantity": many}] for many in (0, -1, 1e9, 1000, "1", "one", None, True, 1.5, [1])),
    [{"price": "p", "quantity": 1, "amount": 1}],
    [{"price": f"p{number}", "quantity": 1} for number in range(21)],
)


@pytest.mark.parametrize("lines", MALFORMED)
def test_malformed_lines_are_bad_requests(shared: Shop, lines: object) -> None:
    assert_problem(order(shared, signed(shared), lines), 400)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\xff",
        b"[" * 60_000,
        b'{"lines": [], "customer": "cus_1"}',
        b'{"lines": [{"price": "p", "quantity": NaN}]}',
        b'{"lines": [{"price": "p", "quantity": 1e999}]}',
        b'{"lines": [{"price": "p", "price": "q", "quantity": 1}]}',
        b'{"lines": [{"price": "p", "quantity": ' + b"9" * 5000 + b"}]}",
    ],
)
def test_a_malformed_body_is_a_bad_request(shared: Shop, body: bytes) -> None:
    answer = ask(
        shared, "/api/checkout", signed(shared), method="POST", data=body, content_type="application/json"
    )
    assert_problem(answer, 400)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
def test_a_body_of_another_type_is_refused(shared: Shop, content_type: str) -> None:
    body = b'{"lines": [{"price": "p", "quantity": 1}]}'
    answer = ask(shared, "/api/checkout", signed(shared), method="POST", data=body, content_type=content_type)
    assert_problem(answer, 415)
    assert answer.headers["Accept"] == "application/json"


def test_a_compressed_body_is_refused(shared: Shop) -> None:
    answer = ask(
        shared,
        "/api/checkout",
        signed(shared),
        method="POST",
        data=b"\x1f\x8b",
        content_type="application/json",
        headers={"Content-Encoding": "gzip"},
    )
    assert_problem(answer, 415)


@pytest.mark.parametrize("price", ["price_unknown", "p' OR 1=1", "\ud800", "../customers", "x\0y"])
def test_an_unknown_price_cannot_be_bought(shared: Shop, price: str) -> None:
    assert_problem(order(shared, signed(shared), [{"price": price, "quantity": 1}]), 409)


def test_goods_that_cannot_be_paid_together_are_refused(shared: Shop) -> None:
    prices = ask(shared, "/api/products/mug", signed(shared)).get_json()["prices"]
    lines = [{"price": price["id"], "quantity": 1} for price in prices]
    answer = order(shared, signed(shared), lines)
    assert "JPY" in assert_problem(answer, 409)["detail"]


def test_goods_out_of_stock_cannot_be_bought(shop: Shop) -> None:
    mug = sell(shop, "Mug", 1200, **{"metadata[stock]": "0"})
    answer = order(shop, signed(shop), [{"price": mug.price, "quantity": 1}])
    assert "out of stock" in assert_problem(answer, 409)["detail"]
    assert shop.customers() == []


def test_a_price_that_was_just_archived_is_refused_and_the_catalogue_read_again(shop: Shop) -> None:
    mug = sell(shop, "Mug", 1200)
    shop.stripe("POST", f"/prices/{mug.price}", active="false")
    token = signed(shop)

    answer = order(shop, token, [{"price": mug.price, "quantity": 1}])

    assert "not for sale" in assert_problem(answer, 409)["detail"]
    until(lambda: ask(shop, f"/api/products/{mug.product}", token).status_code == 404, within_s=20)


def test_goods_that_were_sold_out_just_now_are_refused(shop: Shop) -> None:
    mug, token = sell(shop, "Mug", 1200), signed(shop)
    shop.stripe("POST", f"/products/{mug.product}", **{"metadata[stock]": "0"})
    answer = order(shop, token, [{"price": mug.price, "quantity": 1}])
    assert "out of stock" in assert_problem(answer, 409)["detail"]
    assert shop.stripe("GET", "/checkout/sessions")["data"] == []


@pytest.mark.parametrize("knows", [True, False])
@pytest.mark.parametrize("change", [{"metadata[stock]": "0"}, {"active": "false"}, {}])
def test_an_open_session_for_what_is_off_the_shelf_cannot_be_paid(
    shop: Shop, change: dict[str, str], knows: bool
) -> None:
    mug = sell(shop, "Mug", 1200)
    opened = session_of(shop, order(shop, user_token(shop), [{"price": mug.price, "quantity": 1}]))
    if change:
        shop.stripe("POST", f"/products/{mug.product}", **change)
    else:
        shop.stripe("POST", f"/prices/{mug.price}", active="false")
    if knows:
        notice(shop)
    token = signed(shop, **{f"{shop.environment['BASE_URL']}/stripe_customer_id": opened["customer"]})
    assert_problem(order(shop, token, [{"price": mug.price, "quantity": 2}]), 409)
    assert shop.stripe("GET", f"/checkout/sessions/{opened['id']}")["status"] == "expired"


def told(answer: TestResponse) -> dict[str, Any]:
    """The answer about running subscriptions."""
    assert answer.status_code == 409, answer.text
    assert answer.content_type == "application/problem+json"
    found: dict[str, Any] = json.loads(answer.text)
    assert found["type"].endswith("/api/openapi.json#/components/schemas/Subscribed")
    return found


def subscribe(shop: Shop, answer: TestResponse) -> None:
    """Pay for the session as its user would."""
    browser = shop.browser()
    page = browser.open(session_of(shop, answer)["url"])
    assert "/checkout/success" in send_payment(browser, page).headers["Location"]


def test_a_second_subscription_is_a_deliberate_one(shop: Shop) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    token, lines = signed(shop), [{"price": box.price, "quantity": 1}]
    subscribe(shop, order(shop, token, lines))

    first = told(order(shop, token, lines))

    (running,) = first["subscriptions"]
    assert running["id"] == shop.stripe("GET", "/subscriptions")["data"][0]["id"]
    assert (running["status"], running["ends_at"]) == ("active", None)
    assert running["items"] == [{"price": box.price, "product": box.product, "nickname": None, "quantity": 1}]
    assert running["period_end"] > 0
    assert told(order(shop, token, lines, second="another"))["second"] == first["second"]
    subscribe(shop, order(shop, token, lines, second=first["second"]))
    # The same answer does not stand for a third one.
    assert len(told(order(shop, token, lines, second=first["second"]))["subscriptions"]) == 2


@pytest.mark.parametrize("second", [None, 1, [], {}, "x" * 65])
def test_a_malformed_second_is_a_bad_request(shared: Shop, second: object) -> None:
    answer = order(shared, signed(shared), [{"price": "p", "quantity": 1}], second=second)
    assert "second" in assert_problem(answer, 400)["detail"]


def test_while_stripe_is_down_nothing_is_sold(shop: Shop) -> None:
    mug, token = sell(shop, "Mug", 1200), signed(shop)
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/(checkout|customers).*")

    answer = order(shop, token, [{"price": mug.price, "quantity": 1}])

    assert_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0
