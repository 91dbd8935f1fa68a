"""A user and a customer of one tenant and account, for the tests of this folder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from webstore.linking.models import ID, PIN, Account, Customer, User
from webstore.linking.protocol import Policy
from webstore.reconcile.findings import Setting

TENANT, FORMER = "shop.eu.auth0.com", "old.eu.auth0.com"
ACCOUNT = Account("acct_1", livemode=True)
SETTING = Setting(Policy(tenant=TENANT, livemode=True, former_tenants=(FORMER,)), ACCOUNT)
IN_TEST_MODE = Setting(replace(SETTING.policy, livemode=False), Account("acct_1", livemode=False))
ADA, GRACE, EVE = "auth0|ada", "auth0|grace", "google-oauth2|eve"


def user(
    user_id: str = ADA, recorded: str | None = "cus_ada", pin: str | None = "acct_1 live", **more: Any
) -> User:
    """A user who records a customer of this account and mode."""
    records: dict[str, object] = {}
    if recorded is not None:
        records = {ID: recorded, **({PIN: pin} if pin else {})}
    found = User(user_id, email=f"{user_id[-3:]}@example.com", name="Name", records=records).with_keys("")
    return replace(found, **more)


def customer(customer_id: str = "cus_ada", owner: str | None = ADA, **more: Any) -> Customer:
    """A customer that names a user of this tenant, with the same address."""
    email = f"{(owner or ADA)[-3:]}@example.com"
    made = Customer(customer_id, email=email, name="Name", created=1000.0, owner=owner)
    return replace(replace(made, tenant=TENANT if owner else None), **more)
