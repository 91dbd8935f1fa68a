"""Event destinations: webhook endpoints as API v2 shows them, those with thin events, too.

Only controls make destinations with thin events in the sandbox. Stripe does not document which ID an endpoint
of API v1 has in API v2; here it is the same one.
Source: https://docs.stripe.com/api/v2/core/event-destinations
"""

from datetime import UTC, datetime
from typing import cast
from urllib.parse import urlencode

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.config import API_VERSION
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.forms import Value
from webstore.sandbox.stripe.lists import list_page
from webstore.sandbox.stripe.routing import Call, Route
from webstore.sandbox.stripe.webhook_tables import WebhookEndpoint

_ROOT, _ONE = "/v2/core/event_destinations", "/v2/core/event_destinations/{}"
_URL = "webhook_endpoint.url"


def retrieve(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/v2/core/event-destinations/retrieve"""
    (id,) = call.ids
    endpoint = call.world.webhook_endpoints.get(id)
    if endpoint is None:
        raise StripeError(404, f"No such event destination: '{id}'", code="not_found")
    return _to_json(endpoint, call)


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/v2/core/event-destinations/list

    A page has the fields that the SDK declares.
    """
    limit = call.params.get("limit", 20)
    after = {"starting_after": call.params["page"]} if "page" in call.params else {}
    listed = list_page(
        call.world.webhook_endpoints,
        {"limit": limit, **after},
        url=_ROOT,
        kind="event destination",
        keep=lambda endpoint: not endpoint.deleted,
        show=lambda endpoint: _to_json(endpoint, call),
    )
    following = None
    if listed["has_more"]:
        last = cast(list[dict[str, object]], listed["data"])[-1]["id"]
        included = [(f"include[{number}]", it) for number, it in enumerate(_included(call))]
        following = f"{_ROOT}?{urlencode([('limit', limit), ('page', last), *included])}"
    return {"data": listed["data"], "next_page_url": following}


def _to_json(endpoint: WebhookEndpoint, call: Call) -> dict[str, object]:
    """An event destination. API v2 leaves out fields without a value."""
    shown: dict[str, object] = {
        "id": endpoint.id,
        "object": "v2.core.event_destination",
        "created": _moment(endpoint.created),
        "description": endpoint.description or "",
        "enabled_events": endpoint.enabled_events,
        "event_payload": "thin" if endpoint.thin else "snapshot",
        "events_from": ["@accounts" if endpoint.connect else "@self"],
        "livemode": call.world.livemode,
        "metadata": endpoint.metadata,
        "name": endpoint.description or endpoint.url,
        "status": "disabled" if endpoint.disabled else "enabled",
        "type": "webhook_endpoint",
        "updated": _moment(endpoint.updated or endpoint.created),
        "webhook_endpoint": {"url": endpoint.url} if _URL in _included(call) else {},
    }
    if not endpoint.thin:
        shown["snapshot_api_version"] = endpoint.api_version or API_VERSION
    if endpoint.disabled:
        shown["status_details"] = {"disabled": {"reason": "user"}}
    return shown


def _included(call: Call) -> list[str]:
    return cast(list[str], call.params.get("include", []))


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _include(value: Value, name: str) -> str:
    field = params.exact_text(value, name)
    if field != _URL:
        raise StripeError(400, f"{field} cannot be included", code="invalid_fields", param=name)
    return field


_INCLUDE: params.Schema = {"include": params.list_of(_include)}
_LIST: params.Schema = {**_INCLUDE, "limit": params.integer(1, 100), "page": params.given_text()}

ROUTES = (
    Route("GET", _ROOT, list_all, "event_destination_read", _LIST),
    Route("GET", _ONE, retrieve, "event_destination_read", _INCLUDE),
)
