"""Order numbers: short texts that a shopper can read out, such as 261126-7K3QMX.

A number begins with its day, so that one listing of that day finds the order again without a database. The
code after it begins with a digit for a Checkout Session and with a letter for an invoice.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: No characters that are easily confused: 0 and O, 1 and I.
_DIGITS, _LETTERS = "23456789", "ABCDEFGHJKLMNPQRSTUVWXYZ"
_ALL = _DIGITS + _LETTERS
_CODE_LENGTH = 6
_NUMBER = re.compile(rf"([0-9]{{6}})-([{_ALL}]{{{_CODE_LENGTH}}})")
#: The store's clock chooses a number's day, and Stripe's clock dates the order.
_CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class WhereToLook:
    """What an order's number says about it."""

    invoice: bool
    #: Unix seconds; the order was created in this interval.
    since: int
    until: int


def session_number(source: str, at: float) -> str:
    """The number of a Checkout Session. `source`: any text that only this order has; `at`: Unix seconds."""
    return _number(source, at, _DIGITS)


def invoice_number(invoice_id: str, at: float) -> str:
    """The number of an invoice that was created at the Unix time `at`."""
    return _number(invoice_id, at, _LETTERS)


def where_to_look(number: str) -> WhereToLook | None:
    """Where to find the order with this number; None if this is not an order number."""
    found = _NUMBER.fullmatch(number)
    if found is None:
        return None
    try:
        day = datetime.strptime(found[1], "%y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    since, until = day - _CLOCKS_DIFFER, day + timedelta(days=1) + _CLOCKS_DIFFER
    return WhereToLook(found[2][0] in _LETTERS, int(since.timestamp()), int(until.timestamp()))


def _number(source: str, at: float, first: str) -> str:
    digest = int.from_bytes(hashlib.sha256(source.encode()).digest())
    code = first[digest % len(first)]
    for _ in range(_CODE_LENGTH - 1):
        digest //= len(_ALL)
        code += _ALL[digest % len(_ALL)]
    return f"{datetime.fromtimestamp(at, UTC):%y%m%d}-{code}"
