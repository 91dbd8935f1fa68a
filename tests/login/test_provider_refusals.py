"""A well-formed "no" of the provider at the callback: the reason in plain words, and a way on."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from tests.conformance.provider import content
from tests.login.steps import ORGANIZATION, begin, cause, is_logged_in
from tests.support import ADA, GRACE, Browser, Shop, link_status

pytestmark = pytest.mark.usefixtures("everything_is_logged")


def refused(browser: Browser, error: str, description: str, **asked: str) -> httpx.Response:
    """Begin a login, and come back with this error."""
    state = begin(browser, **asked)["state"]
    return browser.open(
        f"/callback?state={state}&error={quote(error)}&error_description={quote(description)}"
    )


def way_on(page: httpx.Response) -> dict[str, list[str]]:
    """The parameters of "Use another account"."""
    (href,) = re.findall(r'href="([^"]*)">Use another account', content(page))
    return parse_qs(urlsplit(html.unescape(href)).query)


@pytest.mark.parametrize(
    ("error", "description", "words"),
    [
        ("unauthorized", "user is blocked", "This account is blocked."),
        ("unauthorized", "Please verify your email before logging in.", "has to be verified first"),
        ("access_denied", "Please verify your email before logging in.", "has to be verified first"),
        ("access_denied", "You are not on the list", "The login was refused."),
        ("unauthorized", "Access denied.", "This account can't log in here."),
        ("mfa_required", "Multifactor authentication required", "needs a second step"),
        ("mfa_registration_required", "User is not enrolled with guardian", "needs a second step"),
        ("mfa_invalid_code", "Invalid otp_code.", "needs a second step"),
        ("too_many_attempts", "Your account has been blocked after attempts", "too many attempts"),
        ("invalid_user_password", "Wrong email or password.", "address or the password is wrong"),
        ("password_leaked", "This login has been blocked", "found in a data leak"),
        ("extension_error", "Cannot read properties of undefined", "login rules stopped this login"),
        ("a_code_of_the_shops_own", "Closed on Sundays", "This account can't log in here."),
    ],
)
def test_a_well_formed_no_is_a_403_with_the_reason_and_a_way_on(
    browser: Browser, caplog: pytest.LogCaptureFixture, error: str, description: str, words: str
) -> None:
    page = refused(browser, error, description)
    assert page.status_code == 403
    shown = html.unescape(content(page))
    assert "You were not logged in" in shown
    assert words in shown
    # The store's own words say the same already.
    said = ("user is blocked", "Please verify your email before logging in.")
    assert ("Reason:" in shown) == (description not in said)
    assert (f"Reason: {description}" in shown) == (description not in said)
    assert way_on(page) == {"prompt": ["login"], "next": ["/account"]}
    line = cause(caplog, page)
    assert f"LoginDenied: the provider answered with the error '{error}': {description}" in line
    assert not is_logged_in(browser)


def test_a_blocked_user_can_use_another_account(shop: Shop) -> None:
    browser = shop.browser()
    shop.management("PATCH", ADA, {"blocked": True}).raise_for_status()
    page = browser.log_in()
    assert page.status_code == 403
    assert "This account is blocked." in content(page)
    (href,) = re.findall(r'href="([^"]*)">Use another account', content(page))
    page = browser.open(html.unescape(href))
    assert page.url.path == "/u/login", "the provider's session of the blocked user is not used again"
    page = browser.submit(page, email="grace@example.com", password="Password1!")
    assert (page.url.path, link_status(page)) == ("/account", "linked")
    assert shop.app_metadata(GRACE)["stripe_customer_id"]


@pytest.mark.parametrize(
    "description",
    [
        "parameter organization is required for this client",
        "parameter organization is not allowed for this client",
        "user auth0|x is not part of the org_1 organization",
        "invitation not found or already used",
    ],
)
def test_a_missing_organization_is_no_failed_check_and_the_log_names_the_setting(
    browser: Browser, caplog: pytest.LogCaptureFixture, description: str
) -> None:
    page = refused(browser, "invalid_request", description)
    assert page.status_code == 403
    assert "only with the right organization" in content(page)
    assert "failed a security check" not in content(page)
    assert "settings for organizations in the Auth0 dashboard" in cause(caplog, page)


def test_an_application_for_organizations_alone_is_told_so(shop: Shop) -> None:
    shop.sandbox.auth0.control.change_settings({"require_organization": True})
    browser = shop.browser()
    page = browser.open("/login?next=/account")
    assert page.status_code == 403
    assert "parameter organization is required for this client" in content(page)
    assert browser.log_in(path=f"/account&organization={ORGANIZATION}").url.path == "/account"


def test_another_account_is_asked_for_the_same_organization(browser: Browser) -> None:
    page = refused(browser, "access_denied", "user is not part of it", organization=ORGANIZATION)
    assert way_on(page) == {"prompt": ["login"], "organization": [ORGANIZATION], "next": ["/account"]}


@pytest.mark.parametrize("error", ["mfa_required", "unauthorized", "access_denied"])
def test_a_silent_login_that_is_refused_leaves_a_stranger(browser: Browser, error: str) -> None:
    state = begin(browser, next_path="/healthz", prompt="none")["state"]
    page = browser.open(f"/callback?state={state}&error={error}")
    assert (page.status_code, page.url.path) == (200, "/healthz")
    assert not is_logged_in(browser)


@pytest.mark.parametrize("error", ["unauthorized_client", "invalid_scope", "unsupported_response_type"])
def test_an_application_that_the_provider_refuses_is_told_as_permanent(
    browser: Browser, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    page = refused(browser, error, "Callback URL mismatch")
    assert page.status_code == 400
    assert "have to fix first" in content(page)
    assert "/login" not in content(page)
    assert "check the settings of the application AUTH0_CLIENT_ID" in cause(caplog, page)


@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable", "too_many_requests"])
def test_a_provider_that_cannot_just_now_is_a_503_that_says_when_to_try_again(
    browser: Browser, error: str
) -> None:
    page = refused(browser, error, "later")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "60")


ODD = {
    "lines": "no\r\nERROR forged\x1b[2J\x85\u2028\u2029",
    "directions": "no \u202eevil\u202c \u2066x\u2069 \u200f",
    "a lone surrogate": "no %ED%A0%80",
    "nothing visible": "\u200b\x00\u2060",
}


@pytest.mark.parametrize("description", ODD.values(), ids=ODD)
def test_a_reason_is_printable_on_the_page_and_in_the_log(
    browser: Browser, caplog: pytest.LogCaptureFixture, description: str
) -> None:
    page = refused(browser, "unauthorized", description)
    assert page.status_code == 403
    (paragraph,) = re.findall(r"<p>(This account can.*?)</p>", content(page))
    assert paragraph.isprintable()
    assert cause(caplog, page).isprintable()


def test_a_reason_of_any_length_is_cut(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    page = refused(browser, "unauthorized", "long " * 1500)
    assert page.status_code == 403
    assert len(content(page)) < 1500
    assert len(cause(caplog, page)) < 600
