"""What a product's metadata says on the pages, and what stays the shop's own."""

from __future__ import annotations

from typing import Any

import pytest

from webstore.gateways.stripe import product_metadata as metadata


def test_facts_have_labels_in_a_fixed_order_and_own_ones_come_last() -> None:
    found = metadata.facts({"origin": "Japan", "fact:Steeping time": "2 min", "material": " Oak\n wood "})
    assert found == (("Material", "Oak wood"), ("Origin", "Japan"), ("Steeping time", "2 min"))


def test_what_is_no_fact_is_not_shown() -> None:
    own = {"supplier": "Secret Ltd", "purchase_price": "3.10", "stock": "4", "fact:": "x", "category": "Tea"}
    assert metadata.facts({**own, "material": " "}) == ()


@pytest.mark.parametrize(
    ("value", "featured"), [("true", True), ("Yes", True), ("1", True), ("0", False), ("", False)]
)
def test_featured_is_a_yes(value: str, featured: bool) -> None:
    assert metadata.featured({"featured": value}) is featured


@pytest.mark.parametrize(("value", "in_stock"), [("0", False), (" 0 ", False), ("", True), ("12", True)])
def test_only_a_stock_of_zero_means_sold_out(value: str, in_stock: bool) -> None:
    assert metadata.in_stock({"stock": value}) is in_stock


@pytest.mark.parametrize("value", [None, 7, ["Tea"], {"a": "b"}])
def test_a_value_of_another_type_counts_as_absent(value: Any) -> None:
    found = {"category": value, "option": value, "featured": value, "stock": value, "material": value}
    assert (metadata.category(found), metadata.option(found), metadata.facts(found)) == (None, None, ())
    assert (metadata.featured(found), metadata.in_stock(found)) == (False, True)
