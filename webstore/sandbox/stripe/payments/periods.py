"""Billing periods of subscriptions. Source: https://docs.stripe.com/billing/subscriptions/billing-cycle"""

import calendar
import itertools
from datetime import UTC, datetime, timedelta

from webstore.sandbox.stripe.documents import Document


def period_end(price: Document, anchor: int, after: int) -> int:
    """The end of the first billing period that ends later than `after`. All times are in Unix seconds.

    Source: https://docs.stripe.com/billing/subscriptions/billing-cycle
    """
    interval, count = price["recurring"]["interval"], price["recurring"]["interval_count"]
    ends = (_later(anchor, interval, count * number) for number in itertools.count(1))
    return next(end for end in ends if end > after)


def _later(moment: int, interval: str, count: int) -> int:
    """The time `count` intervals after `moment`. In a month that is too short, its last day."""
    begin = datetime.fromtimestamp(moment, UTC)
    if interval in ("day", "week"):
        return int((begin + timedelta(days=count * (7 if interval == "week" else 1))).timestamp())
    months = begin.month - 1 + count * (12 if interval == "year" else 1)
    year, month = begin.year + months // 12, months % 12 + 1
    day = min(begin.day, calendar.monthrange(year, month)[1])
    return int(begin.replace(year=year, month=month, day=day).timestamp())
