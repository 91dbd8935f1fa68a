"""The OpenID Foundation's Configuration modules for relying parties; each test begins with its name."""

from __future__ import annotations

import pytest

from tests.conformance.provider import Liar, content, curve, log_of_store, published, refusal, rsa
from tests.support import Shop, link_status

ACCOUNT = "/login?next=/account"
Log = pytest.LogCaptureFixture


def test_discovery_openid_config_is_where_every_address_comes_from(fresh: tuple[Liar, Shop]) -> None:
    liar, shop = fresh
    page = shop.browser().open(ACCOUNT)
    assert (page.url.path, link_status(page)) == ("/account", "linked")
    assert liar.asked[0][0] == "/.well-known/openid-configuration"
    assert [path for path, _ in liar.asked[1:]] == ["/authorize", "/token", "/keys"]


def test_discovery_jwks_uri_keys_are_read_once_and_verify_the_id_token(fresh: tuple[Liar, Shop]) -> None:
    liar, shop = fresh
    for _ in range(3):
        assert shop.browser().open(ACCOUNT).url.path == "/account"
    assert (liar.times("/.well-known/openid-configuration"), liar.times("/keys")) == (1, 1)


@pytest.mark.parametrize("issuer", ["https://evil.example/", "without the slash", None, 7, ["a list"]])
def test_discovery_issuer_mismatch_is_refused(fresh: tuple[Liar, Shop], caplog: Log, issuer: object) -> None:
    liar, shop = fresh
    liar.metadata = {"issuer": liar.url if issuer == "without the slash" else issuer}
    browser = shop.browser()
    page = browser.open("/login")
    assert page.status_code == 400
    assert page.url.path == "/login"
    assert "The login did not work" in content(page)
    assert "names another issuer" in log_of_store(caplog)
    assert liar.times("/authorize") == 0
    assert not browser.client.cookies


def test_signing_key_rotation_between_logins_is_followed(fresh: tuple[Liar, Shop]) -> None:
    liar, shop = fresh
    assert shop.browser().open(ACCOUNT).url.path == "/account"
    liar.key, liar.keys = rsa(1), [published(rsa(1))]
    assert shop.browser().open(ACCOUNT).url.path == "/account"
    assert liar.times("/keys") == 2


def test_signing_key_rotation_just_before_signing_is_followed(fresh: tuple[Liar, Shop]) -> None:
    liar, shop = fresh
    assert shop.browser().open(ACCOUNT).url.path == "/account"

    def rotate() -> None:
        liar.key, liar.keys = rsa(2), [published(rsa(2)), published(rsa(0))]

    liar.before_signing = rotate
    assert shop.browser().open(ACCOUNT).url.path == "/account"
    assert liar.times("/keys") == 2


def test_signing_key_rotation_makes_the_withdrawn_key_worthless(
    fresh: tuple[Liar, Shop], caplog: Log
) -> None:
    liar, shop = fresh
    liar.keys = [published(rsa(1))]
    assert "InvalidKeyIdError" in refusal(shop.browser(), liar, caplog)
    assert liar.times("/keys") == 2


def test_a_key_set_without_a_usable_key_is_refused_and_not_kept(
    fresh: tuple[Liar, Shop], caplog: Log
) -> None:
    liar, shop = fresh
    liar.keys = [published(curve()), {"kty": "RSA", "kid": "rsa", "use": "enc", "n": "x", "e": "AQAB"}]
    page = shop.browser().open("/login")
    assert page.status_code == 503
    assert "no key for RS256" in log_of_store(caplog)
    liar.keys = [published(rsa(0))]
    assert shop.browser().open(ACCOUNT).url.path == "/account"
