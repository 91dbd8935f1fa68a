"""What a webhook endpoint may be: its events, versions and addresses, and how API v2 shows it."""

import json
from typing import Any, Final, Literal, get_args, get_origin

import httpx
import pytest
import stripe
from stripe.params import WebhookEndpointCreateParams

from tests.sandbox.conftest import RESTRICTED_KEY, RunningStripe
from tests.sandbox.receivers import Receiver
from tests.traffic import sdk
from webstore.sandbox.stripe import API_VERSION, LIVE_KEY
from webstore.sandbox.stripe.vocabulary import API_VERSIONS, EVENT_TYPES

OLD_VERSION: Final = "2024-06-20"


def _words(hint: Any) -> list[str]:  # Any: an annotation
    """The texts in an annotation."""
    if get_origin(hint) is Literal:
        return list(get_args(hint))
    return [word for part in get_args(hint) for word in _words(part)]


def test_the_sandbox_knows_the_events_and_versions_of_the_sdk() -> None:
    params = sdk.params_of(WebhookEndpointCreateParams)
    assert sorted({*EVENT_TYPES, "*"}) == sorted(set(_words(params["enabled_events"].hint)))
    assert sorted(API_VERSIONS) == sorted(_words(WebhookEndpointCreateParams.__annotations__["api_version"]))
    assert API_VERSION == API_VERSIONS[-1] == stripe.api_version
    assert (len(set(EVENT_TYPES)), len(set(API_VERSIONS))) == (len(EVENT_TYPES), len(API_VERSIONS))


def test_an_event_names_the_version_of_the_endpoint(
    running: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    made = client.v1.webhook_endpoints.create(
        {"url": receiver.url, "enabled_events": ["customer.created"], "api_version": OLD_VERSION}
    )
    assert made.api_version == OLD_VERSION
    client.v1.customers.create({})
    receiver.wait_for(1)
    assert json.loads(receiver.got[0][0])["api_version"] == OLD_VERSION
    assert client.v1.events.list().data[0].api_version == API_VERSION
    running.vendor.stop()


def test_an_endpoint_for_connected_accounts_receives_no_event_of_its_own_account(
    running: RunningStripe, client: stripe.StripeClient, receiver: Receiver
) -> None:
    client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"], "connect": True})
    client.v1.customers.create({})
    assert running.vendor.state.deliveries.idle()
    assert client.v1.events.list().data[0].pending_webhooks == 0
    own = client.v1.webhook_endpoints.create(
        {"url": receiver.url, "enabled_events": ["customer.created"], "connect": False}
    )
    client.v1.customers.create({})
    receiver.wait_for(1)
    assert own.status == "enabled"
    running.vendor.stop()


def test_live_mode_takes_https_only_but_for_this_machine(running: RunningStripe) -> None:
    live = running.sdk(LIVE_KEY).v1.webhook_endpoints
    with pytest.raises(stripe.InvalidRequestError, match="live mode") as refused:
        live.create({"url": "http://shop.example.com/webhooks", "enabled_events": ["*"]})
    assert (refused.value.code, refused.value.param) == ("url_invalid", "url")
    made = live.create({"url": "https://shop.example.com/webhooks", "enabled_events": ["*"]})
    with pytest.raises(stripe.InvalidRequestError, match="live mode"):
        live.update(made.id, {"url": "http://shop.example.com/webhooks"})
    assert live.update(made.id, {"url": "http://127.0.0.1:8000/webhooks"}).url.startswith("http://127")


# Event destinations: https://docs.stripe.com/api/v2/core/event-destinations


def test_event_destinations_tell_snapshot_from_thin(
    running: RunningStripe, client: stripe.StripeClient
) -> None:
    plain = client.v1.webhook_endpoints.create(
        {"url": "https://a.example/hook", "enabled_events": ["customer.created"], "metadata": {"a": "b"}}
    )
    pinned = client.v1.webhook_endpoints.create(
        {
            "url": "https://b.example/hook",
            "enabled_events": ["*"],
            "api_version": OLD_VERSION,
            "description": "B",
        }
    )
    client.v1.webhook_endpoints.update(pinned.id, {"disabled": True})
    thin = running.vendor.add_endpoint(
        url="https://c.example/hook", secret="whsec_c", events=["v1.customer.created"], thin=True
    )
    listed = client.v2.core.event_destinations.list({"include": ["webhook_endpoint.url"], "limit": 2})
    found = {it.id: it for it in listed.auto_paging_iter()}
    assert list(found) == [thin["id"], pinned.id, plain.id]
    kinds = [(it.event_payload, it.status, _url_of(it)) for it in found.values()]
    assert kinds == [
        ("thin", "enabled", "https://c.example/hook"),
        ("snapshot", "disabled", "https://b.example/hook"),
        ("snapshot", "enabled", "https://a.example/hook"),
    ]
    assert found[plain.id].snapshot_api_version == API_VERSION
    assert found[pinned.id].snapshot_api_version == OLD_VERSION
    assert "snapshot_api_version" not in found[thin["id"]].to_dict()
    assert found[thin["id"]].enabled_events == ["v1.customer.created"]
    for destination in found.values():
        _has_declared_fields(destination)


def _url_of(found: stripe.v2.core.EventDestination) -> str | None:
    return None if found.webhook_endpoint is None else found.webhook_endpoint.url


# The types of the npm package `stripe` 23.1.0 mark these with `?`.
_SELDOM = {
    *("amazon_eventbridge", "azure_event_grid", "events_from", "metadata"),
    *("snapshot_api_version", "status_details", "webhook_endpoint"),
}


def _has_declared_fields(found: stripe.v2.core.EventDestination) -> None:
    names, declared = set(found.to_dict()), set(stripe.v2.core.EventDestination.__annotations__)
    assert declared - _SELDOM - {"OBJECT_NAME"} <= names <= declared


def test_an_event_destination_hides_its_address_unless_asked_for_it(
    client: stripe.StripeClient, http: httpx.Client
) -> None:
    made = client.v1.webhook_endpoints.create({"url": "https://a.example/hook", "enabled_events": ["*"]})
    hidden = client.v2.core.event_destinations.retrieve(made.id)
    assert hidden.webhook_endpoint is not None
    assert hidden.webhook_endpoint.to_dict() == {}
    assert made.secret is not None
    root = "/v2/core/event_destinations"
    assert made.secret not in http.get(f"{root}/{made.id}?include[0]=webhook_endpoint.url").text
    assert http.get(f"{root}/we_none").status_code == 404
    assert http.get(f"{root}?include[0]=webhook_endpoint.signing_secret").status_code == 400
    assert http.get(f"{root}?starting_after=we_1").status_code == 400


def test_a_restricted_key_needs_the_permission_for_event_destinations(running: RunningStripe) -> None:
    running.control.change_settings({"denied_permissions": ["event_destination_read"]})
    restricted = running.http(RESTRICTED_KEY)
    assert restricted.get("/v2/core/event_destinations").status_code == 403
    assert restricted.get("/v1/webhook_endpoints").status_code == 200
