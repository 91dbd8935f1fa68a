"""The user directory on the Management API: the calls that read and write."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.gateways.tenant import ADA, TOKEN, USER, Tenant
from webstore.errors import DirectoryRefused, DirectoryUnavailable, UserGone
from webstore.gateways.auth0 import Auth0Directory
from webstore.linking import worlds
from webstore.linking.calls import RecordLink
from webstore.sandbox.auth0.user import database_user, social_user

# Reading


def test_a_user_is_read_with_everything_that_linking_needs(tenant: Tenant, directory: Auth0Directory) -> None:
    tenant.keep(
        {
            "stripe_customer_id": "cus_1",
            "stripe_account": "acct_1 test",
            "stripe_link_failed_at": 1_800_000_000,
            "plan": {"of": "another application"},
        }
    )
    kept = tenant.auth0.state.users.get(ADA)
    assert kept is not None
    user = directory.read_user(ADA)
    assert (user.user_id, user.email, user.email_verified) == (ADA, "ada@example.com", True)
    assert (user.name, user.picture) == ("Ada Example", kept.picture)
    assert user.created_at == pytest.approx(kept.created_at, abs=0.001)
    assert (user.customer_id, user.account) == ("cus_1", "acct_1 test")
    assert user.link_failed_at == 1_800_000_000.0


def test_a_user_with_an_empty_record_has_nothing_recorded(tenant: Tenant, directory: Auth0Directory) -> None:
    tenant.keep({})
    user = directory.read_user(ADA)
    assert (user.customer_id, user.account, user.link_failed_at) == (None, None, None)
    tenant.keep(None)
    assert directory.read_user(ADA) == user


def test_a_user_without_an_email_has_none(tenant: Tenant, directory: Auth0Directory) -> None:
    nameless = social_user("an account", None, None, time.time())
    tenant.auth0.state.users.add(nameless)
    user = directory.read_user(nameless.user_id)
    assert (user.email, user.email_verified, user.name) == (None, False, None)


def test_users_are_listed_newest_first_by_page(tenant: Tenant, directory: Auth0Directory) -> None:
    tenant.keep({"stripe_customer_id": "cus_1"})
    newest = social_user("an account", None, None, tenant.auth0.control.clock.now())
    tenant.auth0.state.users.add(newest)
    # The list lags.
    tenant.auth0.control.clock.advance(60)
    first, second = directory.list_users(0, 2), directory.list_users(1, 2)
    assert [len(first), len(second), first[0].user_id] == [2, 1, newest.user_id]
    ada = next(it for it in (*first, *second) if it.user_id == ADA)
    assert (ada.email, ada.customer_id) == ("ada@example.com", "cus_1")


def test_auth0_lists_a_thousand_users(directory: Auth0Directory) -> None:
    with pytest.raises(DirectoryRefused, match="invalid_paging"):
        directory.list_users(20, 50)


@pytest.mark.parametrize(
    ("profile", "read"),
    [
        ({"email_verified": "ada@example.com"}, ("ada@example.com", False, "Ada Example")),
        ({"email_verified": "true"}, ("ada@example.com", False, "Ada Example")),
        ({"email_verified": 1}, ("ada@example.com", False, "Ada Example")),
        ({"email": ["ada@example.com"]}, (None, True, "Ada Example")),
        ({"email": {"value": "ada@example.com"}}, (None, True, "Ada Example")),
        ({"name": ["Ada", "Example"]}, ("ada@example.com", True, None)),
        ({"name": 7, "picture": False, "created_at": []}, ("ada@example.com", True, None)),
        ({"name": "Ada \ud83d"}, ("ada@example.com", True, "Ada \N{REPLACEMENT CHARACTER}")),
        ({"created_at": "once upon a time"}, ("ada@example.com", True, "Ada Example")),
        ({"created_at": {"$date": 5}}, ("ada@example.com", True, "Ada Example")),
        ({"multifactor": [{"type": "otp"}], "identities": "x"}, ("ada@example.com", True, "Ada Example")),
    ],
)
def test_an_optional_field_of_another_type_counts_as_absent(
    tenant: Tenant, directory: Auth0Directory, profile: dict[str, Any], read: tuple[object, ...]
) -> None:
    """Profiles of SAML, social and imported connections have what their provider sends."""
    body = {
        "user_id": ADA,
        "email": "ada@example.com",
        "email_verified": True,
        "name": "Ada Example",
        "created_at": "2026-11-26T12:00:00.000Z",
        **profile,
    }
    tenant.fault(action="status", path=USER, status=200, body=body)
    user = directory.read_user(ADA)
    assert (user.email, user.email_verified, user.name) == read
    # A time that cannot be read counts as long ago: then an earlier customer is looked for.
    assert user.created_at == (0.0 if "created_at" in profile else 1_795_694_400.0)


@pytest.mark.parametrize(
    ("profile", "read"),
    [
        ({}, (False, 0.0)),
        ({"blocked": False, "last_password_reset": None}, (False, 0.0)),
        ({"blocked": True, "last_password_reset": "2026-11-26T12:00:00.000Z"}, (True, 1_795_694_400.0)),
        ({"blocked": "true", "last_password_reset": 5}, (False, 0.0)),
    ],
)
def test_a_block_and_the_last_password_reset_are_read(
    tenant: Tenant, directory: Auth0Directory, profile: dict[str, Any], read: tuple[bool, float]
) -> None:
    tenant.fault(action="status", path=USER, status=200, body={"user_id": ADA, **profile})
    user = directory.read_user(ADA)
    assert (user.blocked, user.password_reset_at) == read


def test_the_accounts_that_were_merged_into_a_user_are_read(
    tenant: Tenant, directory: Auth0Directory
) -> None:
    own = {"provider": "auth0", "user_id": ADA.removeprefix("auth0|"), "connection": "db", "isSocial": False}
    listed = [
        own,
        {"provider": "google-oauth2", "user_id": "1042", "profileData": {"email": "ada@gmail.example"}},
        {"provider": "samlp", "user_id": "corp|ada b", "profileData": {"email": ["ada@corp.example"]}},
        {"provider": "github", "user_id": 8042, "profileData": "x"},
        *(
            {"provider": "github"},
            {"provider": "github", "user_id": True},
            {"provider": 7, "user_id": "8"},
            "x",
            None,
        ),
    ]
    body = {"user_id": ADA, "email": "ada@example.com", "identities": listed}
    tenant.fault(action="status", path=USER, status=200, body=body)
    user = directory.read_user(ADA)
    assert user.identities == ("google-oauth2|1042", "samlp|corp|ada b", "github|8042")
    assert user.merged_emails == ("ada@gmail.example",)
    assert directory.read_user(ADA).identities == ()


AWKWARD = [
    "google-oauth2|103547991597142817347",
    "samlp|corp|ada@corp.example",
    'auth0|it\'s "quoted"',
    "auth0|back\\slash",
    "auth0|käthe-日本語-🦜",
    "oidc|corp|a/b/c",
    "auth0|../../clients",
    "auth0|a?b=c&d#e",
    "auth0|100% + more",
    "auth0|a%7Cb",
    "waad|Ab_c-D.e~f",
]


@pytest.mark.parametrize("user_id", AWKWARD)
def test_a_user_with_an_awkward_id_is_read_and_linked(
    tenant: Tenant, directory: Auth0Directory, user_id: str
) -> None:
    tenant.auth0.state.users.add(database_user("awkward@example.com", "", time.time(), user_id=user_id))
    assert directory.read_user(user_id).user_id == user_id
    directory.write_records(user_id, {"stripe_customer_id": "cus_1"})
    assert directory.read_user(user_id).customer_id == "cus_1"
    assert tenant.metadata() is None, "the link went into somebody else's record"


@pytest.mark.parametrize(
    ("metadata", "read"),
    [
        ({"stripe_customer_id": 42}, ("42", None, None)),
        ({"stripe_customer_id": {"id": "cus_1"}}, ('{"id": "cus_1"}', None, None)),
        ({"stripe_customer_id": ["cus_1"]}, ('["cus_1"]', None, None)),
        ({"stripe_customer_id": False}, ("false", None, None)),
        ({"stripe_customer_id": ""}, ("", None, None)),
        # It names no account and mode, so the customer is one without an account.
        ({"stripe_customer_id": "cus_1", "stripe_account": 7}, ("cus_1", None, None)),
        ({"stripe_link_failed_at": "yesterday"}, (None, None, None)),
        ({"stripe_link_failed_at": True}, (None, None, None)),
        ({"stripe_link_failed_at": {"at": 1}}, (None, None, None)),
        ({"stripe_link_failed_at": 1.5}, (None, None, 1.5)),
        ({"stripe_link_failed_at": 10**400}, (None, None, None)),
    ],
)
def test_garbage_in_the_record_is_read_as_recorded_garbage(
    tenant: Tenant, directory: Auth0Directory, metadata: dict[str, Any], read: tuple[object, ...]
) -> None:
    """Garbage under the customer's name is not the same as nothing: it must not be overwritten."""
    tenant.keep(metadata)
    user = directory.read_user(ADA)
    assert (user.customer_id, user.account, user.link_failed_at) == read


def test_the_user_into_whom_an_account_was_merged_is_found(tenant: Tenant, directory: Auth0Directory) -> None:
    social = social_user("an account", None, None, time.time())
    tenant.auth0.state.users.add(social)
    tenant.auth0.state.merge_users(ADA, social.user_id)
    # The search lags.
    tenant.auth0.control.clock.advance(60)
    assert directory.find_by_identity(social.user_id) == (ADA,)
    assert directory.find_by_identity(ADA) == ()
    assert directory.find_by_identity('waad|it"s \\" OR user_id:* "') == ()


# Writing


def record_link(directory: Auth0Directory, customer_id: str, pin: str | None, *replaced: str) -> None:
    directory.write_records(ADA, worlds.metadata_of(RecordLink(ADA, customer_id, pin, replaced)))


def test_a_link_is_recorded_beside_what_others_keep_and_clears_the_failure_note(
    tenant: Tenant, directory: Auth0Directory
) -> None:
    tenant.keep({"plan": {"name": "gold"}, "stripe_link_failed_at": 1_700_000_000})
    directory.read_user(ADA)
    tenant.asked()
    record_link(directory, "cus_1", "acct_1 test")
    assert tenant.asked() == [f"PATCH {USER}"]
    assert tenant.metadata() == {
        "plan": {"name": "gold"},
        "stripe_customer_id": "cus_1",
        "stripe_account": "acct_1 test",
    }


def test_dead_predecessors_are_recorded_in_order_and_kept_by_later_links(
    tenant: Tenant, directory: Auth0Directory
) -> None:
    record_link(directory, "cus_3", None, "cus_1", "cus_2")
    record_link(directory, "cus_4", None)
    assert tenant.metadata() == {"stripe_customer_id": "cus_4", "stripe_replaced": "cus_1 cus_2"}
    assert directory.read_user(ADA).replaced == ("cus_1", "cus_2")


def test_a_user_is_deleted_for_good_and_deleting_them_again_raises_nothing(
    tenant: Tenant, directory: Auth0Directory
) -> None:
    for _ in range(2):
        directory.delete_user(ADA)
    assert tenant.asked() == [f"POST {TOKEN}", f"DELETE {USER}", f"DELETE {USER}"]
    with pytest.raises(UserGone):
        directory.read_user(ADA)


def test_a_link_to_an_unknown_account_takes_the_account_of_another_link_away(
    tenant: Tenant, directory: Auth0Directory
) -> None:
    tenant.keep({"stripe_account": "acct_1 test"})
    record_link(directory, "cus_2", None)
    assert tenant.metadata() == {"stripe_customer_id": "cus_2"}


def test_a_failure_is_noted_beside_everything_else(tenant: Tenant, directory: Auth0Directory) -> None:
    tenant.keep({"plan": "gold", "stripe_customer_id": "cus_1"})
    directory.write_records(ADA, {"stripe_link_failed_at": 1_800_000_000, "stripe_link_failed_try": "0"})
    assert tenant.metadata() == {
        "plan": "gold",
        "stripe_customer_id": "cus_1",
        "stripe_link_failed_at": 1_800_000_000,
        "stripe_link_failed_try": "0",
    }
    assert directory.read_user(ADA).link_failed_at == 1_800_000_000.0


def test_users_are_found_by_their_address_also_in_capitals(directory: Auth0Directory) -> None:
    assert directory.find_by_email("Ada@Example.com") == (ADA,)
    assert directory.find_by_email("nobody@example.com") == ()


@pytest.mark.parametrize("body", [{"users": []}, "x", None])
def test_an_answer_that_is_no_list_of_users_proves_nothing(
    tenant: Tenant, directory: Auth0Directory, body: object
) -> None:
    tenant.fault(action="status", path="/api/v2/users-by-email", status=200, body=body)
    with pytest.raises(DirectoryUnavailable):
        directory.find_by_email("ada@example.com")
