"""Actions under Node, each against the Stripe of its store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.action.under_node import Tenant, running_tenant
from tests.support import Shop


@pytest.fixture(scope="module")
def same(shared: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """A store and its Action, for all tests of a file."""
    with running_tenant(shared, tmp_path_factory.mktemp("action")) as tenant:
        yield tenant


@pytest.fixture
def tenant(same: Tenant) -> Iterator[Tenant]:
    """The same store and Action, with no fault and no request so far."""
    same.shop.forget_requests()
    yield same
    same.shop.sandbox.stripe.control.clear_faults()


@pytest.fixture
def alone(shop: Shop, tmp_path: Path) -> Iterator[Tenant]:
    """A store and its Action for one test, which may move time on."""
    with running_tenant(shop, tmp_path) as tenant:
        yield tenant
