"""Order numbers: short, stable, and enough to find the order again."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from webstore.shop.numbers import invoice_number, session_number, where_to_look

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()
#: The characters of a code: none that are easily confused.
CODE = r"[2-9A-HJ-NP-Z]"


def test_a_number_can_be_read_out_and_begins_with_its_day() -> None:
    assert re.fullmatch(rf"261126-[2-9]{CODE}{{5}}", session_number("cs_test_1", NOON))
    assert re.fullmatch(rf"261126-[A-HJ-NP-Z]{CODE}{{5}}", invoice_number("in_1", NOON))


def test_a_number_never_changes() -> None:
    # A change of this value would give every order a new number.
    assert session_number("cs_test_1", NOON) == "261126-5VV8VE"
    assert invoice_number("in_1", NOON) == "261126-D3H2HR"


def test_ten_thousand_orders_of_a_day_have_different_numbers() -> None:
    numbers = {session_number(f"cs_test_{n}", NOON) for n in range(10_000)}
    assert len(numbers) == 10_000


def test_the_number_says_where_to_look() -> None:
    day = int(datetime(2026, 11, 26, tzinfo=UTC).timestamp())
    for number, invoice in ((session_number("cs_1", NOON), False), (invoice_number("in_1", NOON), True)):
        found = where_to_look(number)
        assert found is not None
        assert found.invoice is invoice
        # An hour more on both sides, because the clocks of the store and of Stripe may differ.
        assert (found.since, found.until) == (day - 3600, day + 25 * 3600)


@pytest.mark.parametrize(
    "text",
    [
        *("", "261126", "261126-", "261126-7K3Q", "261126-7K3QMX1", "261126-0K3QMX", "261126-7k3qmx"),
        *("261326-7K3QMX", "260230-7K3QMX", "cs_test_1", " 261126-7K3QMX", "261126-7K3QMX\n"),
    ],
)
def test_anything_else_is_no_number(text: str) -> None:
    assert where_to_look(text) is None
