"""Callers of the JSON API: their requests, and access tokens, both real and forged."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from typing import Any
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.test import TestResponse

from tests.support import ADA, PASSWORD, Shop
from webstore.sandbox.vendors import API_AUDIENCE

SCOPES = "openid read:me create:checkout"


def ask(
    shop: Shop,
    path: str,
    token: str | None = None,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    **more: Any,
) -> TestResponse:
    """Send one request, with the token in the header Authorization."""
    sent = dict(headers or {})
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    return shop.app.test_client().open(path, method=method, headers=sent, base_url=shop.url, **more)


def assert_problem(answer: TestResponse, status: int) -> dict[str, Any]:
    """The answer has this status and is a problem document (RFC 9457); returns its members."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    found: dict[str, Any] = json.loads(answer.text)
    assert found["status"] == status
    assert found["type"] == "about:blank"
    assert found["title"]
    assert found["detail"]
    assert "Set-Cookie" not in answer.headers
    return found


def user_token(shop: Shop, email: str = "ada@example.com", scope: str = SCOPES) -> str:
    """The token of an application whose user has logged in: the code flow with PKCE."""
    issuer, verifier = shop.environment["AUTH0_ISSUER"], secrets.token_urlsafe(32)
    challenge = _base64(hashlib.sha256(verifier.encode()).digest())
    client = {
        "client_id": shop.environment["AUTH0_CLIENT_ID"],
        "redirect_uri": f"{shop.environment['BASE_URL']}/callback",
    }
    asked = {
        **client,
        "response_type": "code",
        "scope": scope,
        "audience": API_AUDIENCE,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    browser = shop.browser()
    page = browser.open(f"{issuer}authorize?{urlencode(asked)}")
    # The store did not begin this login, so it does not use up the code.
    back = browser.submit(page, email=email, password=PASSWORD)
    form = {
        **client,
        "grant_type": "authorization_code",
        "client_secret": shop.environment["AUTH0_CLIENT_SECRET"],
        "code": back.url.params["code"],
        "code_verifier": verifier,
    }
    answer = shop.http.post(f"{issuer}oauth/token", data=form).raise_for_status().json()
    return str(answer["access_token"])


def program_token(shop: Shop) -> str:
    """The token of a program that acts for itself."""
    form = {
        "grant_type": "client_credentials",
        "client_id": shop.environment["AUTH0_MGMT_CLIENT_ID"],
        "client_secret": shop.environment["AUTH0_MGMT_CLIENT_SECRET"],
        "audience": API_AUDIENCE,
    }
    url = f"{shop.environment['AUTH0_ISSUER']}oauth/token"
    return str(shop.http.post(url, data=form).raise_for_status().json()["access_token"])


def good_claims(shop: Shop, **changes: Any) -> dict[str, Any]:
    """The claims of a token of Ada's; None takes one out."""
    now = int(time.time())
    claims = {
        "iss": shop.environment["AUTH0_ISSUER"],
        "sub": ADA,
        "aud": [API_AUDIENCE, f"{shop.environment['AUTH0_ISSUER']}userinfo"],
        "iat": now,
        "exp": now + 3600,
        "azp": shop.environment["AUTH0_CLIENT_ID"],
        "scope": SCOPES,
    }
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def signed(shop: Shop, typ: str = "JWT", **changes: Any) -> str:
    """A token that the tenant signed, with these claims changed."""
    return shop.sandbox.auth0.state.keys.sign(good_claims(shop, **changes), typ)


def unsigned(shop: Shop) -> str:
    """A token with `alg: none`."""
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(good_claims(shop))}."


def signed_with_public_key(shop: Shop) -> str:
    """A token whose HMAC was made with the tenant's public key, as if that were a secret."""
    found = shop.sandbox.auth0.state.keys.published()[0]
    pem = RSAKey.import_key({name: str(found[name]) for name in ("kty", "n", "e")}).as_pem(private=False)
    signed_part = f"{_part({'alg': 'HS256', 'typ': 'JWT', 'kid': found['kid']})}.{_part(good_claims(shop))}"
    # By hand: the packages for this rightly refuse such a key.
    return f"{signed_part}.{_base64(hmac.digest(pem, signed_part.encode(), 'sha256'))}"


def signed_by_stranger(shop: Shop, *, known_kid: bool, carries_key: bool = False) -> str:
    """A token that another key signed, under the tenant's key ID or an unknown one."""
    key = RSAKey.generate_key(2048, private=True)
    kid = str(shop.sandbox.auth0.state.keys.published()[0]["kid"]) if known_kid else "unknown"
    header: dict[str, Any] = {"alg": "RS256", "typ": "JWT", "kid": kid}
    if carries_key:
        header["jwk"] = key.as_dict(private=False)
    return jwt.encode(header, good_claims(shop), key, algorithms=["RS256"])


def _part(content: object) -> str:
    return _base64(json.dumps(content).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
