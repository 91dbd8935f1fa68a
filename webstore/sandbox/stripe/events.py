"""Events, which record changes of objects. Source: https://docs.stripe.com/api/events"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from webstore.sandbox.stripe.config import API_VERSION
from webstore.sandbox.stripe.ids import new_id
from webstore.sandbox.stripe.webhook_tables import Delivery


@dataclass(frozen=True, slots=True)
class Event:
    """One event. `created` is in Unix seconds. `request_id` is None when no API request caused the event."""

    id: str
    type: str
    created: int
    livemode: bool
    data: Mapping[str, object]
    previous: Mapping[str, object] | None
    request_id: str | None
    idempotency_key: str | None
    deliveries: list[Delivery] = field(default_factory=list, compare=False)

    @property
    def pending_webhooks(self) -> int:
        """The number of endpoints that have not received the event."""
        return sum(not delivery.arrived for delivery in self.deliveries)

    def to_json(self, api_version: str = API_VERSION) -> dict[str, object]:
        """The event as the API returns it. An endpoint's events name the endpoint's `api_version`.

        The sandbox has one form of each object, so their contents are the same in all versions.
        Source: https://docs.stripe.com/webhooks/versioning
        """
        data: dict[str, object] = {"object": self.data}
        if self.previous is not None:
            data["previous_attributes"] = self.previous
        return {
            "id": self.id,
            "object": "event",
            "api_version": api_version,
            "created": self.created,
            "data": data,
            "livemode": self.livemode,
            "pending_webhooks": self.pending_webhooks,
            "request": {"id": self.request_id, "idempotency_key": self.idempotency_key},
            "type": self.type,
        }


def _nobody_listens(event: Event) -> None:
    del event


class EventTable:
    """The events of one account and mode by position; 0 is the oldest. The state's lock guards it.

    `on_record` is called for each new event while that lock is held, so it must not block.
    """

    def __init__(self, on_record: Callable[[Event], None] = _nobody_listens) -> None:
        self._on_record = on_record
        self._events: list[Event] = []
        self._positions: dict[str, int] = {}
        self._of_object: defaultdict[str, list[Event]] = defaultdict(list)

    def __len__(self) -> int:
        return len(self._events)

    def record(
        self,
        type: str,
        about: Mapping[str, object],
        *,
        now: float,
        livemode: bool,
        previous: Mapping[str, object] | None = None,
        request_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        """Add an event about an object's current state. `previous` holds the old values of changed fields."""
        event = Event(
            new_id("evt_", 24), type, int(now), livemode, about, previous, request_id, idempotency_key
        )
        self._positions[event.id] = len(self._events)
        self._events.append(event)
        self._of_object[str(about["id"])].append(event)
        self._on_record(event)

    def about(self, object_id: str) -> list[Event]:
        """The events of one object, newest first."""
        return self._of_object[object_id][::-1] if object_id in self._of_object else []

    def get(self, id: str) -> Event | None:
        """The event with this ID, or None."""
        position = self._positions.get(id)
        return None if position is None else self._events[position]

    def position_of(self, id: str) -> int | None:
        """The position of the event with this ID, or None."""
        return self._positions.get(id)

    def at(self, position: int) -> Event:
        """The event at a position."""
        return self._events[position]

    def created_at(self, position: int) -> int:
        """When the event at a position happened, in Unix seconds. It never decreases with the position."""
        return self._events[position].created
