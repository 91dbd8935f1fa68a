"""Unit tests open no socket: they run anywhere, at once, and in any order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.no_sockets import refused_sockets


@pytest.fixture(autouse=True, scope="package")
def no_sockets() -> Iterator[None]:
    """Make it a failure to connect or to listen."""
    with refused_sockets():
        yield
