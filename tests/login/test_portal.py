"""The billing portal: a first run needs no visit to the dashboard, and subscriptions are cancelled there."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from tests.goods import content
from tests.login.subscribers import subscribe
from tests.support import Browser, Shop

CONFIGURATIONS = "/v1/billing_portal/configurations"
PERMISSION = "Having the 'rak_customer_portal_write' permission would allow this request to continue."


def portal(browser: Browser) -> httpx.Response:
    """Press the button on the account page."""
    return browser.submit(browser.open("/account"), action="/account/portal")


def own_configurations(shop: Shop) -> list[dict[str, Any]]:
    """The store's active configurations."""
    listed = shop.stripe("GET", "/billing_portal/configurations", active="true", limit="100")["data"]
    return [it for it in listed if it["metadata"].get("webstore_url") == shop.url]


def test_the_portal_opens_although_its_settings_were_never_saved(shop: Shop, ada: Browser) -> None:
    shop.sandbox.stripe.control.change_settings({"portal_settings": "not_saved"})
    assert portal(ada).status_code == 200
    (made,) = own_configurations(shop)
    assert made["features"]["subscription_cancel"]["mode"] == "at_period_end"
    assert not {"email", "name"} & set(made["features"]["customer_update"]["allowed_updates"])


def test_it_is_made_once_and_found_again(shop: Shop, ada: Browser) -> None:
    portal(ada)
    shop.lose_state()
    shop.forget_requests()
    assert portal(ada).status_code == 200
    assert f"GET {CONFIGURATIONS}" in shop.stripe_requests()
    assert f"POST {CONFIGURATIONS}" not in shop.stripe_requests()
    shop.forget_requests()
    assert portal(ada).status_code == 200
    assert f"GET {CONFIGURATIONS}" not in shop.stripe_requests()
    assert len(own_configurations(shop)) == 1


def test_one_that_was_switched_off_is_replaced(shop: Shop, ada: Browser) -> None:
    portal(ada)
    (first,) = own_configurations(shop)
    shop.stripe("POST", f"/billing_portal/configurations/{first['id']}", active="false")
    assert portal(ada).status_code == 200
    (second,) = own_configurations(shop)
    assert second["id"] != first["id"]


@pytest.mark.parametrize("settings", ["saved", "not_saved"])
def test_a_key_that_may_not_make_one_uses_the_default(
    shop: Shop, ada: Browser, caplog: pytest.LogCaptureFixture, settings: str
) -> None:
    shop.sandbox.stripe.control.change_settings({"portal_settings": settings})
    body = {"error": {"type": "invalid_request_error", "message": PERMISSION}}
    shop.sandbox.stripe.control.add_fault(
        action="status", path=CONFIGURATIONS, status=403, body=body, times=None
    )
    assert portal(ada).status_code == (200 if settings == "saved" else 409)
    logged = [it.getMessage() for it in caplog.records if it.levelno == logging.ERROR]
    assert len(logged) == (1 if settings == "saved" else 2)
    assert "permission to write the customer portal" in logged[0]
    assert "rak_customer_portal_write" in logged[0]


def test_a_subscription_is_cancelled_and_resumed_there(shop: Shop, ada: Browser) -> None:
    subscription = subscribe(shop)
    page = portal(ada)
    assert "Tea box" in content(page)
    asked = ada.open(f"{page.url}/subscriptions/{subscription}/cancel")
    page = ada.submit(asked)
    assert "Tea box Cancelled" in content(ada.open("/account"))
    ada.submit(page, action="/renew")
    assert "Tea box Active" in content(ada.open("/account"))
