"""Fixtures of the shop's unit tests."""

from __future__ import annotations

import pytest

from tests.fakes import Fleet, Shelf
from tests.unit.shop.goods import MUG
from webstore.shop import catalogue

TTL_S = 60.0


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """Processes that read the catalogue of one shop with one product; waiting takes no real time."""
    fleet = Fleet(TTL_S, Shelf((MUG,)))
    # A test with the store's own wait would hang with a clock that nobody moves.
    monkeypatch.setattr(catalogue, "_wait", fleet.wait)
    return fleet
