"""Reading events. Source: https://docs.stripe.com/api/events"""

from fnmatch import fnmatchcase
from typing import cast

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.errors import StripeError, no_such
from webstore.sandbox.stripe.events import Event
from webstore.sandbox.stripe.lists import LIST_PARAMS, list_page
from webstore.sandbox.stripe.routing import Call, Route, expandable
from webstore.sandbox.stripe.thin_events import thin_id, whole

# Events can be read for 30 days: https://docs.stripe.com/api/events
_KEPT_S = 30 * 86_400


def retrieve(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/events/retrieve"""
    (id,) = call.ids
    event = call.world.events.get(id)
    if event is None or event.created < _oldest(call):
        other = call.state.other_mode(call.world)
        raise no_such("event", id, other_mode=other.mode if other.events.get(id) else "")
    return event.to_json()


def list_all(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/events/list"""
    type_, types = cast(str | None, call.params.get("type")), cast(list[str] | None, call.params.get("types"))
    if type_ is not None and types is not None:
        raise StripeError(400, "You may only specify one of these parameters: type, types.", param="type")
    patterns = types if types is not None else [type_ or "*"]

    delivered = call.params.get("delivery_success")

    def keep(event: Event) -> bool:
        return (
            event.created >= _oldest(call)
            and delivered in (None, event.pending_webhooks == 0)
            and any(fnmatchcase(event.type, pattern) for pattern in patterns)
        )

    return list_page(
        call.world.events, call.params, url="/v1/events", kind="event", keep=keep, show=Event.to_json
    )


def retrieve_thin(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/v2/core/events/retrieve"""
    (id,) = call.ids
    event = call.world.events.get(f"evt_{id.rpartition('_')[2]}")
    if event is None or thin_id(event) != id or event.created < _oldest(call):
        raise StripeError(404, f"No such event: '{id}'", code="not_found")
    return whole(event)


def _oldest(call: Call) -> float:
    """The time since which events are kept, in Unix seconds."""
    return call.now - _KEPT_S


ROUTES = (
    Route("GET", "/v2/core/events/{}", retrieve_thin, "event_read"),
    Route("GET", "/v1/events/{}", retrieve, "event_read", {"expand": expandable()}),
    Route(
        "GET",
        "/v1/events",
        list_all,
        "event_read",
        {
            **LIST_PARAMS,
            "type": params.text(),
            "types": params.list_of(params.text(), limit=20),
            "delivery_success": params.boolean,
            "expand": expandable(),
        },
    ),
)
