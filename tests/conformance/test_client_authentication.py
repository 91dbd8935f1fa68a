"""How the store sends its client secret, and what the provider must name in the callback (RFC 9207)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.provider import Liar, a_lying_shop, content, log_of_store
from tests.support import Shop

ACCOUNT = "/login?next=/account"
POST, BASIC = "client_secret_post", "client_secret_basic"
SECRET = "a+b%2Fc d:e&f=g/'!~"
Lying = tuple[Liar, Shop]
Log = pytest.LogCaptureFixture


@pytest.fixture(scope="module")
def with_odd_secret(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lying]:
    """A store whose client secret has to be encoded."""
    folder = tmp_path_factory.mktemp("odd-secret")
    with a_lying_shop(folder, AUTH0_CLIENT_SECRET=SECRET) as lying:
        yield lying


@pytest.fixture
def odd(with_odd_secret: Lying) -> Lying:
    """The same store for each test, which has read nothing of its provider yet."""
    liar, shop = with_odd_secret
    liar.tell_the_truth()
    shop.restart()
    return liar, shop


@pytest.mark.parametrize(
    ("offered", "registered", "sent"),
    [
        (None, BASIC, [BASIC]),
        ([BASIC], BASIC, [BASIC]),
        ([POST], POST, [POST]),
        ([BASIC, POST, "private_key_jwt"], POST, [POST]),
        ([BASIC, POST], BASIC, [POST, BASIC]),
    ],
    ids=["no list", "basic", "post", "both", "both, but the client is registered for basic"],
)
def test_a_client_secret_with_any_character_is_accepted(
    odd: Lying, offered: list[str] | None, registered: str, sent: list[str]
) -> None:
    liar, shop = odd
    liar.metadata, liar.registered = {"token_endpoint_auth_methods_supported": offered}, registered
    assert shop.browser().open(ACCOUNT).url.path == "/account"
    assert liar.sent_by == sent
    assert shop.browser().open(ACCOUNT).url.path == "/account"
    assert liar.sent_by == [*sent, registered], "the way that worked is used at once"


def test_a_provider_that_takes_no_client_secret_is_told_as_permanent(odd: Lying, caplog: Log) -> None:
    liar, shop = odd
    liar.metadata = {"token_endpoint_auth_methods_supported": ["private_key_jwt", "tls_client_auth"]}
    page = shop.browser().open(ACCOUNT)
    assert page.status_code == 400
    assert "that we have to fix first" in content(page)
    assert "takes a client secret neither in the form (client_secret_post)" in log_of_store(caplog)
    assert liar.sent_by == []


def test_a_wrong_client_secret_is_told_as_permanent_and_the_log_names_the_setting(
    fresh: Lying, caplog: Log
) -> None:
    liar, shop = fresh
    liar.client_secret = "another"
    page = shop.browser().open(ACCOUNT)
    assert page.status_code == 400
    assert "that we have to fix first" in content(page)
    log = log_of_store(caplog)
    assert "401 invalid_client; check AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET" in log
    assert shop.environment["AUTH0_CLIENT_SECRET"] not in log


# RFC 9207


@pytest.mark.parametrize("callback", [{}, {"error": "access_denied"}], ids=["a code", "an error"])
def test_a_callback_that_names_no_issuer_is_refused_if_the_provider_always_does(
    fresh: Lying, caplog: Log, callback: dict[str, str]
) -> None:
    liar, shop = fresh
    liar.metadata = {"authorization_response_iss_parameter_supported": True}
    liar.callback = callback
    page = shop.browser().open(ACCOUNT)
    assert page.status_code == 400
    assert "We couldn&#39;t log you in" in content(page)
    assert "the callback names no issuer" in log_of_store(caplog)
    assert liar.times("/token") == 0
    liar.callback = {"iss": f"{liar.url}/"}
    assert shop.browser().open(ACCOUNT).url.path == "/account"


def test_an_error_of_another_issuer_is_refused(fresh: Lying, caplog: Log) -> None:
    liar, shop = fresh
    liar.callback = {"error": "access_denied", "iss": "https://evil.example/"}
    page = shop.browser().open(ACCOUNT)
    assert page.status_code == 400
    assert "names another issuer (RFC 9207)" in log_of_store(caplog)


# The end of the provider's session


def test_logout_at_a_provider_that_has_none_says_that_its_session_goes_on(fresh: Lying) -> None:
    liar, shop = fresh
    liar.metadata = {"end_session_endpoint": None}
    browser = shop.browser()
    assert browser.open(ACCOUNT).url.path == "/account"
    page = browser.log_out()
    assert (page.status_code, page.url.path) == (200, "/logout")
    assert "You are logged out" in content(page)
    assert "the login page still remembers you" in " ".join(content(page).split())
    assert "data-link-status" not in browser.open("/").text
