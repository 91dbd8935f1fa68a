"""The logout endpoints and back-channel logout."""

import threading
import time
from collections.abc import Iterator

import pytest
from flask import Flask, request
from joserfc import jws
from joserfc.jwk import KeySet

from tests.sandbox.auth0 import ADA, AFTER_LOGOUT, Browser, Tenant, running_tenant
from webstore.sandbox.server import Server


@pytest.fixture
def delivered() -> list[str]:
    """The logout tokens that the application received."""
    return []


@pytest.fixture
def tenant(delivered: list[str]) -> Iterator[Tenant]:
    """A new tenant for each test, so that a late delivery does not disturb the next test."""
    application = Flask(__name__)

    @application.post("/backchannel-logout")
    def take() -> str:
        delivered.append(request.form["logout_token"])
        return ""

    with (
        Server(application) as store,
        running_tenant(backchannel_logout_url=f"{store.url}/backchannel-logout") as tenant,
    ):
        yield tenant


def logged_in(browser: Browser) -> bool:
    return "code" in browser.arrived(browser.authorize(prompt="none")).answer


def deliveries(tenant: Tenant, number: int) -> list[dict[str, object]]:
    """Wait for this number of deliveries and return them."""
    for _ in range(100):
        found: list[dict[str, object]] = tenant.http.get("/_sandbox/auth0/backchannel").json()["deliveries"]
        if len(found) >= number:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing was delivered")


def test_the_sessions_id_as_hint_logs_out_at_once(tenant: Tenant, browser: Browser) -> None:
    sid = browser.id_token()["sid"]
    asked = {
        "client_id": tenant.config.client_id,
        "logout_hint": sid,
        "post_logout_redirect_uri": AFTER_LOGOUT,
        "state": "s t",
    }
    answer = browser.http.get("/oidc/logout", params=asked)

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{AFTER_LOGOUT}?state=s+t"
    assert not [name for name in browser.http.cookies if not name.endswith("_browser")]
    assert not logged_in(browser)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_id_token_as_hint_logs_out_at_once(browser: Browser, method: str) -> None:
    token = browser.tokens()["id_token"]
    asked = {"id_token_hint": token, "post_logout_redirect_uri": AFTER_LOGOUT}
    sent = {"params": asked} if method == "GET" else {"data": asked}
    answer = browser.http.request(method, "/oidc/logout", **sent)  # type: ignore[arg-type]  # either keyword

    assert answer.headers["Location"] == AFTER_LOGOUT
    assert not logged_in(browser)


@pytest.mark.parametrize("hint", [{}, {"logout_hint": "another"}])
def test_without_a_matching_hint_the_person_is_asked(
    tenant: Tenant, browser: Browser, hint: dict[str, str]
) -> None:
    browser.log_in()
    asked = {"client_id": tenant.config.client_id, "post_logout_redirect_uri": AFTER_LOGOUT, **hint}
    page = browser.http.get("/oidc/logout", params=asked)
    assert page.status_code == 200
    assert "Do you want to log out?" in page.text
    assert logged_in(browser)

    assert browser.submit(page).headers["Location"] == AFTER_LOGOUT
    assert not logged_in(browser)


def test_without_a_session_the_way_back_is_taken_all_the_same(tenant: Tenant, browser: Browser) -> None:
    asked = {
        "client_id": tenant.config.client_id,
        "logout_hint": "gone",
        "post_logout_redirect_uri": AFTER_LOGOUT,
    }
    assert browser.http.get("/oidc/logout", params=asked).headers["Location"] == AFTER_LOGOUT


def test_without_a_url_the_first_registered_one_of_the_application_is_taken(
    tenant: Tenant, browser: Browser
) -> None:
    sid = browser.id_token()["sid"]
    asked = {"client_id": tenant.config.client_id, "logout_hint": sid}
    assert browser.http.get("/oidc/logout", params=asked).headers["Location"] == AFTER_LOGOUT


def test_without_an_application_there_is_a_plain_page(browser: Browser) -> None:
    sid = browser.id_token()["sid"]
    page = browser.http.get("/oidc/logout", params={"logout_hint": sid})
    assert page.status_code == 200
    assert "You are logged out" in page.text
    assert not logged_in(browser)


@pytest.mark.parametrize(
    "changes",
    [
        {"post_logout_redirect_uri": "http://evil.example/"},
        {"post_logout_redirect_uri": f"{AFTER_LOGOUT}/"},
        {"post_logout_redirect_uri": f"{AFTER_LOGOUT}?x=1"},
        {"client_id": "nobody"},
        {"client_id": ""},
        {"id_token_hint": "nonsense"},
    ],
)
def test_what_is_not_registered_or_forged_is_an_error_page(
    tenant: Tenant, browser: Browser, changes: dict[str, str]
) -> None:
    sid = browser.id_token()["sid"]
    asked = {
        "client_id": tenant.config.client_id,
        "logout_hint": sid,
        "post_logout_redirect_uri": AFTER_LOGOUT,
    }
    page = browser.http.get("/oidc/logout", params=asked | changes)

    assert page.status_code == 400
    assert page.next_request is None
    assert logged_in(browser)


@pytest.mark.parametrize("name", ["client_id", "logout_hint"])
def test_hints_that_contradict_each_other_are_an_error_page(
    tenant: Tenant, browser: Browser, name: str
) -> None:
    asked = {"id_token_hint": browser.tokens()["id_token"], name: tenant.config.mgmt_client_id}
    assert browser.http.get("/oidc/logout", params=asked).status_code == 400


def test_the_older_logout_endpoint(tenant: Tenant, browser: Browser) -> None:
    browser.log_in()
    asked = {"client_id": tenant.config.client_id, "returnTo": AFTER_LOGOUT}
    assert browser.http.get("/v2/logout", params=asked).headers["Location"] == AFTER_LOGOUT
    assert not logged_in(browser)

    for refused in ({"returnTo": AFTER_LOGOUT}, asked | {"returnTo": "http://evil.example/"}):
        assert browser.http.get("/v2/logout", params=refused).status_code == 400
    assert "You are logged out" in browser.http.get("/v2/logout").text


def test_the_application_is_told_with_a_logout_token(
    tenant: Tenant, browser: Browser, delivered: list[str]
) -> None:
    sid = browser.id_token()["sid"]
    browser.http.get("/oidc/logout", params={"client_id": tenant.config.client_id, "logout_hint": sid})

    assert deliveries(tenant, 1) == [{"sid": sid, "status": 200}]
    [token] = delivered
    claims = tenant.claims(token)
    keys = KeySet.import_key_set(tenant.http.get("/.well-known/jwks.json").json())
    assert jws.deserialize_compact(token, keys).headers()["typ"] == "logout+jwt"
    assert claims.keys() == {"iss", "sub", "aud", "iat", "exp", "jti", "events", "sid"}
    assert claims["iss"] == f"{tenant.url}/"
    assert claims["aud"] == tenant.config.client_id
    assert (claims["sub"], claims["sid"]) == (ADA, sid)
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert claims["exp"] - claims["iat"] == 120


def test_each_logout_token_has_an_id_of_its_own(
    tenant: Tenant, browser: Browser, delivered: list[str]
) -> None:
    for _ in range(2):
        browser.log_in()
        browser.http.get("/v2/logout")
    deliveries(tenant, 2)
    assert len({tenant.claims(token)["jti"] for token in delivered}) == 2


def test_a_logout_without_a_session_tells_nobody(
    tenant: Tenant, browser: Browser, delivered: list[str]
) -> None:
    browser.http.get("/v2/logout")
    browser.log_in()
    browser.http.get("/v2/logout")
    assert len(deliveries(tenant, 1)) == len(delivered) == 1


def test_an_application_that_does_not_answer_is_noted() -> None:
    with (
        running_tenant(backchannel_logout_url="http://127.0.0.1:9/backchannel-logout") as tenant,
        Browser(tenant) as browser,
    ):
        browser.log_in()
        browser.http.get("/v2/logout")
        assert deliveries(tenant, 1)[0]["status"] is None


def test_a_tenant_that_stops_waits_for_deliveries_under_way_and_then_sends_nothing() -> None:
    application, arrived = Flask(__name__), threading.Semaphore(0)

    @application.post("/backchannel-logout")
    def take() -> str:
        arrived.release()
        time.sleep(0.2)
        return ""

    with (
        Server(application) as store,
        running_tenant(backchannel_logout_url=f"{store.url}/backchannel-logout") as tenant,
        Browser(tenant) as browser,
    ):
        browser.log_in()
        browser.http.get("/v2/logout")
        assert arrived.acquire(timeout=10)
        tenant.auth0.stop()
        assert [delivery["status"] for delivery in tenant.auth0.state.backchannel.deliveries()] == [200]

        browser.log_in()
        browser.http.get("/v2/logout")
        tenant.auth0.start()
        browser.log_in()
        browser.http.get("/v2/logout")
        assert len(deliveries(tenant, 2)) == 2
        assert arrived.acquire(timeout=10)
        assert not arrived.acquire(blocking=False)
