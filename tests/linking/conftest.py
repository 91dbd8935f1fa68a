"""A user whom several files of this folder log in."""

from __future__ import annotations

import pytest

from tests.linking.steps import EVE
from tests.support import DAY_S, Shop


@pytest.fixture(params=[0.0, 30 * DAY_S], ids=["new account", "old account"])
def eve(request: pytest.FixtureRequest, shop: Shop) -> str:
    """The ID of a user: a new one, or an old one.

    An earlier attempt is found by its idempotency key for a new user, and by the look-up for an old one.
    """
    return shop.add_user(EVE, age_s=request.param)
