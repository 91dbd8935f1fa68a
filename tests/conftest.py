"""Fixtures that many tests share. They import the store when they are used: unit tests do without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support import Shop


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A store for all tests of a file that leave its vendors and its products as they are."""
    from tests.support import running_shop  # noqa: PLC0415

    with running_shop(tmp_path_factory.mktemp("shared") / "state") as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A store with its own two vendors and its own shared state."""
    from tests.support import running_shop  # noqa: PLC0415

    with running_shop(tmp_path / "state") as running:
        yield running
