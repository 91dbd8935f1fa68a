"""What became of the payments of a page of orders, and how few calls that takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes import USER
from tests.unit.shop.test_orders import Books, link, order
from webstore import deadline
from webstore.errors import PaymentsError, PaymentsRefused, PaymentsUnavailable
from webstore.shop import orders
from webstore.shop.order import Charge, Disputed, DisputeState, Order, Payment
from webstore.shop.order_payments import Calls, with_missing_charges
from webstore.shop.order_streams import RESERVE_S

DAY_S = 24 * 3600


def charge(intent: str, refunded: int = 0, **changes: object) -> Charge:
    made = Charge(f"ch_{intent}", intent, "succeeded", 100, refunded, created=1000.0)
    return replace(made, **changes)  # type: ignore[arg-type]  # a test's own fields


def paid(name: str, at: float, *payments: Payment) -> Order:
    made = payments or (Payment(f"pi_{name}", paid=True, amount=100, created=at, paid_at=at + 5),)
    return replace(order(name, at), payments=made, attempted=True, invoice_id=name)


def shown(books: Books) -> dict[str, str]:
    page = orders.page_of_orders(books, USER, link(), None)
    return {it.id: it.status for it in page.orders}


def test_ten_invoices_take_one_list_of_charges() -> None:
    invoices = [paid(f"in_{n}", n * DAY_S) for n in range(12, 0, -1)]
    charges = tuple(charge(f"pi_in_{n}", refunded=100 if n == 5 else 0) for n in range(12, 0, -1))
    books = Books(invoices={"cus_1": invoices}, part=20, charges=charges)
    statuses = shown(books)
    assert [name for name, status in statuses.items() if status == "refunded"] == ["in_5"]
    assert books.reads == 2
    # From the oldest order's payment to the newest one's: neither earlier nor later charges are in the way.
    assert books.calls == [f"charges {3 * DAY_S - 60} {12 * DAY_S + 5 + 60}"]


def test_a_payment_36_days_after_the_invoice_is_found() -> None:
    late = Payment("pi_1", paid=True, amount=100, created=10.0, paid_at=36.0 * DAY_S)
    books = Books(invoices={"cus_1": [paid("in_1", 10, late)]}, charges=(charge("pi_1", refunded=40),))
    assert shown(books) == {"in_1": "partly_refunded"}
    assert books.calls == [f"charges 0 {36 * DAY_S + 60}"]


def test_an_open_payment_may_have_been_tried_at_any_time() -> None:
    tried = Payment("pi_1", paid=False, amount=100, created=5000.0)
    due = replace(paid("in_1", 5000, tried), paid=0, due=100, invoice_url="https://invoice.example/1")
    books = Books(invoices={"cus_1": [due]}, charges=(charge("pi_1", status="failed"),))
    assert shown(books) == {"in_1": "failed"}
    assert books.calls == ["charges 4940 None"]


def test_of_several_tries_the_last_counts() -> None:
    tried = Payment("pi_1", paid=False, amount=100, created=5000.0)
    due = replace(paid("in_1", 5000, tried), paid=0, due=100)
    tries = (charge("pi_1", status="pending", created=9.0), charge("pi_1", status="failed", created=8.0))
    assert shown(Books(invoices={"cus_1": [due]}, charges=tries)) == {"in_1": "processing"}
    assert shown(Books(invoices={"cus_1": [due]}, charges=tries[::-1])) == {"in_1": "processing"}


def test_charges_that_the_list_did_not_contain_are_read_while_calls_are_left() -> None:
    """More than a hundred other charges, or one that was made before its invoice."""
    invoices = [paid(f"in_{n}", n) for n in (3, 2, 1)]
    hidden = {f"pi_in_{n}": charge(f"pi_in_{n}", refunded=100) for n in (1, 2, 3)}
    books = Books(invoices={"cus_1": invoices}, part=20, hidden=hidden)
    page = orders.page_of_orders(books, USER, link(), None)
    # An unknown sum is named as unknown, not guessed.
    assert [(it.status, it.unread) for it in page.orders] == [
        ("refunded", False),
        ("paid", True),
        ("paid", True),
    ]
    assert books.reads + len(books.calls) == orders.MAX_CALLS
    found = orders.find_order(books, USER, link(), invoices[2].number)
    assert found is not None
    assert (found.status, found.unread) == ("refunded", False)


def test_nothing_is_read_one_by_one_near_the_deadline() -> None:
    books = Books(hidden={"pi_in_1": charge("pi_in_1")})
    with deadline.within(RESERVE_S):
        (only,) = with_missing_charges(books, [paid("in_1", 1)], Calls(5))
    assert (books.calls, only.unread) == ([], True)
    (only,) = with_missing_charges(books, [paid("in_1", 1)], Calls(5))
    assert (books.calls, only.unread) == (["pi_in_1"], False)


def test_payments_that_are_not_embedded_are_said_to_be_unread_and_read_on_the_orders_page() -> None:
    invoice = replace(paid("in_1", 1), more_payments=True)
    books = Books(
        invoices={"cus_1": [invoice]}, charges=(charge("pi_in_1"),), hidden={"pi_in_1": charge("pi_in_1")}
    )
    (only,) = orders.page_of_orders(books, USER, link(), None).orders
    assert (only.unread, books.calls) == (True, ["charges 0 66"])
    found = orders.find_order(books, USER, link(), invoice.number)
    assert found is not None
    assert not found.unread


FAULTS = pytest.mark.parametrize("fault", [PaymentsRefused("403"), PaymentsUnavailable("no answer")])


@FAULTS
def test_charges_that_cannot_be_read_hide_no_order(fault: PaymentsError) -> None:
    books = Books(invoices={"cus_1": [paid("in_1", 1)]}, faults={"charges": fault, "payments": fault})
    (only,) = orders.page_of_orders(books, USER, link(), None).orders
    found = orders.find_order(books, USER, link(), only.number)
    assert found is not None
    for it in (only, found):
        assert (it.status, it.unread, it.charges_missing) == ("paid", True, True)
    assert books.calls == ["charges 0 66", "payments"]


@FAULTS
def test_disputes_that_cannot_be_read_are_no_guess(fault: PaymentsError) -> None:
    disputed = charge("pi_in_1", disputed=True)
    books = Books(
        invoices={"cus_1": [paid("in_1", 1)]},
        charges=(disputed,),
        hidden={"pi_in_1": disputed},
        faults={"disputes": fault},
    )
    (only,) = orders.page_of_orders(books, USER, link(), None).orders
    found = orders.find_order(books, USER, link(), only.number)
    assert found is not None
    for it in (only, found):
        assert (it.status, it.dispute_open) == ("disputed", False)


def test_paid_purchases_need_no_list_of_charges() -> None:
    settled = Payment("pi_1", paid=True, amount=100, created=1.0, charge=charge("pi_1"))
    books = Books(purchases={"cus_1": [replace(order("cs_1", 1), payments=(settled,))]})
    assert shown(books) == {"cs_1": "paid"}
    assert books.calls == []


LOST, WON = Disputed(DisputeState.LOST, 100), Disputed(DisputeState.WON)


@pytest.mark.parametrize(
    ("dispute", "status"),
    [
        (None, "disputed"),
        (Disputed(DisputeState.OPEN), "disputed"),
        (WON, "paid"),
        (LOST, "dispute_lost"),
        (Disputed(DisputeState.LOST, 40), "partly_refunded"),
    ],
)
def test_one_call_reads_the_disputes_of_several_invoices(dispute: Disputed | None, status: str) -> None:
    invoices = [paid(f"in_{n}", n) for n in (3, 2, 1)]
    charges = (charge("pi_in_1", disputed=True), charge("pi_in_2", disputed=True), charge("pi_in_3"))
    disputes = {} if dispute is None else {"ch_pi_in_1": dispute, "ch_pi_in_2": dispute}
    books = Books(invoices={"cus_1": invoices}, charges=charges, disputes=disputes)
    assert shown(books) == {"in_3": "paid", "in_2": status, "in_1": status}
    assert books.calls == ["charges 0 68", "disputes 2"]


def bought(count: int) -> Books:
    """Purchases whose disputes the shop won, which the list of the account's disputes does not contain."""
    made = [
        Payment(f"pi_{n}", paid=True, amount=100, created=1.0, charge=charge(f"pi_{n}", disputed=True))
        for n in range(count)
    ]
    purchases = [replace(order(f"cs_{n}", 9 - n), payments=(it,)) for n, it in enumerate(made)]
    won = {f"ch_pi_{n}": WON for n in range(count)}
    return Books(purchases={"cus_1": purchases}, disputes=won, disputes_listed=False)


def test_a_replaced_customer_takes_one_call_more_for_its_charges() -> None:
    books = Books(
        invoices={"cus_2": [paid("in_2", 2)], "cus_1": [paid("in_1", 1)]},
        charges=(charge("pi_in_1", disputed=True), charge("pi_in_2")),
        disputes={"ch_pi_in_1": LOST},
    )
    page = orders.page_of_orders(books, USER, link("cus_2", "cus_1"), None)
    assert [it.status for it in page.orders] == ["paid", "dispute_lost"]
    assert books.calls == ["charges 0 67", "charges 0 66", "disputes 1"]


def test_two_disputes_are_read_by_their_charges() -> None:
    books = bought(2)
    assert shown(books) == {"cs_0": "paid", "cs_1": "paid"}
    assert books.calls == ["disputes 1", "disputes 1"]


def test_of_more_disputes_those_that_are_not_listed_are_not_known() -> None:
    books = bought(3)
    page = orders.page_of_orders(books, USER, link(), None)
    assert [(it.status, it.dispute_open) for it in page.orders] == [("disputed", False)] * 3
    assert books.calls == ["disputes 3"]
    found = orders.find_order(books, USER, link(), page.orders[0].number)
    assert found is not None
    assert found.status == "paid"


def test_a_refund_and_a_credit_note_are_told_apart_on_the_orders_page() -> None:
    invoice = replace(paid("in_1", 1), credit_notes=40)
    refunded = charge("pi_in_1", refunded=50)
    books = Books(invoices={"cus_1": [invoice]}, charges=(refunded,), hidden={"pi_in_1": refunded})
    (only,) = orders.page_of_orders(books, USER, link(), None).orders
    assert (only.unclear, only.given_back, only.status) == (True, 50, "partly_refunded")
    for by_notes, credited in ((0, 40), (40, 0), (15, 25)):
        books.credit_refunds["in_1"] = by_notes
        books.calls.clear()
        found = orders.find_order(books, USER, link(), only.number)
        assert found is not None
        assert (found.unclear, found.refunded, found.credited) == (False, 50, credited)
        assert books.calls == ["payments", "credits in_1"]
    books.faults["credits"] = PaymentsUnavailable("no answer")
    found = orders.find_order(books, USER, link(), only.number)
    assert found is not None
    assert (found.unclear, found.given_back) == (True, 50)


def test_credit_notes_are_not_read_without_a_refund() -> None:
    invoice = replace(paid("in_1", 1), credit_notes=40)
    books = Books(invoices={"cus_1": [invoice]}, hidden={"pi_in_1": charge("pi_in_1")})
    found = orders.find_order(books, USER, link(), invoice.number)
    assert found is not None
    assert (found.credited, found.status, books.calls) == (40, "partly_refunded", ["payments"])


def test_the_invoice_of_a_purchase_is_not_listed_again() -> None:
    purchase = replace(order("cs_1", 10), invoice_id="in_1")
    books = Books({"cus_1": [purchase]}, {"cus_1": [order("in_2", 20), order("in_1", 12)]}, part=20)
    assert list(shown(books)) == ["in_2", "cs_1"]


# One order


def test_an_order_is_found_by_its_number() -> None:
    bought = [order(f"cs_{n}", n * DAY_S / 4) for n in range(40, 0, -1)]
    renewed = [replace(order(f"in_{n}", n * DAY_S / 4), invoice_id=f"in_{n}") for n in range(40, 0, -1)]
    books = Books({"cus_1": bought}, {"cus_1": renewed}, part=2)
    for wanted in (bought[7], renewed[9]):
        found = orders.find_order(books, USER, link(), wanted.number)
        assert found is not None
        assert found.id == wanted.id
    assert orders.find_order(books, USER, link(), order("cs_999", DAY_S).number) is None
    assert orders.find_order(books, USER, link(), "nonsense") is None


def test_an_order_is_shown_with_all_of_its_lines_charges_and_disputes() -> None:
    invoice = replace(paid("in_1", 1), complete=False)
    books = Books(
        invoices={"cus_1": [invoice]},
        hidden={"pi_in_1": charge("pi_in_1", disputed=True)},
        disputes={"ch_pi_in_1": LOST},
    )
    found = orders.find_order(books, USER, link(), invoice.number)
    assert found is not None
    assert found.status == "dispute_lost"
    # Three calls with the one that found it: what became of the money goes before the rest of the items.
    assert books.calls == ["payments", "disputes 1"]
    assert not found.complete


def test_of_a_deleted_customer_only_the_users_own_order_is_found() -> None:
    hers, theirs = order("cs_1", 1), order("cs_2", 2, "auth0|other")
    books = Books({"cus_old": [theirs, hers]}, gone=("cus_gone",))
    chain = link("cus_1", "cus_old", "cus_gone")
    found = orders.find_order(books, USER, chain, hers.number)
    assert found is not None
    assert orders.find_order(books, USER, chain, theirs.number) is None
