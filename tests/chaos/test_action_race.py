"""The store and the tenant's Action link a thousand users at the same time, in every order of their steps.

Environment: ACTION_USERS (1000).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.action.race import AT_ONCE, race
from tests.action.under_node import running_tenant
from tests.chaos.visits import say
from tests.support import Shop

USERS = int(os.environ.get("ACTION_USERS", "1000"))


@pytest.mark.timeout(1800)
def test_thousand_users_have_one_customer_each_whoever_links_them(
    shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A request is under way for a while, so that the other side meets its key in use.
    shop.sandbox.stripe.control.change_settings({"execution_s": 0.02})
    with running_tenant(shop, tmp_path) as tenant:
        found = race(tenant, USERS)
    with capsys.disabled():
        say(f"\n{USERS} users, {AT_ONCE} at a time")
        for what, count in sorted(found.counts.items()):
            say(f"  {count:6} {what}")
    assert found.problems == []
    assert found.counts["customers"] == USERS
