"""What the conformance modules leave out: clocks, sizes, tabs, abandoned logins, several processes."""

from __future__ import annotations

import os
import re
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conformance.provider import Liar, refusal, two_workers
from tests.support import Browser, Shop, link_status, until

ACCOUNT = "/login?next=/account"
Log = pytest.LogCaptureFixture


def up_to_the_callback(browser: Browser, path: str = ACCOUNT) -> str:
    """Go to the provider, which knows the shopper; gives the address of the callback, not opened yet."""
    authorize = browser.client.get(path, follow_redirects=False).headers["Location"]
    return browser.client.get(authorize, follow_redirects=False).headers["Location"]


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": timedelta(seconds=55), "exp": timedelta(hours=1)},
        {"iat": timedelta(seconds=-3600), "exp": timedelta(seconds=-55)},
        {"iat": timedelta(seconds=55), "nbf": timedelta(seconds=55)},
    ],
    ids=["provider ahead", "provider behind", "not before"],
)
def test_a_clock_skew_of_55_seconds_is_accepted(liar: Liar, browser: Browser, claims: dict[str, Any]) -> None:
    liar.claims = claims
    assert browser.open(ACCOUNT).url.path == "/account"


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": timedelta(seconds=120), "exp": timedelta(hours=1)},
        {"iat": timedelta(seconds=-3600), "exp": timedelta(seconds=-120)},
        {"nbf": timedelta(seconds=120)},
    ],
    ids=["provider ahead", "provider behind", "not before"],
)
def test_a_clock_skew_of_120_seconds_is_refused(
    liar: Liar, browser: Browser, caplog: Log, claims: dict[str, Any]
) -> None:
    liar.claims = claims
    assert refusal(browser, liar, caplog)


def test_an_expired_token_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    liar.claims = {"iat": timedelta(days=-2), "exp": timedelta(days=-1)}
    assert "ExpiredTokenError" in refusal(browser, liar, caplog)


def test_a_missing_id_token_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    liar.response = {"id_token": None}
    assert "no ID token" in refusal(browser, liar, caplog)


def test_an_oversized_token_is_refused(liar: Liar, browser: Browser, caplog: Log) -> None:
    liar.claims = {"padding": "x" * 40_000}
    assert "too large" in refusal(browser, liar, caplog)


def test_an_answer_of_five_megabytes_is_cut_off(liar: Liar, browser: Browser) -> None:
    liar.raw_response = b'{"id_token": "' + b"x" * 5_000_000 + b'"}'
    assert browser.open(ACCOUNT).status_code == 503


@pytest.mark.parametrize(
    "raw",
    [
        b'{"id_token": "x", "expires_in": 1e400}',
        b'{"id_token": "x", "expires_in": "soon"}',
        b'{"id_token": "x", "expires_in": ' + b"9" * 5000 + b"}",
        b"[" * 200_000,
        b'{"id_token": "e30.' + b"W1tb" * 30_000 + b'.x"}',
        b"\xff\xfe",
        b"null",
    ],
    ids=["endless", "no number", "huge", "nested", "nested token", "no text", "null"],
)
def test_a_malformed_token_response_is_refused(liar: Liar, browser: Browser, caplog: Log, raw: bytes) -> None:
    liar.raw_response = raw
    assert refusal(browser, liar, caplog)


@pytest.mark.parametrize("auth_time", [None, True, float("nan"), 10**400, -(10**400), timedelta(hours=-1)])
def test_an_auth_time_that_does_not_answer_max_age_is_refused(
    liar: Liar, browser: Browser, caplog: Log, auth_time: object
) -> None:
    liar.claims = {"auth_time": auth_time}
    assert "max_age" in refusal(browser, liar, caplog, "/login?max_age=600")


def test_five_tabs_at_once_all_finish_in_any_order(liar: Liar, browser: Browser) -> None:
    callbacks = [up_to_the_callback(browser, f"/login?next=/account?tab={number}") for number in range(5)]
    for number in (2, 0, 4, 1, 3):
        page = browser.open(callbacks[number])
        assert page.url.query == f"tab={number}".encode()
        assert link_status(page) == "linked"
    assert sorted(browser.client.cookies) == [browser.cookie()]
    assert liar.times("/token") == 5


def test_twenty_abandoned_logins_leave_five_cookies_and_the_next_login_works(browser: Browser) -> None:
    for number in range(20):
        up_to_the_callback(browser, f"/login?next=/account/link?{number}{'x' * 300}")
        sent = "; ".join(f"{c.name}={c.value}" for c in browser.client.cookies.jar)
        # The usual limit of a header field in proxies and servers.
        assert len(sent) < 8_000
    assert len(browser.client.cookies) == 5
    page = browser.open(ACCOUNT)
    assert (page.url.path, link_status(page)) == ("/account", "linked")


def test_each_step_may_meet_another_of_two_workers(fresh: tuple[Liar, Shop], tmp_path: Path) -> None:
    liar, shop = fresh
    liar.claims = {"sid": "the-session"}
    with two_workers(shop, tmp_path) as workers:
        one, two = workers.ids()

        def ask(worker: int, method: str, url: str, **form: str) -> httpx.Response:
            """Let this worker answer, the other one being stopped."""
            other = two if worker == one else one
            os.kill(other, signal.SIGSTOP)
            until(lambda: _state_of(other) == "T")
            try:
                headers = {"Connection": "close", "Origin": workers.url}
                return browser.client.request(method, url, data=form, headers=headers, follow_redirects=False)
            finally:
                os.kill(other, signal.SIGCONT)

        browser = shop.browser(workers.url)
        begun = [ask(one, "GET", f"/login?next=/account?tab={n}").headers["Location"] for n in range(5)]
        callbacks = [browser.client.get(url, follow_redirects=False).headers["Location"] for url in begun]
        for number, callback in reversed(list(enumerate(callbacks))):
            done = ask(two, "GET", callback)
            assert (done.status_code, done.headers["Location"]) == (302, f"/account?tab={number}")
        page = ask(one, "GET", "/account")
        assert link_status(page) == "linked"
        copied = dict(browser.client.cookies)
        token = re.findall(r'name="csrf_token" value="([^"]*)"', page.text)[0]
        out = ask(one, "POST", "/logout", csrf_token=token)
        assert urlsplit(out.headers["Location"]).path == "/end"
        browser.client.cookies.update(copied)
        for worker in (two, one):
            assert ask(worker, "GET", "/account").headers["Location"].startswith("/login")
            browser.client.cookies.update(copied)


def _state_of(process: int) -> str:
    """The letter that /proc has for what the process is doing."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
