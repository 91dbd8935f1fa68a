"""The Action on a tenant that several Stripe accounts and modes share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.action.steps import claims, new_user
from tests.action.under_node import Tenant, living, running_tenant
from tests.linking.steps import EVE
from tests.support import OTHER_ACCOUNT, Shop
from webstore.linking import ensure_customer
from webstore.linking.models import LinkStatus
from webstore.sandbox.stripe import ACCOUNT, LIVE_KEY

PIN = f"{ACCOUNT} test"


def test_test_mode_records_beside_a_live_link(tenant: Tenant) -> None:
    live = {"stripe_customer_id": "cus_live", "stripe_account": f"{ACCOUNT} live"}
    eve = new_user(tenant, app_metadata=live)
    asked = tenant.log_in(eve)
    (made,) = living(tenant.shop)[eve]
    written = {f"stripe_customer_id_{ACCOUNT}_test": made, f"stripe_account_{ACCOUNT}_test": PIN}
    assert asked.metadata == written
    assert asked.id_token == asked.access_token == claims(tenant, {**live, **written})
    assert tenant.shop.app_metadata(eve) == {**live, **written}
    assert ensure_customer(tenant.shop.linker, eve).customer_id == made


@pytest.mark.parametrize(
    ("pin", "becomes"), [(PIN, LinkStatus.CREATED), (f"{OTHER_ACCOUNT} live", LinkStatus.REFUSED)]
)
def test_live_mode_leaves_plain_keys_of_another_world_to_the_store(
    shop: Shop, tmp_path: Path, pin: str, becomes: LinkStatus
) -> None:
    shop.restart(STRIPE_SECRET_KEY=LIVE_KEY)
    others = {"stripe_customer_id": "cus_other", "stripe_account": pin}
    eve = shop.add_user(EVE, app_metadata=others)
    with running_tenant(shop, tmp_path) as tenant:
        asked = tenant.log_in(eve)
        assert asked.metadata == {}
        assert asked.id_token == claims(tenant, others)
    assert shop.customers() == []
    assert ensure_customer(shop.linker, eve).status is becomes
