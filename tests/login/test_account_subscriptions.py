"""The subscriptions on the account page: what they cost, what happens next, and the way out."""

from __future__ import annotations

import logging
import re
from typing import Any

import httpx
import pytest

from tests.fakes import a_subscription
from tests.goods import content, sell, words
from tests.login.account_pages import link_to
from tests.login.subscribers import buy, let_stripe_list, subscribe, tell_of_changes
from tests.support import Browser, Shop, link_status
from webstore.shop.models import Money, Recurrence, SubscriptionItem

PAY = "https://invoice.stripe.com/i/x"
PERMISSION = "The provided key does not have the required permissions for this endpoint."
SUBSCRIPTIONS = "/v1/subscriptions"


def listed(page: httpx.Response) -> list[str]:
    """What the page says about each subscription."""
    found = re.findall(r"<li data-subscription.*?</li>", page.text, re.DOTALL)
    return [words(markup) for markup in found]


def refuse(shop: Shop, path: str, status: int = 403, method: str | None = None) -> None:
    """Let Stripe refuse such requests from now on."""
    body = {"error": {"type": "invalid_request_error", "message": PERMISSION}}
    only = {"method": method} if method else {}
    shop.sandbox.stripe.control.add_fault(
        action="status", path=path, status=status, body=body, times=None, **only
    )


def errors(caplog: pytest.LogCaptureFixture) -> str:
    """The lines of level ERROR."""
    return "\n".join(record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)


def test_a_subscription_that_was_just_bought(shop: Shop, ada: Browser) -> None:
    good = sell(shop, "Tea box", 900, every="month")
    shop.stripe("POST", f"/prices/{good.price}", nickname="250 g")
    buy(shop, ada, good, 2)
    page = ada.open("/account")
    (said,) = listed(page)
    assert re.fullmatch(
        "Tea box · 250 g \N{MULTIPLICATION SIGN} 2 Active "
        r"€18\.00 a month\. Next charge \w+ \d+, 20\d\d ?\.",
        said,
    ), said
    assert "Manage, cancel or resume" in content(page)


def test_without_subscriptions_the_page_says_nothing_of_them(ada: Browser) -> None:
    page = ada.open("/account")
    assert "Your subscriptions" not in content(page)
    assert "Manage, cancel or resume" not in content(page)


def test_the_list_is_one_call_while_the_customer_is_known_to_be_right(shop: Shop, ada: Browser) -> None:
    subscribe(shop)
    ada.open("/account")
    shop.forget_requests()
    assert len(listed(ada.open("/account"))) == 1
    assert shop.stripe_requests() == [f"GET {SUBSCRIPTIONS}"]
    assert shop.management_requests() == []


def test_one_that_is_cancelled_in_the_portal_says_when_it_ends(shop: Shop, ada: Browser) -> None:
    subscription = subscribe(shop)
    shop.stripe("POST", f"/subscriptions/{subscription}", cancel_at_period_end="true")
    (said,) = listed(ada.open("/account"))
    assert re.fullmatch(
        r"Tea box Cancelled €19\.00 a month\. It ends on \w+ \d+, 20\d\d ?, and there is no further charge\.",
        said,
    ), said


def test_a_renewal_that_failed_is_said_with_the_way_out(shop: Shop, ada: Browser) -> None:
    subscription = subscribe(shop)
    shop.sandbox.stripe.renew(subscription, succeeded=False)
    page = ada.open("/account")
    (said,) = listed(page)
    assert "Payment failed €19.00 a month. The last payment did not succeed. Pay now" in said
    assert "Next charge" not in said
    invoice = ada.open(link_to(page, r"Pay now\s*<span[^>]*>.*?</span>"))
    assert (invoice.status_code, str(invoice.url).startswith(shop.environment["STRIPE_API_BASE"])) == (
        200,
        True,
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {"status": "trialing"},
            "Free trial €19.00 a month. The free trial lasts until Oct 21, 2026 ; the first charge is due"
            " then.",
            id="trial",
        ),
        pytest.param(
            {"status": "trialing", "ends_at": a_subscription("sub_1").period_end},
            "Cancelled €19.00 a month. The free trial lasts until Oct 21, 2026 . It ends on Oct 21, 2026 ,"
            " and there is no further charge.",
            id="trial that ends",
        ),
        pytest.param(
            {"status": "incomplete", "invoice_url": PAY},
            "Not started €19.00 a month. It starts when the first payment succeeds. Pay now",
            id="incomplete",
        ),
        pytest.param(
            {"status": "past_due", "invoice_url": PAY},
            "Payment failed €19.00 a month. The last payment did not succeed. Pay now",
            id="past due",
        ),
        pytest.param(
            {"status": "past_due"},
            "Payment failed €19.00 a month. The last payment did not succeed.",
            id="past due without an invoice",
        ),
        pytest.param({"status": "paused"}, "Paused €19.00 a month. Nothing is charged for now.", id="paused"),
        pytest.param(
            {"collection_paused": True, "resumes_at": 1_792_592_000.0},
            "Paused €19.00 a month. Nothing is charged for now, until Oct 21, 2026 .",
            id="paused for a while",
        ),
        pytest.param(
            {"adjusted": True},
            "Active €19.00 a month, before discounts and tax. Next charge Oct 21, 2026 .",
            id="with a discount",
        ),
        pytest.param(
            {
                "items": (
                    SubscriptionItem("price_1", None, 1, Money(900, "eur"), Recurrence("month", 3)),
                    SubscriptionItem("price_2", None, 1, Money(5000, "jpy"), Recurrence("year")),
                )
            },
            "Active €9.00 every 3 months and ¥5,000 a year. Next charge Oct 21, 2026 .",
            id="two intervals",
        ),
        pytest.param(
            {"items": (SubscriptionItem("price_1", None, 1),)},
            "Active The amount depends on what you use. Next charge Oct 21, 2026 .",
            id="by use",
        ),
    ],
)
def test_every_state_is_told_in_plain_words(
    shop: Shop, ada: Browser, changes: dict[str, Any], said: str
) -> None:
    let_stripe_list(shop, a_subscription("sub_1", **changes))
    page = ada.open("/account")
    assert said in listed(page)[0]
    assert (PAY in page.text) == ("Pay now" in said)


def test_several_items_are_told_apart(shop: Shop, ada: Browser) -> None:
    tea, coffee = (sell(shop, name, 100, every="month") for name in ("Tea", "Coffee"))
    items = (
        SubscriptionItem(tea.price, tea.product, 1, variant="small, loose"),
        SubscriptionItem(coffee.price, coffee.product, 3),
    )
    let_stripe_list(shop, a_subscription("sub_1", items=items))
    (said,) = listed(ada.open("/account"))
    assert said.startswith("Tea · small, loose + Coffee \N{MULTIPLICATION SIGN} 3 Active")


def test_what_is_not_sold_any_more_has_a_name_and_no_id(shop: Shop, ada: Browser) -> None:
    let_stripe_list(shop, a_subscription("sub_2", description="Your tea"), a_subscription("sub_1"))
    described, unnamed = listed(ada.open("/account"))
    assert described.startswith("Your tea ")
    assert unnamed.startswith("Subscription of Sep 21, 2026 ")
    assert "prod_" not in described + unnamed


@pytest.mark.parametrize("fault", [{"action": "status", "status": 500}, {"action": "reset"}])
def test_an_outage_leaves_the_page_and_says_to_try_again(
    shop: Shop, ada: Browser, fault: dict[str, Any]
) -> None:
    subscribe(shop)
    shop.sandbox.stripe.control.add_fault(path=SUBSCRIPTIONS, times=None, **fault)
    page = ada.open("/account")
    assert (page.status_code, link_status(page)) == (200, "linked")
    assert "Your subscriptions can't be loaded right now. Please try again" in content(page)
    shop.sandbox.stripe.control.clear_faults()
    assert len(listed(ada.open("/account"))) == 1


def test_a_refusal_leaves_the_page_and_is_the_shops_fault(
    shop: Shop, ada: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    refuse(shop, SUBSCRIPTIONS)
    tell_of_changes(shop)
    page = ada.open("/account")
    assert (page.status_code, link_status(page)) == (200, "linked")
    assert "can't be shown at the moment" in content(page)
    assert "Our team has been notified" in content(page)
    assert "again" not in content(page).lower()
    assert PERMISSION in errors(caplog)


def test_a_linked_shopper_reads_of_an_outage_and_not_of_an_unready_record(shop: Shop, ada: Browser) -> None:
    shop.remove_state()
    ada.open("/")
    shop.sandbox.stripe_server.stop()
    page = ada.open("/account")
    assert link_status(page) == "linked"
    assert "Your subscriptions can't be loaded right now" in content(page)
    assert "not ready" not in content(page)


def test_a_link_that_is_refused_is_not_said_to_be_not_ready(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    refuse(shop, "/v1/customers.*", 401)
    page = shop.browser().log_in()
    assert link_status(page) == "pending"
    assert "Our team has been notified" in content(page)
    assert "not ready" not in content(page)
    assert "again" not in content(page).lower()
    assert "STRIPE_SECRET_KEY" in errors(caplog)


@pytest.mark.usefixtures("ada")
def test_the_shoppers_own_subscriptions_alone(shop: Shop) -> None:
    subscribe(shop)
    grace = shop.browser()
    assert listed(grace.log_in("grace@example.com")) == []
