"""Every call to a vendor has a limit, and too long a wait counts as hanging."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.offline import offline_store
from webstore import composition
from webstore.gateways.wire import Wire


class Noted(Wire):
    """A wire that keeps what it was made with."""

    made: dict[str, dict[str, Any]]

    def __init__(self, service: str, **limits: Any) -> None:
        self.made[service] = limits
        super().__init__(service, **limits)


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """What the store's wires are made with, by the name of their service."""
    monkeypatch.setattr(Noted, "made", {}, raising=False)
    monkeypatch.setattr(composition, "Wire", Noted)
    with offline_store(tmp_path / "state", LINK_BUDGET_S="2.5"):
        return Noted.made


def test_there_is_one_wire_for_each_vendor(limits: dict[str, dict[str, Any]]) -> None:
    assert limits.keys() == {"the Auth0 Management API", "Stripe", "the login provider"}


def test_no_call_may_take_longer_than_a_few_seconds(limits: dict[str, dict[str, Any]]) -> None:
    default_s = (Wire.__init__.__kwdefaults__ or {})["total_s"]
    assert {service: given.get("total_s", default_s) for service, given in limits.items()} == {
        "the Auth0 Management API": 7.0,
        "Stripe": 7.0,
        "the login provider": 5.0,
    }


@pytest.mark.parametrize("service", ["the Auth0 Management API", "Stripe"])
def test_a_call_with_the_budget_of_a_login_counts_as_hanging(
    limits: dict[str, dict[str, Any]], service: str
) -> None:
    assert limits[service]["hang_s"] <= 2.5
