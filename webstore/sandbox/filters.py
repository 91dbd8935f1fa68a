"""Filters for the pages of both vendors: moments, statuses, periods and countries in words."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from babel import Locale
from markupsafe import Markup, escape

_NAMES = Locale("en").territories
# A number like "261127-6BNRP7", which a browser would break after its hyphen.
_HYPHENATED = re.compile(r"\b(?=[\w-]{0,24}\d)\w{1,12}-\w{1,12}\b[:,;.]?")


def moment(unix_seconds: float) -> Markup:
    """A moment in UTC, like `27 Nov 2026, 08:42:29 UTC`. A line may end only before the time."""
    then = datetime.fromtimestamp(int(unix_seconds), UTC)
    shown = then.strftime("%d\N{NO-BREAK SPACE}%b\N{NO-BREAK SPACE}%Y, %H:%M:%S\N{NO-BREAK SPACE}UTC")
    return Markup('<time datetime="{}">{}</time>').format(then.strftime("%Y-%m-%dT%H:%M:%SZ"), shown)


def words(value: str) -> str:
    """A status or a reason of an API in words: `past_due` is "Past due"."""
    return value.replace("_", " ").capitalize()


def unbroken(text: str) -> Markup:
    """A text whose hyphenated numbers each stay on one line."""
    return Markup(_HYPHENATED.sub(r'<span class="unbroken">\g<0></span>', str(escape(text))))  # noqa: S704 (escaped)


def period(recurring: Mapping[str, object]) -> str:
    """The billing period of a recurring price, like "month" or "3 months"."""
    count, interval = recurring["interval_count"], recurring["interval"]
    return str(interval) if count == 1 else f"{count} {interval}s"


def country(code: str) -> str:
    """The English name of a country, or the code itself where it has none."""
    return str(_NAMES.get(code, code))


FILTERS = {each.__name__: each for each in (moment, words, unbroken, period, country)}
