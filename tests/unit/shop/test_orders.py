"""Pages of orders: purchases and renewals together, whose they are, and how much is read for one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.fakes import USER
from webstore import deadline
from webstore.errors import NoSuchCustomer, PaymentsError, PaymentsRefused
from webstore.linking.models import LinkOutcome, LinkStatus
from webstore.shop import orders
from webstore.shop.models import Money
from webstore.shop.numbers import invoice_number, session_number
from webstore.shop.order import Charge, Disputed, Order, OrderKind
from webstore.shop.order_streams import RESERVE_S
from webstore.shop.ports import OrderSlice


@dataclass
class Books:
    """What each customer bought, the newest first, given slice by slice."""

    purchases: dict[str, list[Order]] = field(default_factory=dict)
    invoices: dict[str, list[Order]] = field(default_factory=dict)
    part: int = 4
    reads: int = 0
    gone: Sequence[str] = ()
    #: Listed, but none of them an order.
    others: int = 0
    charges: tuple[Charge, ...] = ()
    #: Charges that a list does not contain.
    hidden: dict[str, Charge] = field(default_factory=dict)
    #: By charge ID. A list of all disputes contains them only if `disputes_listed`.
    disputes: dict[str, Disputed] = field(default_factory=dict)
    disputes_listed: bool = True
    #: The refunds of credit notes, by invoice.
    credit_refunds: dict[str, int] = field(default_factory=dict)
    #: Calls that fail, and why: "invoices", "charges", "disputes", "payments" or "credits".
    faults: dict[str, PaymentsError] = field(default_factory=dict)
    #: What was read besides the listings, in order.
    calls: list[str] = field(default_factory=list)

    def list_purchases(
        self, customer_id: str, after: str | None, created: tuple[int, int] | None = None
    ) -> OrderSlice:
        return self._slice(self.purchases, customer_id, after, created)

    def list_invoices(
        self, customer_id: str, after: str | None, created: tuple[int, int] | None = None
    ) -> OrderSlice:
        self._fail("invoices")
        return self._slice(self.invoices, customer_id, after, created)

    def with_all_lines(self, order: Order) -> Order:
        return order if order.complete else replace(self._noted("lines", order), complete=True)

    def with_payments(self, order: Order) -> Order:
        if order.invoice_id is None:
            return order
        self._noted("payments", order)
        self._fail("payments")
        return replace(order.with_charges(self.hidden), more_payments=False)

    def read_charges(self, customer_id: str, since: int, until: int | None) -> tuple[Charge, ...]:
        self.calls.append(f"charges {since} {until}")
        self._fail("charges")
        return self.charges

    def read_charge(self, payment_id: str) -> Charge | None:
        self.calls.append(payment_id)
        return self.hidden.get(payment_id)

    def read_disputes(self, charges: Sequence[Charge]) -> Mapping[str, Disputed]:
        self.calls.append(f"disputes {len(charges)}")
        self._fail("disputes")
        if len(charges) > 1 and not self.disputes_listed:
            return {}
        wanted = {charge.id for charge in charges}
        return {name: state for name, state in self.disputes.items() if name in wanted}

    def read_credit_refunds(self, invoice_id: str) -> int:
        self.calls.append(f"credits {invoice_id}")
        self._fail("credits")
        return self.credit_refunds[invoice_id]

    def _fail(self, what: str) -> None:
        if what in self.faults:
            raise self.faults[what]

    def _noted(self, what: str, order: Order) -> Order:
        self.calls.append(what)
        return order

    def _slice(
        self,
        books: dict[str, list[Order]],
        customer_id: str,
        after: str | None,
        created: tuple[int, int] | None,
    ) -> OrderSlice:
        self.reads += 1
        if customer_id in self.gone:
            raise NoSuchCustomer(customer_id)
        listed = books.get(customer_id, [])
        if created is not None:
            listed = [it for it in listed if created[0] <= it.created < created[1]]
        start = next((i for i, it in enumerate(listed, 1) if it.id == after), 0)
        part = listed[start : start + self.part]
        more = start + self.part < len(listed)
        shown = tuple(it for it in part if not it.id.startswith("open"))
        return OrderSlice(shown, part[-1].id if part else None, more)


def order(name: str, at: float, owner: str | None = USER) -> Order:
    kind = OrderKind.RENEWAL if name.startswith("in_") else OrderKind.PURCHASE
    number = (invoice_number if name.startswith("in_") else session_number)(name, at)
    return Order(name, number, at, kind, (), Money(100, "eur"), paid=100, owner=owner)


def link(customer: str = "cus_1", *predecessors: str) -> LinkOutcome:
    return LinkOutcome(LinkStatus.VERIFIED, customer, "", predecessors=predecessors)


def all_pages(books: Books, found: LinkOutcome) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        books.reads = 0
        page = orders.page_of_orders(books, USER, found, cursor)
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


@pytest.mark.parametrize("left_s", [0.0, RESERVE_S])
def test_nothing_more_is_read_near_the_deadline(left_s: float) -> None:
    books = Books({"cus_1": [order(f"cs_{n}", n) for n in range(9, 0, -1)]}, {}, part=1)
    with deadline.within(left_s):
        page = orders.page_of_orders(books, USER, link(), None)
    assert (page.orders, books.reads) == ((), 0)
    assert page.older is not None
    (first, *_) = orders.page_of_orders(books, USER, link(), page.older).orders
    assert first.id == "cs_9"


@pytest.mark.parametrize("part", [1, 3, 20])
def test_the_orders_of_deleted_customers_follow(part: int) -> None:
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


def test_orders_that_name_a_merged_account_are_shown_until_the_accounts_are_split() -> None:
    books = Books({"cus_2": [order("cs_a", 3, "google-oauth2|7"), order("cs_b", 2, "auth0|other")]})
    merged = replace(link("cus_1", "cus_2"), identities=("google-oauth2|7",))
    assert flat(all_pages(books, merged)) == ["cs_a"]
    assert flat(all_pages(books, link("cus_1", "cus_2"))) == []


def test_of_a_deleted_customer_only_the_orders_of_this_user_are_shown() -> None:
    books = Books({"cus_1": [order("cs_a", 3, "auth0|other"), order("cs_b", 2, None), order("cs_c", 1)]})
    assert flat(all_pages(books, link("cus_2", "cus_1"))) == ["cs_c"]
    # The present one was verified to be this user's, whatever its orders say.
    assert flat(all_pages(books, link("cus_1"))) == ["cs_a", "cs_b", "cs_c"]


def test_twenty_deleted_customers_are_read_a_few_a_page() -> None:
    chain = [f"cus_{n}" for n in range(20)]
    books = Books({customer: [order(f"cs_{customer}", n)] for n, customer in enumerate(chain)})
    pages = all_pages(books, link("cus_now", *chain))
    assert flat(pages) == [f"cs_{customer}" for customer in reversed(chain)]


def test_many_sessions_that_were_not_completed_do_not_stop_the_pages() -> None:
    listed = [order(f"open_{n}", n) for n in range(100, 10, -1)] + [order("cs_1", 1)]
    assert flat(all_pages(Books({"cus_1": listed}), link())) == ["cs_1"]
    # Newer orders of the other listing come first, whichever read finds the order.
    renewed = {"cus_1": [order("in_1", 5)]}
    for length in range(3, 40):
        listed = [order(f"open_{n}", n) for n in range(length + 10, 10, -1)] + [order("cs_1", 1)]
        assert flat(all_pages(Books({"cus_1": listed}, renewed), link())) == ["in_1", "cs_1"]


def test_a_deleted_customer_with_nothing_left_is_passed_over() -> None:
    books = Books({"cus_1": [order("cs_1", 1)]}, gone=("cus_2",))
    assert flat(all_pages(books, link("cus_3", "cus_1", "cus_2"))) == ["cs_1"]
    with pytest.raises(NoSuchCustomer):
        orders.page_of_orders(Books(gone=("cus_3",)), USER, link("cus_3"), None)


def test_a_cursor_stays_good_when_the_customer_is_deleted_meanwhile() -> None:
    listed = [order(f"cs_{n:02}", n) for n in range(15, 0, -1)]
    page = orders.page_of_orders(Books({"cus_1": listed}), USER, link(), None)
    assert page.older is not None
    later = orders.page_of_orders(Books({"cus_1": listed}), USER, link("cus_2", "cus_1"), page.older)
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
def test_a_cursor_that_belongs_to_no_listing(cursor: Any) -> None:
    with pytest.raises(orders.CursorUnknown):
        orders.page_of_orders(Books(), USER, link(), cursor)


def test_without_permission_for_invoices_the_purchases_are_shown_on_every_page() -> None:
    bought = [order(f"cs_{n:02}", n) for n in range(15, 0, -1)]
    renewed = [order(f"in_{n:02}", n + 0.5) for n in range(15, 0, -1)]
    books = Books({"cus_1": bought}, {"cus_1": renewed}, faults={"invoices": PaymentsRefused("403")})
    first = orders.page_of_orders(books, USER, link(), None)
    second = orders.page_of_orders(books, USER, link(), first.older)
    assert [it.id for it in (*first.orders, *second.orders)] == [it.id for it in bought]
    assert (first.without_invoices, second.without_invoices, second.older) == (True, True, None)
    # With the permission, an older page has invoices again.
    books.faults.clear()
    again = orders.page_of_orders(books, USER, link(), first.older)
    assert (again.without_invoices, again.orders[0].id) == (False, "in_15")


def test_without_permission_for_purchases_there_is_no_list() -> None:
    class Closed(Books):
        def list_purchases(self, *_: object) -> OrderSlice:
            raise PaymentsRefused("403")

    with pytest.raises(PaymentsRefused):
        orders.page_of_orders(Closed(), USER, link(), None)


@pytest.mark.parametrize("part", [1, 2, 3, 20])
def test_the_first_invoice_of_a_subscription_is_shown_unless_a_purchase_has_it(part: int) -> None:
    """Both name the buyer, as subscriptions of earlier releases do. One was made at Stripe."""
    hour = 3600.0
    made = [replace(order(f"in_{n}", n * hour), maybe_of_purchase=True) for n in (9, 8)]
    bought = [order(f"cs_{n}", n * hour) for n in (7, 6, 5)]
    bought[-1] = replace(bought[-1], invoice_id="in_9")
    books = Books({"cus_1": bought}, {"cus_1": made}, part=part)
    assert flat(all_pages(books, link())) == ["in_8", "cs_7", "cs_6", "cs_5"]


def test_the_purchase_of_a_first_invoice_may_be_on_a_later_page() -> None:
    minute = 60.0
    first = replace(order("in_1", 1000 * minute), maybe_of_purchase=True)
    bought = [order(f"cs_{n:03}", n * minute) for n in range(400, 386, -1)]
    bought[-1] = replace(bought[-1], invoice_id="in_1")
    books = Books({"cus_1": bought}, {"cus_1": [first]})
    assert flat(all_pages(books, link())) == [it.id for it in bought]
    # Only the day before the invoice counts.
    long_ago = [order(f"cs_{n:03}", n * minute) for n in range(99, 89, -1)]
    late = replace(first, created=4000 * minute)
    books = Books({"cus_1": [*long_ago, *long_ago]}, {"cus_1": [late]})
    orders.page_of_orders(books, USER, link(), None)
    assert books.reads <= 4
