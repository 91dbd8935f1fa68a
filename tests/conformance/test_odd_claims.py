"""Claims that are unusual and right: other scripts, names of organizations, halves of surrogate pairs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc import jws

from tests.conformance.provider import Liar, content
from tests.login.steps import cause, csrf_token, deliver, is_logged_in
from tests.support import Browser, Shop, link_status, shown_customer

ACCOUNT = "/login?next=/account"
Lying = tuple[Liar, Shop]

USER_IDS = {
    "an ideographic space": "ad|corp|山田\u3000太郎",
    "a joiner": "ad|corp|\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "spaces and quotes": 'samlp|corp|O\'Brien "Ann" <a&b>',
    "255 characters": "custom|" + "é" * 248,
}


@pytest.mark.parametrize("user_id", USER_IDS.values(), ids=USER_IDS)
def test_a_user_id_in_any_script_is_logged_in_and_linked(
    fresh: Lying, caplog: pytest.LogCaptureFixture, user_id: str
) -> None:
    liar, shop = fresh
    shop.add_user("eve@example.com", user_id=user_id)
    liar.claims = {"sub": user_id}
    browser = shop.browser()
    page = browser.open(ACCOUNT)
    assert (page.url.path, link_status(page)) == ("/account", "linked")
    customer = shown_customer(page)
    assert customer is not None
    user = shop.sandbox.auth0.state.users.get(user_id)
    assert user is not None
    assert user.app_metadata is not None
    assert user.app_metadata["stripe_customer_id"] == customer
    assert shop.stripe("GET", f"/customers/{customer}")["metadata"]["auth0_user_id"] == user_id
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "user_id", ["auth0|a\x00", "auth0|a\u2028b", "auth0|a\x85", "auth0|a\ud800", "auth0|a\x1b[2J"]
)
def test_a_user_id_that_breaks_lines_or_has_no_encoding_is_refused(
    liar: Liar, browser: Browser, caplog: pytest.LogCaptureFixture, user_id: str
) -> None:
    liar.claims, liar.sign = {"sub": user_id}, escaped(liar)
    page = browser.open(ACCOUNT)
    assert page.status_code == 400
    assert "no usable sub" in cause(caplog, page)


@pytest.mark.parametrize("asked", ["acme", "Acme", "ACME"])
def test_the_name_of_an_organization_is_compared_in_any_case(
    liar: Liar, browser: Browser, asked: str
) -> None:
    liar.claims = {"org_id": "org_1", "org_name": "acme"}
    assert browser.open(f"{ACCOUNT}&organization={asked}").url.path == "/account"


@pytest.mark.parametrize(
    ("asked", "claims"),
    [
        ("org_Abc", {"org_id": "org_abc", "org_name": "abc"}),
        ("org_abc", {"org_id": "org_1", "org_name": "org_abc"}),
        ("acme", {"org_id": "acme"}),
        ("acme", {"org_id": "org_1", "org_name": "acme-2"}),
        ("acme", {"org_id": "org_1", "org_name": ["acme"]}),
        ("acme", {}),
    ],
    ids=["an ID in another case", "an ID as a name", "a name as an ID", "another", "a list", "none"],
)
def test_another_organization_is_refused(
    liar: Liar, browser: Browser, caplog: pytest.LogCaptureFixture, asked: str, claims: dict[str, object]
) -> None:
    liar.claims = claims
    page = browser.open(f"{ACCOUNT}&organization={asked}")
    assert page.status_code == 400
    assert "another organization" in cause(caplog, page)


HALF = "\ud83d"


def escaped(liar: Liar) -> Callable[[dict[str, Any]], str]:
    """Signs claims as JSON with escapes, the only way to send half a pair."""
    header = {"alg": "RS256", "kid": liar.key.kid}
    return lambda claims: jws.serialize_compact(header, json.dumps(claims).encode(), liar.key)


@pytest.mark.parametrize("where", ["the ID token", "the UserInfo endpoint"])
def test_half_a_surrogate_pair_in_a_claim_costs_neither_page_nor_cookie(
    liar: Liar, browser: Browser, where: str
) -> None:
    odd = {
        "name": f"Ada {HALF}",
        "nickname": HALF,
        "email": f"ada{HALF}@example.com",
        "picture": f"https://p.example/{HALF}",
        "locale": HALF,
        "org_name": HALF,
        "http://127.0.0.1/stripe_customer_id": f"cus_{HALF}",
    }
    liar.claims, liar.sign = {"sid": f"the-session{HALF}", **odd}, escaped(liar)
    if where == "the UserInfo endpoint":
        liar.claims = {"sid": f"the-session{HALF}", "email": None}
        liar.userinfo = {"sub": "auth0|000000000000000000000001", **odd}
    page = browser.open(ACCOUNT)
    assert (page.url.path, page.status_code) == ("/account", 200)
    assert "Ada \N{REPLACEMENT CHARACTER}" in page.text
    for path in ("/", "/cart", "/account/link", "/orders"):
        assert browser.open(path).status_code == 200
    token = csrf_token(browser)
    out = browser.client.post("/logout", data={"csrf_token": token}, follow_redirects=False)
    assert out.status_code == 302
    assert not is_logged_in(browser)


def test_half_a_surrogate_pair_in_a_session_id_ends_that_session(
    lying: Lying, liar: Liar, browser: Browser
) -> None:
    liar.claims, liar.sign = {"sid": f"another-session{HALF}"}, escaped(liar)
    assert content(browser.open(ACCOUNT))
    assert is_logged_in(browser)
    token = liar.logout_token(escaped(liar), sid=f"another-session{HALF}", sub=None)
    assert deliver(lying[1], token).status_code == 200
    assert not is_logged_in(browser)
