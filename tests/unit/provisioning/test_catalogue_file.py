"""The catalogue file of `flask setup stripe`: what it may say, and the messages about its faults."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.samples import examples
from webstore.provisioning.account.catalogue_file import CatalogueFileError, read_catalogue
from webstore.provisioning.account.models import CataloguePrice, CatalogueProduct

TOP = Path(__file__).parents[3]
WHOLE = """
products:
  - id: blue-mug
    name: Blue mug
    description: |
      Holds tea.
    images: [https://example.com/mug.png]
    metadata: {stock: 12, fragile: yes, since: 2026-01-01}
    prices:
      - {lookup_key: mug, currency: EUR, amount: 1800}
      - lookup_key: mug-club
        currency: eur
        amount: 900
        interval: month
        interval_count: 3
        nickname: Club
        tax_behavior: inclusive
"""
PRICE = "      - {lookup_key: mug, currency: eur, amount: 1800}"
PRODUCT = f"products:\n  - id: mug\n    name: Mug\n    prices:\n{PRICE}\n"


def faults(text: str) -> tuple[str, ...]:
    with pytest.raises(CatalogueFileError) as refused:
        read_catalogue(text, "shop.yaml")
    return refused.value.problems


def test_everything_that_a_file_may_say() -> None:
    club = CataloguePrice("mug-club", "blue-mug", 900, "eur", "month", 3, "Club", "inclusive")
    assert read_catalogue(WHOLE, "shop.yaml") == (
        CatalogueProduct(
            "blue-mug",
            "Blue mug",
            "Holds tea.",
            ("https://example.com/mug.png",),
            {"stock": "12", "fragile": "yes", "since": "2026-01-01"},
            (CataloguePrice("mug", "blue-mug", 1800, "eur"), club),
        ),
    )


def test_the_example_is_a_catalogue() -> None:
    example = TOP / "docs" / "examples" / "catalogue.yaml"
    found = read_catalogue(example.read_text("utf-8"), "catalogue.yaml")
    assert [(it.id, len(it.prices)) for it in found] == [("earl-grey", 2), ("tea-of-the-month", 2)]
    assert {price.tax_behavior for it in found for price in it.prices} == {"inclusive"}


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("id: mug", "id: a/b", 2, "id 'a/b' may have"),
        ("id: mug", "sku: mug", 2, "a product has no field 'sku'"),
        ("name: Mug", "name:", 3, "name is a text"),
        ("name: Mug", "name: [Mug]", 3, "name is a text"),
        ("name: Mug", "name: null", 3, "name is a text"),
        ("name: Mug", "name: Mug\n    description: ~", 4, "description is a text"),
        ("name: Mug", 'name: "M\\0ug"', 3, "name has a control character"),
        ("name: Mug", 'name: "M\\ud800ug"', 3, "name has a control character"),
        ("name: Mug", "name: &n Mug\n    description: *n", 4, "aliases such as *n are not supported"),
        ("    name: Mug\n", "", 2, "a product needs the field name"),
        ("name: Mug", "name: Mug\n    name: Cup", 4, "name is given twice"),
        ("name: Mug", "name: Mug\n    images: https://a.example/x.png", 4, "images is a list"),
        ("name: Mug", "name: Mug\n    images: [mug.png]", 4, "the image 'mug.png' is not an address"),
        ("name: Mug", "name: Mug\n    images: ['http:///x']", 4, "the image 'http:///x' is not an address"),
        ("name: Mug", "name: Mug\n    metadata: blue", 4, "metadata has names"),
        ("name: Mug", "name: Mug\n    metadata: {stock: }", 4, "a value in metadata is a text"),
        ("name: Mug", "name: Mug\n    metadata: {a: b, a: c}", 4, "metadata has a twice"),
        ("name: Mug", f"name: Mug\n    metadata: {{{'k' * 41}: v}}", 4, "a name in metadata has at most 40"),
        (PRICE, "      []", 5, "a product without a price cannot be bought"),
        (PRICE, "      - 1800", 5, "a price has fields: lookup_key, currency, amount"),
        ("lookup_key: mug", f"lookup_key: {'k' * 201}", 5, "lookup_key has more than 200"),
        ("lookup_key: mug, ", "", 5, "a price needs the field lookup_key"),
        ("currency: eur", "currency: euro", 5, "currency 'euro' is not a code of three letters"),
        ("amount: 1800", "amount: 18.00", 5, "amount '18.00' is not a whole number; it counts minor units"),
        ("amount: 1800", "amount: -5", 5, "amount '-5' is not a whole number"),
        ("amount: 1800", "amount: 0x10", 5, "amount '0x10' is not a whole number"),
        ("amount: 1800", "amount: 1800, interval: monthly", 5, "interval 'monthly' is none of day, week"),
        ("amount: 1800", "amount: 1800, interval_count: 2", 5, "interval_count needs an interval"),
        ("amount: 1800", "amount: 1800, interval: day, interval_count: 0", 5, "interval_count is a whole"),
        ("amount: 1800", "amount: 1800, tax_behavior: none", 5, "tax_behavior 'none' is none of inclusive"),
        ("amount: 1800}", "amount: 1800", 6, "this is not YAML"),
        ("products:", "goods:", 1, "the file has no field 'goods'"),
    ],
)
def test_a_fault_is_told_with_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in PRODUCT
    told = faults(PRODUCT.replace(old, new, 1))
    assert told[0].startswith(f"shop.yaml, line {line}: {words}")


def test_all_faults_are_told_at_once() -> None:
    told = faults(PRODUCT.replace("amount: 1800", "amount: x").replace("name: Mug", "title: Mug"))
    assert [it.split(":")[0] for it in told] == [f"shop.yaml, line {number}" for number in (3, 2, 5)]


def test_ids_and_lookup_keys_are_there_once() -> None:
    twice = PRODUCT + PRODUCT.partition("\n")[2]
    assert faults(twice) == (
        "shop.yaml, line 6: the product 'mug' is in the file twice.",
        "shop.yaml, line 6: the lookup_key 'mug' is in the file twice.",
    )


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "products:", "- a", "42", "a: &a [*a]", "\x00", "*a", "!!x y", "[" * 700]
)
def test_what_is_no_catalogue_is_refused(text: str) -> None:
    assert all(it.startswith("shop.yaml") for it in faults(text))


def test_more_images_and_metadata_than_stripe_takes() -> None:
    images = ", ".join(f"https://a.example/{n}" for n in range(9))
    metadata = ", ".join(f"k{n}: v" for n in range(51))
    more = PRODUCT.replace("name: Mug", f"name: Mug\n    images: [{images}]\n    metadata: {{{metadata}}}")
    assert faults(more) == (
        "shop.yaml, line 4: a product has at most 8 images.",
        "shop.yaml, line 5: metadata has at most 50 names.",
    )


@settings(max_examples=examples(100, 25), deadline=None)
@given(st.text(alphabet="products: -\n[]{}&*!|>'\"#%a1,?", max_size=60))
def test_no_text_ends_in_another_error(text: str) -> None:
    with suppress(CatalogueFileError):
        read_catalogue(text, "shop.yaml")
