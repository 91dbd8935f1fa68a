"""Thin events: notifications that name an object without its contents.

Source: https://docs.stripe.com/event-destinations#thin-events
"""

from datetime import UTC, datetime

from webstore.sandbox.stripe.events import Event

# The paths of objects whose path is not `/v1/<object>s`.
_PATHS = {"billing_portal.configuration": "billing_portal/configurations"}


def thin_id(event: Event) -> str:
    """The ID of the thin event that belongs to a snapshot event."""
    return f"evt_{'live' if event.livemode else 'test'}_{event.id.removeprefix('evt_')}"


def notification(event: Event) -> dict[str, object]:
    """The payload of a thin event."""
    kind, id = str(event.data["object"]), str(event.data["id"])
    path = _PATHS.get(kind, f"{kind.replace('.', '/')}s")
    return {
        "id": thin_id(event),
        "object": "v2.core.event",
        "context": None,
        "created": datetime.fromtimestamp(event.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "livemode": event.livemode,
        "reason": None
        if event.request_id is None
        else {
            "type": "request",
            "request": {"id": event.request_id, "idempotency_key": event.idempotency_key or ""},
        },
        "related_object": {"id": id, "type": kind, "url": f"/v1/{path}/{id}"},
        "type": f"v1.{event.type}",
    }


def whole(event: Event) -> dict[str, object]:
    """A thin event as the API returns it: https://docs.stripe.com/api/v2/core/events/object"""
    return {**notification(event), "changes": None, "snapshot_event": event.id}
