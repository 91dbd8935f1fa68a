"""Logins with the Action under Node: what it asks of Stripe and of Auth0, and what it leaves to the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.action.steps import assert_linked_by_the_store, claims, new_user
from tests.action.under_node import Tenant, living
from webstore.linking import ensure_customer
from webstore.linking.models import ClaimedLink, LinkStatus
from webstore.linking.protocol import link_key
from webstore.sandbox.stripe import ACCOUNT, LIVE_KEY

PIN = f"{ACCOUNT} test"
NEW_ID = "auth0|0123456789abcdef01234567"


# New and linked users


def test_new_user_has_a_customer_and_its_claims_after_one_call(tenant: Tenant) -> None:
    shop, eve = tenant.shop, new_user(tenant)
    asked = tenant.log_in(eve)
    (made,) = shop.sandbox.stripe.control.requests()
    assert (made.method, made.path) == ("POST", "/v1/customers")
    user = shop.linker.directory.read_user(eve)
    assert made.idempotency_key == link_key(user, shop.linker.policy, None, 0, "as-given")
    (customer_id,) = living(shop)[eve]
    assert asked.metadata == {"stripe_account": PIN, "stripe_customer_id": customer_id}
    assert shop.app_metadata(eve) == asked.metadata
    assert asked.id_token == asked.access_token == claims(tenant, asked.metadata)
    assert (asked.denied, asked.threw, asked.log) == (False, None, [])


def test_store_finds_the_link_of_the_action_without_a_call_to_stripe(tenant: Tenant) -> None:
    eve = new_user(tenant)
    made = tenant.log_in(eve).metadata["stripe_customer_id"]
    ensure_customer(tenant.shop.linker, eve)  # reads the account of its key, once
    tenant.shop.forget_requests()
    outcome = ensure_customer(tenant.shop.linker, eve)
    assert (outcome.status, outcome.customer_id) == (LinkStatus.ALREADY_LINKED, made)
    assert tenant.shop.stripe_requests() == []


def test_tokens_of_the_first_login_spare_the_store_every_call(tenant: Tenant) -> None:
    shop, eve = tenant.shop, new_user(tenant)
    shop.linker.payments.account()  # once in a process
    asked = tenant.log_in(eve)
    shop.forget_requests()
    claimed = {name.rpartition("/")[2]: value for name, value in asked.id_token.items()}
    outcome = ensure_customer(shop.linker, eve, ClaimedLink(claimed))
    assert (outcome.status, outcome.customer_id) == (
        LinkStatus.ALREADY_LINKED,
        asked.metadata["stripe_customer_id"],
    )
    assert (shop.stripe_requests(), shop.management_requests()) == ([], [])


@pytest.mark.parametrize(
    "records",
    [
        {"stripe_customer_id": "cus_1", "stripe_account": PIN},
        {"stripe_customer_id": "cus_1"},
        {
            "stripe_customer_id": "cus_live",
            "stripe_account": f"{ACCOUNT} live",
            f"stripe_customer_id_{ACCOUNT}_test": "cus_1",
            f"stripe_account_{ACCOUNT}_test": PIN,
        },
        {f"stripe_customer_id_{ACCOUNT}_test": "cus_1", f"stripe_account_{ACCOUNT}_test": PIN},
        {
            "stripe_customer_id": "cus_live",
            "stripe_account": "acct_2 live",
            "stripe_customer_id_test": "cus_1",
        },
    ],
    ids=["plain", "no account", "suffixed beside live", "suffixed", "suffixed by mode"],
)
def test_linked_user_costs_no_call_and_the_tokens_have_every_pair(
    tenant: Tenant, records: dict[str, str]
) -> None:
    user_id = tenant.shop.add_user(
        None, app_metadata={**records, "favourite": "tea", "stripe_replaced": "cus_0"}
    )
    asked = tenant.log_in(user_id)
    assert tenant.shop.stripe_requests() == []
    assert asked.metadata == {}
    assert asked.id_token == asked.access_token == claims(tenant, records)


@pytest.mark.parametrize("garbage", [7, "", {"id": "cus_1"}, ["cus_1"], True], ids=repr)
def test_recorded_garbage_is_left_alone(tenant: Tenant, garbage: object) -> None:
    user_id = new_user(tenant, app_metadata={"stripe_customer_id": garbage})
    asked = tenant.log_in(user_id)
    assert tenant.shop.stripe_requests() == []
    assert asked.metadata == {}
    assert asked.threw is None


# Left to the store


def ago(**how_long: float) -> str:
    return (datetime.now(UTC) - timedelta(**how_long)).isoformat()


LEFT: dict[str, dict[str, Any]] = {
    "social user": {"user_id": "google-oauth2|104201337000000000000"},
    "enterprise user": {"user_id": "samlp|corp|ada@example.com"},
    "imported user": {"user_id": "auth0|12345"},
    "capitals in the ID": {"user_id": "auth0|ABCDEFABCDEFABCDEFABCDEF"},
    "longer ID": {"user_id": "auth0|0123456789abcdef012345678"},
    "line after the ID": {"user_id": "auth0|0123456789abcdef01234567\n"},
    "ID of another type": {"user_id": 7},
    "second identity": {
        "identities": [
            {"provider": "auth0", "user_id": "0123456789abcdef01234567"},
            {"provider": "google-oauth2", "user_id": "104201337"},
        ]
    },
    "another identity": {"identities": [{"provider": "google-oauth2", "user_id": "104201337"}]},
    "older than the key's life": {"created_at": ago(hours=23, seconds=5)},
    "no created_at": {"created_at": None},
    "created_at without a zone": {"created_at": datetime.now(UTC).replace(tzinfo=None).isoformat()},
    "created_at of another form": {"created_at": "yesterday"},
    "created_at of another type": {"created_at": [ago(hours=1)]},
    "an earlier failure": {"app_metadata": {"stripe_link_failed_at": 1_800_000_000}},
    "a failure of another world": {"app_metadata": {"stripe_link_failed_at_acct_9_test": 1_800_000_000}},
    "app_metadata of another type": {"app_metadata": ["stripe_customer_id"]},
    "account of another type": {"app_metadata": {"stripe_account": 7}},
}


@pytest.mark.parametrize("profile", LEFT.values(), ids=LEFT)
def test_left_to_the_store_without_a_call(tenant: Tenant, profile: dict[str, Any]) -> None:
    event = tenant.event(new_user(tenant), user_id=NEW_ID)
    provider, _, rest = str(profile.get("user_id", NEW_ID)).partition("|")
    event["user"] |= {"identities": [{"provider": provider, "user_id": rest}], **profile}
    asked = tenant.action.log_in(event)
    assert tenant.shop.stripe_requests() == []
    assert asked.nothing
    assert len(asked.log) == 1


@pytest.mark.parametrize(
    "profile",
    [{"identities": None}, {"identities": "auth0"}, {"identities": [None]}, {"created_at": ago(hours=22)}],
    ids=["no identities", "identities of another type", "identity of another type", "younger than the key"],
)
def test_the_same_user_otherwise_is_linked(tenant: Tenant, profile: dict[str, Any]) -> None:
    asked = tenant.action.log_in(tenant.event(new_user(tenant), **profile))
    assert asked.metadata.keys() == {"stripe_customer_id", "stripe_account"}


EVENTS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no secrets": lambda event: event.pop("secrets"),
    "no key": lambda event: event["secrets"].clear(),
    "live key": lambda event: event["secrets"].update(STRIPE_SECRET_KEY=LIVE_KEY),
    "publishable key": lambda event: event["secrets"].update(STRIPE_SECRET_KEY="pk_test_1"),
    "no user": lambda event: event.pop("user"),
    "user of another type": lambda event: event.update(user=7),
}


@pytest.mark.parametrize("spoil", EVENTS.values(), ids=EVENTS)
def test_event_that_is_not_as_expected_never_fails_the_login(
    tenant: Tenant, spoil: Callable[[dict[str, Any]], object]
) -> None:
    event = tenant.event(new_user(tenant))
    spoil(event)
    asked = tenant.action.log_in(event)
    assert tenant.shop.stripe_requests() == []
    assert asked.nothing


@pytest.mark.parametrize("key", [" {}", "{} ", "{}\n"], ids=["space before", "space behind", "line break"])
def test_a_secret_that_was_pasted_with_white_space_is_the_same_secret(tenant: Tenant, key: str) -> None:
    event = tenant.event(new_user(tenant))
    event["secrets"]["STRIPE_SECRET_KEY"] = key.format(tenant.secret_key)
    asked = tenant.action.log_in(event)
    assert asked.log == []
    assert asked.metadata.keys() == {"stripe_customer_id", "stripe_account"}


def test_without_the_dependency_the_login_goes_on(tenant: Tenant) -> None:
    asked = tenant.action.log_in(tenant.event(new_user(tenant)), withoutStripe=True)
    assert asked.nothing
    assert asked.log == ["webstore: not linked here: Error MODULE_NOT_FOUND"]


@pytest.mark.parametrize("refused", ["setAppMetadata", "idToken", "accessToken"])
def test_refused_by_auth0_the_login_goes_on_and_the_store_finds_the_customer(
    tenant: Tenant, refused: str
) -> None:
    eve = new_user(tenant)
    asked = tenant.log_in(eve, refused=[refused])
    assert (asked.denied, asked.threw) == (False, None)
    if refused == "setAppMetadata":
        assert asked.nothing
    assert_linked_by_the_store(tenant, eve)
