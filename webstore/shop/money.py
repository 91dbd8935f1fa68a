"""Amounts as decimal numbers and in the notation of a reader's language; never as floats."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from copy import copy
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError, localedata
from babel.core import get_global
from babel.numbers import NumberPattern, format_currency
from cachetools import LRUCache

from .models import Money, Recurrence

DEFAULT_LOCALE = "en_US"

# Stripe's own decimals, https://docs.stripe.com/currencies. They differ from CLDR's and ISO's (MGA, ISK, UGX,
# and CLDR's whole Albanian lek or Iraqi dinars). All other currencies have two.
_WHOLE = frozenset(
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"]
)
_THREE_DECIMALS = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
#: Without a minor unit, but written with two decimals that are always 00: 5 kr. are 500.
_WRITTEN_WITH_TWO = frozenset(("isk", "ugx"))

#: A language tag as browsers send it, https://www.rfc-editor.org/rfc/rfc5646#section-2.1, the simple ones.
_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?")
_MAX_TAGS = 10
_ADVERBS = {"day": "daily", "week": "weekly", "month": "monthly", "year": "yearly"}
_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)")
_MOST_LOCALES = 16
#: Babel's tables that amounts and dates do not need.
_UNNEEDED_TABLES = (
    "all_currencies",
    "meta_zones",
    "territory_currencies",
    "territory_languages",
    "territory_zones",
    "windows_zone_mapping",
    "zone_aliases",
    "zone_territories",
)
#: The same of a locale's data: three quarters of its megabyte.
_UNNEEDED = frozenset(
    (
        "compact_currency_formats",
        "compact_decimal_formats",
        "compound_unit_patterns",
        "date_fields",
        "datetime_skeletons",
        "interval_formats",
        "languages",
        "meta_zones",
        "scripts",
        "territories",
        "time_zones",
        "unit_display_names",
        "unit_patterns",
        "variants",
    )
)


class _Locales(LRUCache[str, Any]):
    """Replaces Babel's cache of locales, which has no bound, and no setting for one.

    Babel's own keeps every locale that anybody ever asked for: 1,000 locales, 190 MB. This one also leaves
    out the data that amounts and dates do not need. Babel holds a lock while it changes its cache.
    """

    def __setitem__(self, name: str, data: dict[str, Any]) -> None:
        # In place: Babel goes on with the same dictionary, which is its own for each locale.
        for key in _UNNEEDED:
            data.pop(key, None)
        for table in _UNNEEDED_TABLES:
            get_global(table).clear()  # type: ignore[attr-defined, arg-type]  # it is the dictionary itself
        super().__setitem__(name, data)

    def __iter__(self) -> Iterator[str]:
        # Babel looks through it without the lock. A tuple is made in one step.
        return iter(tuple(super().__iter__()))


localedata._cache = _Locales(_MOST_LOCALES)  # type: ignore[assignment]  # noqa: SLF001


def exponent(currency: str) -> int:
    """How many decimals Stripe's amounts of this currency have."""
    if currency in _WHOLE:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def decimal_amount(money: Money) -> Decimal:
    """The amount in the currency's major unit: 1050 cents are 10.50, 500 of Stripe's ISK are 5."""
    amount = Decimal(money.amount).scaleb(-exponent(money.currency))
    whole = money.currency in _WRITTEN_WITH_TWO and money.amount % 100 == 0
    return amount.quantize(Decimal(1)) if whole else amount


@lru_cache(maxsize=4096)
def format_money(money: Money, locale: str = DEFAULT_LOCALE) -> str:
    """The amount as a reader of the locale writes it: "$10.50", "10,50 $", "￥500".

    `locale`: one of Babel's, as `negotiate` gives it.
    """
    amount = decimal_amount(money)
    pattern = _pattern(locale, decimals=-int(amount.as_tuple().exponent))
    written = format_currency(amount, money.currency.upper(), pattern, locale, currency_digits=False)
    # CLDR's alphaNextToNumber, which Babel does not know: "ISK 1", not "ISK1".
    return _LETTER_BEFORE_DIGIT.sub("\N{NO-BREAK SPACE}", written)


def per(recurrence: Recurrence | None) -> str:
    """How often a price is due: "/ month", "every 3 months"; empty for a one-time price."""
    if recurrence is None:
        return ""
    if recurrence.count == 1:
        return f"/ {recurrence.interval}"
    return f"every {recurrence.count} {recurrence.interval}s"


def every(recurrence: Recurrence) -> str:
    """How often a price is charged: "every month", "every 3 months"."""
    return f"every {recurrence.interval}" if recurrence.count == 1 else per(recurrence)


def rhythm(recurrence: Recurrence | None) -> str:
    """How a price is paid: "monthly", "every 3 months", "once"."""
    if recurrence is None:
        return "once"
    return _ADVERBS[recurrence.interval] if recurrence.count == 1 else per(recurrence)


def negotiate(tags: Iterable[str]) -> str:
    """The first of the reader's languages that Babel knows, else `DEFAULT_LOCALE`."""
    for tag, _ in zip(tags, range(_MAX_TAGS), strict=False):
        if _TAG.fullmatch(tag) and (found := _known(tag.lower())):
            return found
    return DEFAULT_LOCALE


@lru_cache(maxsize=1024)
def _known(tag: str) -> str | None:
    """Babel's name of the locale, or of its language alone; bounded, because clients can make up tags."""
    for candidate in (tag, tag.partition("-")[0]):
        try:
            return str(Locale.parse(candidate, sep="-"))
        except (UnknownLocaleError, ValueError):
            continue
    return None


@lru_cache(maxsize=512)
def _pattern(locale: str, decimals: int) -> NumberPattern:
    """The locale's money pattern with so many decimals; with Babel's own, 10.50 lek would become 11."""
    pattern: NumberPattern = copy(Locale.parse(locale).currency_formats["standard"])
    pattern.frac_prec = decimals, decimals
    return pattern
