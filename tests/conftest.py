"""Fixtures that many tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import Shop, running_shop


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store for all tests of a file that leave its vendors and its shelves as they are."""
    with running_shop(tmp_path_factory.mktemp("shared") / "state") as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A store with its own two vendors and its own shared state."""
    with running_shop(tmp_path / "state") as running:
        yield running
