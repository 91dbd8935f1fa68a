"""Controls of event destinations."""

from collections.abc import Sequence

from webstore.sandbox.stripe.controls.base import ControlBase
from webstore.sandbox.stripe.resources import webhook_endpoints
from webstore.sandbox.stripe.webhook_tables import ALL_EVENTS


class EventControls(ControlBase):
    """What an operator sets up for events."""

    def add_endpoint(
        self, *, url: str, secret: str, events: Sequence[str] = (ALL_EVENTS,), thin: bool = False
    ) -> dict[str, str]:
        """Add an endpoint in test mode. A `thin` one receives thin events, whose types begin with `v1.`.

        Source: https://docs.stripe.com/event-destinations
        """
        with self.state.lock:
            world = self.state.world(self.state.first_account, livemode=False)
            made = webhook_endpoints.add(
                world,
                self.state.clock.now(),
                secret,
                url=url,
                enabled_events=list(events),
                thin=thin is True,
            )
        return {"id": made.id, "url": made.url}
