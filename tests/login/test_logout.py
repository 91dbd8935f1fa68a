"""Logging out: the form and its token, the end of the provider's session, and the way back."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from tests.login.steps import DISCOVERY, csrf_token, is_logged_in, post_logout
from tests.server.answers import assert_secured
from tests.support import Browser, Shop, link_status


@pytest.mark.parametrize("token", [None, "", "wrong", "ü", "\x00", "x" * 5000])
def test_a_log_out_without_the_right_token_is_refused(shopper: Browser, token: str | None) -> None:
    answer = post_logout(shopper, token)
    assert answer.status_code == 400
    assert "<h1>Please reload the page</h1>" in answer.text
    assert "This page has expired." in answer.text
    assert is_logged_in(shopper)


def test_another_sessions_token_is_refused(shared: Shop, shopper: Browser) -> None:
    other = shared.browser()
    other.log_in("grace@example.com")
    assert post_logout(shopper, csrf_token(other)).status_code == 400
    assert is_logged_in(shopper)


def test_opening_the_address_logs_nobody_out(shopper: Browser) -> None:
    page = shopper.open("/logout")
    assert page.url.path == "/account"
    assert is_logged_in(shopper)


def test_log_out_ends_at_the_provider_and_comes_back(shared: Shop, shopper: Browser) -> None:
    sid = session_id(shared, shopper)
    page = shopper.log_out()
    assert str(page.url) == f"{shared.url}/"
    assert link_status(page) is None
    here, there = page.history
    assert here.url.path == "/logout"
    assert there.url.path == "/oidc/logout"
    assert str(there.url).startswith(shared.environment["AUTH0_ISSUER"])
    assert dict(parse_qsl(there.url.query.decode())) == {
        "client_id": shared.environment["AUTH0_CLIENT_ID"],
        "logout_hint": sid,
        "post_logout_redirect_uri": f"{shared.url}/",
    }
    assert shopper.open("/login").url.path == "/u/login"
    assert "ada@example.com" not in shopper.open("/").text


def session_id(shop: Shop, browser: Browser) -> str:
    """The provider's ID of the browser's session there."""
    session = shop.sandbox.auth0.state.sessions.find(
        browser.client.cookies[f"auth0_sandbox_{shop.sandbox.auth0_server.port}"]
    )
    assert session is not None
    return session.sid


def test_log_out_of_a_stranger_leads_home(browser: Browser) -> None:
    answer = post_logout(browser, None)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_the_page_after_a_log_out_offers_to_log_in_whatever_its_query(browser: Browser) -> None:
    for path in ("/logout", "/logout?state=x&error=%3Cscript%3E", "/?state=x&error=%3Cscript%3E"):
        page = browser.open(path)
        assert page.status_code == 200
        assert 'href="/login' in page.text
        assert "<script>" not in page.text


def test_log_out_while_the_provider_is_down_ends_the_session_here(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.restart()  # a process that has not read the provider's metadata yet
    shop.sandbox.auth0_server.stop()
    answer = post_logout(browser, csrf_token(browser))
    assert answer.status_code == 200
    assert "You are logged out" in answer.text
    assert "may still remember you" in " ".join(answer.text.split())
    assert_secured(shop, answer)
    assert "not at the provider" in caplog.text
    assert not is_logged_in(browser)


def test_log_out_ends_the_session_here_before_the_provider_is_asked(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    shop.sandbox.auth0_server.stop()
    answer = post_logout(browser, csrf_token(browser))
    assert answer.status_code in (200, 302)
    assert not is_logged_in(browser)


def test_a_provider_without_end_session_endpoint_has_auth0s_own_address(shop: Shop) -> None:
    issuer = shop.environment["AUTH0_ISSUER"]
    plain = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}authorize",
        "token_endpoint": f"{issuer}oauth/token",
        "jwks_uri": f"{issuer}.well-known/jwks.json",
    }
    shop.sandbox.auth0.control.add_fault(action="status", path=DISCOVERY, status=200, body=plain, times=None)
    browser = shop.browser()
    browser.log_in()
    page = browser.log_out()
    assert page.history[-1].url.path == "/v2/logout"
    assert dict(parse_qsl(page.history[-1].url.query.decode())) == {
        "client_id": shop.environment["AUTH0_CLIENT_ID"],
        "returnTo": f"{shop.url}/",
    }
    assert str(page.url) == f"{shop.url}/"
    assert link_status(page) is None
