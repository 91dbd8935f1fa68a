"""The lines between an order's items, its total and its payments add up, and each has its right name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gateways.test_order_documents import of_invoice, of_session
from webstore.shop.order import Part


@pytest.mark.parametrize(
    ("subtotal", "details", "total", "parts", "included"),
    [
        (1000, (0, 0, 0), 1000, {}, 0),
        (1000, (0, 500, 0), 1500, {Part.SHIPPING: 500}, 0),
        (1000, (200, 500, 247), 1547, {Part.DISCOUNT: -200, Part.SHIPPING: 500, Part.TAX: 247}, 0),
        # The prices contain the tax.
        (1000, (0, 0, 160), 1000, {}, 160),
        # Shipping is taxed on top, the prices contain theirs.
        (1000, (0, 500, 255), 1595, {Part.SHIPPING: 500, Part.TAX: 95}, 160),
        (1000, (0, 0, 0), 1001, {Part.OTHER: 1}, 0),
        (1000, (0, 0, 100), 900, {Part.TAX: 100, Part.OTHER: -200}, 0),
        # A credit.
        (-1000, (0, 0, -160), -1000, {}, -160),
    ],
)
def test_the_sum_explains_itself(
    subtotal: int, details: tuple[int, int, int], total: int, parts: dict[Part, int], included: int
) -> None:
    discount, shipping, tax = details
    found = of_session(
        amount_subtotal=subtotal,
        amount_total=total,
        total_details={"amount_discount": discount, "amount_shipping": shipping, "amount_tax": tax},
    )
    assert {part: money.amount for part, money in found.parts} == parts
    assert (found.subtotal, found.included_tax) == (subtotal, included)
    assert found.subtotal + sum(money.amount for _, money in found.parts) == total


def test_an_invoices_sum_explains_itself() -> None:
    found = of_invoice(
        subtotal=1000,
        total=1078,
        total_discount_amounts=[{"amount": 50}, {"amount": 50}],
        total_taxes=[{"amount": 100}, {"amount": 78}],
        amount_paid=578,
    )
    assert {part: money.amount for part, money in found.parts} == {Part.DISCOUNT: -100, Part.TAX: 178}
    assert (found.balance, found.paid, found.due) == (500, 578, 0)


def parts(**changes: Any) -> tuple[dict[Part, int], int, int]:
    """The parts of an invoice's total, the tax in its prices, and its items."""
    found = of_invoice(**changes)
    assert found.subtotal + sum(money.amount for _, money in found.parts) == found.total.amount
    return {part: money.amount for part, money in found.parts}, found.included_tax, found.subtotal


def test_discounts_of_single_items_are_in_the_subtotal_already() -> None:
    found = parts(subtotal=900, total=900, total_discount_amounts=[{"amount": 100}], amount_paid=900)
    assert found == ({Part.DISCOUNT: -100}, 0, 1000)
    # One of the item, one of the invoice, and tax.
    taxes = [{"amount": 80, "tax_behavior": "exclusive"}]
    found = parts(
        subtotal=900, total=880, total_discount_amounts=[{"amount": 100}, {"amount": 100}], total_taxes=taxes
    )
    assert found == ({Part.DISCOUNT: -200, Part.TAX: 80}, 0, 1000)


def test_the_tax_says_whether_it_is_in_the_prices() -> None:
    inclusive, exclusive = ({"amount": 160, "tax_behavior": it} for it in ("inclusive", "exclusive"))
    assert parts(total_taxes=[inclusive]) == ({}, 160, 1000)
    assert parts(total=1160, total_taxes=[exclusive]) == ({Part.TAX: 160}, 0, 1000)
    assert parts(total=1160, total_taxes=[inclusive, exclusive]) == ({Part.TAX: 160}, 160, 1000)
    # A discount of an item of the same amount is no reason to doubt it.
    discount = [{"amount": 160}]
    found = parts(subtotal=840, total=840, total_taxes=[inclusive], total_discount_amounts=discount)
    assert found == ({Part.DISCOUNT: -160}, 160, 1000)


@pytest.mark.parametrize("behaviour", ["inclusive", None])
def test_a_credits_tax_in_the_prices_is_named_and_not_added(behaviour: str | None) -> None:
    taxes = [{"amount": -160, "tax_behavior": behaviour}]
    assert parts(subtotal=-1000, total=-1000, total_taxes=taxes) == ({}, -160, -1000)


@pytest.mark.parametrize(
    ("total", "before", "after", "paid", "lines"),
    [
        (1000, 0, 0, 1000, (0, 0, 0)),
        (1000, -400, 0, 600, (0, 400, 0)),
        (1000, -1400, -400, 0, (0, 1000, 0)),
        # Owed from an earlier invoice, and charged with this one.
        (1000, 500, 0, 1500, (500, 0, 0)),
        # Too small to be charged.
        (30, 0, 30, 0, (0, 0, 30)),
        (30, -10, 20, 0, (0, 10, 20)),
        (30, 10, 40, 0, (0, 0, 30)),
        # A credit that pays what was owed.
        (-1000, 500, -500, 0, (500, 0, 0)),
        (-1000, 0, -1000, 0, (0, 0, 0)),
        # Not finalized.
        (1000, -400, None, 1000, (0, 0, 0)),
    ],
)
def test_balances_of_other_invoices_have_lines_of_their_own(
    total: int, before: int, after: int | None, paid: int, lines: tuple[int, int, int]
) -> None:
    found = of_invoice(
        subtotal=total,
        total=total,
        starting_balance=before,
        ending_balance=after,
        amount_due=paid,
        amount_paid=paid,
    )
    assert (found.earlier, found.balance, found.carried) == lines
    voided = of_invoice(status="void", total=total, starting_balance=before, ending_balance=after)
    assert (voided.earlier, voided.balance, voided.carried) == (0, 0, 0)
    if after is not None and total > 0:
        assert found.total.amount + found.earlier - found.balance - found.carried == found.paid
