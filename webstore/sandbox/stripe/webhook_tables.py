"""Webhook endpoints, and the deliveries of events to them."""

from dataclasses import dataclass, field

ALL_EVENTS = "*"
#: The sandbox sends webhooks to this machine only.
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """A webhook endpoint. Source: https://docs.stripe.com/api/webhook_endpoints"""

    id: str
    created: int
    url: str
    secret: str
    enabled_events: list[str]
    api_version: str | None = None
    description: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    disabled: bool = False
    deleted: bool = False
    # Whether the endpoint receives the events of connected accounts only. The sandbox has none.
    connect: bool = False
    # The time of the last change in Unix seconds; None without any.
    updated: int | None = None
    # Whether the endpoint is an event destination with thin events: https://docs.stripe.com/event-destinations
    thin: bool = False

    def wants(self, event_type: str) -> bool:
        """Whether the endpoint receives events of this type. Types of thin events begin with `v1.`."""
        name = f"v1.{event_type}" if self.thin else event_type
        if self.disabled or self.connect:
            return False
        return name in self.enabled_events or ALL_EVENTS in self.enabled_events


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST to an endpoint, at `at` (Unix seconds of the sandbox's clock).

    It has either the `status` and the beginning of the `body` of the response, or a `problem`.
    """

    at: float
    status: int | None
    problem: str | None
    body: str

    @property
    def succeeded(self) -> bool:
        """Whether the endpoint confirmed the event with a 2xx status."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(slots=True, eq=False)
class Delivery:
    """The delivery of one event to one endpoint.

    `number` grows in the order of the events. `due` is the time of the next attempt, in Unix seconds of
    the sandbox's clock. After the last attempt, `due` is None and `payload` is empty.
    """

    endpoint_id: str
    url: str
    number: int
    payload: bytes = b""
    attempts: list[Attempt] = field(default_factory=list)
    due: float | None = None
    #: How many more successful attempts are wanted.
    copies: int = 1
    #: The number of failed attempts in a row since the delivery was last queued.
    failures: int = 0

    @property
    def arrived(self) -> bool:
        """Whether the endpoint has confirmed the event."""
        return any(attempt.succeeded for attempt in self.attempts)
