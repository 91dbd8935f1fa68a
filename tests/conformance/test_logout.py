"""The OpenID Foundation's logout modules for relying parties; each test begins with its module's name.

Back-channel tokens: https://openid.net/specs/openid-connect-backchannel-1_0.html#Validation
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt

from tests.conformance.provider import (
    LOGOUT_EVENT,
    Liar,
    by_hand,
    curve,
    log_of_store,
    published,
    refusal,
    rsa,
)
from tests.login.steps import deliver, is_logged_in
from tests.support import ADA, Browser, Shop

ACCOUNT = "/login?next=/account"
Lying = tuple[Liar, Shop]


@pytest.fixture
def shopper(liar: Liar, browser: Browser) -> Browser:
    """A browser that has just logged in, in a provider's session of its own."""
    liar.claims = {"sid": secrets.token_urlsafe(9)}
    assert browser.open(ACCOUNT).url.path == "/account"
    return browser


def assert_refused(lying: Lying, shopper: Browser, token: str | None) -> None:
    """400, not to be kept, and nobody is logged out."""
    answer = deliver(lying[1], token)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert "no-store" in answer.headers["Cache-Control"]
    assert is_logged_in(shopper)


def test_rp_init_logout_ends_both_sessions_and_comes_back(lying: Lying, shopper: Browser) -> None:
    liar, shop = lying
    page = shopper.log_out()
    assert str(page.url) == f"{shop.url}/"
    (asked,) = [asked for path, asked in liar.asked if path == "/end"]
    assert asked == {
        "client_id": "the-store",
        "logout_hint": liar.claims["sid"],
        "post_logout_redirect_uri": f"{shop.url}/",
    }
    assert not is_logged_in(shopper)


@pytest.mark.parametrize("query", ["state=another", "state=<script>alert(1)</script>", "state=&error=x"])
def test_rp_init_logout_other_state_makes_no_difference(shopper: Browser, query: str) -> None:
    shopper.log_out()
    page = shopper.open(f"/?{query}")
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    assert not is_logged_in(shopper)


def test_rp_init_logout_no_state_makes_no_difference(shopper: Browser) -> None:
    shopper.log_out()
    page = shopper.open("/")
    assert page.status_code == 200
    assert 'href="/login">Log in</a>' in page.text


@pytest.mark.parametrize("by", ["sid", "sub", "sid and sub"])
def test_rp_backchannel_logout_ends_the_session(lying: Lying, shopper: Browser, by: str) -> None:
    liar = lying[0]
    sid, sub = (liar.claims["sid"] if "sid" in by else None), (ADA if "sub" in by else None)
    answer = deliver(lying[1], liar.logout_token(sid=sid, sub=sub))
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert not is_logged_in(shopper)


def test_rp_backchannel_logout_of_the_session_under_way_is_a_page_and_no_loop(
    lying: Lying, browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    liar = lying[0]
    liar.claims = {"sid": "ended-before-the-callback"}
    assert deliver(lying[1], liar.logout_token(sid="ended-before-the-callback")).status_code == 200
    assert "ended before" in refusal(browser, liar, caplog, ACCOUNT)


def test_rp_backchannel_logout_takes_any_typ_that_a_provider_may_send(lying: Lying, shopper: Browser) -> None:
    liar = lying[0]
    for typ in (None, "JWT", "logout+jwt"):

        def sign(claims: dict[str, Any], typ: str | None = typ) -> str:
            return liar.right(claims, typ=typ)

        assert deliver(lying[1], liar.logout_token(sign, sid="another-session")).status_code == 200
    assert is_logged_in(shopper)


WRONG_SIGNATURES: dict[str, Callable[[Liar, dict[str, Any]], str]] = {
    "alg-none": lambda liar, claims: by_hand({"alg": "none", "kid": "rsa"}, claims, None),
    "wrong-alg HS256 with the secret": lambda liar, claims: by_hand(
        {"alg": "HS256", "kid": "rsa"}, claims, liar.client_secret.encode()
    ),
    "wrong-alg HS256 with the public key": lambda liar, claims: by_hand(
        {"alg": "HS256", "kid": "rsa"}, claims, liar.key.as_pem(private=False)
    ),
    "wrong-alg ES256": lambda liar, claims: jwt.encode({"alg": "ES256", "kid": "ec"}, claims, curve()),
    "wrong-alg RS512": lambda liar, claims: jwt.encode(
        {"alg": "RS512", "kid": "rsa"}, claims, liar.key, algorithms=["RS512"]
    ),
    "another key": lambda liar, claims: jwt.encode({"alg": "RS256", "kid": "rsa"}, claims, rsa(1)),
    "an unknown key": lambda liar, claims: jwt.encode({"alg": "RS256", "kid": "x"}, claims, rsa(1)),
    "typ of an access token": lambda liar, claims: liar.right(claims, typ="at+jwt"),
}


@pytest.mark.parametrize("sign", WRONG_SIGNATURES.values(), ids=WRONG_SIGNATURES)
def test_rp_backchannel_logout_with_a_wrong_signature_is_refused(
    lying: Lying, shopper: Browser, sign: Callable[[Liar, dict[str, Any]], str]
) -> None:
    liar = lying[0]
    assert_refused(lying, shopper, liar.logout_token(lambda claims: sign(liar, claims)))


WRONG_CLAIMS: dict[str, dict[str, Any]] = {
    "no-event": {"events": None},
    "wrong-event": {"events": {"http://schemas.openid.net/event/another": {}}},
    "wrong-event a list": {"events": [LOGOUT_EVENT]},
    "wrong-event no object": {"events": {LOGOUT_EVENT: True}},
    "with-nonce": {"nonce": "a-nonce"},
    "wrong-aud": {"aud": "another-client"},
    "wrong-aud a list": {"aud": ["another-client", "a-third"]},
    "no aud": {"aud": None},
    "wrong-iss": {"iss": "https://evil.example/"},
    "no iss": {"iss": None},
    "no iat": {"iat": None},
    "iat in ten minutes": {"iat": timedelta(minutes=10)},
    "iat yesterday": {"iat": timedelta(days=-1)},
    "iat beyond numbers": {"iat": float("nan")},
    "no exp": {"exp": None},
    "expired": {"exp": timedelta(minutes=-2)},
    "exp beyond numbers": {"exp": float("nan")},
    "exp beyond floating point": {"exp": 10**400},
    "exp a text": {"exp": "tomorrow"},
    "no jti": {"jti": None},
    "jti a number": {"jti": 7},
    "neither sid nor sub": {"sub": None},
    "empty sid and sub": {"sub": "", "sid": ""},
    "sub a list": {"sub": ["auth0|x"]},
}


@pytest.mark.parametrize("claims", WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_rp_backchannel_logout_with_wrong_claims_is_refused(
    lying: Lying, shopper: Browser, claims: dict[str, Any]
) -> None:
    assert_refused(lying, shopper, lying[0].logout_token(**claims))


def test_rp_backchannel_logout_wrong_iss_is_logged_with_both_issuers_and_the_settings(
    lying: Lying, caplog: pytest.LogCaptureFixture
) -> None:
    liar, shop = lying
    assert deliver(shop, liar.logout_token(iss="https://evil.example/\r\n")).status_code == 400
    (line,) = [line for line in log_of_store(caplog).splitlines() if "evil.example" in line]
    assert f"found 'https://evil.example/', expected '{liar.url}/'; check AUTH0_ISSUER and" in line


@pytest.mark.parametrize(
    "token", [None, "", "x", "a.b.c", "....", "\x00", "x" * 40_000, "e30.W10.", "e30." + "W1tb" * 8000 + ".x"]
)
def test_rp_backchannel_logout_without_a_token_is_refused(
    lying: Lying, shopper: Browser, token: str | None
) -> None:
    assert_refused(lying, shopper, token)


def test_rp_backchannel_logout_with_an_id_token_is_refused(lying: Lying, shopper: Browser) -> None:
    id_token = next(text for text in lying[0].issued if text.count(".") == 2)
    assert_refused(lying, shopper, id_token)


def test_rp_backchannel_logout_signed_by_a_key_that_was_just_rotated_in_is_taken(fresh: Lying) -> None:
    liar, shop = fresh
    browser = shop.browser()
    assert browser.open(ACCOUNT).url.path == "/account"
    liar.key, liar.keys = rsa(1), [published(rsa(1))]
    assert deliver(shop, liar.logout_token()).status_code == 200
    assert not is_logged_in(browser)


def test_rp_backchannel_logout_with_many_made_up_keys_does_not_keep_logins_from_following_a_rotation(
    fresh: Lying,
) -> None:
    liar, shop = fresh
    assert shop.browser().open(ACCOUNT).url.path == "/account"
    for number in range(70):

        def sign(claims: dict[str, Any], kid: str = f"made-up-{number}") -> str:
            return liar.right(claims, kid=kid)

        assert deliver(shop, liar.logout_token(sign)).status_code == 400
    liar.key, liar.keys = rsa(1), [published(rsa(1))]
    assert shop.browser().open(ACCOUNT).url.path == "/account"


def test_rp_backchannel_logout_while_the_provider_answers_nothing_is_refused(fresh: Lying) -> None:
    liar, shop = fresh
    liar.metadata = {"issuer": "https://evil.example/"}
    assert deliver(shop, liar.logout_token()).status_code == 400
    assert shop.browser().open("/").status_code == 200
