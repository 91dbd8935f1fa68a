"""The store and the Action in every order, for a few users; `make chaos` does it for a thousand."""

from __future__ import annotations

from tests.action.race import race
from tests.action.under_node import Tenant

USERS = 40


def test_store_and_action_in_every_order_make_one_customer(alone: Tenant) -> None:
    found = race(alone, USERS)
    assert found.problems == []
    assert found.counts["customers"] == USERS
    assert sum(count for what, count in found.counts.items() if what.startswith("order: ")) == USERS
