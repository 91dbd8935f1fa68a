"""ID tokens that are wrong in one place, each refused with a page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.conformance.provider import Liar, by_hand, curve, refusal, signed_by_hand
from tests.login.steps import ORGANIZATION, cause
from tests.support import (
    ADA,
    Browser,
    link_status,
)

ACCOUNT = "/login?next=/account"


@pytest.mark.usefixtures("liar")
def test_a_right_answer_is_taken_and_its_verifier_fits_the_challenge(browser: Browser) -> None:
    page = browser.open(ACCOUNT)
    assert page.url.path == "/account"
    assert link_status(page) == "linked"


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example/"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "another-client"},
    "other audiences": {"aud": ["another-client", "a-third"]},
    "no audience": {"aud": None},
    "another audience and azp ours": {"aud": "another-client", "azp": "the-store"},
    "azp another": {"aud": ["the-store", "another-client"], "azp": "another-client"},
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "no sub": {"sub": None},
    "empty sub": {"sub": ""},
    "sub a number": {"sub": 7},
    "sub too long": {"sub": "x" * 256},
    "sub with a line break": {"sub": "auth0|a\nb"},
    "no iat": {"iat": None},
    "iat in ten minutes": {"iat": timedelta(minutes=10)},
    "nbf in ten minutes": {"nbf": timedelta(minutes=10)},
    "no exp": {"exp": None},
    "expired two minutes ago": {"exp": timedelta(minutes=-2)},
    "exp a text": {"exp": "tomorrow"},
    "auth_time a text": {"auth_time": "yesterday"},
}


@pytest.mark.parametrize("claims", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS.keys())
def test_an_id_token_with_wrong_claims_is_refused(
    liar: Liar, browser: Browser, caplog: pytest.LogCaptureFixture, claims: dict[str, Any]
) -> None:
    liar.claims = claims
    assert refusal(browser, liar, caplog, ACCOUNT)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["the-store"]},
        {"aud": ["the-store", "an-api"], "azp": "the-store"},
        {"iat": timedelta(seconds=50)},
        {"exp": timedelta(seconds=-50)},
    ],
    ids=["audience in a list", "two audiences and azp ours", "clock ahead", "clock behind"],
)
def test_an_unusual_but_right_id_token_is_taken(liar: Liar, browser: Browser, claims: dict[str, Any]) -> None:
    liar.claims = claims
    assert browser.open(ACCOUNT).url.path == "/account"


@pytest.mark.parametrize("claim", ["iss", "aud", "nonce"])
def test_the_log_says_which_claim_was_wrong(
    liar: Liar, browser: Browser, caplog: pytest.LogCaptureFixture, claim: str
) -> None:
    liar.claims = {claim: 1}
    assert claim in cause(caplog, browser.open("/login")).partition("cause=")[2]


def test_a_token_response_without_id_token_is_refused(
    liar: Liar, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    liar.response = {"id_token": None}
    assert refusal(browser, liar, caplog, ACCOUNT)


def test_claims_beside_an_id_token_do_not_stand_in_for_it(
    liar: Liar, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    unsigned = {"iss": f"{liar.url}/", "sub": ADA, "name": "Ada"}
    liar.response = {"id_token": None, "userinfo": unsigned}
    assert "no ID token" in refusal(browser, liar, caplog, ACCOUNT)
    liar.response = {"userinfo": {**unsigned, "name": "Unsigned"}}
    assert "Unsigned" not in browser.open(ACCOUNT).text


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a.b.c.d.e", 7, ["x"], {"a": 1}])
def test_an_id_token_that_is_none_is_refused(
    liar: Liar, browser: Browser, caplog: pytest.LogCaptureFixture, token: object
) -> None:
    liar.response = {"id_token": token}
    assert refusal(browser, liar, caplog, ACCOUNT)


def test_an_oversized_id_token_is_refused(
    liar: Liar, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    liar.claims = {"padding": "x" * 40_000}
    assert refusal(browser, liar, caplog, ACCOUNT)


WRONG_SIGNATURES: dict[str, Callable[[Liar, dict[str, Any]], str]] = {
    "alg none": lambda liar, claims: by_hand({"alg": "none", "kid": "rsa"}, claims, None),
    "no alg": lambda liar, claims: by_hand({"kid": "rsa"}, claims, None),
    "RS256 with an empty signature": lambda liar, claims: by_hand(
        {"alg": "RS256", "kid": "rsa"}, claims, None
    ),
    "RS256 with a broken signature": lambda liar, claims: liar.right(claims)[:-8] + "AAAAAAAA",
    "RS256 by another key": lambda liar, claims: jwt.encode(
        {"alg": "RS256", "kid": "rsa"}, claims, RSAKey.generate_key(2048)
    ),
    "an unknown kid": lambda liar, claims: liar.right(claims, kid="unknown"),
    "HS256 with the public key": lambda liar, claims: by_hand(
        {"alg": "HS256", "kid": "rsa"}, claims, liar.key.as_pem(private=False)
    ),
    "ES256 with a published key": lambda liar, claims: jwt.encode(
        {"alg": "ES256", "kid": "ec"}, claims, curve()
    ),
    "a key of its own": lambda liar, claims: liar.right(claims, jwk=liar.key.as_dict(private=False), kid="x"),
    "an unknown critical header": lambda liar, claims: signed_by_hand(
        {"alg": "RS256", "kid": "rsa", "crit": ["purpose"], "purpose": "another"}, claims, liar.key
    ),
    "a critical header": lambda liar, claims: by_hand(
        {"alg": "RS256", "kid": "rsa", "crit": ["b64"], "b64": False}, claims, None
    ),
}


@pytest.mark.parametrize("sign", WRONG_SIGNATURES.values(), ids=WRONG_SIGNATURES.keys())
def test_an_id_token_with_a_wrong_signature_is_refused(
    liar: Liar,
    browser: Browser,
    caplog: pytest.LogCaptureFixture,
    sign: Callable[[Liar, dict[str, Any]], str],
) -> None:
    liar.sign = lambda claims: sign(liar, claims)
    assert refusal(browser, liar, caplog, ACCOUNT)


def test_an_id_token_signed_with_the_client_secret_is_refused(
    liar: Liar, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    secret = liar.client_secret.encode()
    for header in ({"alg": "HS256"}, {"alg": "HS256", "kid": "rsa"}):
        liar.sign = lambda claims, header=header: by_hand(header, claims, secret)
        assert refusal(browser, liar, caplog, ACCOUNT)


@pytest.mark.parametrize(
    "auth_time",
    [None, timedelta(hours=-1), timedelta(hours=1)],
    ids=["unknown", "an hour ago", "in an hour"],
)
def test_a_login_older_than_max_age_is_refused(
    liar: Liar, browser: Browser, caplog: pytest.LogCaptureFixture, auth_time: timedelta | None
) -> None:
    liar.claims = {"auth_time": auth_time}
    page = browser.open("/login?max_age=600&next=/account")
    assert page.status_code == 400
    assert "older than max_age" in cause(caplog, page)


@pytest.mark.parametrize("organization", [None, "org_another"])
def test_an_id_token_for_another_organization_is_refused(
    liar: Liar, browser: Browser, caplog: pytest.LogCaptureFixture, organization: str | None
) -> None:
    liar.claims = {"org_id": organization}
    page = browser.open(f"/login?organization={ORGANIZATION}&next=/account")
    assert page.status_code == 400
    assert "another organization" in cause(caplog, page)
