"""A refusal of Stripe is not an outage: an operator has to change something."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from tests.goods import content, go_to_payment, in_cart
from tests.support import Browser, Shop

DASHBOARD = "https://dashboard.stripe.com"
PORTAL = "You cannot create a portal session in test mode until you save your customer portal settings."
TAX = "Stripe Tax has not been activated on your account. Please visit the dashboard to get started."
BEHAVIOR = "The price's `tax_behavior` must be set to one of [`inclusive`, `exclusive`]."
TERMS = "You cannot collect consent to your terms of service unless a URL is set in the Stripe Dashboard."
PERMISSION = "The provided key does not have the required permissions for this endpoint."


def refuse(shop: Shop, path: str, message: str, status: int = 400, **error: str) -> None:
    """Let Stripe refuse such requests from now on."""
    body = {"error": {"type": "invalid_request_error", "message": message, **error}}
    shop.sandbox.stripe.control.add_fault(action="status", path=path, status=status, body=body, times=None)


def errors(caplog: pytest.LogCaptureFixture) -> str:
    """The lines of level ERROR."""
    return "\n".join(record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)


@dataclass(frozen=True)
class Refusal:
    """An answer of Stripe, and the dashboard's page where an operator corrects its cause."""

    message: str
    page: str
    status: int = 400
    error: Mapping[str, str] = field(default_factory=dict)


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(Refusal(TAX, "/settings/tax", error={"param": "automatic_tax[enabled]"}), id="tax"),
        pytest.param(
            Refusal(BEHAVIOR, "/products", error={"param": "line_items[0][price]"}), id="tax behavior"
        ),
        pytest.param(Refusal(TERMS, "/settings/public", error={"code": "terms_missing"}), id="terms"),
        pytest.param(Refusal(PERMISSION, "/apikeys", 403), id="permission"),
    ],
)
def test_a_refused_checkout_is_the_shops_fault(
    shop: Shop,
    ada: Browser,
    caplog: pytest.LogCaptureFixture,
    refusal: Refusal,
) -> None:
    refuse(shop, "/v1/checkout/sessions", refusal.message, refusal.status, **refusal.error)
    answer = go_to_payment(ada)
    assert answer.status_code == 409
    assert "Our team has been notified" in content(answer)
    assert "again" not in content(answer).lower()
    assert "no longer" not in content(answer)
    logged = errors(caplog)
    assert refusal.message.split(". ", maxsplit=1)[0] in logged
    assert all(value in logged for value in refusal.error.values())
    assert DASHBOARD + refusal.page in logged
    assert in_cart(ada.open("/cart")) == [("Blue mug", 2)]


def test_a_refused_portal_names_its_settings(
    shop: Shop, ada: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    refuse(shop, "/v1/billing_portal/.*", PORTAL)
    answer = ada.submit(ada.open("/account"), action="/account/portal")
    assert answer.status_code == 409
    assert "again" not in content(answer).lower()
    assert f"{DASHBOARD}/settings/billing/portal" in errors(caplog)


def test_refused_orders(shop: Shop, ada: Browser, caplog: pytest.LogCaptureFixture) -> None:
    refuse(shop, "/v1/checkout/sessions", PERMISSION, 403)
    answer = ada.open("/orders")
    assert answer.status_code == 409
    assert "again" not in content(answer).lower()
    assert f"{DASHBOARD}/apikeys" in errors(caplog)


def test_a_refused_customer_is_a_refusal_too(
    shop: Shop, ada: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    refuse(shop, "/v1/customers/.*", "Invalid API Key provided: sk_test_secretsecret", 401)
    answer = go_to_payment(ada)
    assert answer.status_code == 409
    assert "again" not in content(answer).lower()
    assert "STRIPE_SECRET_KEY" in errors(caplog)
    assert "secretsecret" not in caplog.text


def test_an_archived_price_is_still_not_for_sale(shop: Shop, ada: Browser) -> None:
    said = "The price specified is inactive. This field only accepts active prices."
    refuse(shop, "/v1/checkout/sessions", said, param="line_items[0][price]")
    answer = go_to_payment(ada)
    assert answer.status_code == 409
    assert "One item is no longer available" in content(answer)


@pytest.mark.parametrize("path", ["/v1/checkout/sessions", "/v1/customers/.*"])
def test_an_outage_does_not_show_as_an_unready_record(shop: Shop, ada: Browser, path: str) -> None:
    ada.open("/account")
    shop.remove_state()
    ada.open("/")
    shop.sandbox.stripe.control.add_fault(action="status", path=path, status=500, times=None)
    answer = ada.open("/orders")
    assert answer.status_code == 503
    assert "Your orders can't be loaded right now Please try again in a minute." in content(answer)
    assert "Reference number" in content(answer)
    assert "not ready" not in content(answer)
