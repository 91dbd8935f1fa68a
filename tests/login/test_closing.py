"""Billing at Stripe, and closing the account."""

from __future__ import annotations

import re

import httpx
import pytest

from tests.login.account_pages import content, link_to
from tests.support import ADA, OTHER_ACCOUNT, Browser, Shop, link_status, shown_customer
from webstore.routes.limits import SHOPPER_LIMIT
from webstore.sandbox.stripe import LIVE_KEY


def forms_token(page: httpx.Response) -> str:
    """What the page's forms carry."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def test_the_account_leads_to_the_orders(ada: Browser) -> None:
    page = ada.open(link_to(ada.open("/account"), "Orders"))
    assert (page.url.path, page.status_code) == ("/orders", 200)


def test_billing_leads_to_the_customers_own_pages_at_stripe(shop: Shop, ada: Browser) -> None:
    page = ada.submit(ada.open("/account"), action="/account/portal")
    assert page.status_code == 200
    assert page.history[-1].status_code == 303
    assert str(page.url).startswith(shop.environment["STRIPE_API_BASE"])
    assert f"{shop.url}/account" in page.text


def test_billing_is_of_the_healed_customer(shop: Shop, ada: Browser) -> None:
    page = ada.open("/account")
    old = shown_customer(page)
    shop.stripe("DELETE", f"/customers/{old}")
    assert ada.submit(page, action="/account/portal").status_code == 200
    (customer,) = shop.customers()
    assert customer["id"] != old
    assert shown_customer(ada.open("/account")) == customer["id"]


@pytest.mark.parametrize("path", ["/account/portal", "/account/close"])
def test_billing_and_closing_need_the_session_and_its_token(shop: Shop, ada: Browser, path: str) -> None:
    form = {"confirmation": "close my account"}
    assert ada.client.post(path, data=form).status_code == 400
    assert ada.client.post(path, data={**form, "csrf_token": "x"}).status_code == 400
    token = forms_token(ada.open("/account"))
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert ada.client.post(path, data={**form, "csrf_token": token}, headers=foreign).status_code == 403
    assert "Please log in" in shop.browser().client.post(path, data=form).text
    assert shop.management("GET", ADA).status_code == 200


def test_billing_while_stripe_is_down(shop: Shop, ada: Browser) -> None:
    page = ada.open("/account")
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/billing_portal/.*")
    down = ada.submit(page, action="/account/portal")
    assert down.status_code == 503
    assert "Billing can't be opened right now" in content(down)
    shop.sandbox.stripe_server.stop()
    assert ada.submit(page, action="/account/portal").status_code == 503
    shop.sandbox.stripe_server.start()
    assert ada.submit(page, action="/account/portal").status_code == 200


def test_billing_with_a_link_of_another_set_up(shop: Shop, ada: Browser) -> None:
    shop.restart(STRIPE_SECRET_KEY=LIVE_KEY)
    page = ada.open("/account")
    metadata = {"stripe_customer_id": "cus_live", "stripe_account": f"{OTHER_ACCOUNT} live"}
    shop.management("PATCH", ADA, {"app_metadata": metadata}).raise_for_status()
    refused = ada.submit(page, action="/account/portal")
    assert refused.status_code == 409
    assert "There is a problem with your account" in content(refused)


def test_an_account_is_closed_for_good_and_the_customer_is_kept(shop: Shop, ada: Browser) -> None:
    other_device = shop.browser()
    other_device.log_in()
    customers = shop.customers()
    page = ada.open(link_to(ada.open("/account"), "close your account"))
    for words in ("cannot be undone", "stay with Stripe", "You have no subscriptions."):
        assert words in content(page)
    page = ada.submit(page, action="/account/close", confirmation="  Close  my ACCOUNT ")
    assert page.status_code == 200
    assert "Your account is closed" in content(page)
    assert link_status(page) is None
    assert shop.management("GET", ADA).status_code == 404
    assert shop.customers() == customers
    for device in (ada, other_device):
        assert device.open("/account").url.path.startswith("/u/login")


@pytest.mark.parametrize("typed", ["", "yes", "close", "close my accounts", "CLOSE_MY_ACCOUNT"])
def test_other_words_close_nothing(shop: Shop, ada: Browser, typed: str) -> None:
    page = ada.submit(ada.open("/account/close"), action="/account/close", confirmation=typed)
    assert page.status_code == 400
    assert "Nothing has changed." in content(page)
    assert shop.management("GET", ADA).status_code == 200
    assert ada.open("/account").url.path == "/account"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/account/link"),
        ("GET", "/orders"),
        ("GET", "/checkout/success?session_id=x"),
        ("POST", "/account/portal"),
        ("POST", "/account/close"),
    ],
)
def test_a_flood_of_what_costs_calls_is_refused_in_plain_words(
    shop: Shop, ada: Browser, method: str, path: str
) -> None:
    shop.sandbox.stripe_server.stop()
    shop.sandbox.auth0_server.stop()
    answers = [ada.client.request(method, path) for _ in range(2 * SHOPPER_LIMIT + 1)]
    assert answers[0].status_code != 429
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 10
    assert "wait a moment and try again" in content(refused[0])
    assert ada.open("/account").status_code == 200


def test_an_account_that_may_be_closed_in_a_moment_is_said_to_be_so(shop: Shop, ada: Browser) -> None:
    shop.restart(LINK_BUDGET_S="0.3")
    page = ada.open("/account/close")
    shop.sandbox.auth0.control.add_fault(action="hang", method="DELETE", path="/api/v2/.*", times=None)
    failed = ada.submit(page, action="/account/close", confirmation="close my account")
    assert failed.status_code == 503
    assert "It may still close" in content(failed)
    assert "as it was" not in content(failed)


@pytest.mark.parametrize("status", [403, 429, 500])
def test_an_account_that_cannot_be_closed_stays_as_it_is(shop: Shop, ada: Browser, status: int) -> None:
    page = ada.open("/account/close")
    shop.sandbox.auth0.control.add_fault(
        action="status", method="DELETE", path="/api/v2/.*", status=status, body={"statusCode": status}
    )
    failed = ada.submit(page, action="/account/close", confirmation="close my account")
    assert failed.status_code == (409 if status == 403 else 503)
    assert "couldn't close your account right now" in content(failed)
    assert ("may still close" in content(failed)) == (status != 403)
    assert ("Our team has been notified" in content(failed)) == (status == 403)
    assert link_status(ada.open("/account")) == "linked"
    closed = ada.submit(failed, action="/account/close", confirmation="close my account")
    assert "Your account is closed" in content(closed)
    assert shop.management("GET", ADA).status_code == 404


def test_an_account_that_is_gone_already_is_closed_all_the_same(shop: Shop, ada: Browser) -> None:
    page = ada.open("/account/close")
    shop.management("DELETE", ADA).raise_for_status()
    closed = ada.submit(page, action="/account/close", confirmation="close my account")
    assert "Your account is closed" in content(closed)
