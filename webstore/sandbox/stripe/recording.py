"""Recording events for changes that an endpoint makes."""

from collections.abc import Mapping
from typing import cast

from webstore.sandbox.stripe.routing import Call


def record(
    call: Call, type_: str, shown: Mapping[str, object], previous: Mapping[str, object] | None = None
) -> None:
    """Record an event. `shown` is the object's JSON. `previous` holds the old values of changed fields."""
    call.world.events.record(
        type_,
        dict(shown),
        now=call.now,
        livemode=call.world.livemode,
        previous=previous,
        request_id=call.request_id,
        idempotency_key=call.idempotency_key,
    )


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    """An event's `previous_attributes`: the old values of changed fields. Metadata lists only changed keys.

    Source: https://docs.stripe.com/api/events/object#event_object-data-previous_attributes
    """
    # Either may leave out a field without a value.
    previous = {name: before.get(name) for name in {**before, **after} if before.get(name) != after.get(name)}
    if "metadata" in previous:
        old, new = cast(dict[str, str], before["metadata"]), cast(dict[str, str], after["metadata"])
        changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        previous["metadata"] = {key: old.get(key) for key in changed}
    return previous
