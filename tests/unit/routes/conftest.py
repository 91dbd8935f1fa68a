"""A store that calls nobody, for several files of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from tests.unit.offline import offline_store
from tests.unit.routes.kept_pages import Counter, sold


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Flask]:
    with offline_store(tmp_path / "state") as app:
        yield app


@pytest.fixture
def counter(store: Flask) -> Counter:
    """Its catalogue, with five products."""
    counter = Counter(store)
    counter.sell(sold(5))
    return counter
