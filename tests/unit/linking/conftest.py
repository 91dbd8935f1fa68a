"""The vendors in memory that most tests of the protocol begin with."""

from __future__ import annotations

import pytest

from tests.unit.linking.attempts import with_a_new_user
from tests.unit.linking.vendors import Vendors


@pytest.fixture
def vendors() -> Vendors:
    return with_a_new_user()
