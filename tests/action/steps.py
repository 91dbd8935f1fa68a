"""What tests of the Action do and look at."""

from __future__ import annotations

import itertools
from typing import Any

from tests.action.under_node import Tenant, living
from webstore.linking import ensure_customer

_NUMBERS = itertools.count(1)


def claims(tenant: Tenant, records: dict[str, Any]) -> dict[str, Any]:
    """These keys of `app_metadata` as claims."""
    namespace = tenant.shop.environment.get("AUTH0_CLAIM_NAMESPACE", tenant.shop.url)
    return {f"{namespace}/{name}": value for name, value in records.items()}


def new_user(tenant: Tenant, **details: Any) -> str:
    """A user who has just signed up, with an address of their own; `details`: fields of `User`."""
    return tenant.shop.add_user(f"eve{next(_NUMBERS)}@example.com", **details)


def assert_linked_by_the_store(tenant: Tenant, user_id: str) -> str:
    """The store's next login makes or finds the user's only customer."""
    outcome = ensure_customer(tenant.shop.linker, user_id)
    assert outcome.customer_id is not None, outcome
    assert living(tenant.shop)[user_id] == [outcome.customer_id]
    assert tenant.shop.app_metadata(user_id)["stripe_customer_id"] == outcome.customer_id
    return outcome.customer_id
