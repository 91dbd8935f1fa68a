"""Every page: security headers and caching."""

from __future__ import annotations

import logging
import re
import secrets
import time

import pytest
from flask.sessions import SecureCookieSessionInterface

from tests.server.answers import assert_secured, send
from tests.support import ADA, Browser, Shop, link_status
from webstore import create_app
from webstore.sessions.revocation import current_epoch
from webstore.settings import Settings

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
    ("GET", "/doctor"): 404,
    ("GET", "/nowhere"): 404,
    ("POST", "/"): 405,
    ("GET", "/static/nothing.css"): 404,
}


@pytest.mark.parametrize(("method", "path"), ANSWERS)
def test_every_answer_carries_the_security_headers(
    shared: Shop, stranger: Browser, method: str, path: str
) -> None:
    stranger.open("/")  # Once the catalogue has been read, the process is ready.
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
    found = re.search(r"Reference number <code>(\w{8})</code>", answer.text)
    assert found is not None
    (record,) = [r for r in caplog.records if found[1] in r.getMessage()]
    assert record.levelno == logging.ERROR
    assert "a secret of the store" in str(record.exc_text)
    assert "abc" not in record.getMessage()


def test_over_https_browsers_are_told_to_stay_there(shop: Shop) -> None:
    app = create_app(Settings.from_env({**shop.environment, "BASE_URL": "https://shop.example"}))
    for path in ("/", "/nowhere", "/healthz"):
        answer = app.test_client().get(path, base_url="https://shop.example")
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    app.extensions["webstore"].close()


def test_subdomains_are_told_to_use_https_only_if_the_operator_says_so(shop: Shop) -> None:
    address = {"BASE_URL": "https://shop.example", "HSTS_INCLUDE_SUBDOMAINS": "1"}
    app = create_app(Settings.from_env({**shop.environment, **address}))
    answer = app.test_client().get("/healthz", base_url="https://shop.example")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
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


def test_every_linked_static_file_is_served_and_kept_by_browsers(stranger: Browser, shopper: Browser) -> None:
    pages = [stranger.open("/").text, shopper.open("/account").text]
    for address in set(re.findall(r'"(/static/[^"]*)"', "".join(pages))):
        answer = stranger.open(address)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", address


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
            browser.client.cookies.set(shared.cookie(), session_of_ada(shared, **changes), domain="127.0.0.1")
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
        "epoch": current_epoch(shop.app.extensions["webstore"].revocations),
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


def test_a_strangers_page_does_not_answer_a_shopper(stranger: Browser, shopper: Browser) -> None:
    tag = send(stranger, "GET", "/").headers["ETag"]
    answer = send(shopper, "GET", "/", **{"If-None-Match": tag})
    assert answer.status_code == 200
    assert link_status(answer) == "linked"
    assert "ETag" not in answer.headers
