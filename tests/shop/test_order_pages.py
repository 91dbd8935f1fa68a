"""The page of the shopper's orders: whose they are, and how they stand."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.goods import Good, content, pay, put_in, sell, words
from tests.support import ADA, Browser, Shop, the_customer
from webstore.gateways.state import FileState
from webstore.linking import verdicts, verified_customer
from webstore.linking.models import LinkStatus

DAY_S = 24 * 3600.0
TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.fixture
def ada(shop: Shop) -> Browser:
    """Ada, logged in, with an empty cart."""
    browser = shop.browser()
    browser.log_in()
    return browser


def buy(browser: Browser, good: Good, quantity: int = 1, **fields: str) -> httpx.Response:
    page = browser.open(f"/checkout?price={good.price}&quantity={quantity}")
    page = pay(browser, browser.submit(page, action="/checkout"), **fields)
    assert page.url.path == "/checkout/success", content(page)
    return page


def shown(page: httpx.Response) -> list[tuple[str, str]]:
    """Status and words of each order on the page."""
    assert page.status_code == 200, content(page)
    found = re.findall(r'<article[^>]*data-status="([^"]*)"[^>]*>(.*?)</article>', page.text, re.DOTALL)
    return [(status, words(markup)) for status, markup in found]


def statuses(page: httpx.Response) -> list[str]:
    return [status for status, _ in shown(page)]


def test_strangers_see_no_orders_and_come_back_after_the_login(shop: Shop) -> None:
    browser = shop.browser()
    assert browser.open("/orders").url.path == "/u/login"
    page = browser.log_in(path="/orders")
    assert page.url.path == "/orders"
    assert "You have no orders yet." in content(page)


def test_an_order_with_its_items_total_and_receipt(shop: Shop, mug: Good, ada: Browser) -> None:
    put_in(ada, mug, 2)
    put_in(ada, sell(shop, "Lamp", 900))
    pay(ada, ada.submit(ada.open("/checkout"), action="/checkout"))
    page = ada.open("/orders")
    ((status, text),) = shown(page)
    assert status == "paid"
    for part in (f"Blue mug {TIMES} 2 €25.00", "Lamp €9.00", "Total €34.00", "Paid"):
        assert part in text
    (receipt,) = re.findall(r'href="([^"]*)"[^>]*>\s*Receipt', page.text)
    assert shop.http.get(receipt).status_code == 200


def test_open_and_expired_checkouts_are_not_orders(shop: Shop, mug: Good, ada: Browser) -> None:
    for quantity in (1, 2):
        page = ada.open(f"/checkout?price={mug.price}&quantity={quantity}")
        ada.submit(page, action="/checkout")
    first = shop.stripe("GET", "/checkout/sessions")["data"][0]["id"]
    shop.stripe("POST", f"/checkout/sessions/{first}/expire")
    assert "You have no orders yet." in content(ada.open("/orders"))


def test_refunds_are_shown(shop: Shop, mug: Good, ada: Browser) -> None:
    buy(ada, mug, 2)
    charge = shop.stripe("GET", "/charges")["data"][0]
    shop.stripe("POST", "/refunds", charge=charge["id"], amount="500")
    ((status, text),) = shown(ada.open("/orders"))
    assert (status, "Refunded €5.00" in text) == ("partly_refunded", True)
    shop.stripe("POST", "/refunds", charge=charge["id"])
    ((status, text),) = shown(ada.open("/orders"))
    assert (status, "Refunded €25.00" in text) == ("refunded", True)


def test_a_payment_that_takes_days(mug: Good, ada: Browser) -> None:
    buy(ada, mug, paymentMethod="debit")
    assert statuses(ada.open("/orders")) == ["processing"]


def test_a_subscription_its_renewal_and_a_refund_of_it(shop: Shop, ada: Browser) -> None:
    box = sell(shop, "Tea box", 1900, every="month")
    buy(ada, box)
    assert statuses(ada.open("/orders")) == ["paid"]
    shop.advance(32 * DAY_S)
    shop.remove_state()
    ada = shop.browser()
    ada.log_in()
    renewal, first = shown(ada.open("/orders"))
    assert "Renewal" in renewal[1]
    assert "19.00" in renewal[1]
    assert "Renewal" not in first[1]
    charges = shop.stripe("GET", "/charges")["data"]
    assert len(charges) == 2
    shop.stripe("POST", "/refunds", charge=charges[0]["id"])
    shop.stripe("POST", "/refunds", charge=charges[1]["id"], amount="100")
    assert statuses(ada.open("/orders")) == ["refunded", "partly_refunded"]


def test_older_orders_are_on_further_pages(mug: Good, ada: Browser) -> None:
    for quantity in range(1, 14):
        buy(ada, mug, quantity)
    page = ada.open("/orders")
    first = shown(page)
    (older,) = re.findall(r'rel="next" href="([^"]*)"', page.text)
    page = ada.open(older)
    second = shown(page)
    totals = [re.findall(r"Total €([0-9.]+)", text) for _, text in (*first, *second)]
    assert totals == [[f"{12.5 * quantity:.2f}"] for quantity in range(13, 0, -1)]
    assert (len(first), len(second)) == (10, 3)
    assert "Newest orders" in content(page)
    assert 'rel="next"' not in page.text


def test_a_cursor_that_was_made_up_or_is_somebody_elses_is_refused(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    for quantity in range(1, 12):
        buy(ada, mug, quantity)
    (older,) = re.findall(r'rel="next" href="([^"]*)"', ada.open("/orders").text)
    grace = shop.browser()
    grace.log_in("grace@example.com")
    assert grace.open(older).status_code == 404
    for text in ("x", "", older[-20:], "WyJjdXNfMSJd.x", "%00"):
        page = ada.open(f"/orders?after={text}")
        assert page.status_code == 404
        assert 'href="/orders">Your orders</a>' in page.text.partition("<main")[2]
    assert len(shown(ada.open(older))) == 1


def test_a_shopper_does_not_see_the_orders_of_others(shop: Shop, mug: Good, ada: Browser) -> None:
    buy(ada, mug)
    grace = shop.browser()
    grace.log_in("grace@example.com")
    assert "You have no orders yet." in content(grace.open("/orders"))
    # Not even if a mistake recorded somebody else's customer.
    hers = the_customer_of(shop, ADA)
    grace_id = shop.user_id("grace@example.com")
    shop.management("PATCH", grace_id, {"app_metadata": {"stripe_customer_id": hers}}).raise_for_status()
    shop.remove_state()
    grace.log_in("grace@example.com")
    assert "Blue mug" not in content(grace.open("/orders"))


def the_customer_of(shop: Shop, user_id: str) -> str:
    return str(shop.app_metadata(user_id)["stripe_customer_id"])


def test_orders_of_two_deleted_customers_are_still_shown(shop: Shop, mug: Good, ada: Browser) -> None:
    chain = []
    for quantity in (2, 3, 4):
        buy(ada, mug, quantity)
        chain.append(the_customer_of(shop, ADA))
        if quantity < 4:
            shop.stripe("DELETE", f"/customers/{chain[-1]}")
    assert len(set(chain)) == 3
    texts = [text for _, text in shown(ada.open("/orders"))]
    assert [f"{TIMES} {quantity} " in text for quantity, text in zip((4, 3, 2), texts, strict=True)] == [
        True
    ] * 3
    assert the_customer(shop, ADA)["id"] == chain[-1]


def test_a_customer_deleted_on_the_dashboard_leaves_its_orders(shop: Shop, mug: Good, ada: Browser) -> None:
    buy(ada, mug)
    assert statuses(ada.open("/orders")) == ["paid"]
    shop.stripe("DELETE", f"/customers/{the_customer_of(shop, ADA)}")
    # With the verdict of the last minute, and with a new one.
    assert statuses(ada.open("/orders")) == ["paid"]
    shop.remove_state()
    ada.log_in()
    assert statuses(ada.open("/orders")) == ["paid"]
    assert shop.app_metadata(ADA)["stripe_customer_id"] == the_customer(shop, ADA)["id"]


@pytest.mark.usefixtures("ada")
def test_the_verdict_counts_for_a_minute_and_is_dropped_for_a_customer(shop: Shop, tmp_path: Path) -> None:
    state = FileState(tmp_path / "verdicts")
    first = verdicts.verdict(shop.linker, state, ADA)
    shop.forget_requests()
    assert verdicts.verdict(shop.linker, state, ADA).customer_id == first.customer_id
    assert shop.stripe_requests() + shop.management_requests() == []
    assert first.customer_id is not None
    verdicts.forget_verdict_of(state, "cus_other")
    verdicts.forget_verdict_of(state, first.customer_id)
    verdicts.verdict(shop.linker, state, ADA)
    assert len(shop.stripe_requests()) == 1
    verdicts.forget_verdict(state, ADA)
    verdicts.verdict(shop.linker, state, ADA)
    assert len(shop.stripe_requests()) == 2


@pytest.mark.usefixtures("ada")
def test_a_session_that_names_another_customer_is_verified_again(shop: Shop, tmp_path: Path) -> None:
    """Its customer was deleted and replaced a moment ago, at the checkout for instance."""
    state = FileState(tmp_path / "verdicts")
    first = verdicts.verdict(shop.linker, state, ADA)
    shop.stripe("DELETE", f"/customers/{first.customer_id}")
    second = verified_customer(shop.linker, ADA, first.customer_id)
    assert second.customer_id not in (None, first.customer_id)
    found = verdicts.verdict(shop.linker, state, ADA, second.customer_id)
    assert (found.customer_id, found.predecessors) == (second.customer_id, (first.customer_id,))


@pytest.mark.usefixtures("ada")
def test_a_link_that_cannot_be_used_is_not_kept_as_a_verdict(shop: Shop, tmp_path: Path) -> None:
    state = FileState(tmp_path / "verdicts")
    shop.sandbox.stripe_server.stop()
    assert verdicts.verdict(shop.linker, state, ADA).status is LinkStatus.PENDING
    shop.sandbox.stripe_server.start()
    found = verdicts.verdict(shop.linker, state, ADA)
    assert (found.status, found.customer_id) == (LinkStatus.VERIFIED, the_customer(shop, ADA)["id"])


def test_stripe_down(shop: Shop, mug: Good, ada: Browser) -> None:
    buy(ada, mug)
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/checkout/.*", times=None)
    page = ada.open("/orders")
    assert page.status_code == 503
    assert "Your orders can't be loaded right now" in content(page)
    shop.sandbox.stripe.control.clear_faults()
    shop.sandbox.stripe_server.stop()
    shop.remove_state()
    ada.open("/")
    assert ada.open("/orders").status_code == 503
    shop.sandbox.stripe_server.start()
    assert statuses(ada.open("/orders")) == ["paid"]


def test_a_key_that_may_not_read_charges_shows_everything_else(shop: Shop, ada: Browser) -> None:
    buy(ada, sell(shop, "Tea box", 1900, every="month"))
    refused = {"error": {"type": "invalid_request_error", "message": "no permission"}}
    shop.sandbox.stripe.control.add_fault(
        action="status", status=403, body=refused, path="/v1/charges", times=None
    )
    assert statuses(ada.open("/orders")) == ["paid"]
