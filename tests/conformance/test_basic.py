"""The OpenID Foundation's Basic modules for relying parties; each test begins with its name.

Source: https://openid.net/certification/connect_rp_testing/ ("oidcc-client-test-" comes before each name).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.conformance.provider import Liar, by_hand, content, curve, published, refusal, rsa
from tests.support import ADA, Browser, Shop, link_status

ACCOUNT = "/login?next=/account"
Log = pytest.LogCaptureFixture


def test_client_test_code_flow_with_userinfo_logs_in(liar: Liar, browser: Browser) -> None:
    liar.claims = {"email": None}
    liar.userinfo = {
        "sub": ADA,
        "name": "Ada of Userinfo",
        "email": "u@x.example",
    }
    page = browser.open(ACCOUNT)
    assert (page.url.path, link_status(page)) == ("/account", "linked")
    assert "Ada of Userinfo" in content(page)
    assert "u@x.example" in content(page)
    assert [path for path, _ in liar.asked if path in ("/authorize", "/token", "/userinfo")] == [
        "/authorize",
        "/token",
        "/userinfo",
    ]


def test_invalid_iss_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    liar.claims = {"iss": f"{liar.url}/another/"}
    assert refusal(browser, liar, caplog).endswith(
        f"names another issuer: found '{liar.url}/another/', expected '{liar.url}/'; "
        "check AUTH0_ISSUER and AUTH0_DOMAIN, also the slash at the end"
    )


def test_missing_sub_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    liar.claims = {"sub": None}
    assert refusal(browser, liar, caplog).endswith("sub")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another-client"},
        {"aud": "another-client", "azp": "the-store"},
        {"aud": ["another-client"], "azp": "the-store"},
        {"aud": None},
        {"aud": None, "azp": "the-store"},
        {"aud": ["the-store", "another-client"], "azp": "another-client"},
    ],
    ids=["foreign", "foreign with azp ours", "foreign list with azp ours", "none", "only azp", "azp foreign"],
)
def test_invalid_aud_is_refused(liar: Liar, browser: Browser, caplog: Log, claims: dict[str, Any]) -> None:
    liar.claims = claims
    assert refusal(browser, liar, caplog).endswith(("aud", "azp"))


def test_missing_iat_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    liar.claims = {"iat": None}
    assert refusal(browser, liar, caplog).endswith("iat")


def test_kid_absent_single_jwks_is_accepted(fresh: tuple[Liar, Shop]) -> None:
    liar, shop = fresh
    liar.keys = [published(rsa(0), "kid")]
    liar.sign = lambda claims: liar.right(claims, kid=None)
    assert shop.browser().open(ACCOUNT).url.path == "/account"


def test_kid_absent_with_one_matching_key_among_keys_of_other_kinds_is_accepted(
    fresh: tuple[Liar, Shop],
) -> None:
    liar, shop = fresh
    liar.keys = [
        published(curve()),
        {"kty": "of the future", "kid": "new"},
        {**published(rsa(1)), "use": "enc"},
        {**published(rsa(1)), "alg": "RS512"},
        published(rsa(0)),
    ]
    liar.sign = lambda claims: liar.right(claims, kid=None)
    assert shop.browser().open(ACCOUNT).url.path == "/account"


def test_kid_absent_multiple_jwks_is_refused(fresh: tuple[Liar, Shop], caplog: Log) -> None:
    liar, shop = fresh
    liar.keys = [published(rsa(0)), published(rsa(1))]
    liar.sign = lambda claims: liar.right(claims, kid=None)
    assert "InvalidKeyIdError" in refusal(shop.browser(), liar, caplog)


def test_idtoken_sig_rs256_is_accepted(liar: Liar, browser: Browser) -> None:
    page = browser.open(ACCOUNT)
    assert (page.url.path, link_status(page)) == ("/account", "linked")
    assert liar.times("/userinfo") == 0


def test_idtoken_sig_none_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    for header in ({"alg": "none"}, {"alg": "none", "kid": "rsa"}, {"alg": "None", "kid": "rsa"}):
        liar.sign = lambda claims, header=header: by_hand(header, claims, None)
        assert refusal(browser, liar, caplog)


def test_invalid_sig_rs256_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "rsa"})
    liar.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "rsa"}, claims, stranger)
    assert "BadSignatureError" in refusal(browser, liar, caplog)


def test_invalid_sig_hs256_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    for key in (liar.client_secret.encode(), liar.key.as_pem(private=False)):
        liar.sign = lambda claims, key=key: by_hand({"alg": "HS256", "kid": "rsa"}, claims, key)
        assert refusal(browser, liar, caplog)


def test_invalid_sig_es256_is_refused_though_its_key_is_published(
    liar: Liar, browser: Browser, caplog: Log
) -> None:
    liar.sign = lambda claims: jwt.encode({"alg": "ES256", "kid": "ec"}, claims, curve())
    assert refusal(browser, liar, caplog)


@pytest.mark.parametrize("sub", ["auth0|somebody-else", "", None, 7], ids=str)
def test_userinfo_invalid_sub_is_refused(liar: Liar, browser: Browser, caplog: Log, sub: object) -> None:
    liar.claims = {"email": None}
    liar.userinfo = {"sub": sub, "name": "Somebody Else"}
    assert "UserInfo endpoint answered about another user" in refusal(browser, liar, caplog)


def test_userinfo_that_cannot_be_had_stops_no_login(liar: Liar, browser: Browser) -> None:
    liar.claims = {"email": None}
    for status, shown in (
        (500, b"oops"),
        (401, b"{}"),
        (200, b"<p>"),
        (200, [1]),
        (302, b""),
        (200, b"[" * 99_999),
    ):
        liar.userinfo_status, liar.userinfo = status, shown
        assert browser.open("/login?prompt=login&next=/account").url.path == "/account"
    assert liar.times("/userinfo") == 6


def test_userinfo_endpoint_that_is_gone_or_elsewhere_stops_no_login(fresh: tuple[Liar, Shop]) -> None:
    liar, shop = fresh
    liar.claims = {"email": None}
    for endpoint in ("http://127.0.0.1:1/", "http://evil.example/", "no address", 7, None):
        liar.metadata = {"userinfo_endpoint": endpoint}
        shop.restart()
        assert shop.browser().open(ACCOUNT).url.path == "/account"


def test_nonce_invalid_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    for nonce in ("another", "", None):
        liar.claims = {"nonce": nonce}
        assert refusal(browser, liar, caplog).endswith("nonce")


def test_nonce_of_another_login_of_this_browser_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    browser.open("/login")
    (first,) = [asked["nonce"] for path, asked in liar.asked if path == "/authorize"]
    liar.claims = {"nonce": first}
    browser.client.cookies.clear()
    assert refusal(browser, liar, caplog).endswith("nonce")


def test_scope_userinfo_claims_are_asked_for(liar: Liar, browser: Browser) -> None:
    liar.claims = {"email": None}
    liar.userinfo = {"sub": ADA, "nickname": "ada", "email": "ada@x.example"}
    page = browser.open(ACCOUNT)
    (asked,) = [asked for path, asked in liar.asked if path == "/authorize"]
    assert asked["scope"].split() == ["openid", "profile", "email"]
    assert "ada@x.example" in content(page)


def test_client_secret_basic_is_how_the_store_says_who_it_is(liar: Liar, browser: Browser) -> None:
    assert browser.open(ACCOUNT).url.path == "/account"
    (sent,) = [asked for path, asked in liar.asked if path == "/token"]
    assert {"grant_type", "code", "redirect_uri", "code_verifier"} <= sent.keys()
    assert "client_secret" not in sent
    assert liar.client_secret not in sent.values()


def test_at_hash_of_another_access_token_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    liar.claims = {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}
    assert refusal(browser, liar, caplog).endswith("at_hash")


def test_an_expired_id_token_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    liar.claims = {"iat": timedelta(hours=-2), "exp": timedelta(hours=-1)}
    assert "ExpiredTokenError" in refusal(browser, liar, caplog)
