"""The Action's JavaScript decides as its model in Python, which the protocol's state machine runs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.action.under_node import ActionError, Runner, under_node
from tests.unit.linking.action_model import LeftToStore, place_to_record, require_new
from webstore.cli.auth0_action import linking_action
from webstore.gateways.stripe import API_VERSION
from webstore.linking.models import FAILED_AT, ID, PIN, REPLACED, Account, User
from webstore.linking.protocol import Policy

ACCOUNTS = (
    Account("acct_1", livemode=False),
    Account("acct_1", livemode=True),
    Account(None, livemode=False),
    Account(None, livemode=True),
)
SUFFIXES = ("", "_acct_1_test", "_acct_1_live", "_acct_2_test", "_acct_2_live", "_test", "_live")
PINS = ("acct_1 test", "acct_1 live", "acct_2 test", "acct_2 live", "live", 7, "", None)
NEW_ID = "auth0|0123456789abcdef01234567"
LINKS = st.dictionaries(
    st.sampled_from([ID + it for it in SUFFIXES]), st.sampled_from(["cus_1", "", 7, None])
)
RECORDS = st.builds(
    lambda links, pins, rest: {**links, **pins, **rest},
    LINKS,
    st.just({}) | st.sampled_from(PINS).map(lambda pin: {PIN: pin}),
    st.just({}) | st.sampled_from([{REPLACED: "cus_0"}, {FAILED_AT: 1}, {FAILED_AT + "_test": None}]),
)


def policy_for(account: Account) -> Policy:
    return Policy(tenant="shop.eu.auth0.com", livemode=account.livemode)


@pytest.fixture(scope="module")
def actions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Account, Runner]]:
    """An Action for each account and mode; none of them calls anybody."""
    with ExitStack() as stack:
        found = {}
        for account in ACCOUNTS:
            printed = linking_action(
                policy_for(account),
                account,
                namespace="https://shop.example.com",
                time_limit_s=3.0,
                stripe_api_version=API_VERSION,
            )
            folder = tmp_path_factory.mktemp("action")
            found[account] = stack.enter_context(under_node(printed, folder, "http://127.0.0.1:1"))
        yield found


@given(
    records=RECORDS,
    account=st.sampled_from(ACCOUNTS),
    user_id=st.sampled_from([NEW_ID, NEW_ID, "auth0|7", "google-oauth2|7"]),
    age_s=st.sampled_from([0.0, 22.9 * 3600, 23.1 * 3600, -60.0]),
    merged=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_action_decides_as_its_model(
    actions: dict[Account, Runner],
    *,
    records: dict[str, object],
    account: Account,
    user_id: str,
    age_s: float,
    merged: bool,
) -> None:
    created_at = time.time() - age_s
    provider, _, rest = user_id.partition("|")
    identities = [{"provider": provider, "user_id": rest}, {"provider": "samlp", "user_id": "8"}]
    profile = {
        "user_id": user_id,
        "created_at": datetime.fromtimestamp(created_at, UTC).isoformat(),
        "identities": identities if merged else identities[:1],
    }
    user = User(
        user_id, created_at=created_at, identities=("samlp|8",) if merged else (), records=records
    ).with_keys("")
    try:
        expected = place_to_record(user, account)
        if expected is not None:
            require_new(user, policy_for(account), time.time())
    except LeftToStore:
        with pytest.raises(ActionError):
            place_of(actions[account], profile, records)
    else:
        assert place_of(actions[account], profile, records) == expected


def place_of(action: Runner, profile: Mapping[str, object], records: Mapping[str, object]) -> str | None:
    place: str | None = action.call("placeToRecord", records)
    if place is not None:
        action.call("requireNewUser", profile, records)
    return place
