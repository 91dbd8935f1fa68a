"""The side-by-side page beyond the fields: the failed check, how the link came about, raw records, links."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.login.account_pages import content, link_to, rows, text
from tests.support import (
    ADA,
    GRACE,
    SECOND_LIVE_KEY,
    Browser,
    Shop,
    link_status,
    running_shop,
    shown_customer,
)
from webstore.routes import Services
from webstore.sandbox.stripe import ACCOUNT


def told(page: httpx.Response) -> dict[str, str]:
    """What the page tells about the link, by label."""
    found = re.findall(r"<div data-fact>\s*<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", page.text, re.DOTALL)
    return {text(label): text(value) for label, value in found}


def failed(page: httpx.Response) -> dict[str, str]:
    """The rows that keep the link from being used, with the reason."""
    marked = re.findall(r"<tr [^>]*>\s*<th[^>]*>([^<]*)</th>(.*?)</tr>", page.text, re.DOTALL)
    reasons = {label: re.findall(r'data-check="failed">(.*?)</td>', row, re.DOTALL) for label, row in marked}
    return {label: text(reason[0]) for label, reason in reasons.items() if reason}


def raw(page: httpx.Response) -> dict[str, Any]:
    """The JSON documents on the page, by title."""
    found = re.findall(r"<summary>(.*?)</summary>\s*<pre[^>]*>(.*?)</pre>", page.text, re.DOTALL)
    return {title: json.loads(html.unescape(document)) for title, document in found}


def recorded(shop: Shop) -> str:
    return str(shop.app_metadata(ADA)["stripe_customer_id"])


def test_it_says_how_the_link_came_about_and_when_it_was_read(shop: Shop, ada: Browser) -> None:
    page = ada.open("/account/link")
    assert re.search(r"Read on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC in \d+\.\d\d seconds\.", content(page))
    found = told(page)
    assert found["E-mail verified"] == "Yes from email_verified"
    assert found["Connection"] == "Username-Password-Authentication from identities"
    assert found["Link generation"] == "0 from metadata.link_generation"
    assert found["How it came about"].startswith("The store made it for the user.")
    assert found["Stripe customers that name this user"] == f"1: {recorded(shop)}"
    for label, source in {"User since": "created_at", "Customer since": "created"}.items():
        assert re.fullmatch(rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d UTC from {source}", found[label])
    assert failed(page) == {}


def test_a_replacement_and_its_predecessor_are_told(shop: Shop, ada: Browser) -> None:
    first = recorded(shop)
    shop.stripe("DELETE", f"/customers/{first}")
    shop.use(ADA)
    found = told(ada.open("/account/link"))
    assert found["How it came about"].startswith(f"The store made it in place of {first}.")
    assert found["Earlier customers"].startswith(first)


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"auth0_user_id": ADA}, "It was linked by hand: it names the user, and no tenant."),
        (
            {"auth0_user_id": ADA, "auth0_tenant": "{tenant}"},
            "It existed before, and was claimed for the user.",
        ),
    ],
)
def test_a_customer_that_the_store_did_not_make(
    shop: Shop, ada: Browser, metadata: dict[str, str], words: str
) -> None:
    tenant = shop.environment["AUTH0_DOMAIN"]
    form = {f"metadata[{name}]": value.format(tenant=tenant) for name, value in metadata.items()}
    made = shop.stripe("POST", "/customers", email="ada@example.com", **form)
    shop.management("PATCH", ADA, {"app_metadata": {"stripe_customer_id": made["id"]}})
    assert told(ada.open("/account/link"))["How it came about"].startswith(words)


def test_every_living_customer_that_names_the_user_is_counted_and_linked(shop: Shop, ada: Browser) -> None:
    form = {"metadata[auth0_user_id]": ADA}
    second = shop.stripe("POST", "/customers", email="ada@example.com", **form)["id"]
    dead = shop.stripe("POST", "/customers", email="ada@example.com", **form)["id"]
    shop.stripe("DELETE", f"/customers/{dead}")
    shop.stripe("POST", "/customers", email="ada@example.com", **{"metadata[auth0_user_id]": GRACE})
    page = ada.open("/account/link")
    ids = sorted([recorded(shop), second])
    assert told(page)["Stripe customers that name this user"] == f"2: {ids[0]} , {ids[1]}"
    there = ada.open(link_to(page, f"<code>{second}</code>"))
    assert f'<code id="customer-id">{second}</code>' in there.text


def test_a_customer_that_the_search_still_shows_as_the_users_is_not_counted(shop: Shop, ada: Browser) -> None:
    given_away = shop.stripe("POST", "/customers", **{"metadata[auth0_user_id]": ADA})["id"]
    shop.advance(10)
    shop.sandbox.stripe.control.change_settings({"search_lag_s": 5.0, "search_shows": "indexed"})
    shop.stripe("POST", f"/customers/{given_away}", **{"metadata[auth0_user_id]": GRACE})
    page = ada.open("/account/link")
    assert told(page)["Stripe customers that name this user"] == f"1: {recorded(shop)}"


def test_customers_that_cannot_be_counted_do_not_hide_the_rest(shop: Shop, ada: Browser) -> None:
    shop.sandbox.stripe.control.add_fault(action="status", path="/v1/customers/search", status=500)
    page = ada.open("/account/link")
    assert link_status(page) == "linked"
    assert told(page)["Stripe customers that name this user"] == "They could not be counted right now."


def test_the_check_that_failed_is_marked_in_its_row(shop: Shop, ada: Browser) -> None:
    customer = recorded(shop)

    def metadata(**values: str) -> None:
        shop.stripe("POST", f"/customers/{customer}", **{f"metadata[{k}]": v for k, v in values.items()})

    metadata(auth0_tenant="old.eu.auth0.com")
    page = ada.open("/account/link")
    assert failed(page) == {"Tenant": "It names another tenant."}
    assert "This link is refused here." in content(page)
    # The session does not show the user as linked.
    assert shown_customer(ada.open("/")) is None
    metadata(auth0_tenant="", auth0_user_id=GRACE)
    page = ada.open("/account/link")
    assert failed(page) == {"User ID": "It names another user."}
    assert GRACE not in html.unescape(page.text)
    metadata(auth0_user_id="")
    assert failed(ada.open("/account/link")) == {"User ID": "It names nobody."}
    shop.stripe("DELETE", f"/customers/{customer}")
    assert failed(ada.open("/account/link")) == {"Customer ID": "Deleted in Stripe."}
    for value, reason in {"cus_unknown": "Unknown to Stripe.", "<b>no": "Not a Stripe customer ID."}.items():
        shop.management("PATCH", ADA, {"app_metadata": {"stripe_customer_id": value}})
        page = ada.open("/account/link")
        assert failed(page) == {"Customer ID": reason}
        assert rows(page)["Customer ID"].auth0.endswith(value)
        assert "<b>no" not in page.text


def test_a_second_live_account_is_marked_in_its_row(shop: Shop) -> None:
    metadata = {"stripe_customer_id": "cus_1", "stripe_account": f"{ACCOUNT} live"}
    shop.management("PATCH", ADA, {"app_metadata": metadata})
    shop.restart(STRIPE_SECRET_KEY=SECOND_LIVE_KEY)
    browser = shop.browser()
    browser.log_in(path="/")
    page = browser.open("/account/link")
    assert failed(page) == {"Account and mode": "Recorded for another live account."}
    assert rows(page)["Account and mode"].auth0.endswith(f"{ACCOUNT} live")
    assert shown_customer(browser.open("/")) is None


def test_the_dashboards_links_are_there_when_the_link_is_broken(shop: Shop, ada: Browser) -> None:
    customer = recorded(shop)
    shop.stripe("DELETE", f"/customers/{customer}")
    page = ada.open("/account/link")
    there = link_to(page, f"Look for <code>{customer}</code> in the Stripe dashboard")
    assert there == f"{shop.environment['STRIPE_DASHBOARD_URL']}/customers/{customer}"
    for value in (None, "../v1/balance"):
        shop.management("PATCH", ADA, {"app_metadata": {"stripe_customer_id": value}})
        page = ada.open("/account/link")
        assert ada.open(link_to(page, "All customers in the Stripe dashboard")).status_code == 200
        assert ada.open(link_to(page, "Open in the Auth0 dashboard")).status_code == 200


def test_the_dashboards_links_are_there_while_a_vendor_is_away(shop: Shop, ada: Browser) -> None:
    customer = recorded(shop)
    shop.sandbox.stripe.control.add_fault(action="status", path="/v1/.*", status=500, times=None)
    page = ada.open("/account/link")
    assert link_to(page, "Open in the Stripe dashboard").endswith(f"/customers/{customer}")
    assert link_to(page, "Open in the Auth0 dashboard")


def test_both_records_and_the_tokens_claims_are_shown_as_json_without_secrets(
    shop: Shop, ada: Browser
) -> None:
    change = shop.sandbox.auth0.state.users.change
    extra = {
        "note": "</pre><script>alert(1)</script>",
        "api_key": "hush-1",
        "deep": [{"refresh_token": "hush-2"}],
    }
    change(ADA, lambda user: replace(user, app_metadata={**(user.app_metadata or {}), **extra}))
    customer = recorded(shop)
    shop.stripe("POST", f"/customers/{customer}", **{"metadata[client_secret]": "hush-3"})
    page = ada.open("/account/link")
    found = raw(page)
    assert found.keys() == {"Auth0 user", "Stripe customer", "Claims of the ID token of this login"}
    assert found["Auth0 user"]["app_metadata"]["note"] == extra["note"]
    assert (found["Stripe customer"]["id"], found["Stripe customer"]["object"]) == (customer, "customer")
    claims = found["Claims of the ID token of this login"]
    assert (claims["sub"], claims["iss"]) == (ADA, shop.environment["AUTH0_ISSUER"])
    assert "<script>alert" not in page.text
    for secret in ("hush-1", "hush-2", "hush-3", "access_token", "nonce"):
        assert secret not in page.text
    assert found["Auth0 user"]["app_metadata"]["api_key"] == "(not shown)"


def test_tokens_of_identity_providers_are_never_shown(shop: Shop, ada: Browser) -> None:
    body = {
        "user_id": ADA,
        "identities": [{"provider": "x", "user_id": "1", "access_token": "hush", "more": 1}],
    }
    shop.sandbox.auth0.control.add_fault(action="status", path="/api/v2/users/.*", status=200, body=body)
    page = ada.open("/account/link")
    assert raw(page)["Auth0 user"]["identities"] == [{"provider": "x", "user_id": "1", "more": 1}]
    assert "hush" not in page.text


def test_a_customer_of_somebody_else_is_not_shown_as_json(shop: Shop, ada: Browser) -> None:
    form = {"metadata[auth0_user_id]": GRACE, "name": "Grace's Secret Name"}
    shop.stripe("POST", f"/customers/{recorded(shop)}", **form)
    page = ada.open("/account/link")
    assert "Stripe customer" not in raw(page)
    assert "Secret Name" not in page.text


def test_claims_that_are_not_kept_any_more_are_said_to_be_lost(shop: Shop, ada: Browser) -> None:
    services: Services = shop.app.extensions["webstore"]
    copied = ada.client.cookies.get(ada.cookie())
    assert copied is not None
    session = shop.app.session_interface.get_signing_serializer(shop.app).loads(copied)  # type: ignore[attr-defined]
    services.state.delete(f"login-claims:{session['login']['id']}")
    page = ada.open("/account/link")
    assert "The claims of this login's ID token are no longer kept." in content(page)
    assert "Auth0 user" in raw(page)


def test_raw_records_are_an_operators_choice(tmp_path_factory: pytest.TempPathFactory) -> None:
    state = tmp_path_factory.mktemp("no-links") / "state"
    with running_shop(state, DASHBOARD_LINKS="0") as shop:
        browser = shop.browser()
        browser.log_in()
        page = browser.open("/account/link")
        assert raw(page) == {}
        assert "dashboard" not in content(page)
        assert told(page)["Stripe customers that name this user"].startswith("1: cus_")
