"""A login while the provider is down, slow, or says something else than it should."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from webstore import deadline

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


from collections.abc import Mapping

import pytest

from tests.conformance.provider import content
from tests.login.steps import (
    DISCOVERY,
    KEYS,
    cause,
    is_logged_in,
    provider_answer,
    requests_for,
    transactions,
)
from tests.support import (
    Shop,
)

pytestmark = pytest.mark.usefixtures("everything_is_logged")


def test_provider_down_at_the_beginning(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    browser = shop.browser()
    shop.sandbox.auth0_server.stop()
    page = browser.open("/login?next=/account")
    assert page.status_code == 503
    assert "The login page is not available" in content(page)
    assert "ProviderUnavailable" in cause(caplog, page)
    shop.sandbox.auth0_server.start()
    assert browser.log_in().url.path == "/account"


def test_provider_down_at_the_callback(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    shop.sandbox.auth0_server.stop()
    page = browser.open(url)
    assert page.status_code == 503
    assert "The login page is not available" in content(page)
    assert "token endpoint: the login provider cannot be reached" in cause(caplog, page)
    assert not is_logged_in(browser)


TOKEN_FAULTS: dict[str, dict[str, object]] = {
    "500": {"action": "status", "status": 500},
    "503 with a page": {"action": "status", "status": 503, "body": "<h1>Maintenance</h1>"},
    "429": {"action": "status", "status": 429, "body": {"error": "too_many_requests"}},
    "200 with a page": {"action": "status", "status": 200, "body": "<h1>Hello</h1>"},
    "200 with a list": {"action": "status", "status": 200, "body": [1]},
    "200 with a text": {"action": "status", "status": 200, "body": '"text"'},
    "200 with nothing": {"action": "status", "status": 200, "body": {}},
    "200 with null tokens": {"action": "status", "status": 200, "body": {"id_token": None}},
    "200 with odd tokens": {"action": "status", "status": 200, "body": {"id_token": 7, "access_token": []}},
    "a redirect": {"action": "status", "status": 302, "headers": {"Location": "https://evil.example/"}},
    "a cut answer": {"action": "truncate"},
    "a reset": {"action": "reset"},
    "a reset after the effect": {"action": "reset", "when": "after"},
}


@pytest.mark.parametrize("fault", TOKEN_FAULTS.values(), ids=TOKEN_FAULTS.keys())
def test_whatever_the_token_endpoint_does_the_shopper_sees_a_page(
    shop: Shop, caplog: pytest.LogCaptureFixture, fault: Mapping[str, object]
) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    shop.sandbox.auth0.control.add_fault(path="/oauth/token", **fault)
    page = browser.open(url)
    assert page.status_code in (400, 503)
    assert "login failed" in cause(caplog, page)
    assert not is_logged_in(browser)
    assert browser.log_in().url.path == "/account"


@pytest.mark.parametrize("which", ["500", "503 with a page", "429", "200 with a page", "403 with a page"])
def test_a_token_endpoint_that_cannot_answer_is_no_failed_check(
    shop: Shop, caplog: pytest.LogCaptureFixture, which: str
) -> None:
    faults = {**TOKEN_FAULTS, "403 with a page": {"action": "status", "status": 403, "body": "<h1>No</h1>"}}
    browser = shop.browser()
    url = provider_answer(browser)
    shop.sandbox.auth0.control.add_fault(path="/oauth/token", **faults[which])
    page = browser.open(url)
    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
    assert "The login page is not available" in content(page)
    assert f"token endpoint: status {which[:3]}" in cause(caplog, page)


def test_a_no_of_the_token_endpoint_is_no_failed_check(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    body = {"error": "access_denied", "error_description": "You are not on the list"}
    shop.sandbox.auth0.control.add_fault(path="/oauth/token", action="status", status=403, body=body)
    page = browser.open(url)
    assert page.status_code == 403
    assert "Reason: You are not on the list" in content(page)
    assert "Use another account" in content(page)
    assert "LoginDenied: the token endpoint answered with the error 'access_denied'" in cause(caplog, page)
    assert not is_logged_in(browser)


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
def test_a_page_instead_of_discovery_or_keys_is_no_failed_check(shop: Shop, path: str) -> None:
    shop.sandbox.auth0.control.add_fault(
        action="status", path=path, status=200, body="<h1>Please wait</h1>", times=1
    )
    browser = shop.browser()
    page = browser.log_in() if path == KEYS else browser.open("/login")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")
    assert "The login page is not available" in content(page)


def test_discovery_that_is_not_there_names_the_settings(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.sandbox.auth0.control.add_fault(action="status", path=DISCOVERY, status=404, body="<h1>None</h1>")
    page = shop.browser().open("/login")
    assert page.status_code == 503
    assert "status 404; check AUTH0_DOMAIN and AUTH0_ISSUER" in cause(caplog, page)


def test_a_wrong_client_secret_is_the_set_ups_fault(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.restart(AUTH0_CLIENT_SECRET="wrong+secret%")
    page = shop.browser().log_in()
    assert page.status_code == 400
    assert "have to fix first" in content(page)
    # Auth0's own answer to it: https://auth0.com/docs/api/authentication
    line = cause(caplog, page)
    assert "401 access_denied; check AUTH0_CLIENT_ID and AUTH0_CLIENT_SECRET" in line
    assert "wrong+secret%" not in line


@pytest.mark.parametrize("secret", ["plus+percent%2Band%", "a b&c=d:e"])
def test_a_client_secret_with_special_characters_works(shop: Shop, secret: str) -> None:
    shop.sandbox.auth0.state.clients.change(
        shop.environment["AUTH0_CLIENT_ID"], lambda client: {**client, "client_secret": secret}
    )
    shop.restart(AUTH0_CLIENT_SECRET=secret)
    assert shop.browser().log_in().url.path == "/account"


def test_a_token_endpoint_that_never_answers_is_given_up_while_it_still_hangs(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    # Longer than this test may take; it would end without an answer.
    shop.sandbox.auth0.control.add_fault(action="hang", path="/oauth/token", seconds=600)
    hurry(shop.app, 0.5)
    assert browser.open(url).status_code == 503
    assert len(requests_for(shop, "/oauth/token")) == 1


def hurry(app: Flask, seconds: float) -> None:
    """Give each request less time than the store does by itself."""
    inner = app.wsgi_app

    def hurried(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with deadline.within(seconds):
            return inner(environ, start_response)

    app.wsgi_app = hurried  # type: ignore[method-assign]  # as documented


def other_issuer(shop: Shop) -> dict[str, str]:
    """Discovery of somebody else, with endpoints that work."""
    issuer = shop.environment["AUTH0_ISSUER"]
    return {
        "issuer": "https://evil.example/",
        "authorization_endpoint": f"{issuer}authorize",
        "token_endpoint": f"{issuer}oauth/token",
        "jwks_uri": f"{issuer}.well-known/jwks.json",
    }


def test_discovery_that_names_another_issuer_is_refused(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    browser = shop.browser()
    shop.sandbox.auth0.control.add_fault(
        action="status", path=DISCOVERY, status=200, body=other_issuer(shop), times=None
    )
    page = browser.open("/login")
    assert page.status_code in (400, 503)
    assert "names another issuer" in cause(caplog, page)
    assert transactions(browser) == {}


@pytest.mark.parametrize("what", ["another issuer", "nothing", "no endpoints"])
def test_discovery_that_was_wrong_once_is_not_held_on_to(shop: Shop, what: str) -> None:
    browser = shop.browser()
    issuer = shop.environment["AUTH0_ISSUER"]
    bodies = {"another issuer": other_issuer(shop), "nothing": {}, "no endpoints": {"issuer": issuer}}
    shop.sandbox.auth0.control.add_fault(action="status", path=DISCOVERY, status=200, body=bodies[what])
    assert browser.open("/login").status_code in (400, 503)
    assert browser.log_in().url.path == "/account"


def test_keys_that_were_missing_once_are_asked_for_again(shop: Shop) -> None:
    browser = shop.browser()
    url = provider_answer(browser)
    shop.sandbox.auth0.control.add_fault(action="status", path=KEYS, status=200, body={})
    assert browser.open(url).status_code in (400, 503)
    assert browser.log_in().url.path == "/account"


def test_signing_keys_may_change_between_logins(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.sandbox.auth0.state.keys.rotate()
    shop.sandbox.auth0.state.keys.rotate()
    shop.sandbox.auth0.state.keys.revoke()
    assert shop.browser().log_in().url.path == "/account"


def test_discovery_and_keys_are_read_once_for_many_logins(shop: Shop) -> None:
    for _ in range(3):
        assert shop.browser().log_in().url.path == "/account"
    assert len(requests_for(shop, DISCOVERY)) == 1
    assert len(requests_for(shop, KEYS)) == 1
