"""The provider says that the login failed: each of its errors is a page, or none for a silent login."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.conformance.provider import content
from tests.login.steps import (
    GRACE_EMAIL,
    begin,
    cause,
    decline,
    is_logged_in,
    prompts,
    provider_answer,
    requests_for,
)
from tests.support import (
    PASSWORD,
    Browser,
    Shop,
    link_status,
)

pytestmark = pytest.mark.usefixtures("everything_is_logged")


def test_declining_says_who_ended_the_login_and_offers_another_account(shop: Shop) -> None:
    browser = shop.browser()
    page = decline(browser, browser.open("/login?next=/account"))
    assert page.status_code == 403
    assert "You cancelled the login." in content(page)
    assert '<a class="button" href="/login?next=/account">Log in</a>' in content(page)
    assert "Use another account" in content(page)
    assert not is_logged_in(browser)


def test_another_account_still_goes_where_the_shopper_was_going(shop: Shop) -> None:
    browser = shop.browser()
    page = decline(browser, browser.open("/login?next=/account"))
    (href,) = re.findall(r'href="([^"]*)">Use another account', content(page))
    page = browser.open(href.replace("&amp;", "&"))
    page = browser.submit(page, email=GRACE_EMAIL, password=PASSWORD)
    assert page.url.path == "/account"


def test_another_account_means_the_login_page_even_if_the_provider_knows_the_shopper(
    browser: Browser,
) -> None:
    browser.log_in()
    state = begin(browser)["state"]
    page = browser.open(f"/callback?state={state}&error=access_denied")
    (href,) = re.findall(r'href="([^"]*)">Use another account', content(page))
    page = browser.open(href.replace("&amp;", "&"))
    assert page.url.path == "/u/login"
    page = browser.submit(page, email=GRACE_EMAIL, password=PASSWORD)
    assert GRACE_EMAIL in browser.open("/account").text


def test_the_reason_is_escaped(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    reason = quote("""<script>alert("1")</script><b onclick='x'>""")
    state = begin(browser)["state"]
    page = browser.open(f"/callback?state={state}&error=access_denied&error_description={reason}")
    assert page.status_code == 403
    assert "&lt;script&gt;alert(&#34;1&#34;)&lt;/script&gt;&lt;b onclick=&#39;x&#39;&gt;" in content(page)
    assert "<script>alert" not in page.text
    assert "LoginDenied" in cause(caplog, page)


def test_a_reason_cannot_write_lines_of_its_own_into_the_log(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    state = begin(browser)["state"]
    reason = quote("no\r\n2026-01-01 00:00:00 ERROR webstore forged\x1b[2J\x85\u2028")
    page = browser.open(f"/callback?state={state}&error=access_denied&error_description={reason}")
    line = cause(caplog, page)
    assert "forged" in line
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", line)


@pytest.mark.parametrize(
    "error", ["login_required", "interaction_required", "consent_required", "account_selection_required"]
)
def test_a_silent_login_that_needs_the_shopper_leaves_a_stranger(browser: Browser, error: str) -> None:
    state = begin(browser, next_path="/healthz", prompt="none")["state"]
    page = browser.open(f"/callback?state={state}&error={error}")
    assert page.url.path == "/healthz"
    assert page.status_code == 200
    assert not is_logged_in(browser)


def test_a_silent_login_is_not_repeated(shop: Shop) -> None:
    browser = shop.browser()
    page = browser.open("/login?prompt=none&next=/")
    assert page.url.path == "/"
    assert link_status(page) is None
    assert prompts(shop) == ["none"]


def test_a_silent_login_for_a_page_that_needs_a_login_shows_the_login_page(shop: Shop) -> None:
    browser = shop.browser()
    assert browser.open("/login?prompt=none&next=/account").url.path == "/u/login"
    assert prompts(shop) == ["none", None]


def test_a_silent_login_logs_in_a_shopper_whom_the_provider_knows(shop: Shop) -> None:
    browser = shop.browser()
    browser.log_in()
    browser.client.cookies.delete(browser.cookie())
    assert link_status(browser.open("/login?prompt=none&next=/")) == "linked"


def test_a_login_that_was_not_silent_is_told_what_the_provider_needs(browser: Browser) -> None:
    state = begin(browser)["state"]
    page = browser.open(f"/callback?state={state}&error=login_required")
    assert page.status_code == 400
    assert "You were not logged in" in content(page)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("invalid_request", 400),
        ("<script>", 400),
        ("x" * 3000, 400),
        ("", 400),
        ("server_error", 503),
        ("temporarily_unavailable", 503),
    ],
)
def test_any_other_error_is_a_page_with_a_reference_number(
    browser: Browser, caplog: pytest.LogCaptureFixture, error: str, status: int
) -> None:
    state = begin(browser)["state"]
    page = browser.open(f"/callback?state={state}&error={quote(error)}&error_description=details")
    assert page.status_code == status
    words = "Try again" if status == 503 else "Log in"
    assert f'href="/login?next=/account">{words}</a>' in content(page)
    assert error[:60] in cause(caplog, page)
    assert "<script>" not in content(page)
    assert not is_logged_in(browser)


def test_a_callback_without_code_is_a_page_and_asks_the_provider_nothing(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    browser = shop.browser()
    state = begin(browser)["state"]
    page = browser.open(f"/callback?state={state}")
    assert page.status_code == 400
    assert "carries no code" in cause(caplog, page)
    assert requests_for(shop, "/oauth/token") == []


def test_a_made_up_code_is_a_page(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    state = begin(browser)["state"]
    page = browser.open(f"/callback?state={state}&code=made-up")
    assert page.status_code == 400
    assert "invalid_grant" in cause(caplog, page)


def test_the_provider_may_name_itself_in_the_callback(shop: Shop) -> None:
    browser = shop.browser()
    shop.sandbox.auth0.control.change_settings({"callback_iss": True})
    url = provider_answer(browser)
    assert "iss=http" in url
    assert browser.open(url).url.path == "/account"


def test_a_callback_that_names_another_issuer_is_refused(
    browser: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    page = browser.open(f"{provider_answer(browser)}&iss=https%3A%2F%2Fevil.example%2F")
    assert page.status_code == 400
    assert "another issuer" in cause(caplog, page)
    assert not is_logged_in(browser)
