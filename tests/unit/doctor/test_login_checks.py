"""Checks of the login and of the Management API."""

from __future__ import annotations

from dataclasses import replace

import pytest

from webstore.doctor.facts import Action, Facts, Links, Registration, Trouble

from .facts import (
    DISCOVERY,
    ISSUER,
    SHOP,
    TENANT,
    found,
    skipped,
    sound,
    told,
    with_application,
    with_login,
    with_tenant,
)

DOWN = Trouble("nobody answers", late=True)
FORBIDDEN = Trouble("status 403 insufficient_scope", 403, "insufficient_scope")
REFUSED = Trouble("status 401 access_denied", 401, "access_denied")
SAME_APPLICATION = {"AUTH0_MGMT_CLIENT_ID": "", "AUTH0_MGMT_CLIENT_SECRET": ""}


def test_a_sound_set_up_has_no_finding() -> None:
    assert found(sound()) == {}
    assert skipped(sound()) == {}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (with_login(sound(), discovery=DOWN), {"discovery": "failure"}),
        (with_login(sound(), has_rs256_key=False), {"signing-keys": "failure"}),
        (with_login(sound(), callback=Registration.UNKNOWN_CLIENT), {"client-id": "failure"}),
        (with_login(sound(), callback=Registration.NOT_REGISTERED), {"callback-url": "failure"}),
        (with_login(sound(), logout=Registration.NOT_REGISTERED), {"logout-url": "failure"}),
        (with_login(sound(), exchange=REFUSED), {"client-secret": "failure"}),
        (
            with_login(sound(), exchange=Trouble("status 403", 403, "unauthorized_client")),
            {"grant-types": "failure"},
        ),
        (with_application(sound(), grant_types=("implicit",)), {"grant-types": "failure"}),
        (with_application(sound(), algorithm="HS256"), {"signing-algorithm": "failure"}),
        (with_application(sound(), algorithm=""), {"signing-algorithm": "warning"}),
        (with_application(sound(), token_auth_method="private_key_jwt"), {"token-endpoint-auth": "failure"}),
        (with_application(sound(), app_type="spa"), {"application-type": "warning"}),
        (with_application(sound(), back_channel_urls=()), {"back-channel-url": "warning"}),
        (with_tenant(sound(), scopes=REFUSED), {"management-token": "failure"}),
        (with_tenant(sound(), scopes=TENANT.scopes[:-1]), {"management-scopes": "warning"}),  # type: ignore[index]  # scopes
        (with_tenant(sound(), scopes=("read:users",)), {"management-scopes": "failure"}),
        (with_tenant(sound(), scopes=DOWN), {"management-domain": "failure"}),
    ],
)
def test_one_cause_is_one_finding(facts: Facts, expected: dict[str, str]) -> None:
    assert found(facts) == expected


def test_an_issuer_without_its_slash_is_told_with_the_value_to_set() -> None:
    facts = sound(AUTH0_ISSUER=ISSUER.rstrip("/"))
    assert found(facts) == {"issuer": "failure"}
    assert "without the slash" in told(facts, "issuer")
    assert f"AUTH0_ISSUER={ISSUER}" in told(facts, "issuer")


def test_the_canonical_domain_of_a_tenant_with_a_custom_one_is_another_issuer() -> None:
    named = replace(DISCOVERY, issuer="https://login.shop.example/")
    facts = with_login(sound(), discovery=named)
    assert found(facts) == {"issuer": "failure"}
    assert "https://login.shop.example/" in told(facts, "issuer")


def test_a_custom_domain_as_audience_is_told_apart_from_a_missing_grant() -> None:
    unknown = Trouble(
        "status 403 access_denied (Service not found: https://login.shop.example/api/v2/)",
        403,
        "access_denied",
    )
    domain = with_tenant(sound(AUTH0_MGMT_DOMAIN="login.shop.example"), scopes=unknown)
    assert found(domain) == {"management-domain": "failure"}
    assert "TENANT.REGION.auth0.com" in told(domain, "management-domain")
    ungranted = Trouble("status 403 access_denied (Client is not authorized)", 403, "access_denied")
    grant = with_tenant(sound(), scopes=ungranted)
    assert found(grant) == {"management-token": "failure"}
    assert "is not authorized" in told(grant, "management-token")


def test_one_secret_for_both_is_named_once() -> None:
    facts = with_tenant(with_login(sound(**SAME_APPLICATION), exchange=REFUSED), scopes=REFUSED)
    assert found(facts) == {"client-secret": "failure"}
    assert skipped(facts)["management-token"] == "because of client-secret"


def test_one_host_that_is_down_is_named_once() -> None:
    facts = with_tenant(with_login(sound(), discovery=DOWN), scopes=DOWN)
    assert found(facts) == {"discovery": "failure"}
    assert skipped(facts)["management-scopes"] == "because of discovery"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_provider_with_a_fault_of_its_own_is_named_once_and_no_setting_is_blamed(status: int) -> None:
    fault = Trouble(f"status {status}", status)
    facts = with_tenant(with_login(sound(), discovery=fault), scopes=fault)
    assert found(facts) == {"discovery": "failure"}
    assert skipped(facts)["management-token"] == "because of discovery"
    assert "status.auth0.com" in told(facts, "discovery")
    assert "AUTH0_DOMAIN" not in told(facts, "discovery")


@pytest.mark.parametrize(
    ("status", "words"),
    [(503, "run the doctor again"), (404, "AUTH0_MGMT_DOMAIN"), (200, "AUTH0_MGMT_DOMAIN")],
)
def test_who_answers_in_auth0s_place_is_told_apart_from_a_fault_that_passes(status: int, words: str) -> None:
    facts = with_tenant(sound(), scopes=Trouble(f"status {status}", status))
    assert found(facts) == {"management-token": "failure"}
    assert words in told(facts, "management-token")


def test_a_setup_token_that_is_refused_or_has_too_few_rights_is_named() -> None:
    expired = Trouble("status 401 Unauthorized", 401, "Unauthorized")
    for answer, words in (
        (expired, "AUTH0_SETUP_TOKEN, which is wrong or has expired"),
        (FORBIDDEN, "may not read"),
    ):
        facts = with_tenant(sound(), with_setup_token=True, application=answer, actions=answer)
        assert found(facts) == {}
        for check in ("signing-algorithm", "action"):
            assert words in told(facts, check)
            assert "AUTH0_SETUP_TOKEN" in told(facts, check)
            assert "Set AUTH0_SETUP_TOKEN" not in told(facts, check)


def test_without_the_right_to_read_applications_it_says_what_would_help() -> None:
    facts = with_tenant(sound(), application=FORBIDDEN, actions=FORBIDDEN)
    assert found(facts) == {}
    expected = {"application-type", "token-endpoint-auth", "signing-algorithm", "back-channel-url", "action"}
    assert set(skipped(facts)) == expected
    assert "AUTH0_SETUP_TOKEN" in told(facts, "signing-algorithm")


def test_an_unclear_page_of_the_provider_is_no_verdict_unless_the_list_is_known() -> None:
    unclear = with_login(sound(), callback=Registration.UNCLEAR)
    assert found(unclear) == {}
    assert found(with_application(unclear, callbacks=())) == {"callback-url": "failure"}
    unknown = with_tenant(unclear, application=FORBIDDEN)
    assert found(unknown) == {}
    assert f"{SHOP}/callback" in told(unknown, "callback-url")


def test_a_tenant_that_hides_its_reasons_is_understood_by_what_else_it_answers() -> None:
    hidden = with_login(sound(), callback=Registration.REFUSED)
    assert found(with_tenant(hidden, application=FORBIDDEN)) == {"callback-url": "failure"}
    assert found(hidden) == {}  # the application's own list has it
    neither = with_login(hidden, logout=Registration.REFUSED, exchange=REFUSED)
    assert found(neither) == {"client-id": "failure"}


ACTION = Action("1", "Web store", "the code", has_newer_draft=False, bound=True)


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ((replace(ACTION, deployed_code=None),), "is not deployed"),
        ((replace(ACTION, bound=False),), "not bound"),
        ((replace(ACTION, deployed_code="older code"),), "not the one that the store prints"),
        ((replace(ACTION, deployed_code="older", has_newer_draft=True),), "not deployed"),
        ((ACTION, replace(ACTION, id="2", name="Copy")), "Several Actions"),
    ],
)
def test_an_action_that_does_not_run_as_printed_is_a_warning(actions: tuple[Action, ...], words: str) -> None:
    facts = with_tenant(sound(), actions=actions)
    assert found(facts) == {"action": "warning"}
    assert words in told(facts, "action")


def test_no_action_is_no_fault() -> None:
    facts = with_tenant(sound(), actions=())
    assert found(facts) == {}
    assert "one Management API call" in told(facts, "action")


def test_pages_are_those_of_the_tenant_and_the_application() -> None:
    facts = with_login(sound(), callback=Registration.NOT_REGISTERED)
    page = "https://manage.auth0.com/dashboard/eu/webstore/applications/client/settings"
    assert page in told(facts, "callback-url")


def test_links_of_users_need_no_setup_token() -> None:
    facts = with_tenant(sound(), application=FORBIDDEN, links=Links(0, {}))
    assert "No user's link" in told(facts, "worlds")
