"""Actions under Node, each against the Stripe of its store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.action.under_node import Tenant, running_tenant
from tests.support import Shop


@pytest.fixture
def tenant(shop: Shop, tmp_path: Path) -> Iterator[Tenant]:
    """A tenant with a store and the store's Action, both new."""
    with running_tenant(shop, tmp_path) as tenant:
        yield tenant


@pytest.fixture(scope="module")
def same(shared: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """A tenant for all tests of a file that need no other users' absence."""
    with running_tenant(shared, tmp_path_factory.mktemp("action")) as tenant:
        yield tenant
