"""The Action on a tenant that several Stripe accounts and modes share."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import request

from tests.action.steps import claims, new_user
from tests.action.under_node import Tenant, living, printed_action, running_tenant, under_node
from tests.linking.steps import EVE
from tests.support import OTHER_ACCOUNT, RESTRICTED_KEY, Shop
from webstore.linking import ensure_customer
from webstore.linking.models import LinkStatus
from webstore.sandbox.stripe import ACCOUNT, LIVE_KEY

PIN = f"{ACCOUNT} test"
NOT_PERMITTED = '{"error": {"type": "invalid_request_error", "message": "not permitted"}}'


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


@pytest.mark.parametrize("pin", ["nonsense", "acct_1A", "live"])
def test_a_link_whose_account_is_none_is_left_to_the_store(shop: Shop, tmp_path: Path, pin: str) -> None:
    records = {"stripe_customer_id": "cus_hand", "stripe_account": pin}
    with running_tenant(shop, tmp_path) as tenant:
        eve = new_user(tenant, app_metadata=records)
        asked = tenant.log_in(eve)
        assert asked.metadata == {}
        assert asked.id_token == claims(tenant, records)
    assert shop.customers() == []
    assert ensure_customer(shop.linker, eve).customer_id == "cus_hand"


def test_without_the_account_the_mode_alone_decides(shop: Shop, tmp_path: Path) -> None:
    """The store's key may not read its account; the Action records as that store does."""
    shop.restart(STRIPE_SECRET_KEY=RESTRICTED_KEY)
    shop.sandbox.stripe.control.add_fault(
        action="status", status=403, path="/v1/account", times=None, body=NOT_PERMITTED
    )
    with running_tenant(shop, tmp_path) as tenant:
        eve, known = new_user(tenant), new_user(tenant, app_metadata={"stripe_customer_id_test": "cus_1"})
        asked = tenant.log_in(eve)
        (made,) = living(shop)[eve]
        assert asked.metadata == {"stripe_customer_id": made}
        assert asked.id_token == claims(tenant, asked.metadata)
        assert tenant.log_in(known).metadata == {}
        assert ensure_customer(shop.linker, eve).customer_id == made
        assert ensure_customer(shop.linker, known).customer_id == "cus_1"


def test_organization_key_acts_for_the_account(shop: Shop, tmp_path: Path) -> None:
    """The header is what Stripe documents for these keys; any other key sends none."""
    received: list[str | None] = []
    shop.sandbox.stripe.app.before_request(lambda: received.append(request.headers.get("Stripe-Context")))
    with under_node(printed_action(shop), tmp_path, shop.environment["STRIPE_API_BASE"]) as action:
        for key in ("sk_org_test_1", shop.environment["STRIPE_SECRET_KEY"]):
            received.clear()
            action.log_in(Tenant(shop, action, key).event(shop.add_user(None)))
            assert received == [ACCOUNT if key.startswith("sk_org_") else None]
