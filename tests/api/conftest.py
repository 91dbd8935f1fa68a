"""Fixtures of the JSON API's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import Shop, running_shop

#: The origin of a client in a browser.
APP = "https://app.example"


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store for the tests that leave nothing behind."""
    state = tmp_path_factory.mktemp("api") / "state"
    with running_shop(state, API_CORS_ORIGINS=APP, LOGIN_RATE_PER_10S="1000000") as running:
        running.stripe("POST", "/products", id="mug", name="A mug")
        for amount, currency in (("1200", "eur"), ("500", "jpy")):
            running.stripe("POST", "/prices", product="mug", unit_amount=amount, currency=currency)
        for number in range(5):
            running.stripe("POST", "/products", id=f"card-{number}", name=f"Card {number}")
            running.stripe("POST", "/prices", product=f"card-{number}", unit_amount="300", currency="eur")
        yield running
