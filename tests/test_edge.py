"""What holds for every page: security headers, caching, requests of other sites, log-out, error pages."""

from __future__ import annotations

import logging
import re
import secrets
import time
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from flask.sessions import SecureCookieSessionInterface

from tests.support import ADA, Browser, Shop, link_status
from webstore import create_app
from webstore.sessions.revocation import current_epoch
from webstore.settings import Settings

EVIL = "https://evil.example"
DISCOVERY = r"/\.well-known/openid-configuration"


@pytest.fixture
def stranger(shared: Shop) -> Browser:
    return shared.browser()


@pytest.fixture
def shopper(shared: Shop) -> Browser:
    """A browser that has just logged in."""
    browser = shared.browser()
    browser.log_in()
    return browser


def send(browser: Browser, method: str, path: str, **headers: str) -> httpx.Response:
    """One request of this browser, without following a redirect."""
    return browser.client.request(method, path, headers=headers, follow_redirects=False)


def csrf_token(browser: Browser) -> str:
    """The token of the browser's log-out form."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.open("/account").text)
    assert found is not None
    return found[1]


def post_logout(browser: Browser, token: str | None, **headers: str) -> httpx.Response:
    """Send the log-out form with this token and these headers, without following the redirect."""
    data = {} if token is None else {"csrf_token": token}
    return browser.client.post("/logout", data=data, headers=headers, follow_redirects=False)


def is_logged_in(browser: Browser) -> bool:
    """Whether the store's front page knows the shopper."""
    return link_status(browser.open("/")) is not None


# Headers

#: Method and path of answers of every kind: pages, redirects, errors.
ANSWERS = {
    ("GET", "/"): 200,
    ("HEAD", "/"): 200,
    ("GET", "/account"): 302,
    ("GET", "/login"): 302,
    ("GET", "/login?max_age=x"): 400,
    ("GET", "/callback"): 400,
    ("GET", "/logout"): 200,
    ("POST", "/logout"): 302,
    ("GET", "/healthz"): 200,
    ("GET", "/readyz"): 200,
    ("GET", "/nowhere"): 404,
    ("POST", "/"): 405,
    ("GET", "/static/nothing.css"): 404,
}


@pytest.mark.parametrize(("method", "path"), ANSWERS)
def test_every_answer_carries_the_security_headers(
    shared: Shop, stranger: Browser, method: str, path: str
) -> None:
    answer = send(stranger, method, path)
    assert answer.status_code == ANSWERS[method, path]
    assert_secured(shared, answer)


@pytest.mark.parametrize("path", ["/", "/account", "/account/link", "/nowhere", "/callback", "/logout"])
def test_every_page_of_a_shopper_carries_the_security_headers(
    shared: Shop, shopper: Browser, path: str
) -> None:
    assert_secured(shared, send(shopper, "GET", path))


def test_an_unexpected_error_carries_them_too_and_gives_only_a_reference_number(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    @shop.app.get("/broken")
    def broken() -> str:
        raise RuntimeError("a secret of the store")

    answer = shop.browser().open("/broken?code=abc")
    assert answer.status_code == 500
    assert_secured(shop, answer)
    assert "secret" not in answer.text
    found = re.search(r"reference number <code>(\w{8})</code>", answer.text)
    assert found is not None
    (record,) = [r for r in caplog.records if found[1] in r.getMessage()]
    assert record.levelno == logging.ERROR
    assert "a secret of the store" in str(record.exc_text)
    assert "abc" not in record.getMessage()


def assert_secured(shop: Shop, answer: httpx.Response) -> None:
    headers = answer.headers
    issuer = shop.environment["AUTH0_ISSUER"].rstrip("/")
    policy = {
        name: sources.split()
        for name, _, sources in (
            part.strip().partition(" ") for part in headers["Content-Security-Policy"].split(";")
        )
    }
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    hosted = shop.environment["STRIPE_HOSTED_PAGES"]
    assert policy["form-action"] == ["'self'", issuer, hosted]
    assert policy["img-src"] == ["'self'", "https:", "data:", hosted]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    for_everybody = answer.url.path == "/" and answer.status_code == 200 and "webstore=" not in sent(answer)
    caching = "public, max-age=0, s-maxage=60" if for_everybody else "private, no-store"
    assert headers["Cache-Control"] == caching
    assert "Strict-Transport-Security" not in headers  # http, on this machine alone


def sent(answer: httpx.Response) -> str:
    """The cookies that the request brought."""
    return str(answer.request.headers.get("Cookie", ""))


def test_over_https_browsers_are_told_to_stay_there(shop: Shop) -> None:
    app = create_app(Settings.from_env({**shop.environment, "BASE_URL": "https://shop.example"}))
    for path in ("/", "/nowhere", "/healthz"):
        answer = app.test_client().get(path, base_url="https://shop.example")
        age, *rest = answer.headers["Strict-Transport-Security"].split("; ")
        assert int(age.removeprefix("max-age=")) >= 31_536_000
        assert rest in ([], ["includeSubDomains"])
    app.extensions["webstore"].close()


def test_the_pages_keep_to_the_policy(stranger: Browser, shopper: Browser) -> None:
    for browser, paths in (
        (stranger, ("/", "/callback", "/nowhere", "/logout")),
        (shopper, ("/", "/account", "/account/link", "/nowhere")),
    ):
        for path in paths:
            text = browser.open(path).text
            assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son\w+=|javascript:", text)
            for address in re.findall(r'(?:src|<link rel="(?!canonical)[^>]*href)="([^"]*)"', text):
                assert address.startswith(("/static/", "data:image/"))


def test_static_files_are_served(stranger: Browser) -> None:
    page = stranger.open("/")
    for address in set(re.findall(r'"(/static/[^"]*)"', page.text)):
        assert stranger.open(address).status_code == 200


# Caching

#: Every page, by method and path.
CRAWL = (
    *(
        ("GET", path)
        for path in ("/", "/?a=b", "/account", "/account/link", "/logout", "/callback", "/login")
    ),
    *(("HEAD", path) for path in ("/", "/account", "/login")),
    *(
        ("GET", path)
        for path in ("/login?prompt=none", "/login?max_age=x", "/healthz", "/readyz", "/metrics")
    ),
    *(("GET", path) for path in ("/nowhere", "/static/nothing.css", "/static/css/store.css", "/static/")),
    *(("POST", path) for path in ("/", "/logout", "/backchannel-logout", "/static/css/store.css")),
    ("OPTIONS", "/"),
)
#: What the browser's session is: how its content differs from that of a shopper; None for no session at all.
SESSIONS: dict[str, dict[str, object] | None] = {
    "a stranger": None,
    "a shopper": {},
    "unused for too long": {"seen": 0},
    "too old": {"at": 0},
    "of another issuer": {"iss": "https://another.example/"},
    "due to be written again": {"seen": int(time.time()) - 3600},
    "of a lost state": {"epoch": "of another time"},
    "of another version": {"at": None},
}


@pytest.mark.parametrize("changes", SESSIONS.values(), ids=SESSIONS)
def test_no_answer_that_a_shared_cache_may_keep_sets_a_cookie(
    shared: Shop, changes: dict[str, object] | None
) -> None:
    with_cookies = 0
    for method, path in CRAWL:
        browser = shared.browser()
        if changes is not None:
            browser.client.cookies.set("webstore", session_of_ada(shared, **changes), domain="127.0.0.1")
        answer = send(browser, method, path)
        caching = answer.headers.get("Cache-Control", "")
        with_cookies += "Set-Cookie" in answer.headers
        assert "Set-Cookie" not in answer.headers or caching == "private, no-store", (method, path)
        assert caching == "private, no-store" or path in ("/", "/?a=b", "/static/css/store.css"), (
            method,
            path,
        )
        if caching.startswith("public"):
            assert "cookie" in answer.headers["Vary"].lower()
            assert "Ada" not in answer.text
    assert with_cookies


def session_of_ada(shop: Shop, **changes: object) -> str:
    """A session as the store signs it, of somebody who logged in just now."""
    interface = shop.app.session_interface
    assert isinstance(interface, SecureCookieSessionInterface)
    serializer = interface.get_signing_serializer(shop.app)
    assert serializer is not None
    now = time.time()
    login = {
        "iss": shop.environment["AUTH0_ISSUER"],
        "sub": ADA,
        "name": "Ada",
        "email": None,
        "picture": None,
        "sid": None,
        "cus": "cus_x",
        "id": secrets.token_urlsafe(12),
        "at": now,
        "seen": int(now),
        "epoch": current_epoch(shop.app.extensions["webstore"].state),
        **changes,
    }
    return str(serializer.dumps({"login": login, "csrf": "x", "_permanent": True}))


def test_a_strangers_page_is_not_sent_again_while_it_is_the_same(stranger: Browser) -> None:
    page = send(stranger, "GET", "/")
    again = send(stranger, "GET", "/", **{"If-None-Match": page.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == "public, max-age=0, s-maxage=60"
    assert "Set-Cookie" not in again.headers
    assert send(stranger, "GET", "/", **{"If-None-Match": '"another"'}).status_code == 200


def test_a_strangers_page_is_no_answer_to_a_shopper(stranger: Browser, shopper: Browser) -> None:
    tag = send(stranger, "GET", "/").headers["ETag"]
    answer = send(shopper, "GET", "/", **{"If-None-Match": tag})
    assert answer.status_code == 200
    assert link_status(answer) == "linked"
    assert "ETag" not in answer.headers


# Requests of other sites

FOREIGN = {
    "another origin": {"Origin": EVIL},
    "an origin that is hidden": {"Origin": "null"},
    "the origin with another port": {"Origin": "http://127.0.0.1:1"},
    "the origin with another scheme": {"Origin": "https://127.0.0.1"},
    "no origin at all": {"Origin": ""},
    "cross-site": {"Sec-Fetch-Site": "cross-site"},
    "same-site": {"Sec-Fetch-Site": "same-site"},
    "an unknown relation": {"Sec-Fetch-Site": "other"},
    "cross-site with our origin": {"Sec-Fetch-Site": "cross-site", "Origin": "ours"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_form_of_another_site_is_refused(shared: Shop, shopper: Browser, headers: dict[str, str]) -> None:
    sent = {name: value.replace("ours", shared.url) for name, value in headers.items()}
    answer = post_logout(shopper, csrf_token(shopper), **sent)
    assert answer.status_code == 403
    assert "This request came from another site." in answer.text
    assert is_logged_in(shopper)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/account", "/nowhere", "/callback"])
def test_no_address_takes_a_form_of_another_site(stranger: Browser, method: str, path: str) -> None:
    assert send(stranger, method, path, Origin=EVIL).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {"Origin": "ours"}, {}],
    ids=["same-origin", "typed by the person", "our origin", "no header"],
)
def test_our_own_form_is_taken(shared: Shop, shopper: Browser, headers: dict[str, str]) -> None:
    sent = {name: value.replace("ours", shared.url) for name, value in headers.items()}
    assert post_logout(shopper, csrf_token(shopper), **sent).status_code == 302
    assert not is_logged_in(shopper)


def test_links_from_other_sites_work(shopper: Browser) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": EVIL, "Referer": EVIL}
    assert send(shopper, "GET", "/account", **headers).status_code == 200


@pytest.mark.parametrize("token", [None, "", "wrong", "ü", "\x00", "x" * 5000])
def test_a_log_out_without_the_right_token_is_refused(shopper: Browser, token: str | None) -> None:
    answer = post_logout(shopper, token)
    assert answer.status_code == 400
    assert "This form is out of date." in answer.text
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


# Logging out


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
    session = shop.sandbox.auth0.state.sessions.find(browser.client.cookies["auth0_sandbox"])
    assert session is not None
    return session.sid


def test_log_out_of_a_stranger_leads_home(stranger: Browser) -> None:
    answer = post_logout(stranger, None)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


def test_the_page_after_a_log_out_offers_to_log_in_whatever_its_query(stranger: Browser) -> None:
    for path in ("/logout", "/logout?state=x&error=%3Cscript%3E", "/?state=x&error=%3Cscript%3E"):
        page = stranger.open(path)
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


# Error pages


def test_an_unknown_address_is_a_page(stranger: Browser) -> None:
    page = stranger.open("/nowhere/<b>?x=<script>")
    assert page.status_code == 404
    assert "This page does not exist" in page.text
    assert '<a class="button" href="/">Back to the store</a>' in page.text
    assert "<script>" not in page.text
    assert "nowhere" not in page.text


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", {"GET", "HEAD", "OPTIONS"}),
        ("DELETE", "/account", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/callback", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/login", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/logout", {"GET", "HEAD", "OPTIONS", "POST"}),
    ],
)
def test_a_wrong_method_is_a_page_and_names_the_right_ones(
    stranger: Browser, method: str, path: str, allowed: set[str]
) -> None:
    page = send(stranger, method, path)
    assert page.status_code == 405
    assert "This address does not take such a request" in page.text
    # https://www.rfc-editor.org/rfc/rfc9110#section-15.5.6
    assert set(page.headers["Allow"].split(", ")) == allowed


def test_a_form_that_is_too_large_is_a_page(shopper: Browser) -> None:
    page = post_logout(shopper, "x" * 70_000)
    assert page.status_code == 413
    assert "This is too large" in page.text
    assert is_logged_in(shopper)


def test_a_form_with_a_large_file_is_a_page(shopper: Browser) -> None:
    page = shopper.client.post("/logout", files={"csrf_token": b"x" * 70_000})
    assert page.status_code == 413
    assert is_logged_in(shopper)


def test_error_pages_know_who_is_logged_in(shopper: Browser) -> None:
    page = shopper.open("/nowhere")
    assert page.status_code == 404
    assert 'action="/logout"' in page.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_told_without_asking_anybody(shop: Shop, path: str) -> None:
    shop.sandbox.stripe_server.stop()
    shop.sandbox.auth0_server.stop()
    answer = shop.browser().open(path)
    assert (answer.status_code, answer.text) == (200, "ok\n")


# The Host header


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/account",
        "/login",
        "/callback",
        "/logout",
        "/nowhere",
        "//account",
        "/account//link",
        "//",
        "/healthz/",
    ],
)
@pytest.mark.parametrize("logged_in", [False, True], ids=["stranger", "shopper"])
def test_the_host_header_is_in_no_redirect_and_no_link(
    shared: Shop, stranger: Browser, shopper: Browser, path: str, *, logged_in: bool
) -> None:
    browser = shopper if logged_in else stranger
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.client.cookies.jar)
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    # Spelled out, because a client would read two slashes at the beginning as a host.
    answer = shared.http.get(shared.url + path, headers={**headers, "Cookie": cookies})
    assert answer.status_code < 500
    assert "evil.example" not in answer.text
    assert "evil.example" not in answer.headers.get("Location", "")


@pytest.mark.parametrize("host", ["x" * 64 + ".example", "..", "a..b", "\x80", "[", "a b", ":::", " "])
def test_a_host_header_that_is_no_host_name_is_no_error(shared: Shop, host: str) -> None:
    for path in ("/", "/nowhere", "/login", "/account/"):
        client = shared.app.test_client()
        answer = client.get(path, base_url=shared.url, headers={"Host": host})
        assert answer.status_code in (200, 302, 404)


def test_log_out_with_another_host_header_comes_back_to_the_store(shared: Shop, shopper: Browser) -> None:
    answer = post_logout(shopper, csrf_token(shopper), Host="evil.example")
    query = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
    assert query["post_logout_redirect_uri"] == f"{shared.url}/"
