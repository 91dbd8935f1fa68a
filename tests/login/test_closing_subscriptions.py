"""Nobody pays after leaving: subscriptions end before the account is closed, or it stays."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from tests.fakes import a_subscription
from tests.goods import content, go_to_payment, pay, put_in, sell
from tests.login.subscribers import let_stripe_list, statuses, subscribe
from tests.support import ADA, OTHER_ACCOUNT, Browser, Shop, link_status
from webstore.errors import PaymentsUnavailable
from webstore.sandbox.stripe import LIVE_KEY, TEST_KEY

PERMISSION = "The provided key does not have the required permissions for this endpoint."
NAMES = ("Tea box", "Coffee box", "Cocoa box")


def close(browser: Browser, page: httpx.Response | None = None) -> httpx.Response:
    """Type the words and press the button."""
    page = page or browser.open("/account/close")
    return browser.submit(page, action="/account/close", confirmation="close my account")


def fail(shop: Shop, path: str, method: str, status: int = 403) -> None:
    """Let Stripe refuse such requests (4xx) or break down (5xx) from now on."""
    body = {"error": {"type": "invalid_request_error", "message": PERMISSION}}
    shop.sandbox.stripe.control.add_fault(
        action="status", path=path, method=method, status=status, body=body, times=None
    )


def is_gone(shop: Shop) -> bool:
    """Whether Ada's login is deleted."""
    return shop.management("GET", ADA).status_code == 404


@pytest.fixture
def three(shop: Shop, ada: Browser) -> dict[str, str]:
    """Ada's three subscriptions: their IDs by name."""
    assert link_status(ada.open("/account")) == "linked"
    return {name: subscribe(shop, name, 900 + number) for number, name in enumerate(NAMES)}


def test_three_running_subscriptions_end_with_the_account(
    shop: Shop, ada: Browser, three: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "webstore")
    page = ada.open("/account/close")
    said = content(page)
    assert "Your subscriptions end at once" in said
    assert "There are no further charges." in said
    assert "is not refunded" in said
    for name, amount in zip(NAMES, ("9.00", "9.01", "9.02"), strict=True):
        assert f"{name} Active €{amount} a month" in said
    assert "Next charge" not in said
    closed = close(ada, page)
    assert closed.status_code == 200
    assert set(statuses(shop).values()) == {"canceled"}
    assert is_gone(shop)
    said = content(closed)
    assert "Your account is closed" in said
    assert "These subscriptions have ended, with no further charges:" in said
    for name in NAMES:
        assert name in said
    assert "What remains at Stripe Your customer record" in said
    assert "The law requires" in said
    # The customer and its invoices stay.
    assert len(shop.customers()) == 1
    assert len(shop.stripe("GET", "/invoices")["data"]) == 3
    assert all(subscription in caplog.text for subscription in three.values())


@pytest.mark.usefixtures("three")
def test_nothing_is_charged_after_leaving(shop: Shop, ada: Browser) -> None:
    close(ada)
    before = len(shop.stripe("GET", "/charges", limit="100")["data"])
    shop.advance(400 * 24 * 3600)
    assert len(shop.stripe("GET", "/charges", limit="100")["data"]) == before
    assert len(shop.stripe("GET", "/invoices", limit="100")["data"]) == 3


def test_one_that_cannot_be_ended_stops_it_and_the_next_try_goes_on(
    shop: Shop, ada: Browser, three: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    fail(shop, f"/v1/subscriptions/{three['Coffee box']}", "DELETE")
    failed = close(ada)
    assert failed.status_code == 409
    said = content(failed)
    assert "Your account was not closed, because you could still be charged." in said
    ended, _, running = said.partition("These subscriptions have not ended:")
    assert "Tea box (€9.00 a month)" in ended
    assert "Cocoa box (€9.02 a month)" in ended
    assert "Coffee box (€9.01 a month)" in running
    assert "Tea box" not in running
    assert "Our team has been notified" in said
    assert "Reference number" in said
    assert "again" not in said.lower()
    logged = "\n".join(it.getMessage() for it in caplog.records if it.levelno == logging.ERROR)
    assert PERMISSION in logged
    assert f"user={ADA} ended=2 running=1" in logged
    assert not is_gone(shop)
    assert link_status(ada.open("/account")) == "linked"
    shop.sandbox.stripe.control.clear_faults()
    shop.forget_requests()
    closed = close(ada, failed)
    assert "Your account is closed" in content(closed)
    assert [it for it in shop.stripe_requests() if it.startswith("DELETE")] == [
        f"DELETE /v1/subscriptions/{three['Coffee box']}"
    ]
    assert set(statuses(shop).values()) == {"canceled"}
    assert is_gone(shop)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.usefixtures("three")
def test_an_outage_of_stripe_deletes_nobody(shop: Shop, ada: Browser, method: str) -> None:
    page = ada.open("/account/close")
    fail(shop, "/v1/subscriptions.*", method, status=500)
    failed = close(ada, page)
    assert failed.status_code == 503
    assert "try again in a minute" in content(failed)
    assert "Your account was not closed" in content(failed)
    shop.sandbox.stripe.control.clear_faults()
    assert set(statuses(shop).values()) == {"active"}
    assert not is_gone(shop)
    assert "Your account is closed" in content(close(ada, failed))


def test_a_lost_answer_is_looked_up(shop: Shop, ada: Browser) -> None:
    subscription = subscribe(shop)
    # Stripe ends it, and the answer never arrives.
    shop.sandbox.stripe.fail(method="DELETE", path=f"/v1/subscriptions/{subscription}", effect="now")
    closed = close(ada)
    assert "Your account is closed" in content(closed)
    assert "Tea box" in content(closed)
    assert is_gone(shop)


def test_what_is_not_known_is_named_as_unknown(shop: Shop, ada: Browser) -> None:
    subscribers = let_stripe_list(shop, a_subscription("sub_1", description="Your tea"))

    page = ada.open("/account/close")
    subscribers.stuck["sub_1"] = PaymentsUnavailable("no answer")

    def stop_listing() -> None:
        if subscribers.calls[-1].startswith("cancel"):
            subscribers.down = PaymentsUnavailable("no answer")

    subscribers.meanwhile = stop_listing
    failed = close(ada, page)
    assert failed.status_code == 503
    assert "We don't know yet whether these subscriptions have ended: Your tea" in content(failed)
    assert not is_gone(shop)


def test_a_payment_page_that_is_still_open_cannot_be_paid_any_more(shop: Shop, ada: Browser) -> None:
    good = sell(shop, "Tea box", 1900, every="month")
    put_in(ada, good)
    payment = go_to_payment(ada)
    assert "Your account is closed" in content(close(ada))
    (session,) = shop.stripe("GET", "/checkout/sessions")["data"]
    assert session["status"] == "expired"
    assert pay(ada, payment).url.path != "/checkout/success"
    assert statuses(shop) == {}


def test_a_past_due_one_ends_too_and_its_invoice_is_not_collected(shop: Shop, ada: Browser) -> None:
    subscription = subscribe(shop)
    shop.sandbox.stripe.renew(subscription, succeeded=False)
    assert "Your account is closed" in content(close(ada))
    assert statuses(shop) == {subscription: "canceled"}


@pytest.mark.usefixtures("ada")
def test_somebody_else_keeps_theirs(shop: Shop) -> None:
    subscribe(shop)
    grace = shop.browser()
    grace.log_in("grace@example.com")
    close(grace)
    assert set(statuses(shop).values()) == {"active"}
    assert not is_gone(shop)


# Links that cannot be used


def test_a_user_whose_link_is_refused_can_leave(
    shop: Shop, ada: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    subscribe(shop)
    metadata = {"stripe_account": f"{OTHER_ACCOUNT} live"}
    shop.management("PATCH", ADA, {"app_metadata": metadata}).raise_for_status()
    shop.restart(STRIPE_SECRET_KEY=LIVE_KEY)
    page = ada.open("/account/close")
    assert "There is a problem with your account" in content(page)
    assert "contact us before you close your account" in content(page)
    closed = close(ada, page)
    assert "What remains at Stripe" in content(closed)
    assert is_gone(shop)
    shop.restart(STRIPE_SECRET_KEY=TEST_KEY)
    # It is not for this set-up to end them; the log says so.
    assert set(statuses(shop).values()) == {"active"}
    assert f"nothing was ended at Stripe: recorded for {OTHER_ACCOUNT} live" in caplog.text


def test_a_user_whose_customer_was_deleted_can_leave(shop: Shop, ada: Browser) -> None:
    subscription = subscribe(shop)
    (customer,) = shop.customers()
    shop.stripe("DELETE", f"/customers/{customer['id']}")
    # Stripe has ended the subscriptions of the deleted customer, and no new one is made.
    assert statuses(shop) == {subscription: "canceled"}
    closed = close(ada)
    assert "Your account is closed" in content(closed)
    assert shop.customers() == []
    assert is_gone(shop)


def test_a_user_who_was_never_linked_can_leave(shop: Shop) -> None:
    shop.sandbox.stripe_server.stop()
    browser = shop.browser()
    browser.log_in()
    shop.sandbox.stripe_server.start()
    page = browser.open("/account/close")
    assert "You have no subscriptions." in content(page)
    closed = close(browser, page)
    assert "Your account is closed" in content(closed)
    assert "What remains at Stripe" not in content(closed)
    assert shop.customers() == []
    assert is_gone(shop)


def test_a_user_who_was_deleted_meanwhile_does_not_go_on_paying(shop: Shop, ada: Browser) -> None:
    subscription = subscribe(shop)
    page = ada.open("/account/close")
    shop.management("DELETE", ADA).raise_for_status()
    closed = close(ada, page)
    assert "Your account is closed" in content(closed)
    assert statuses(shop) == {subscription: "canceled"}


# What cannot be read


@pytest.mark.parametrize("status", [500, 401])
def test_without_the_customer_nothing_is_done(
    shop: Shop, ada: Browser, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    subscribe(shop)
    page = ada.open("/account/close")
    fail(shop, "/v1/customers/.*", "GET", status)
    failed = close(ada, page)
    assert failed.status_code == (503 if status == 500 else 409)
    said = (
        "Nothing has changed. Please try again in a minute."
        if status == 500
        else "Our team has been notified"
    )
    assert said in content(failed)
    assert not is_gone(shop)
    assert set(statuses(shop).values()) == {"active"}
    assert any(it.levelno == logging.ERROR for it in caplog.records) == (status == 401)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v1/subscriptions", 500, "can't be loaded right now"),
        ("/v1/customers/.*", 500, "can't be loaded right now"),
        ("/v1/subscriptions", 403, "can't be shown at the moment"),
    ],
)
def test_the_page_is_shown_without_the_list(
    shop: Shop, ada: Browser, path: str, status: int, said: str
) -> None:
    fail(shop, path, "GET", status)
    page = ada.open("/account/close")
    assert page.status_code == 200
    assert said in content(page)
    assert ("again" in content(page).lower()) == (status == 500)
    assert "Your subscriptions end at once" in content(page)


@pytest.mark.usefixtures("three")
def test_other_words_keep_the_list_and_end_nothing(shop: Shop, ada: Browser) -> None:
    page = ada.submit(ada.open("/account/close"), action="/account/close", confirmation="yes")
    assert page.status_code == 400
    assert "Coffee box Active" in content(page)
    assert set(statuses(shop).values()) == {"active"}


@pytest.mark.parametrize("status", [403, 500])
def test_a_deletion_that_fails_says_that_the_subscriptions_have_ended(
    shop: Shop, ada: Browser, status: int
) -> None:
    subscribe(shop)
    body: dict[str, Any] = {"statusCode": status}
    shop.sandbox.auth0.control.add_fault(
        action="status", method="DELETE", path="/api/v2/.*", status=status, body=body
    )
    failed = close(ada)
    assert failed.status_code == (409 if status == 403 else 503)
    assert "couldn't close your account right now" in content(failed)
    assert "These subscriptions have ended, with no further charges: Tea box" in content(failed)
    assert "Your account is closed" in content(close(ada, failed))
