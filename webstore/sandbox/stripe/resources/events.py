"""Reading events. Source: https://docs.stripe.com/api/events"""

from fnmatch import fnmatchcase
from typing import cast

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.errors import StripeError, no_such
from webstore.sandbox.stripe.events import Event
from webstore.sandbox.stripe.lists import LIST_PARAMS, list_page
from webstore.sandbox.stripe.routing import Call, Route, expandable


def retrieve(call: Call) -> dict[str, object]:
    """https://docs.stripe.com/api/events/retrieve"""
    (id,) = call.ids
    event = call.world.events.get(id)
    if event is None:
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
        return delivered in (None, event.pending_webhooks == 0) and any(
            fnmatchcase(event.type, pattern) for pattern in patterns
        )

    return list_page(
        call.world.events, call.params, url="/v1/events", kind="event", keep=keep, show=Event.to_json
    )


ROUTES = (
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
