"""The customer portal: https://docs.stripe.com/customer-management"""

import re
from html import unescape
from typing import Any

import httpx
import pytest
import stripe

from tests.sandbox.checkout import monthly, pay, session
from tests.sandbox.conftest import RunningStripe

RETURN_URL = "http://store.test/account"


@pytest.fixture
def customer(running: RunningStripe, client: stripe.StripeClient, http: httpx.Client) -> str:
    """A customer with a subscription, in an account with saved portal settings."""
    running.control.change_settings({"portal_settings": "saved"})
    id = client.v1.customers.create({"email": "ada@example.com"}).id
    pay(http, session(client, monthly(client), mode="subscription", customer=id))
    return id


def _portal(client: stripe.StripeClient, customer: str) -> stripe.billing_portal.Session:
    return client.v1.billing_portal.sessions.create({"customer": customer, "return_url": RETURN_URL})


def test_a_session_has_every_field_of_a_real_one(
    running: RunningStripe, client: stripe.StripeClient, customer: str
) -> None:
    made = _portal(client, customer)
    assert set(made.to_dict()) == set(stripe.billing_portal.Session.__annotations__) - {"OBJECT_NAME"}
    assert (made.customer, made.return_url, made.livemode) == (customer, RETURN_URL, False)
    assert made.url.startswith(f"{running.url}/p/session/test_")


def test_the_page_shows_what_the_customer_has(
    client: stripe.StripeClient, http: httpx.Client, customer: str
) -> None:
    other = client.v1.customers.create({"email": "grace@example.com"}).id
    pay(http, session(client, monthly(client), mode="subscription", customer=other))
    page = http.get(_portal(client, customer).url)
    (subscription,) = client.v1.subscriptions.list({"customer": customer}).data
    (invoice,) = client.v1.invoices.list({"customer": customer}).data
    assert page.status_code == 200
    assert re.findall(r'data-subscription-id="([^"]+)"', page.text) == [subscription.id]
    assert re.findall(r'data-invoice-id="([^"]+)"', page.text) == [invoice.id]
    for text in (f'href="{RETURN_URL}"', str(invoice.hosted_invoice_url), "Visa ending in 4242", "€12.00"):
        assert text in unescape(page.text)


def test_a_subscription_is_canceled_and_kept_after_all(
    client: stripe.StripeClient, http: httpx.Client, customer: str
) -> None:
    address = _portal(client, customer).url
    (subscription,) = client.v1.subscriptions.list({"customer": customer}).data
    ask = f"{address}/subscriptions/{subscription.id}/cancel"
    assert ask.removeprefix(address) in http.get(address).text
    assert "not renewed" in http.get(ask).text
    assert http.post(ask).headers["location"] == httpx.URL(address).path
    now = client.v1.subscriptions.retrieve(subscription.id)
    assert (now.status, now.cancel_at_period_end) == ("active", True)
    assert "Ends on" in http.get(address).text
    http.post(f"{address}/subscriptions/{subscription.id}/renew")
    assert client.v1.subscriptions.retrieve(subscription.id).cancel_at_period_end is False


def test_a_subscription_that_is_past_due_is_called_so_until_it_ends(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client, customer: str
) -> None:
    (subscription,) = client.v1.subscriptions.list({"customer": customer}).data
    running.vendor.renew(subscription.id, succeeded=False)
    address = _portal(client, customer).url
    ask = f"{address}/subscriptions/{subscription.id}/cancel"
    assert ("ends on" in http.get(ask).text, "active" in http.get(ask).text) == (True, False)
    http.post(ask)
    assert "Past due, ends on" in http.get(address).text


def test_a_subscription_of_another_customer_cannot_be_changed(
    client: stripe.StripeClient, http: httpx.Client, customer: str
) -> None:
    (subscription,) = client.v1.subscriptions.list({"customer": customer}).data
    other = _portal(client, client.v1.customers.create({}).id).url
    assert http.post(f"{other}/subscriptions/{subscription.id}/cancel").status_code == 410
    assert http.get(f"{other}/subscriptions/{subscription.id}/cancel").status_code == 410
    assert client.v1.subscriptions.retrieve(subscription.id).cancel_at_period_end is False


def test_an_address_is_good_for_five_minutes_and_an_hour_once_used(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client, customer: str
) -> None:
    unused, used = _portal(client, customer).url, _portal(client, customer).url
    running.control.clock.advance(290)
    assert http.get(used).status_code == 200
    running.control.clock.advance(20)
    assert (http.get(unused).status_code, http.get(used).status_code) == (410, 200)
    running.control.clock.advance(3601)
    assert http.get(used).status_code == 410
    assert http.get("/p/session/test_none").status_code == 410


def test_a_customer_must_be_there(client: stripe.StripeClient, http: httpx.Client, customer: str) -> None:
    address = _portal(client, customer).url
    client.v1.customers.delete(customer)
    for id in (customer, "cus_none"):
        with pytest.raises(stripe.InvalidRequestError) as error:
            _portal(client, id)
        assert (error.value.http_status, error.value.code, error.value.param) == (
            400,
            "resource_missing",
            "customer",
        )
    assert http.get(address).status_code == 410
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.billing_portal.sessions.create({"customer": customer, "return_url": "nowhere"})
    assert refused.value.param == "return_url"


# Configurations

_FEATURES: Any = {
    "customer_update": {"enabled": True, "allowed_updates": ["address"]},
    "invoice_history": {"enabled": False},
    "subscription_cancel": {"enabled": True, "mode": "immediately"},
}


def test_a_new_account_needs_a_configuration(
    running: RunningStripe, client: stripe.StripeClient, http: httpx.Client, customer: str
) -> None:
    running.control.change_settings({"portal_settings": "not_saved"})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        _portal(client, customer)
    assert (refused.value.http_status, refused.value.user_message) == (
        400,
        "No configuration provided and your test mode default configuration has not been created. Provide a"
        " configuration or create your default by saving your customer portal settings in test mode at"
        " https://dashboard.stripe.com/test/settings/billing/portal.",
    )
    assert client.v1.billing_portal.configurations.list().data == []
    made = client.v1.billing_portal.configurations.create(
        {"features": _FEATURES, "default_return_url": RETURN_URL, "metadata": {"a": "1"}}
    )
    assert set(made.to_dict()) == set(stripe.billing_portal.Configuration.__annotations__) - {"OBJECT_NAME"}
    features = made.features.to_dict()
    assert set(features) == set(stripe.billing_portal.Configuration.Features.__annotations__)
    assert (made.active, made.is_default, features["subscription_update"]["enabled"]) == (True, False, False)
    opened = client.v1.billing_portal.sessions.create({"customer": customer, "configuration": made.id})
    assert (opened.configuration, opened.return_url) == (made.id, RETURN_URL)
    page = http.get(opened.url).text
    assert ("Invoice history" in page, "Cancel subscription" in page) == (False, True)
    (subscription,) = client.v1.subscriptions.list({"customer": customer}).data
    assert "as soon as you cancel it" in http.get(f"{opened.url}/subscriptions/{subscription.id}/cancel").text
    http.post(f"{opened.url}/subscriptions/{subscription.id}/cancel")
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"


def test_configurations_are_listed_and_changed(client: stripe.StripeClient, customer: str) -> None:
    configurations = client.v1.billing_portal.configurations
    (default,) = configurations.list({"is_default": True}).data
    assert _portal(client, customer).configuration == default.id
    made = configurations.create({"features": _FEATURES})
    assert [one.id for one in configurations.list({"active": True}).data] == [made.id, default.id]
    changed = configurations.update(
        made.id, {"active": False, "metadata": {"b": "2"}, "features": {"invoice_history": {"enabled": True}}}
    )
    assert (changed.active, changed.features.invoice_history.enabled) == (False, True)
    assert changed.features.subscription_cancel.mode == "immediately"
    assert [one.id for one in configurations.list({"active": False}).data] == [made.id]
    assert configurations.retrieve(made.id).to_dict()["metadata"] == {"b": "2"}
    for id in (made.id, "bpc_none"):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            client.v1.billing_portal.sessions.create({"customer": customer, "configuration": id})
        assert (refused.value.http_status, refused.value.param) == (400, "configuration")
    with pytest.raises(stripe.InvalidRequestError, match="default"):
        configurations.update(default.id, {"active": False})


@pytest.mark.parametrize(
    ("features", "param"),
    [
        ({"invoice_history": {"on": True}}, "features[invoice_history][on]"),
        ({"customer_update": {"enabled": "maybe"}}, "features[customer_update][enabled]"),
        (
            {"customer_update": {"enabled": True, "allowed_updates": ["colour"]}},
            "features[customer_update][allowed_updates][0]",
        ),
        (
            {"subscription_cancel": {"enabled": True, "proration_behavior": "always_invoice"}},
            "features[subscription_cancel][proration_behavior]",
        ),
        (
            {"subscription_update": {"enabled": True}},
            "features[subscription_update][default_allowed_updates]",
        ),
        ({"games": {"enabled": True}}, "features[games]"),
    ],
)
def test_features_that_make_no_sense(client: stripe.StripeClient, features: Any, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.billing_portal.configurations.create({"features": features})
    assert refused.value.param == param
