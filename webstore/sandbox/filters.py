"""Filters for the pages of both vendors: moments, statuses, periods and countries in words."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from babel import Locale
from markupsafe import Markup, escape

_NAMES = Locale("en").territories
# A number or an ID like "261127-6BNRP7" or "auth0|65f1c0", if it is no longer than a cell of a list.
_NUMBERED = re.compile(r"(?<![\w|-])(?=[\w|-]*\d)(?=\w+[|-])[\w|-]{3,31}[:,;.]?(?![\w|-])")


def moment(unix_seconds: float) -> Markup:
    """A moment in UTC, like `27 Nov 2026, 08:42:29 UTC`. A line may end only before the time."""
    then = datetime.fromtimestamp(int(unix_seconds), UTC)
    shown = f"{day(unix_seconds)}, {then:%H:%M:%S}\N{NO-BREAK SPACE}UTC"
    return Markup('<time datetime="{}">{}</time>').format(then.strftime("%Y-%m-%dT%H:%M:%SZ"), shown)


def day(unix_seconds: float) -> str:
    """The day of a moment in UTC, like `27 Nov 2026`. No line ends inside it."""
    then = datetime.fromtimestamp(int(unix_seconds), UTC)
    return then.strftime("%d\N{NO-BREAK SPACE}%b\N{NO-BREAK SPACE}%Y")


def dotted(name: str) -> Markup:
    """A name like `customer.created`, in which a line may end after each dot."""
    return Markup(".<wbr>").join(name.split("."))


def words(value: str) -> str:
    """A status or a reason of an API in words: `past_due` is "Past due"."""
    return value.replace("_", " ").capitalize()


def unbroken(text: str) -> Markup:
    """A text whose numbers and IDs each stay on one line."""
    return Markup(_NUMBERED.sub(r'<span class="unbroken">\g<0></span>', str(escape(text))))  # noqa: S704 (escaped)


def period(recurring: Mapping[str, object]) -> str:
    """The billing period of a recurring price, like "month" or "3 months"."""
    count, interval = recurring["interval_count"], recurring["interval"]
    return str(interval) if count == 1 else f"{count} {interval}s"


def country(code: str) -> str:
    """The English name of a country, or the code itself where it has none."""
    return str(_NAMES.get(code, code))


FILTERS = {each.__name__: each for each in (moment, day, dotted, words, unbroken, period, country)}
