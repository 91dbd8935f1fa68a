"""Webhook endpoints. Source: https://docs.stripe.com/api/webhook_endpoints"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.errors import StripeError, no_such
from webstore.sandbox.stripe.forms import Value
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.lists import LIST_PARAMS, list_page
from webstore.sandbox.stripe.routing import Call, Route, expandable
from webstore.sandbox.stripe.state import World
from webstore.sandbox.stripe.vocabulary import API_VERSIONS, EVENT_TYPES
from webstore.sandbox.stripe.webhook_tables import ALL_EVENTS, LOOPBACK, WebhookEndpoint

MOST_ENDPOINTS = 16


def _url(value: Value, name: str) -> str:
    url = params.web_address(value, name)
    if url is None:
        raise params.cannot_be_unset(name)
    return url


def _event_name(value: Value, name: str) -> str:
    event = params.exact_text(value, name)
    if event != ALL_EVENTS and event not in EVENT_TYPES:
        raise StripeError(
            400, f"Invalid {name}: must be one of {', '.join(EVENT_TYPES)}, or {ALL_EVENTS}", param=name
        )
    return event


def _event_names(value: Value, name: str) -> list[object]:
    events = params.list_of(_event_name, limit=500)(value, name)
    if not events:
        raise params.cannot_be_unset(name)
    return list(events) if isinstance(events, list) else []


def _version(value: Value, name: str) -> str:
    version = params.exact_text(value, name)
    if version not in API_VERSIONS:
        raise StripeError(400, f"Invalid {name}: must be one of {', '.join(API_VERSIONS)}", param=name)
    return version


_WRITABLE: params.Schema = {
    "description": params.text(),
    "enabled_events": _event_names,
    "expand": expandable(),
    "metadata": params.metadata,
    "url": _url,
}


def create(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/webhook_endpoints/create"""
    given = _fields(call.params)
    _check_scheme(call, given["url"])
    given["metadata"] = params.merged_metadata({}, given.get("metadata") or {})
    endpoint = add(call.world, call.now, new_id("whsec_", 32), **given)
    return {**to_json(endpoint, call.world), "secret": endpoint.secret}


# Any: the fields of a WebhookEndpoint.
def add(world: World, now: float, secret: str, **fields: Any) -> WebhookEndpoint:
    """Add a new endpoint to its table. Raises StripeError when there are too many."""
    if sum(1 for _ in world.webhook_endpoints) >= MOST_ENDPOINTS:
        raise StripeError(
            400, f"You have reached the maximum of {MOST_ENDPOINTS} {world.mode} webhook endpoints."
        )
    endpoint = WebhookEndpoint(new_id("we_1", 23), int(now), secret=secret, **fields)
    world.webhook_endpoints.add(endpoint)
    return endpoint


def retrieve(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/webhook_endpoints/retrieve"""
    return to_json(_existing(call), call.world)


def update(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/webhook_endpoints/update"""
    before = _existing(call)
    given = _fields(call.params)
    if "url" in given:
        _check_scheme(call, given["url"])
    if "metadata" in given:
        given["metadata"] = params.merged_metadata(before.metadata, given["metadata"])
    after = replace(before, **given, updated=int(call.now))
    call.world.webhook_endpoints.change(after)
    return to_json(after, call.world)


def delete(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/webhook_endpoints/delete"""
    endpoint = _existing(call)
    call.world.webhook_endpoints.change(replace(endpoint, deleted=True))
    return {"id": endpoint.id, "object": "webhook_endpoint", "deleted": True}


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/webhook_endpoints/list"""
    return list_page(
        call.world.webhook_endpoints,
        call.params,
        url="/v1/webhook_endpoints",
        kind="webhook endpoint",
        keep=lambda endpoint: not (endpoint.deleted or endpoint.thin),
        show=lambda endpoint: to_json(endpoint, call.world),
    )


def to_json(endpoint: WebhookEndpoint, world: World) -> dict[str, object]:
    """An endpoint as the API returns it, without its secret, which only `create` returns."""
    return {
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "api_version": endpoint.api_version,
        "application": None,
        "created": endpoint.created,
        "description": endpoint.description,
        "enabled_events": endpoint.enabled_events,
        "livemode": world.livemode,
        "metadata": endpoint.metadata,
        "status": "disabled" if endpoint.disabled else "enabled",
        "url": endpoint.url,
    }


def _existing(call: Call) -> WebhookEndpoint:
    (id,) = call.ids
    endpoint = call.world.webhook_endpoints.get(id)
    if endpoint is None or endpoint.thin:
        other = call.state.other_mode(call.world)
        other_mode = other.mode if other.webhook_endpoints.get(id) else ""
        raise no_such("webhook endpoint", id, other_mode=other_mode)
    return endpoint


def _check_scheme(call: Call, url: str) -> None:
    """Raise StripeError for http in live mode. Test mode takes http, too: https://docs.stripe.com/webhooks

    Unlike Stripe, which wants a public host, the sandbox takes this machine's addresses, in live mode also
    with http: it delivers to no others.
    """
    parts = urlsplit(url)
    if call.world.livemode and parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise StripeError(
            400,
            "Invalid URL: in live mode the URL must begin with https://.",
            code="url_invalid",
            param="url",
        )


def _fields(given: Mapping[str, object]) -> dict[str, Any]:
    # Any: each value has been checked to be valid for the field of the same name.
    return {name: value for name, value in given.items() if name != "expand"}


_ROOT, _ONE = "/v1/webhook_endpoints", "/v1/webhook_endpoints/{}"

ROUTES = (
    Route(
        "POST",
        _ROOT,
        create,
        "webhook_write",
        {**_WRITABLE, "api_version": _version, "connect": params.boolean},
        required=("enabled_events", "url"),
    ),
    Route(
        "GET",
        _ROOT,
        list_all,
        "webhook_read",
        {
            **{name: check for name, check in LIST_PARAMS.items() if name != "created"},
            "expand": expandable(),
        },
    ),
    Route("GET", _ONE, retrieve, "webhook_read", {"expand": expandable()}),
    Route("POST", _ONE, update, "webhook_write", {**_WRITABLE, "disabled": params.boolean}),
    Route("DELETE", _ONE, delete, "webhook_write"),
)
