"""Webhook endpoints, and what was sent to them."""

from dataclasses import dataclass, field

ALL_EVENTS = "*"


@dataclass(frozen=True, slots=True)
class WebhookEndpoint:
    """Where a developer wants events to be sent. Source: https://docs.stripe.com/api/webhook_endpoints"""

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

    def wants(self, event_type: str) -> bool:
        """Whether events of this type are sent to it."""
        return not self.disabled and (event_type in self.enabled_events or ALL_EVENTS in self.enabled_events)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One POST: when (Unix seconds of the sandbox's clock), and what came back: a status, or a problem."""

    at: float
    status: int | None
    problem: str | None
    body: str

    @property
    def succeeded(self) -> bool:
        """Whether the endpoint said that it has the event."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(slots=True, eq=False)
class Delivery:
    """One event on its way to one endpoint.

    `number` is its place in the order of what happened; `due` (Unix seconds of the sandbox's clock) is
    None once nothing more is going to be sent, and so is `payload` empty.
    """

    endpoint_id: str
    url: str
    number: int
    payload: bytes = b""
    attempts: list[Attempt] = field(default_factory=list)
    due: float | None = None
    #: How many more times it is to arrive.
    copies: int = 1
    #: In a row, since it was last asked for.
    failures: int = 0

    @property
    def arrived(self) -> bool:
        """Whether the endpoint has it."""
        return any(attempt.succeeded for attempt in self.attempts)
