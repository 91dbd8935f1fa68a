"""Which access tokens the JSON API takes, and for what."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.callers import (
    SCOPES,
    ask,
    assert_problem,
    program_token,
    signed,
    signed_by_stranger,
    signed_with_public_key,
    unsigned,
    user_token,
)
from tests.support import GRACE, Shop

BARE = 'Bearer realm="webstore"'


def test_products_are_for_every_token_of_this_audience(shared: Shop) -> None:
    for token in (user_token(shared), program_token(shared), signed(shared, typ="at+jwt", scope=None)):
        assert ask(shared, "/api/products", token).status_code == 200


BAD: dict[str, Callable[[Shop], str]] = {
    "no JWT": lambda shop: "x",
    "three empty parts": lambda shop: "..",
    "unsigned": unsigned,
    "HS256 with the public key": signed_with_public_key,
    "an unknown key": lambda shop: signed_by_stranger(shop, known_kid=False),
    "another key under a known ID": lambda shop: signed_by_stranger(shop, known_kid=True),
    "a key that it carries": lambda shop: signed_by_stranger(shop, known_kid=True, carries_key=True),
    "another issuer": lambda shop: signed(shop, iss="https://evil.example/"),
    "the issuer without its slash": lambda shop: signed(shop, iss=shop.environment["AUTH0_ISSUER"][:-1]),
    "another audience": lambda shop: signed(shop, aud="https://other.example/"),
    "the audience as a part": lambda shop: signed(shop, aud="https://api.webstore.example/more"),
    "no audience": lambda shop: signed(shop, aud=None),
    "an ID token": lambda shop: signed(shop, aud=shop.environment["AUTH0_CLIENT_ID"], nonce="x", scope=None),
    "a logout token": lambda shop: signed(shop, typ="logout+jwt"),
    "expired": lambda shop: signed(shop, exp=int(time.time()) - 120),
    "no expiry": lambda shop: signed(shop, exp=None),
    "an expiry in words": lambda shop: signed(shop, exp="tomorrow"),
    "an endless expiry": lambda shop: signed(shop, exp=float("inf")),
    "of a time to come": lambda shop: signed(shop, iat=int(time.time()) + 120),
    "not yet": lambda shop: signed(shop, nbf=int(time.time()) + 120),
    "no subject": lambda shop: signed(shop, sub=None),
    "a subject that is no text": lambda shop: signed(shop, sub=["auth0|1"]),
    "an endless subject": lambda shop: signed(shop, sub="x" * 256),
    "too large": lambda shop: signed(shop, filler="x" * 16_000),
    "the end cut off": lambda shop: signed(shop)[:-4],
    "signed for other claims": lambda shop: ".".join(
        (signed(shop).rsplit(".", 1)[0], signed(shop, sub=GRACE).rsplit(".", 1)[1])
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_token_is_refused(shared: Shop, kind: str) -> None:
    answer = ask(shared, "/api/products", BAD[kind](shared))

    assert_problem(answer, 401)
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith(f'{BARE}, error="invalid_token", error_description="')


def test_another_issuer_is_named_in_the_log_and_not_to_the_caller(
    shared: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer = ask(shared, "/api/products", signed(shared, iss='https://evil.example/"\r\n'))
    assert 'error_description="the access token is of another issuer"' in answer.headers["WWW-Authenticate"]
    assert "evil" not in answer.text
    (line,) = [line for line in caplog.messages if "evil.example" in line]
    assert f"expected '{shared.environment['AUTH0_ISSUER']}'; check AUTH0_ISSUER and AUTH0_DOMAIN" in line


@pytest.mark.parametrize("leeway", [{"exp": -50}, {"iat": 50}, {"nbf": 50}])
def test_clocks_may_differ_by_a_minute(shared: Shop, leeway: dict[str, int]) -> None:
    times: dict[str, Any] = {name: int(time.time()) + seconds for name, seconds in leeway.items()}
    assert ask(shared, "/api/products", signed(shared, **times)).status_code == 200


@pytest.mark.parametrize("path", ["/api/products", "/api/products/mug", "/api/me"])
def test_without_a_token_the_challenge_has_no_error(shared: Shop, path: str) -> None:
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Token x"}):
        answer = ask(shared, path, headers=headers)
        assert_problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == BARE


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Bearer a b", "Bearer ä", "Bearer a,b", "bearer ==="]
)
def test_a_malformed_header_is_a_bad_request(shared: Shop, header: str) -> None:
    answer = ask(shared, "/api/products", headers={"Authorization": header})
    assert_problem(answer, 400)
    assert answer.headers["WWW-Authenticate"].startswith(f'{BARE}, error="invalid_request", ')


def test_a_token_is_taken_from_the_header_alone(shared: Shop) -> None:
    token = user_token(shared)

    in_query = ask(shared, f"/api/me?access_token={token}")
    assert_problem(in_query, 401)
    assert in_query.headers["WWW-Authenticate"] == BARE
    in_both = ask(shared, f"/api/me?access_token={token}", token)
    assert_problem(in_both, 400)
    assert 'error="invalid_request"' in in_both.headers["WWW-Authenticate"]
    in_body = ask(shared, "/api/checkout", method="POST", data={"access_token": token})
    assert_problem(in_body, 401)


def test_a_session_cookie_is_not_a_token(shared: Shop) -> None:
    browser = shared.browser()
    browser.log_in()
    assert browser.open("/account").status_code == 200

    answer = browser.open("/api/me")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == BARE
    assert "set-cookie" not in answer.headers


def test_a_new_key_is_read_and_a_revoked_one_is_refused(shop: Shop) -> None:
    keys = shop.sandbox.auth0.state.keys
    old = signed(shop)
    assert ask(shop, "/api/products", old).status_code in (200, 503)
    for _ in range(3):
        keys.rotate()
    assert ask(shop, "/api/products", signed(shop)).status_code != 401
    keys.revoke()
    assert_problem(ask(shop, "/api/products", old), 401)


def test_while_the_keys_cannot_be_read_the_client_is_asked_to_come_back(shop: Shop) -> None:
    token = signed(shop)
    shop.sandbox.auth0.control.add_fault(action="status", status=500, path="/.well-known/.*")

    answer = ask(shop, "/api/products", token)

    assert_problem(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


# Scopes


@pytest.mark.parametrize(
    ("method", "path", "scope"), [("GET", "/api/me", "read:me"), ("POST", "/api/checkout", "create:checkout")]
)
def test_the_scope_is_needed(shared: Shop, method: str, path: str, scope: str) -> None:
    others = SCOPES.replace(scope, "").strip()
    for token in (
        signed(shared, scope=others),
        signed(shared, scope=f"{scope}s"),
        signed(shared, scope=None),
    ):
        answer = ask(shared, path, token, method=method)
        assert_problem(answer, 403)
        challenge = answer.headers["WWW-Authenticate"]
        assert f'error="insufficient_scope", scope="{scope}"' in challenge


def test_a_permission_counts_as_a_scope(shared: Shop) -> None:
    answer = ask(shared, "/api/me", signed(shared, scope="openid", permissions=["read:me"]))
    assert answer.status_code == 200


@pytest.mark.parametrize("permissions", ["no list", [1, None], {"read:me": 1}])
def test_malformed_permissions_grant_nothing(shared: Shop, permissions: object) -> None:
    assert_problem(ask(shared, "/api/me", signed(shared, scope=None, permissions=permissions)), 403)


def test_a_program_has_no_customer(shared: Shop) -> None:
    programs = (
        program_token(shared),
        signed(shared, sub="abc@clients"),
        signed(shared, gty="client-credentials"),
        signed(shared, sub="abc", azp=None, client_id="abc"),
    )
    for token in programs:
        answer = ask(shared, "/api/me", token)
        assert_problem(answer, 403)
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
