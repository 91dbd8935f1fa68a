"""The pages of orders when Stripe refuses, delays or shortens a part of what they show."""

from __future__ import annotations

import copy
import logging
from typing import Any

import pytest

from tests.goods import Good, content, sell
from tests.shop.test_order_money import customer_of, newest_charge, order_pages, subscription_of
from tests.shop.test_order_pages import buy, shown, statuses
from tests.support import Browser, Shop

REFUSED = {"error": {"type": "invalid_request_error", "message": "no permission"}}
UNKNOWN = "Refunds can't be shown right now."


@pytest.fixture
def ada(shop: Shop) -> Browser:
    """Ada, logged in, with an empty cart."""
    browser = shop.browser()
    browser.log_in()
    return browser


@pytest.fixture
def renewed(shop: Shop, ada: Browser) -> Browser:
    """Ada, whose subscription was renewed, and the renewal refunded."""
    buy(ada, sell(shop, "Tea box", 1900, every="month"))
    shop.sandbox.stripe.renew(subscription_of(shop))
    shop.stripe("POST", "/refunds", charge=newest_charge(shop))
    return ada


def fail(shop: Shop, *names: str, status: int = 403, body: object = REFUSED) -> None:
    """These lists answer with this status until the faults are cleared."""
    for name in names:
        shop.sandbox.stripe.control.add_fault(
            action="status", status=status, body=body, path=f"/v1/{name}", times=None
        )


def answer(shop: Shop, name: str, *objects: dict[str, Any], more: bool = False) -> None:
    """The list answers with these objects until the faults are cleared."""
    body = {"object": "list", "url": f"/v1/{name}", "has_more": more, "data": list(objects)}
    fail(shop, name, status=200, body=body)


def listed_invoices(shop: Shop) -> list[dict[str, Any]]:
    """The customer's invoices as the store reads them."""
    api = shop.environment["STRIPE_API_BASE"]
    found = shop.http.get(
        f"{api}/v1/invoices",
        params={"customer": customer_of(shop), "expand[]": "data.payments"},
        headers={"Authorization": f"Bearer {shop.environment['STRIPE_SECRET_KEY']}"},
    )
    invoices: list[dict[str, Any]] = copy.deepcopy(found.json()["data"])
    return invoices


@pytest.mark.parametrize(("status", "body"), [(403, REFUSED), (500, "")])
def test_without_the_charges_both_pages_say_that_refunds_are_not_known(
    shop: Shop, renewed: Browser, caplog: pytest.LogCaptureFixture, status: int, body: object
) -> None:
    fail(shop, "charges", "invoice_payments", status=status, body=body)
    page = renewed.open("/orders")
    assert statuses(page) == ["paid", "paid"]
    assert content(page).count(UNKNOWN) == 2
    assert all(UNKNOWN in content(own) for own in order_pages(renewed))
    logged = [it.levelno for it in caplog.records if "cannot be read" in it.getMessage()]
    assert set(logged) == {logging.WARNING}
    shop.sandbox.stripe.control.clear_faults()
    page = renewed.open("/orders")
    assert statuses(page) == ["refunded", "paid"]
    assert UNKNOWN not in content(page)


@pytest.mark.parametrize(("status", "body"), [(403, REFUSED), (500, "")])
def test_without_the_disputes_nothing_is_said_about_the_bank(
    shop: Shop, mug: Good, ada: Browser, status: int, body: object
) -> None:
    buy(ada, mug)
    found = shop.sandbox.stripe.dispute(newest_charge(shop))
    shop.sandbox.stripe.close_dispute(found["id"], won=True)
    fail(shop, "disputes", status=status, body=body)
    assert statuses(ada.open("/orders")) == ["disputed"]
    ((_, text),) = shown(order_pages(ada)[0])
    assert "A payment was disputed with the bank." in text
    assert "looking into it" not in text


@pytest.mark.parametrize("name", ["charges", "disputes", "invoice_payments"])
def test_a_connection_that_breaks_takes_no_page_down(shop: Shop, renewed: Browser, name: str) -> None:
    shop.sandbox.stripe.dispute(shop.stripe("GET", "/charges")["data"][-1]["id"])
    paths = [own.url.path for own in order_pages(renewed)]
    shop.sandbox.stripe.control.add_fault(action="reset", path=f"/v1/{name}", times=None)
    assert [renewed.open(path).status_code for path in ("/orders", *paths)] == [200] * 3


def test_without_permission_for_invoices_the_purchases_are_shown(
    shop: Shop, renewed: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    fail(shop, "invoices")
    page = renewed.open("/orders")
    assert statuses(page) == ["paid"]
    assert "Invoices, such as those of renewals, can't be shown right now." in content(page)
    (logged,) = [it.levelno for it in caplog.records if "invoices cannot be read" in it.getMessage()]
    assert logged == logging.ERROR
    answer(shop, "checkout/sessions")
    assert "There are no purchases." in content(renewed.open("/orders"))
    shop.sandbox.stripe.control.clear_faults()
    fail(shop, "checkout/sessions")
    assert renewed.open("/orders").status_code == 409


def test_payments_beyond_the_embedded_ones_cost_no_calls_on_the_list(shop: Shop, ada: Browser) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    subscription = shop.sandbox.stripe.subscribe(customer=customer_of(shop), prices=[box.price])
    for _ in range(9):
        shop.sandbox.stripe.renew(subscription["id"])
    found = listed_invoices(shop)
    for invoice in found:
        invoice["payments"]["has_more"] = True
    answer(shop, "invoices", *found)
    ada.open("/orders")
    shop.forget_requests()
    page = ada.open("/orders")
    assert sorted(shop.stripe_requests()) == [
        "GET /v1/charges",
        "GET /v1/checkout/sessions",
        "GET /v1/invoices",
    ]
    assert content(page).count("See the order's page for refunds.") == 10
    assert "refunded" not in content(order_pages(ada)[0])


def test_charges_among_too_many_others_take_four_calls(shop: Shop, ada: Browser) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    subscription = shop.sandbox.stripe.subscribe(customer=customer_of(shop), prices=[box.price])
    for _ in range(9):
        shop.sandbox.stripe.renew(subscription["id"])
    charge = shop.stripe("GET", "/charges", customer=customer_of(shop))["data"][-1]
    shop.stripe("POST", "/refunds", charge=charge["id"])
    others = [dict(charge, id=f"ch_{n}", payment_intent=f"pi_{n}") for n in range(100)]
    answer(shop, "charges", *others, more=True)
    ada.open("/orders")
    shop.forget_requests()
    page = ada.open("/orders")
    assert len(shop.stripe_requests()) <= 4, shop.stripe_requests()
    assert content(page).count("See the order's page for refunds.") == 9
    assert statuses(order_pages(ada)[-1]) == ["refunded"]


def test_a_disputed_renewal_with_many_lines_takes_three_calls_and_says_where_the_rest_is(
    shop: Shop, ada: Browser
) -> None:
    boxes = [sell(shop, f"Box {number:02}", 100, every="month") for number in range(12)]
    subscription = shop.sandbox.stripe.subscribe(
        customer=customer_of(shop), prices=[it.price for it in boxes]
    )
    shop.sandbox.stripe.renew(subscription["id"])
    shop.sandbox.stripe.dispute(newest_charge(shop))
    path = order_pages(ada)[0].url.path
    shop.forget_requests()
    page = ada.open(path)
    assert statuses(page) == ["disputed"]
    assert len(shop.stripe_requests()) == 3, shop.stripe_requests()
    assert "More items are on the invoice." in content(page)
    assert listed_invoices(shop)[0]["hosted_invoice_url"] in page.text


def change(shop: Shop, **changes: Any) -> None:
    """An invoice over 10 euros was made and paid, and the list names it with these changes."""
    made = shop.sandbox.stripe.add_invoice(
        customer=customer_of(shop), lines=[{"description": "Engraving", "amount": 1000}]
    )
    shop.sandbox.stripe.pay_invoice(made["id"])
    (found,) = listed_invoices(shop)
    answer(shop, "invoices", {**found, **changes})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"subtotal": 900, "total": 900, "total_discount_amounts": [{"amount": 100}], "amount_paid": 900},
            "Items €10.00 Discount -€1.00 Total €9.00",
        ),
        (
            {"starting_balance": 500, "ending_balance": 0, "amount_due": 1500, "amount_paid": 1500},
            "Total €10.00 Previous balance €5.00 Paid €15.00",
        ),
        (
            {"subtotal": 30, "total": 30, "starting_balance": 0, "ending_balance": 30}
            | {"amount_due": 0, "amount_paid": 0, "payments": {"data": []}},
            "Total €0.30 Added to your next invoice €0.30",
        ),
    ],
)
def test_the_sums_of_an_invoice_explain_themselves(
    shop: Shop, ada: Browser, changes: dict[str, Any], words: str
) -> None:
    change(shop, **changes)
    ((_, text),) = shown(ada.open("/orders"))
    assert words in text
    assert "Other adjustments" not in text
    assert "Paid with your credit" not in text


def test_a_renewal_without_a_charge_is_to_be_paid_on_both_pages(shop: Shop, ada: Browser) -> None:
    """The bank's check of the shopper failed, so the bank was never asked for the money."""
    change(shop)
    (payment,) = shop.stripe("GET", "/invoice_payments", invoice=listed(shop))["data"]
    intent = shop.stripe("GET", f"/payment_intents/{payment['payment']['payment_intent']}")
    error = {"type": "card_error", "code": "payment_intent_authentication_failure"}
    intent.update(status="requires_payment_method", latest_charge=None, last_payment_error=error)
    payment.update(status="open", amount_paid=None, status_transitions={"paid_at": None})
    shop.sandbox.stripe.control.clear_faults()
    (invoice,) = listed_invoices(shop)
    invoice.update(status="open", amount_paid=0, amount_remaining=1000, attempted=True, attempt_count=1)
    invoice["payments"]["data"] = [payment]
    answer(shop, "invoices", invoice)
    answer(shop, "charges")
    expanded = {**payment, "payment": {"type": "payment_intent", "payment_intent": intent}}
    answer(shop, "invoice_payments", expanded)
    page = ada.open("/orders")
    for found in (page, *order_pages(ada)):
        ((status, text),) = shown(found)
        assert (status, "Pay now" in text) == ("due", True)


def listed(shop: Shop) -> str:
    """The ID of the only invoice."""
    return str(shop.stripe("GET", "/invoice_payments")["data"][0]["invoice"])
