"""A store whose login provider is hostile."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.provider import Liar, a_lying_shop
from tests.support import Browser, Shop


@pytest.fixture(scope="package")
def lying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Liar, Shop]]:
    """One store for all tests that leave the provider's metadata and keys as they are."""
    with a_lying_shop(tmp_path_factory.mktemp("lying")) as lying:
        yield lying


@pytest.fixture
def liar(lying: tuple[Liar, Shop]) -> Liar:
    lying[0].tell_the_truth()
    return lying[0]


@pytest.fixture
def browser(lying: tuple[Liar, Shop]) -> Browser:
    return lying[1].browser()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[tuple[Liar, Shop]]:
    """A store of the test's own, which has read nothing of its provider yet."""
    with a_lying_shop(tmp_path) as lying:
        yield lying


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "httpcore")
