"""The shopper's orders: whose they are, how they stand, and page by page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.goods import Good, content, pay, put_in, sell, words
from tests.support import ADA, Browser, Shop, the_customer
from webstore.errors import NoSuchCustomer
from webstore.gateways.state import FileState
from webstore.gateways.stripe.orders import _purchase, _renewal  # what Stripe's documents mean
from webstore.linking.models import LinkOutcome, LinkStatus
from webstore.shop import orders
from webstore.shop.models import Money, Order, OrderStatus
from webstore.shop.ports import OrderSlice

DAY_S = 24 * 3600.0
TIMES = "\N{MULTIPLICATION SIGN}"


# Pages


@dataclass
class Books:
    """What each customer bought, the newest first, handed out in parts."""

    purchases: dict[str, list[Order]] = field(default_factory=dict)
    renewals: dict[str, list[Order]] = field(default_factory=dict)
    part: int = 4
    reads: int = 0
    gone: Sequence[str] = ()
    #: Listed, but none of them an order.
    others: int = 0

    def list_purchases(self, customer_id: str, after: str | None) -> OrderSlice:
        return self._slice(self.purchases, customer_id, after)

    def list_renewals(self, customer_id: str, after: str | None) -> OrderSlice:
        return self._slice(self.renewals, customer_id, after)

    def _slice(self, books: dict[str, list[Order]], customer_id: str, after: str | None) -> OrderSlice:
        self.reads += 1
        if customer_id in self.gone:
            raise NoSuchCustomer(customer_id)
        listed = books.get(customer_id, [])
        start = next((i for i, it in enumerate(listed, 1) if it.id == after), 0)
        part = listed[start : start + self.part]
        more = start + self.part < len(listed)
        shown = tuple(it for it in part if not it.id.startswith("open"))
        return OrderSlice(shown, part[-1].id if part else None, more)


def order(name: str, at: float, owner: str | None = ADA) -> Order:
    return Order(name, at, OrderStatus.PAID, Money(100, "eur"), Money(0, "eur"), (), owner=owner)


def link(customer: str = "cus_1", *predecessors: str) -> LinkOutcome:
    return LinkOutcome(LinkStatus.VERIFIED, customer, "", predecessors=predecessors)


def all_pages(books: Books, found: LinkOutcome) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        books.reads = 0
        page = orders.page_of_orders(books, ADA, found, cursor)
        assert books.reads <= orders.MAX_READS
        assert len(page.orders) <= orders.PAGE_SIZE
        pages.append([it.id for it in page.orders])
        if page.older is None:
            return pages
        assert page.older != cursor
        cursor = page.older


def flat(pages: list[list[str]]) -> list[str]:
    return [name for page in pages for name in page]


@pytest.mark.parametrize("part", [1, 2, 3, 4, 10, 20])
@pytest.mark.parametrize(
    ("bought", "renewed"), [(0, 0), (1, 0), (0, 1), (9, 3), (10, 0), (10, 10), (25, 13), (3, 40)]
)
def test_purchases_and_renewals_are_merged_newest_first_and_each_is_shown_once(
    bought: int, renewed: int, part: int
) -> None:
    purchases = [order(f"cs_{n}", n * 3.0) for n in range(bought, 0, -1)]
    renewals = [order(f"in_{n}", n * 5.0 + 0.5) for n in range(renewed, 0, -1)]
    books = Books({"cus_1": purchases}, {"cus_1": renewals}, part)
    wanted = sorted((*purchases, *renewals), key=lambda it: -it.created)
    assert flat(all_pages(books, link())) == [it.id for it in wanted]


def test_nothing_more_is_read_once_the_page_has_waited_long_enough() -> None:
    books = Books({"cus_1": [order(f"cs_{n}", n) for n in range(9, 0, -1)]}, {}, part=1)
    page = orders.page_of_orders(books, ADA, link(), None, budget_s=0.0)
    assert (page.orders, books.reads) == ((), 0)
    assert page.older is not None
    (first, *_) = orders.page_of_orders(books, ADA, link(), page.older).orders
    assert first.id == "cs_9"


@pytest.mark.parametrize("part", [1, 3, 20])
def test_what_dead_customers_bought_follows(part: int) -> None:
    books = Books(
        {
            "cus_3": [order(f"cs_3{n}", 300 + n) for n in range(9, 0, -1)],
            "cus_2": [],
            "cus_1": [order(f"cs_1{n}", 100 + n) for n in range(9, 0, -1)],
        },
        {"cus_2": [order("in_2", 200)]},
        part,
    )
    shown = flat(all_pages(books, link("cus_3", "cus_1", "cus_2")))
    assert shown == [f"cs_3{n}" for n in range(9, 0, -1)] + ["in_2"] + [f"cs_1{n}" for n in range(9, 0, -1)]


def test_of_a_dead_customer_only_what_names_this_user() -> None:
    books = Books({"cus_1": [order("cs_a", 3, "auth0|other"), order("cs_b", 2, None), order("cs_c", 1)]})
    assert flat(all_pages(books, link("cus_2", "cus_1"))) == ["cs_c"]
    # The present one was verified to be this user's, whatever its orders say.
    assert flat(all_pages(books, link("cus_1"))) == ["cs_a", "cs_b", "cs_c"]


def test_twenty_dead_customers_are_read_a_few_a_page() -> None:
    chain = [f"cus_{n}" for n in range(20)]
    books = Books({customer: [order(f"cs_{customer}", n)] for n, customer in enumerate(chain)})
    pages = all_pages(books, link("cus_now", *chain))
    assert flat(pages) == [f"cs_{customer}" for customer in reversed(chain)]


def test_many_sessions_that_are_no_orders_do_not_stop_the_pages() -> None:
    listed = [order(f"open_{n}", n) for n in range(100, 10, -1)] + [order("cs_1", 1)]
    assert flat(all_pages(Books({"cus_1": listed}), link())) == ["cs_1"]
    # Whichever read finds the order: what is newer in the other listing comes first.
    renewed = {"cus_1": [order("in_1", 5)]}
    for length in range(3, 40):
        listed = [order(f"open_{n}", n) for n in range(length + 10, 10, -1)] + [order("cs_1", 1)]
        assert flat(all_pages(Books({"cus_1": listed}, renewed), link())) == ["in_1", "cs_1"]


def test_a_dead_customer_of_whom_nothing_is_left_is_passed_over() -> None:
    books = Books({"cus_1": [order("cs_1", 1)]}, gone=("cus_2",))
    assert flat(all_pages(books, link("cus_3", "cus_1", "cus_2"))) == ["cs_1"]
    with pytest.raises(NoSuchCustomer):
        orders.page_of_orders(Books(gone=("cus_3",)), ADA, link("cus_3"), None)


def test_a_place_stays_good_when_the_customer_dies_meanwhile() -> None:
    listed = [order(f"cs_{n:02}", n) for n in range(15, 0, -1)]
    page = orders.page_of_orders(Books({"cus_1": listed}), ADA, link(), None)
    assert page.older is not None
    later = orders.page_of_orders(Books({"cus_1": listed}), ADA, link("cus_2", "cus_1"), page.older)
    assert [it.id for it in (*page.orders, *later.orders)] == [it.id for it in listed]


@pytest.mark.parametrize(
    "cursor",
    [
        [],
        ["cus_1"],
        ["cus_9", None, None],
        ["cus_1", 1, None],
        ["cus_1", None, True],
        [None, None, None],
        "cus",
        5,
    ],
)
def test_a_place_in_nobodys_listing(cursor: Any) -> None:
    with pytest.raises(orders.CursorUnknown):
        orders.page_of_orders(Books(), ADA, link(), cursor)


# What Stripe's documents mean


CHARGE = {
    "amount": 1000,
    "amount_captured": 1000,
    "amount_refunded": 0,
    "receipt_url": "https://pay.stripe.com/r",
}
PAID = {
    "id": "cs_1",
    "created": 5,
    "currency": "eur",
    "amount_total": 1000,
    "payment_status": "paid",
    "status": "complete",
    "metadata": {"auth0_user_id": ADA},
    "payment_intent": {"id": "pi_1", "status": "succeeded", "latest_charge": CHARGE},
}


@pytest.mark.parametrize(
    ("refunded", "status"),
    [(0, "paid"), (1, "partly_refunded"), (999, "partly_refunded"), (1000, "refunded")],
)
def test_refunds(refunded: int, status: str) -> None:
    intent = {"id": "pi_1", "latest_charge": {**CHARGE, "amount_refunded": refunded}}
    found = _purchase({**PAID, "payment_intent": intent}, {})
    assert (found.status, found.refunded.amount) == (status, refunded)
    invoice = {
        "id": "in_1",
        "created": 1,
        "status": "paid",
        "currency": "eur",
        "total": 1000,
        "payments": {"data": [{"payment": {"type": "payment_intent", "payment_intent": "pi_1"}}]},
    }
    found = _renewal(invoice, {"pi_1": {**CHARGE, "amount_refunded": refunded}})
    assert (found.status, found.refunded.amount) == (status, refunded)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"payment_status": "no_payment_required", "payment_intent": None}, "paid"),
        ({"payment_intent": "pi_1"}, "paid"),
        ({"payment_status": "unpaid", "payment_intent": {"status": "processing"}}, "processing"),
        ({"payment_status": "unpaid", "payment_intent": {"status": "requires_action"}}, "processing"),
        ({"payment_status": "unpaid", "payment_intent": {"status": "requires_payment_method"}}, "failed"),
        ({"payment_status": "unpaid", "payment_intent": {"status": "canceled"}}, "failed"),
        ({"payment_status": "unpaid", "payment_intent": None, "invoice": {"status": "open"}}, "processing"),
        ({"payment_status": "unpaid", "payment_intent": None, "invoice": {"status": "void"}}, "failed"),
        ({"payment_status": "unpaid", "payment_intent": None, "invoice": None}, "processing"),
    ],
)
def test_how_a_purchase_stands(changes: dict[str, Any], status: str) -> None:
    assert _purchase({**PAID, **changes}, {}).status == status


@pytest.mark.parametrize(
    ("stripe", "status"), [("paid", "paid"), ("open", "due"), ("uncollectible", "failed")]
)
def test_how_a_renewal_stands(stripe: str, status: str) -> None:
    found = _renewal({"id": "in_1", "created": 1, "status": stripe}, {})
    assert (found.status, found.renewal) == (status, True)


def test_a_purchase_of_which_stripe_says_little() -> None:
    found = _purchase({"id": "cs_1", "created": 5, "payment_status": "paid"}, {})
    assert found == Order("cs_1", 5.0, OrderStatus.PAID, Money(0, ""), Money(0, ""), ())


# Real pages


@pytest.fixture
def mug(shop: Shop) -> Good:
    return sell(shop, "Blue mug", 1250)


@pytest.fixture
def ada(shop: Shop) -> Browser:
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
    assert "You have not ordered anything yet." in content(page)


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


def test_open_and_expired_checkouts_are_no_orders(shop: Shop, mug: Good, ada: Browser) -> None:
    for quantity in (1, 2):
        page = ada.open(f"/checkout?price={mug.price}&quantity={quantity}")
        ada.submit(page, action="/checkout")
    first = shop.stripe("GET", "/checkout/sessions")["data"][0]["id"]
    shop.stripe("POST", f"/checkout/sessions/{first}/expire")
    assert "You have not ordered anything yet." in content(ada.open("/orders"))


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


def test_a_place_of_ones_own_making_or_of_somebody_else_is_refused(
    shop: Shop, mug: Good, ada: Browser
) -> None:
    for quantity in range(1, 12):
        buy(ada, mug, quantity)
    (older,) = re.findall(r'rel="next" href="([^"]*)"', ada.open("/orders").text)
    grace = shop.browser()
    grace.log_in("grace@example.com")
    assert grace.open(older).status_code == 404
    for text in ("x", "", older[-20:], "WyJjdXNfMSJd.x", "%00"):
        assert ada.open(f"/orders?after={text}").status_code == 404
    assert len(shown(ada.open(older))) == 1


def test_nobody_sees_somebody_elses_orders(shop: Shop, mug: Good, ada: Browser) -> None:
    buy(ada, mug)
    grace = shop.browser()
    grace.log_in("grace@example.com")
    assert "You have not ordered anything yet." in content(grace.open("/orders"))
    # Also not where a mistake recorded somebody else's customer.
    hers = the_customer_of(shop, ADA)
    grace_id = shop.user_id("grace@example.com")
    shop.management("PATCH", grace_id, {"app_metadata": {"stripe_customer_id": hers}}).raise_for_status()
    shop.remove_state()
    grace.log_in("grace@example.com")
    assert "Blue mug" not in content(grace.open("/orders"))


def the_customer_of(shop: Shop, user_id: str) -> str:
    return str(shop.app_metadata(user_id)["stripe_customer_id"])


def test_orders_from_before_two_deletions_are_still_shown(shop: Shop, mug: Good, ada: Browser) -> None:
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
    # With the verdict of a minute ago, and afresh.
    assert statuses(ada.open("/orders")) == ["paid"]
    shop.remove_state()
    ada.log_in()
    assert statuses(ada.open("/orders")) == ["paid"]
    assert shop.app_metadata(ADA)["stripe_customer_id"] == the_customer(shop, ADA)["id"]


@pytest.mark.usefixtures("ada")
def test_the_verdict_counts_for_a_minute_and_is_dropped_for_a_customer(shop: Shop, tmp_path: Path) -> None:
    state = FileState(tmp_path / "verdicts")
    first = orders.verdict(shop.linker, state, ADA)
    shop.forget_requests()
    assert orders.verdict(shop.linker, state, ADA).customer_id == first.customer_id
    assert shop.stripe_requests() + shop.management_requests() == []
    assert first.customer_id is not None
    orders.forget_verdict_of(state, "cus_other")
    orders.forget_verdict_of(state, first.customer_id)
    orders.verdict(shop.linker, state, ADA)
    assert len(shop.stripe_requests()) == 1
    orders.forget_verdict(state, ADA)
    orders.verdict(shop.linker, state, ADA)
    assert len(shop.stripe_requests()) == 2


@pytest.mark.usefixtures("ada")
def test_a_link_that_cannot_be_used_is_no_verdict(shop: Shop, tmp_path: Path) -> None:
    state = FileState(tmp_path / "verdicts")
    shop.sandbox.stripe_server.stop()
    assert orders.verdict(shop.linker, state, ADA).status is LinkStatus.PENDING
    shop.sandbox.stripe_server.start()
    found = orders.verdict(shop.linker, state, ADA)
    assert (found.status, found.customer_id) == (LinkStatus.VERIFIED, the_customer(shop, ADA)["id"])


def test_stripe_down(shop: Shop, mug: Good, ada: Browser) -> None:
    buy(ada, mug)
    shop.sandbox.stripe.control.add_fault(action="status", status=500, path="/v1/checkout/.*", times=None)
    page = ada.open("/orders")
    assert page.status_code == 503
    assert "does not answer just now" in content(page)
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
