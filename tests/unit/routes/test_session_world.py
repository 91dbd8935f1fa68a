"""The customer's ID in a session belongs to the world in which it was remembered."""

from __future__ import annotations

import pytest

from webstore.linking.models import Account

ONE, TWO = "acct_1", "acct_2"


@pytest.mark.parametrize(
    ("remembered", "now", "same"),
    [
        (Account(ONE, livemode=False), Account(ONE, livemode=False), True),
        (Account(ONE, livemode=False), Account(ONE, livemode=True), False),
        (Account(ONE, livemode=True), Account(TWO, livemode=True), False),
        # Where one of the accounts is not known yet, the mode decides.
        (Account(None, livemode=True), Account(ONE, livemode=True), True),
        (Account(ONE, livemode=True), Account(None, livemode=True), True),
        (Account(None, livemode=False), Account(None, livemode=True), False),
    ],
)
def test_what_is_known_of_two_worlds_decides(remembered: Account, now: Account, same: bool) -> None:
    assert remembered.may_be(now) is same
