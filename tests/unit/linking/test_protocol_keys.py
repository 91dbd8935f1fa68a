"""What the linking protocol derives from a user: idempotency keys, parameters, ownership."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.linking.attempts import ADA, policy_of
from tests.unit.linking.vendors import Vendors
from webstore.linking.models import Customer, User
from webstore.linking.protocol import customer_draft, link_key, names


def test_key_is_the_same_in_every_worker_and_another_for_everything_it_is_made_of(vendors: Vendors) -> None:
    user, policy = vendors.users[ADA], policy_of(vendors)
    same = link_key(user, policy, None, 0, "as-given")
    assert same == link_key(
        replace(user, name="Other", email="other@example.com"), policy, None, 0, "as-given"
    )
    # An address that comes between two attempts meets the first one's key.
    assert same == link_key(replace(user, email=None), policy, None, 0, "as-given")
    others = {
        link_key(replace(user, user_id="auth0|grace"), policy, None, 0, "as-given"),
        link_key(user, replace(policy, tenant="other.eu.auth0.com"), None, 0, "as-given"),
        link_key(user, policy, "cus_1", 0, "as-given"),
        link_key(user, policy, None, 1, "as-given"),
        link_key(user, policy, None, 0, "no-email"),
    }
    assert len(others | {same}) == 6
    assert all(len(key) <= 255 and key.isascii() for key in others)


def test_draft_fits_stripes_limits_and_carries_what_the_directory_says(vendors: Vendors) -> None:
    user = User("auth0|" + "x" * 400, email="ada@example.com", name="N" * 300)
    draft = customer_draft(user, policy_of(vendors), "cus_1", 2)
    assert (len(draft.name or ""), len(draft.description or "")) == (256, 350)
    assert draft.email == "ada@example.com"
    assert draft.metadata == {
        "auth0_user_id": user.user_id,
        "auth0_tenant": vendors.tenant,
        "link_generation": "2",
        "replaces": "cus_1",
    }


@pytest.mark.parametrize(
    ("customer", "expected"),
    [
        (Customer("cus_1", owner=ADA, tenant="shop.eu.auth0.com"), True),
        (Customer("cus_1", owner=ADA), True),
        (Customer("cus_1", owner=ADA, tenant="other.eu.auth0.com"), False),
        (Customer("cus_1", owner="auth0|ADA"), False),
        (Customer("cus_1"), False),
        (Customer("cus_1", owner=ADA, deleted=True), False),
    ],
)
def test_customer_names_a_user_only_alive_and_exactly(
    vendors: Vendors, customer: Customer, expected: bool
) -> None:
    assert names(customer, vendors.users[ADA], policy_of(vendors)) is expected
