"""What a token for the set-up tells before anything is read."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from tests.unit.provisioning.tenant import NEEDS
from webstore.provisioning.tenant.models import CannotSetUp, Needs
from webstore.provisioning.tenant.rights import check_token, needed

NOW = 1_800_000_000.0
ALL = " ".join(needed(replace(NEEDS, audience="https://api.example.com")))


def token(**claims: object) -> str:
    sound = {"aud": NEEDS.mgmt_audience, "exp": NOW + 60, "scope": ALL}
    parts: tuple[dict[str, object], ...] = ({"alg": "RS256"}, {**sound, **claims}, {})
    return ".".join(base64.urlsafe_b64encode(json.dumps(it).encode()).decode().rstrip("=") for it in parts)


@pytest.mark.parametrize(
    "sound",
    [
        token(),
        token(aud=["https://other.example/", NEEDS.mgmt_audience]),
        token(exp=None, scope=None),
        "opaque",
        "a.b.c",
        "a.W10.c",
        f"a.{'x' * 5001}.c",
    ],
    ids=["sound", "two audiences", "no times", "opaque", "no JSON", "no object", "no base64"],
)
def test_a_token_that_may_work_is_tried(sound: str) -> None:
    check_token(sound, NEEDS, NOW)


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"aud": "https://other.eu.auth0.com/api/v2/"}, r"for https://other.*AUTH0_MGMT_DOMAIN"),
        ({"aud": None}, "for None"),
        ({"exp": NOW}, "expired on 15 January 2027 at 08:00 UTC"),
        ({"exp": -1e30}, "The token expired. Take a new one."),
        ({"scope": ALL.replace("update:clients ", "")}, "lacks these scopes: update:clients$"),
        ({"scope": "read:clients"}, "create:clients update:clients read:client_grants"),
    ],
    ids=["another tenant", "no audience", "expired", "before all calendars", "one scope", "many scopes"],
)
def test_a_token_that_cannot_work_is_explained(claims: dict[str, object], words: str) -> None:
    with pytest.raises(CannotSetUp, match=words):
        check_token(token(**claims), NEEDS, NOW)


@pytest.mark.parametrize(
    ("needs", "scope", "wanted"),
    [
        (NEEDS, "read:client_keys", True),
        (replace(NEEDS, keeps_credentials=False), "read:client_keys", False),
        (NEEDS, "update:actions", True),
        (replace(NEEDS, action=None), "update:actions", False),
        (NEEDS, "update:resource_servers", False),
        (replace(NEEDS, audience="https://api.example.com"), "update:resource_servers", True),
    ],
)
def test_only_the_scopes_that_are_used_are_asked_for(needs: Needs, scope: str, *, wanted: bool) -> None:
    assert (scope in needed(needs)) is wanted
    assert not any(right.startswith("delete:") for right in needed(needs))
