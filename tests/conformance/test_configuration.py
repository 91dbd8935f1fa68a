"""The OpenID Foundation's Configuration modules for relying parties; each test begins with its name."""

from __future__ import annotations

import html

import httpx
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
    assert "We couldn&#39;t log you in" in content(page)
    assert "names another issuer" in log_of_store(caplog)
    assert liar.times("/authorize") == 0
    assert not browser.client.cookies


def assert_told_as_permanent(page: httpx.Response) -> None:
    """The page does not say that another try would help."""
    assert page.status_code == 400
    assert "There is a problem on our side that we have to fix first" in html.unescape(content(page))
    assert "Retry-After" not in page.headers
    assert "/login" not in content(page)


@pytest.mark.parametrize("named", ["https://shop.example", None, "https://evil.example/\u202e\nERROR forged"])
def test_discovery_issuer_mismatch_is_told_as_permanent_and_names_both(
    fresh: tuple[Liar, Shop], caplog: Log, named: str | None
) -> None:
    liar, shop = fresh
    liar.metadata = {"issuer": named}
    assert_told_as_permanent(shop.browser().open("/login"))
    (line,) = [line for line in log_of_store(caplog).splitlines() if "another issuer" in line]
    shown = (named or "").replace("\u202e", " ").replace("\n", " ")
    assert f"found {shown!r}, expected '{liar.url}/'; check AUTH0_ISSUER and AUTH0_DOMAIN" in line
    assert "also the slash at the end" in line


@pytest.mark.parametrize(
    "failure", [("", 500), ("", 429), ("<h1>Maintenance</h1>", 200)], ids=["down", "rate limit", "a page"]
)
def test_signing_key_rotation_while_the_keys_cannot_be_read_is_not_the_tokens_fault(
    fresh: tuple[Liar, Shop], caplog: Log, failure: tuple[str, int]
) -> None:
    liar, shop = fresh
    assert shop.browser().open(ACCOUNT).url.path == "/account"
    liar.key, liar.keys, liar.keys_fail = rsa(1), [published(rsa(1))], failure
    page = shop.browser().open(ACCOUNT)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
    assert "The login page is not available" in content(page)
    assert "a new signing key is needed" in log_of_store(caplog)
    liar.keys_fail = None
    assert shop.browser().open(ACCOUNT).url.path == "/account"


def test_a_malformed_key_does_not_keep_the_others_from_being_used(fresh: tuple[Liar, Shop]) -> None:
    liar, shop = fresh
    liar.keys = [{"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"}, published(rsa(0))]
    assert shop.browser().open(ACCOUNT).url.path == "/account"


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
    liar.keys = [
        published(curve()),
        {"kty": "RSA", "kid": "rsa", "use": "enc", "n": "x", "e": "AQAB"},
        published(rsa(0), "n"),
        {**published(rsa(0)), "alg": "PS256"},
    ]
    page = shop.browser().open("/login")
    assert_told_as_permanent(page)
    assert "no key for RS256; check the application's signing algorithm" in log_of_store(caplog)
    liar.keys = [published(rsa(0))]
    assert shop.browser().open(ACCOUNT).url.path == "/account"
