"""Amounts: Stripe's minor units, and how a reader's language writes them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from babel import Locale, localedata
from babel.localedata import locale_identifiers
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.samples import examples, sample
from webstore.shop.models import Money, Recurrence
from webstore.shop.money import DEFAULT_LOCALE, decimal_amount, exponent, format_money, negotiate, per

NBSP = "\N{NO-BREAK SPACE}"
# https://docs.stripe.com/currencies#zero-decimal and #three-decimal; UGX is also among the special cases,
# which say that 5 UGX are 500.
WHOLE = [
    "bif",
    "clp",
    "djf",
    "gnf",
    "jpy",
    "kmf",
    "krw",
    "mga",
    "pyg",
    "rwf",
    "vnd",
    "vuv",
    "xaf",
    "xof",
    "xpf",
]
THREE_DECIMALS = ["bhd", "jod", "kwd", "omr", "tnd"]
TWO_DECIMALS = ["usd", "eur", "gbp", "huf", "twd", "isk", "ugx", "all", "iqd", "lbp", "idr", "cop", "ars"]


@pytest.mark.parametrize(
    ("currencies", "decimals"), [(WHOLE, 0), (TWO_DECIMALS, 2), (THREE_DECIMALS, 3)], ids=["0", "2", "3"]
)
def test_amounts_have_the_decimals_of_stripes_own_table(currencies: list[str], decimals: int) -> None:
    assert {currency: exponent(currency) for currency in currencies} == dict.fromkeys(currencies, decimals)


@pytest.mark.parametrize(
    ("money", "amount"),
    [
        (Money(1050, "usd"), "10.50"),
        (Money(5, "usd"), "0.05"),
        (Money(0, "eur"), "0.00"),
        (Money(-250, "eur"), "-2.50"),
        (Money(500, "jpy"), "500"),
        (Money(5120, "kwd"), "5.120"),
        (Money(100, "isk"), "1"),
        (Money(50_000, "ugx"), "500"),
        # Stripe does not charge fractions of these; should it ever, nothing is hidden.
        (Money(150, "isk"), "1.50"),
        (Money(99_999_999_999_999, "usd"), "999999999999.99"),
    ],
)
def test_an_amount_in_the_major_unit(money: Money, amount: str) -> None:
    assert f"{decimal_amount(money):f}" == amount


@given(st.integers(-(10**12), 10**12), st.sampled_from(WHOLE + THREE_DECIMALS + TWO_DECIMALS))
def test_no_minor_unit_is_lost_or_gained(amount: int, currency: str) -> None:
    assert decimal_amount(Money(amount, currency)) * 10 ** exponent(currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("money", "locale", "written"),
    [
        (Money(123_456, "usd"), "en_US", "$1,234.56"),
        (Money(123_456, "eur"), "de", f"1.234,56{NBSP}€"),
        (Money(123_456, "eur"), "en_IE", "€1,234.56"),
        (Money(500, "jpy"), "en_US", "¥500"),
        (Money(500, "jpy"), "ja", "￥500"),
        (Money(100, "isk"), "is", f"1{NBSP}kr."),
        (Money(100, "isk"), "en_US", f"ISK{NBSP}1"),
        (Money(5120, "kwd"), "en_US", f"KWD{NBSP}5.120"),
        # CLDR writes leks, dinars and forints whole; Stripe charges their hundredths.
        (Money(1050, "all"), "en_US", f"ALL{NBSP}10.50"),
        (Money(1050, "huf"), "hu", f"10,50{NBSP}Ft"),
        (Money(-500, "usd"), "en_US", "-$5.00"),
        (Money(500, "zzz"), "en_US", f"ZZZ{NBSP}5.00"),
    ],
)
def test_an_amount_is_written_as_the_reader_writes_it(money: Money, locale: str, written: str) -> None:
    assert format_money(money, locale) == written


def test_every_locale_of_babel_can_write_an_amount() -> None:
    # In order, Babel reads the data of a language once for all its regions.
    for locale in sample(sorted(locale_identifiers()), 25):
        assert format_money(Money(123_456, "usd"), locale)


@pytest.mark.parametrize(
    ("tags", "locale"),
    [
        (["de-AT", "en"], "de_AT"),
        (["DE-at"], "de_AT"),
        (["en-XX"], "en"),
        (["xx", "fr"], "fr"),
        (["zh-TW"], "zh_Hant_TW"),
        (["es-419"], "es_419"),
        (["*"], DEFAULT_LOCALE),
        ([], DEFAULT_LOCALE),
        (
            ["root", "und", "../../etc/passwd", "de_AT", "a" * 1000, "", "\x00", "de-AT-1996-x-y"],
            DEFAULT_LOCALE,
        ),
        (["xx"] * 50 + ["de"], DEFAULT_LOCALE),
    ],
)
def test_the_first_known_language_is_taken(tags: list[str], locale: str) -> None:
    assert negotiate(tags) == locale


@settings(max_examples=examples(100, 25))
@given(st.lists(st.text(max_size=20)))
def test_any_header_of_a_browser_leads_to_a_language(tags: list[str]) -> None:
    assert Locale.parse(negotiate(tags)).language


def test_an_interval_is_written_in_words() -> None:
    assert per(None) == ""
    assert per(Recurrence("month")) == "/ month"
    assert per(Recurrence("week", 2)) == "every 2 weeks"


def test_the_data_of_few_locales_stay_in_memory_whatever_languages_readers_have() -> None:
    """All of them would take 190 MB of each worker."""
    amount = Money(123_456_789, "eur")
    for _ in range(2):
        format_money.cache_clear()
        written = {locale: format_money(amount, locale) for locale in sample(locale_identifiers()[::20], 3)}
        assert written | {"de": format_money(amount, "de")} == written | {"de": f"1.234.567,89{NBSP}€"}
        assert len(localedata._cache) <= 16  # noqa: SLF001 (no public way)
