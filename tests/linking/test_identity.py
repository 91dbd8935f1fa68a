"""Whose customer it is, over real HTTP: users made again, a tenant that moved, imports, odd profiles."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.goods import add_price
from tests.linking.steps import EVE, let_calls_take, log_in
from tests.support import (
    ADA,
    Browser,
    Shop,
    held,
    in_background,
    running_shop,
    shown_customer,
    the_customer,
    until,
)
from webstore.linking.models import LinkStatus
from webstore.linking.protocol import SLOW_CREATE_S

FORMER = "old-shop.eu.auth0.com"


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The log lines that ask an operator to look at something."""
    return [record.message for record in caplog.records if record.levelno >= logging.ERROR]


def written(shop: Shop) -> list[str]:
    """The requests to both vendors that write."""
    asked = [*shop.stripe_requests(), *shop.management_requests()]
    return [request for request in asked if request.startswith(("POST", "PATCH", "DELETE"))]


# The same social user, made again


def log_in_with_google(browser: Browser, page: str = "/account") -> httpx.Response:
    """Log in with a social account on the way to this page."""
    form = browser.open(f"/login?next={page}&connection=google-oauth2")
    return browser.submit(form, email=EVE, name="Eve Example")


@pytest.mark.parametrize("hours", [0, 25], ids=["at once", "after the life of the idempotency key"])
def test_social_user_made_again_gets_the_old_customer_whose_subscription_runs(shop: Shop, hours: int) -> None:
    """The account is closed, and the next login with the same Google account makes the same user ID again."""
    customer = shown_customer(log_in_with_google(shop.browser()))
    assert customer is not None
    (user_id,) = [it["metadata"]["auth0_user_id"] for it in shop.customers()]
    assert user_id.startswith("google-oauth2|")
    product = shop.stripe("POST", "/products", name="Tea box")["id"]
    price = add_price(shop, product, 1900, every="month")
    subscription = shop.sandbox.stripe.subscribe(customer=customer, prices=[price])["id"]
    assert shop.management("DELETE", user_id).status_code == 204
    shop.advance(hours * 3600)
    # Not to the account page: the local Auth0's tokens keep to real time, and are older than a record that
    # is made after time was moved on.
    assert log_in_with_google(shop.browser(), "/").url.path == "/"
    assert the_customer(shop, user_id)["id"] == customer
    running = shop.stripe("GET", "/subscriptions", customer=customer)["data"]
    assert [it["id"] for it in running] == [subscription]
    # The look-up found it by its address; nothing of the record before is left to believe.
    assert shop.use(user_id).status is LinkStatus.VERIFIED


# A tenant that moved


@pytest.fixture
def moved(shop: Shop) -> str:
    """The customer of a linked user, which names the tenant's former domain."""
    customer = shop.use(ADA).customer_id
    assert customer is not None
    shop.stripe("POST", f"/customers/{customer}", **{"metadata[auth0_tenant]": FORMER})
    return customer


def test_a_moved_tenant_that_names_no_former_domain_is_refused_and_nothing_is_written(
    shop: Shop, moved: str, caplog: pytest.LogCaptureFixture
) -> None:
    metadata, customer = shop.app_metadata(ADA), shop.stripe("GET", f"/customers/{moved}")
    shop.forget_requests()
    outcome = shop.use(ADA, moved)
    assert (outcome.status, outcome.customer_id) == (LinkStatus.REFUSED, None)
    (alarm,) = alarms(caplog)
    assert "AUTH0_FORMER_TENANTS" in alarm
    page = shop.browser().log_in("ada@example.com", path="/account")
    assert page.status_code == 200
    assert written(shop) == []
    assert shop.app_metadata(ADA) == metadata
    assert shop.stripe("GET", f"/customers/{moved}") == customer
    assert len(shop.customers()) == 1


def test_a_moved_tenant_that_names_its_former_domain_keeps_every_customer(shop: Shop, moved: str) -> None:
    shop.restart(AUTH0_FORMER_TENANTS=FORMER)
    assert shop.use(ADA, moved).customer_id == moved
    assert the_customer(shop, ADA)["metadata"]["auth0_tenant"] == shop.environment["AUTH0_DOMAIN"]
    # From then on the customer names this tenant, and the setting is not needed for this user any more.
    shop.restart(AUTH0_FORMER_TENANTS="")
    assert shop.use(ADA, moved).customer_id == moved


def test_a_user_moved_without_metadata_finds_the_customer_of_the_former_domain(
    shop: Shop, moved: str
) -> None:
    nothing = {"stripe_customer_id": None, "stripe_account": None}
    shop.management("PATCH", ADA, {"app_metadata": nothing}).raise_for_status()
    shop.restart(AUTH0_FORMER_TENANTS=FORMER)
    page = shop.browser().log_in("ada@example.com", path="/")
    assert shown_customer(page) == moved == the_customer(shop, ADA)["id"]


# An import that races with a first login


def import_during_the_create(shop: Shop, user_id: str) -> tuple[str, str | None]:
    """An import records a customer during a login's create; gives it, and what the login shows."""
    account = f"{shop.stripe('GET', '/account')['id']} test"
    with held(shop.sandbox.stripe.control, "POST", "/v1/customers") as has_come:
        login = in_background(lambda: log_in(shop))
        until(has_come, within_s=60)
        imported = shop.stripe("POST", "/customers", **{"metadata[auth0_user_id]": user_id})["id"]
        link = {"stripe_customer_id": imported, "stripe_account": account}
        shop.management("PATCH", user_id, {"app_metadata": link}).raise_for_status()
    return imported, shown_customer(login.result())


@pytest.mark.parametrize(
    ("lookup", "seconds"),
    [("", SLOW_CREATE_S + 0.1), ("always", 0.0)],
    ids=["a slow create", "LINK_LOOKUP=always"],
)
def test_an_import_during_the_create_of_a_young_user_is_not_overwritten(
    tmp_path: Path, lookup: str, seconds: float
) -> None:
    with running_shop(tmp_path / "state", LINK_LOOKUP=lookup) as shop:
        let_calls_take(shop, seconds)
        user_id = shop.add_user(EVE)
        imported, shown = import_during_the_create(shop, user_id)
        assert shown == imported == shop.app_metadata(user_id)["stripe_customer_id"]
        assert shop.use(user_id).customer_id == imported


# Addresses


def test_an_address_in_capitals_at_stripe_is_adopted_and_not_doubled(tmp_path: Path) -> None:
    with running_shop(tmp_path / "state", LINK_EXISTING_BY_EMAIL="1") as shop:
        existing = shop.stripe("POST", "/customers", email="Eve@Example.COM")["id"]
        shop.advance(60)
        eve = shop.add_user(EVE, email_verified=True)
        assert shown_customer(log_in(shop)) == existing == the_customer(shop, eve)["id"]


# Profiles of foreign identity providers

ODD_PROFILES: dict[str, dict[str, Any]] = {
    "email_verified is an address": {"email_verified": EVE},
    "email is a list": {"email": [EVE, "other@example.com"]},
    "name is a list": {"name": ["Eve", "Example"]},
    "name has half of a surrogate pair": {"name": "Eve \ud83d"},
    "picture is a number": {"picture": 7},
}


@pytest.mark.parametrize("odd", ODD_PROFILES.values(), ids=ODD_PROFILES)
def test_a_profile_with_fields_of_other_types_is_linked_all_the_same(shop: Shop, odd: dict[str, Any]) -> None:
    profile = {**shop.management("GET", ADA).json(), **odd}
    shop.sandbox.auth0.control.add_fault(
        action="status", method="GET", path="/api/v2/users/.*", status=200, body=profile
    )
    shop.sandbox.auth0.control.add_fault(
        action="status",
        method="PATCH",
        path="/api/v2/users/.*",
        status=200,
        when="after",
        body={**profile, "multifactor": [{"type": "otp"}]},
    )
    linked = shop.use(ADA)
    assert linked.status is LinkStatus.CREATED
    assert linked.customer_id == the_customer(shop, ADA)["id"]
