"""Pages of orders: purchases and renewals together, whose they are, and how much is read for one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.fakes import USER
from webstore import deadline
from webstore.errors import NoSuchCustomer, PaymentsRefused
from webstore.linking.models import LinkOutcome, LinkStatus
from webstore.shop import orders
from webstore.shop.models import Money
from webstore.shop.numbers import invoice_number, session_number
from webstore.shop.order import Charge, DisputeState, Order, OrderKind
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
    disputes: dict[str, DisputeState] = field(default_factory=dict)
    #: The charges are refused to the store's key.
    refused: bool = False
    #: What was read besides the listings, in order.
    calls: list[str] = field(default_factory=list)

    def list_purchases(
        self, customer_id: str, after: str | None, created: tuple[int, int] | None = None
    ) -> OrderSlice:
        return self._slice(self.purchases, customer_id, after, created)

    def list_invoices(
        self, customer_id: str, after: str | None, created: tuple[int, int] | None = None
    ) -> OrderSlice:
        return self._slice(self.invoices, customer_id, after, created)

    def with_all_lines(self, order: Order) -> Order:
        return order if order.complete else replace(self._noted("lines", order), complete=True)

    def with_payments(self, order: Order) -> Order:
        if order.invoice_id is None:
            return order
        return self._noted("payments", order).with_charges(self.hidden)

    def read_charges(self, customer_id: str, since: int, until: int | None) -> tuple[Charge, ...]:
        self.calls.append(f"charges {since} {until}")
        if self.refused:
            raise PaymentsRefused("403")
        return self.charges

    def read_charge(self, payment_id: str) -> Charge | None:
        self.calls.append(payment_id)
        return self.hidden.get(payment_id)

    def read_disputes(self, charges: Sequence[Charge]) -> Mapping[str, DisputeState]:
        self.calls.append(f"disputes {len(charges)}")
        return self.disputes

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
