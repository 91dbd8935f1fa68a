"""The Action under Node and the store derive the same idempotency keys and the same parameters."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.action.under_node import Tenant
from webstore.gateways.profiles import text_of
from webstore.linking import ensure_customer
from webstore.linking.models import LinkStatus, User
from webstore.linking.protocol import customer_draft, link_key

ODD = {
    "quotes": 'O\'Brien "the" \\ `${x}`',
    "pipes": "auth0|a|b||",
    "emoji": "Zoë 👩🏽‍🚀🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "right to left": "\u200f\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u202e",
    "combining": "e\u0301\u0327 n\u0303 \u200d",
    "control characters": "\x00\t\n\r\x08\x0c\x1f\x7f\x80\u2028\u2029\ufeff\uffff",
    "300 letters": "x" * 300,
    "300 emoji": "🙂" * 300,
    "a pair at the cut": "x" * 255 + "🙂🙂",
    "half a pair": "a\ud83d b \ude42\ud83d",
    "a half at the cut": "x" * 255 + "\ud83d\ud83d",
    "reversed halves": "\ude42\ud83d\ud83d\ude42",
    "form": "a=b&c[d]=%41+ é",
    "space": " ",
}
TEXTS = st.text(st.characters(exclude_categories=()), max_size=40)
NUMBERS = itertools.count(1)


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_user_ids_have_the_same_key(same: Tenant, text: str) -> None:
    assert_same_key(same, text, None, 0)
    assert_same_key(same, text, "cus_1", 12)


@given(user_id=TEXTS, replaces=st.none() | TEXTS, generation=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_any_user_id_has_the_same_key(
    same: Tenant, user_id: str, replaces: str | None, generation: int
) -> None:
    assert_same_key(same, user_id, replaces, generation)


def assert_same_key(same: Tenant, user_id: str, replaces: str | None, generation: int) -> None:
    theirs = same.action.call("linkKey", user_id, replaces, generation, "as-given")
    policy = same.shop.linker.policy
    assert theirs == link_key(User(user_id), policy, replaces, generation, "as-given")


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_profiles_have_the_same_parameters(same: Tenant, text: str) -> None:
    assert_same_parameters(same, "auth0|" + text.encode(errors="replace").decode(), text, text)


@given(email=TEXTS, name=TEXTS)
@settings(max_examples=60, deadline=None)
def test_any_profile_has_the_same_parameters(same: Tenant, email: str, name: str) -> None:
    assert_same_parameters(same, "auth0|" + "0" * 24, email, name)


@pytest.mark.parametrize("value", [None, "", 7, True, ["ada@example.com"], {"value": "Ada"}], ids=repr)
def test_fields_of_other_types_count_as_absent_in_both(same: Tenant, value: object) -> None:
    assert_same_parameters(same, "auth0|" + "0" * 24, value, value)


def test_missing_fields_are_left_out_by_both(same: Tenant) -> None:
    theirs = same.action.call("customerParams", {"user_id": "auth0|" + "0" * 24})
    assert theirs.keys() == {"metadata", "description"}


def assert_same_parameters(same: Tenant, user_id: str, email: object, name: object) -> None:
    # As both read it: two halves in the right order are one code point in JSON.
    profile: dict[str, Any] = json.loads(json.dumps({"user_id": user_id, "email": email, "name": name}))
    user = User(user_id, email=text_of(profile, "email"), name=text_of(profile, "name"))
    draft = customer_draft(user, same.shop.linker.policy, None, 0)
    ours = {
        "metadata": dict(draft.metadata),
        "email": draft.email,
        "name": draft.name,
        "description": draft.description,
    }
    theirs = same.action.call("customerParams", profile)
    assert theirs == {name: value for name, value in ours.items() if value is not None}


@pytest.mark.parametrize("name", ODD.values(), ids=ODD)
def test_on_the_wire_the_store_meets_the_actions_request_with_its_own(same: Tenant, name: str) -> None:
    """Stripe compares the parameters under a key: a difference is an `idempotency_error` and a look-up."""
    shop = same.shop
    user_id = shop.add_user(f"odd{next(NUMBERS)}@example.com", name=name)
    made = same.action.log_in(same.event(user_id)).metadata["stripe_customer_id"]
    shop.forget_requests()
    outcome = ensure_customer(shop.linker, user_id)
    assert (outcome.status, outcome.customer_id) == (LinkStatus.CREATED, made)
    assert [it for it in shop.stripe_requests() if it != "GET /v1/account"] == [
        "POST /v1/customers",
        f"GET /v1/customers/{made}",
    ]
