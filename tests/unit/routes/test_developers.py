"""The developers' bar and the page with the design: for whom they are, and for whom not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import g, render_template_string

from tests.unit.offline import offline_store
from webstore.routes.session_cookie import Shopper
from webstore.sessions.revocation import SessionMark

PAGE = '{% import "_macros.html" as ui %}{{ ui.developer_bar(developer_bar()) }}'
LIVE = {
    "STRIPE_SECRET_KEY": "sk_live_" + "x" * 24,
    "STRIPE_API_BASE": "https://api.stripe.com",
    "STRIPE_WEBHOOK_SECRET": "whsec_of_a_live_endpoint",
}


def shopper(customer_id: str | None) -> Shopper:
    mark = SessionMark("session", "issuer", "auth0|ada", None, 0, "")
    return Shopper("auth0|ada", "Ada Example", None, None, None, customer_id, mark)


def bar(folder: Path, of: Shopper | None, **changes: str) -> str:
    """The bar's markup for this shopper; empty if there is none."""
    with offline_store(folder, **changes) as store, store.test_request_context():
        g.shopper = of
        return render_template_string(PAGE)


def test_the_bar_has_the_customer_once_and_the_ways_to_both_records(tmp_path: Path) -> None:
    shown = bar(tmp_path, shopper("cus_1"))
    assert re.findall(r'<span data-link-status="([^"]*)"><code id="stripe-customer-id">([^<]*)<', shown) == [
        ("linked", "cus_1")
    ]
    assert shown.count("data-link-status") == shown.count('stripe-customer-id"') - 1 == 1
    assert re.search(r'href="/account/link">Compare', shown)
    assert re.search(r'href="[^"]*/customers/cus_1"[^>]*>Stripe', shown)
    assert re.search(r'href="[^"]*/users/[^"]*"[^>]*>Auth0', shown)


def test_without_a_customer_the_bar_says_pending(tmp_path: Path) -> None:
    shown = bar(tmp_path, shopper(None))
    assert re.findall(r'data-link-status="([^"]*)"', shown) == ["pending"]
    assert "stripe-customer-id" not in shown
    assert "/customers/" not in shown


def test_a_stranger_gets_no_bar(tmp_path: Path) -> None:
    assert bar(tmp_path, None) == ""


def test_a_live_stores_shopper_gets_the_bar_only_if_the_operator_wants_it(tmp_path: Path) -> None:
    assert bar(tmp_path, shopper("cus_1"), **LIVE) == ""
    assert "cus_1" in bar(tmp_path, shopper("cus_1"), **LIVE, DASHBOARD_LINKS="1")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 200),
        ({"BASE_URL": "https://shop.example"}, 404),
        (LIVE, 404),
    ],
    ids=["on this machine with test keys", "elsewhere", "with live keys"],
)
def test_the_design_is_shown_in_development_only(
    tmp_path: Path, changes: dict[str, str], status: int
) -> None:
    with offline_store(tmp_path, **changes) as store:
        page = store.test_client().get("/design", base_url="http://127.0.0.1:8000")
    assert page.status_code == status
    assert ("Heading of a page" in page.text) is (status == 200)
