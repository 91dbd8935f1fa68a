"""Checkout that fails: bad requests, changed products, failing vendors, lost customers."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from tests.fakes import Clock, Impatient
from tests.goods import (
    Good,
    add_price,
    content,
    go_to_payment,
    in_cart,
    notice,
    pay,
    put_in,
    replace_price,
    sell,
    session_of,
    sessions_made,
)
from tests.support import (
    ADA,
    PASSWORD,
    Browser,
    Shop,
    held,
    in_background,
    shown_customer,
    the_customer,
    until,
)
from webstore.linking import Payments
from webstore.routes import Services, attach, limits
from webstore.shop.ports import Checkouts


@pytest.mark.parametrize("quantity", ["0", "-1", "1e9", "1000000000", "two", "1000"])
def test_bad_quantities(shared: Shop, shelved: Good, quantity: str) -> None:
    page = shared.browser().open(f"/checkout?price={shelved.price}&quantity={quantity}")
    assert page.status_code == 400
    assert "Check the quantity" in content(page)
    assert "quantity from 1 to 999" in content(page)


@pytest.mark.usefixtures("shelved")
@pytest.mark.parametrize("price", ["", "price_unknown", "x" * 3000, "%00", "%FF"])
def test_unknown_prices(shared: Shop, price: str) -> None:
    page = shared.browser().open(f"/checkout?price={price}")
    assert page.status_code == 400
    assert "no longer available" in content(page)


@pytest.mark.usefixtures("shelved")
def test_an_empty_cart_has_no_checkout(shared: Shop) -> None:
    browser = shared.browser()
    assert browser.open("/checkout").url.path == "/cart"
    browser.log_in()
    page = browser.open("/account")
    answer = browser.submit(page, action="/account/portal")
    assert answer.status_code == 200
    token = re.findall(r'name="csrf_token" value="([^"]*)"', page.text)[0]
    assert browser.client.post("/checkout", data={"csrf_token": token}).url.path == "/cart"


@pytest.mark.parametrize("token", [{}, {"csrf_token": ""}, {"csrf_token": "x"}])
def test_a_purchase_needs_the_forms_token(shared: Shop, shelved: Good, token: Mapping[str, str]) -> None:
    browser = shared.browser()
    put_in(browser, shelved, 2)
    browser.log_in()
    page = browser.client.post("/checkout", data=token)
    assert page.status_code == 400
    assert sessions_made(shared) == []


def test_a_stranger_who_posts_is_led_to_the_login_and_comes_back(shared: Shop, shelved: Good) -> None:
    browser = shared.browser()
    page = browser.client.post("/checkout", data={"price": shelved.price, "quantity": "2"})
    assert (page.status_code, page.history) == (403, [])
    (login,) = re.findall('<a class="button" href="(/login[^"]*)">Log in</a>', page.text)
    page = browser.submit(browser.open(html.unescape(login)), email="ada@example.com", password=PASSWORD)
    assert str(page.url) == f"{shared.url}/checkout?price={shelved.price}&quantity=2"


def test_a_price_that_changed_since_the_page_was_opened_is_shown_before_paying(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    page = ada.open("/checkout")
    replace_price(shop, mug, 1400)
    changed = ada.submit(page, action="/checkout")
    assert changed.status_code == 409
    assert "You have not been charged. Please check your order again before you pay." in content(changed)
    assert content(changed).count("Blue mug now costs €14.00 instead of €12.50.") == 1
    assert content(changed).count("has changed") == 1
    assert sessions_made(shop) == []
    page = pay(ada, ada.submit(changed, action="/checkout"))
    assert "Total €28.00" in content(page)
    assert "Your cart is empty." in content(ada.open("/cart"))


def test_a_price_that_is_replaced_by_one_of_the_same_amount_is_no_change(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    page = ada.open("/checkout")
    replace_price(shop, mug, 1250)
    page = pay(ada, ada.submit(page, action="/checkout"))
    assert "Total €25.00" in content(page)


def test_a_change_that_the_review_page_has_said_is_not_said_again(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    replace_price(shop, mug, 1400)
    assert "Blue mug now costs €14.00 instead of €12.50." in content(ada.open("/checkout"))
    for path in ("/checkout", "/cart"):
        assert "instead of" not in content(ada.open(path))


def test_a_single_item_whose_price_changed_is_shown_again(shop: Shop, mug: Good, ada: Browser) -> None:
    page = ada.open(f"/checkout?price={mug.price}&quantity=1")
    shop.stripe("POST", f"/prices/{mug.price}", active="false")
    add_price(shop, mug.product, 1400)
    gone = ada.submit(page, action="/checkout")
    assert gone.status_code == 409
    assert sessions_made(shop) == []


def test_a_price_that_was_just_archived_is_refused_and_the_cart_kept(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    page = ada.open("/checkout")
    shop.stripe("POST", f"/prices/{mug.price}", active="false")
    gone = ada.submit(page, action="/checkout")
    assert gone.status_code == 409
    assert "One item is no longer available, so your order was not placed." in content(gone)
    assert [quantity for _, quantity in in_cart(ada.open("/cart"))] == [2]
    notice(shop)
    assert "None of these items is available right now." in content(ada.open("/checkout"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"metadata[stock]": "0"}, "“Blue mug” is out of stock, so your order was not placed."),
        ({"active": "false"}, "“Blue mug” is no longer available, so your order was not placed."),
    ],
)
def test_what_is_not_for_sale_any_more_is_not_sold_from_an_old_page(
    shop: Shop, mug: Good, ada: Browser, change: dict[str, str], words: str
) -> None:
    page = ada.open("/checkout")
    shop.stripe("POST", f"/products/{mug.product}", **change)
    refused = ada.submit(page, action="/checkout")
    assert refused.status_code == 409
    assert words in content(refused)
    assert sessions_made(shop) == []
    until(lambda: "None of these items is available" in content(ada.open("/checkout")), within_s=20)


def test_an_open_session_for_what_was_sold_out_since_cannot_be_paid(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    payment = go_to_payment(ada)
    shop.stripe("POST", f"/products/{mug.product}", **{"metadata[stock]": "0"})
    assert go_to_payment(ada).status_code == 409
    assert [made["status"] for made in sessions_made(shop)] == ["expired"]
    pay(ada, payment)
    assert shop.stripe("GET", "/charges")["data"] == []


def archive(shop: Shop, good: Good, session_id: str) -> None:
    """Archive the price; the lines of an open session say so as well."""
    shop.stripe("POST", f"/prices/{good.price}", active="false")
    shown = shop.stripe("GET", f"/checkout/sessions/{session_id}", **{"expand[]": "line_items"})
    for line in shown["line_items"]["data"]:
        line["price"]["active"] = False
    shop.sandbox.stripe.control.add_fault(
        action="status",
        method="GET",
        path=f"/v1/checkout/sessions/{session_id}",
        status=200,
        body=shown,
        times=2,
    )


@pytest.mark.parametrize("path", ["/checkout", "/checkout?price={}&quantity=1"])
@pytest.mark.parametrize("instead", [True, False])
def test_an_open_session_at_a_price_that_was_archived_since_cannot_be_paid(
    shop: Shop, mug: Good, ada: Browser, path: str, instead: bool
) -> None:
    page = ada.open(path.format(mug.price))
    payment = ada.submit(page, action="/checkout")
    archive(shop, mug, session_of(payment))
    if instead:
        add_price(shop, mug.product, 2500)
    refused = ada.submit(page, action="/checkout")
    assert refused.status_code == 409
    assert "One item is no longer available, so your order was not placed." in content(refused)
    assert [made["status"] for made in sessions_made(shop)] == ["expired"]
    pay(ada, payment)
    assert shop.stripe("GET", "/charges")["data"] == []


def test_an_open_session_for_another_quantity_at_an_archived_price_cannot_be_paid(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    pages = [ada.open(f"/checkout?price={mug.price}&quantity={quantity}") for quantity in (1, 2)]
    payment = ada.submit(pages[0], action="/checkout")
    shop.stripe("POST", f"/prices/{mug.price}", active="false")
    assert ada.submit(pages[1], action="/checkout").status_code == 409
    assert [made["status"] for made in sessions_made(shop)] == ["expired"]
    pay(ada, payment)
    assert shop.stripe("GET", "/charges")["data"] == []


@pytest.mark.parametrize("change", [{"metadata[stock]": "0"}, {"active": "false"}])
def test_a_single_items_open_session_cannot_be_paid_once_it_is_off_the_shelf(
    shop: Shop, mug: Good, ada: Browser, change: dict[str, str]
) -> None:
    page = ada.open(f"/checkout?price={mug.price}&quantity=1")
    payment = ada.submit(page, action="/checkout")
    shop.stripe("POST", f"/products/{mug.product}", **change)
    assert ada.submit(page, action="/checkout").status_code == 409
    assert [made["status"] for made in sessions_made(shop)] == ["expired"]
    pay(ada, payment)
    assert shop.stripe("GET", "/charges")["data"] == []


@pytest.mark.parametrize("path", ["/checkout", "/checkout?price={}&quantity=1"])
@pytest.mark.parametrize(
    "change", [{"metadata[stock]": "0"}, {"active": "false"}, {"price": "archived"}, {"price": "replaced"}]
)
def test_an_open_session_cannot_be_paid_either_once_the_catalogue_knows(
    shop: Shop, mug: Good, ada: Browser, path: str, change: dict[str, str]
) -> None:
    page = ada.open(path.format(mug.price))
    payment = ada.submit(page, action="/checkout")
    if change == {"price": "replaced"}:
        replace_price(shop, mug, 2500)
    elif change == {"price": "archived"}:
        shop.stripe("POST", f"/prices/{mug.price}", active="false")
    else:
        shop.stripe("POST", f"/products/{mug.product}", **change)
    notice(shop)
    ada.submit(page, action="/checkout")
    assert [made["status"] for made in sessions_made(shop)] == ["expired"]
    pay(ada, payment)
    assert shop.stripe("GET", "/charges")["data"] == []


def test_the_page_of_an_unfinished_purchase_leads_to_no_payment_for_what_is_sold_out(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    success = f"/checkout/success?session_id={session_of(go_to_payment(ada))}"
    assert "Continue to payment" in content(ada.open(success))
    shop.stripe("POST", f"/products/{mug.product}", **{"metadata[stock]": "0"})
    page = content(ada.open(success))
    assert "This checkout has expired" in page
    assert "Continue to payment" not in page
    assert [made["status"] for made in sessions_made(shop)] == ["expired"]


def test_items_that_cannot_be_bought_stay_in_the_cart_and_the_rest_is_bought(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    lamp = sell(shop, "Lamp", 900)
    put_in(ada, lamp)
    shop.stripe("POST", f"/products/{mug.product}", **{"metadata[stock]": "0"})
    notice(shop)
    page = ada.open("/checkout")
    assert "Out of stock." in content(page)
    assert "Total €9.00" in content(page)
    assert "Lamp €9.00" in content(pay(ada, ada.submit(page, action="/checkout")))
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


@pytest.mark.parametrize(
    ("change", "words"),
    [({"metadata[stock]": "0"}, "Out of stock."), ({"active": "false"}, "No longer available.")],
)
def test_a_refused_order_goes_on_with_what_is_left(
    shop: Shop, mug: Good, ada: Browser, change: dict[str, str], words: str
) -> None:
    put_in(ada, sell(shop, "Lamp", 900))
    page = ada.open("/checkout")
    # Stripe knows it, and the catalogue does not yet.
    shop.stripe("POST", f"/products/{mug.product}", **change)
    refused = ada.submit(page, action="/checkout")
    assert refused.status_code == 409
    assert f"{words} Not included in this order." in content(refused)
    assert "Total €9.00" in content(refused)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2), ("Lamp", 1)]
    assert "Lamp €9.00" in content(pay(ada, ada.submit(refused, action="/checkout")))
    (charge,) = shop.stripe("GET", "/charges")["data"]
    assert charge["amount"] == 900
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


@pytest.mark.parametrize("change", [{"metadata[stock]": "0"}, {"active": "false"}])
@pytest.mark.parametrize("path", ["/checkout", "/checkout?price={}&quantity=2"])
def test_a_refused_order_of_which_nothing_is_left_has_no_button_to_pay(
    shop: Shop, mug: Good, ada: Browser, change: dict[str, str], path: str
) -> None:
    page = ada.open(path.format(mug.price))
    shop.stripe("POST", f"/products/{mug.product}", **change)
    refused = ada.submit(page, action="/checkout")
    assert refused.status_code == 409
    assert "Not included in this order." in content(refused)
    assert "so your order was not placed." in content(refused)
    assert "check what is left" not in content(refused)
    assert "Continue to payment" not in content(refused)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_an_amount_that_stripe_does_not_take_is_refused(shop: Shop) -> None:
    sticker = sell(shop, "Sticker", 10)
    browser = shop.browser()
    browser.log_in()
    page = go_to_payment(browser, f"/checkout?price={sticker.price}")
    assert page.status_code == 409
    assert "This total is too small for a payment" in content(page)
    page = go_to_payment(browser, f"/checkout?price={sell(shop, 'Yacht', 99_999_999).price}&quantity=2")
    assert page.status_code == 409
    assert "This total is too large for one payment" in content(page)


def test_a_second_currency_is_refused_in_words(shop: Shop, ada: Browser) -> None:
    page = ada.open("/checkout")
    said = "You cannot combine currencies on a single customer."
    shop.sandbox.stripe.control.add_fault(
        action="status",
        method="POST",
        path="/v1/checkout/sessions",
        status=400,
        body={"error": {"type": "invalid_request_error", "message": said}},
    )
    refused = ada.submit(page, action="/checkout")
    assert refused.status_code == 409
    assert "in another currency" in content(refused)
    assert "cancel the subscription first" in content(refused)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_a_flood_of_purchases_is_refused(
    shop: Shop, mug: Good, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long the requests take, they are in one window.
    monkeypatch.setattr(limits, "time", Clock())
    page = ada.open(f"/checkout?price={mug.price}")
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/checkout/.*", times=None)
    sent = {"quantity": "1", "csrf_token": "wrong"}
    answers = [ada.submit(page, action="/checkout", **sent) for _ in range(limits.SHOPPER_LIMIT + 1)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused == answers[-1:]
    assert answers[0].status_code == 400
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 10
    assert "wait a moment and try again" in content(refused[0])
    grace = shop.browser()
    grace.log_in("grace@example.com")
    down = go_to_payment(grace, f"/checkout?price={mug.price}")
    assert down.status_code == 503
    assert 'href="/cart">Your cart</a>' in down.text.partition("<main")[2]


@pytest.mark.parametrize(
    "fault", [{"action": "status", "status": 500}, {"action": "reset"}, {"action": "hang"}]
)
@pytest.mark.parametrize("path", ["/v1/customers.*", "/v1/checkout/sessions"])
def test_stripe_failing_at_each_step_keeps_the_cart(
    shop: Shop, ada: Browser, path: str, fault: dict[str, Any]
) -> None:
    page = ada.open("/checkout")
    shop.sandbox.stripe.control.add_fault(path=path, times=None, **fault)
    services: Services = shop.app.extensions["webstore"]
    checkouts, payments = Impatient(services.checkouts, 0.3), Impatient(services.linker.payments, 0.3)
    linker = replace(services.linker, payments=cast(Payments, payments))
    attach(shop.app, replace(services, checkouts=cast(Checkouts, checkouts), linker=linker))
    down = ada.submit(page, action="/checkout")
    assert down.status_code == 503
    assert max(checkouts.limits + payments.limits) < 12
    assert "your cart is saved" in content(down)
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]
    shop.sandbox.stripe.control.clear_faults()
    attach(shop.app, services)
    until(lambda: go_to_payment(ada).status_code == 200, within_s=15)
    assert len(sessions_made(shop)) == 1


def test_a_refused_key_keeps_the_cart(shop: Shop, ada: Browser) -> None:
    page = ada.open("/checkout")
    shop.sandbox.stripe.control.add_fault(
        action="status", path="/v1/checkout/.*", status=403, body={"error": {"type": "invalid_request_error"}}
    )
    assert ada.submit(page, action="/checkout").status_code == 409
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_a_link_of_another_set_up_is_refused(shop: Shop, ada: Browser) -> None:
    of_another_tenant = {"metadata[auth0_user_id]": ADA, "metadata[auth0_tenant]": "old.eu.auth0.com"}
    customer = shop.stripe("POST", "/customers", **of_another_tenant)["id"]
    metadata = {"stripe_customer_id": customer}
    shop.management("PATCH", ADA, {"app_metadata": metadata}).raise_for_status()
    page = go_to_payment(ada)
    assert page.status_code == 409
    assert "There is a problem with your account" in content(page)
    assert "Try again" not in content(page)
    assert sessions_made(shop) == []


def test_a_user_who_is_gone_is_logged_out(shop: Shop, ada: Browser) -> None:
    shop.management("DELETE", ADA).raise_for_status()
    page = go_to_payment(ada)
    assert page.url.path == "/"
    assert ada.open("/account").url.path == "/u/login"
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]
    assert sessions_made(shop) == []


def test_a_customer_deleted_in_between_is_healed_and_pays(shop: Shop, ada: Browser) -> None:
    old = the_customer(shop, ADA)["id"]
    page = ada.open("/checkout")
    shop.stripe("DELETE", f"/customers/{old}")
    page = pay(ada, ada.submit(page, action="/checkout"))
    assert "Thank you" in content(page)
    (made,) = sessions_made(shop)
    assert made["customer"] == the_customer(shop, ADA)["id"] != old


def test_a_phone_whose_session_remembers_another_customer_pays_on_the_recorded_one(
    shop: Shop, ada: Browser
) -> None:
    page = ada.open("/checkout")
    form = {"email": "ada@example.com", "metadata[auth0_user_id]": ADA}
    recorded = shop.stripe("POST", "/customers", **form)["id"]
    metadata = {"stripe_customer_id": recorded}
    shop.management("PATCH", ADA, {"app_metadata": metadata}).raise_for_status()
    pay(ada, ada.submit(page, action="/checkout"))
    (made,) = sessions_made(shop)
    assert made["customer"] == recorded == shown_customer(ada.open("/account"))


def test_a_customer_deleted_while_stripe_makes_the_session_is_healed(shop: Shop, ada: Browser) -> None:
    old = the_customer(shop, ADA)["id"]
    page = ada.open("/checkout")
    with held(shop.sandbox.stripe.control, "POST", "/v1/checkout/sessions") as came:
        answer = in_background(lambda: ada.submit(page, action="/checkout"))
        until(came)
        shop.stripe("DELETE", f"/customers/{old}")
    assert "Thank you" in content(pay(ada, answer.result(30)))
    assert the_customer(shop, ADA)["id"] != old
