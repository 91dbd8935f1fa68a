"""What became of the payments of a page of orders, and how few calls that takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes import USER
from tests.unit.shop.test_orders import Books, link, order
from webstore import deadline
from webstore.shop import orders
from webstore.shop.models import BoughtLine, Catalogue, Money, Price, Product
from webstore.shop.order import Charge, DisputeState, Order, Payment
from webstore.shop.order_payments import MAX_SINGLE_READS, with_charges
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


def test_charges_that_the_list_did_not_contain_are_read_one_by_one() -> None:
    """More than a hundred other charges, or one that was made before its invoice."""
    invoices = [paid(f"in_{n}", n) for n in range(MAX_SINGLE_READS + 2, 0, -1)]
    hidden = {f"pi_in_{n}": charge(f"pi_in_{n}", refunded=100) for n in range(1, MAX_SINGLE_READS + 3)}
    books = Books(invoices={"cus_1": invoices}, part=20, hidden=hidden)
    page = orders.page_of_orders(books, USER, link(), None)
    assert [it.status for it in page.orders] == ["refunded"] * MAX_SINGLE_READS + ["paid"] * 2
    # What is not known is said, not guessed.
    assert [bool(it.unread) for it in page.orders] == [False] * MAX_SINGLE_READS + [True] * 2
    assert len(books.calls) == 1 + MAX_SINGLE_READS


def test_nothing_is_read_one_by_one_near_the_deadline() -> None:
    books = Books(invoices={"cus_1": [paid("in_1", 1)]}, hidden={"pi_in_1": charge("pi_in_1")})
    found = orders.page_of_orders(books, USER, link(), None).orders
    assert books.calls == ["charges 0 66", "pi_in_1"]
    books.calls.clear()
    with deadline.within(RESERVE_S):
        (only,) = with_charges(books, "cus_1", [paid("in_1", 1)])
    assert books.calls == ["charges 0 66"]
    assert (found[0].unread, bool(only.unread)) == ((), True)


def test_a_key_that_may_not_read_charges_shows_everything_else() -> None:
    books = Books(invoices={"cus_1": [paid("in_1", 1)]}, refused=True)
    (only,) = orders.page_of_orders(books, USER, link(), None).orders
    assert (only.status, bool(only.unread)) == ("paid", True)


def test_paid_purchases_need_no_list_of_charges() -> None:
    settled = Payment("pi_1", paid=True, amount=100, created=1.0, charge=charge("pi_1"))
    books = Books(purchases={"cus_1": [replace(order("cs_1", 1), payments=(settled,))]})
    assert shown(books) == {"cs_1": "paid"}
    assert books.calls == []


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (None, "disputed"),
        (DisputeState.OPEN, "disputed"),
        (DisputeState.WON, "paid"),
        (DisputeState.LOST, "dispute_lost"),
    ],
)
def test_one_call_reads_all_disputes(state: DisputeState | None, status: str) -> None:
    invoices = [paid(f"in_{n}", n) for n in (3, 2, 1)]
    charges = (charge("pi_in_1", disputed=True), charge("pi_in_2", disputed=True), charge("pi_in_3"))
    disputes = {} if state is None else {"ch_pi_in_1": state, "ch_pi_in_2": state}
    books = Books(invoices={"cus_1": invoices}, charges=charges, disputes=disputes)
    assert shown(books) == {"in_3": "paid", "in_2": status, "in_1": status}
    assert books.calls == ["charges 0 68", "disputes 2"]


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
        disputes={"ch_pi_in_1": DisputeState.LOST},
    )
    found = orders.find_order(books, USER, link(), invoice.number)
    assert found is not None
    assert (found.complete, found.status) == (True, "dispute_lost")
    assert books.calls == ["lines", "payments", "disputes 1"]


def test_of_a_deleted_customer_only_the_users_own_order_is_found() -> None:
    hers, theirs = order("cs_1", 1), order("cs_2", 2, "auth0|other")
    books = Books({"cus_old": [theirs, hers]}, gone=("cus_gone",))
    chain = link("cus_1", "cus_old", "cus_gone")
    found = orders.find_order(books, USER, chain, hers.number)
    assert found is not None
    assert orders.find_order(books, USER, chain, theirs.number) is None


def test_an_invoices_lines_get_the_variants_of_the_catalogue() -> None:
    price = Price("price_1", "prod_1", Money(100, "eur"), nickname="250 g")
    catalogue = Catalogue((Product("prod_1", "Earl Grey", (price,)),), 0.0)
    lines = (
        BoughtLine("1 × Earl Grey", 1, Money(100, "eur"), "price_1"),  # noqa: RUF001  # Stripe's sign
        BoughtLine("Earl Grey", 1, Money(100, "eur"), "price_1", variant="100 g"),
        BoughtLine("Shipping", 1, Money(100, "eur")),
    )
    found = orders.with_variants(replace(order("in_1", 1), lines=lines), catalogue)
    assert [line.variant for line in found.lines] == ["250 g", "100 g", None]
