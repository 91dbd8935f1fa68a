"""A store to which the sandbox's Stripe delivers events, and the calls of its hook."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from tests.callers import user_token
from tests.goods import Good
from tests.support import Shop
from webstore.gateways.threads import in_background
from webstore.routes import Services, attach
from webstore.shop.order_events import Kind, OrderEvent
from webstore.shop.replay import CatchUp

CARD = {
    "paymentMethod": "card",
    "cardNumber": "4242 4242 4242 4242",
    "cardExpiry": "12 / 40",
    "cardCvc": "123",
    "billingName": "Ada",
}
DEBIT = {"paymentMethod": "debit"}


@dataclass
class Counter:
    """A store to which Stripe delivers events, and what the store has fulfilled."""

    shop: Shop
    mug: Good
    told: list[OrderEvent] = field(default_factory=list)
    failures: int = 0
    #: How many pieces are bought.
    quantity: int = 2
    #: Whether the hook of the tests replaces those of the settings.
    uses_own_hook: bool = True

    def __post_init__(self) -> None:
        if self.uses_own_hook:
            self.listen()

    def listen(self) -> None:
        """Put the hook into the running store."""
        services: Services = self.shop.app.extensions["webstore"]
        webhooks = replace(services.webhooks, fulfil=(self.fulfil,))
        background = replace(services.background_webhooks, fulfil=(self.fulfil,))
        catch_up = CatchUp(background, in_background)
        attach(
            self.shop.app,
            replace(services, webhooks=webhooks, background_webhooks=background, catch_up=catch_up),
        )

    @property
    def fulfilled(self) -> list[OrderEvent]:
        """The purchases that are to be handed over."""
        return [event for event in self.told if event.kind is Kind.PAID]

    @property
    def token(self) -> str:
        """An access token of Ada's."""
        return user_token(self.shop)

    def fulfil(self, event: OrderEvent) -> None:
        """The hook."""
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the warehouse is closed")
        self.told.append(event)

    def settings(self, **changes: Any) -> None:
        """Turn switches of the sandbox's Stripe."""
        url = f"{self.shop.environment['STRIPE_API_BASE']}/_sandbox/settings"
        self.shop.http.patch(url, json=changes).raise_for_status()

    def begin(self) -> dict[str, Any]:
        """Order mugs through the API; gives the session's ID and the address of Stripe's page."""
        lines = {"lines": [{"price": self.mug.price, "quantity": self.quantity}]}
        headers = {"Authorization": f"Bearer {self.token}"}
        begun = self.shop.http.post(f"{self.shop.url}/api/checkout", json=lines, headers=headers)
        assert begun.status_code == 201, begun.text
        found: dict[str, Any] = begun.json()
        return found

    def buy(self, **paid_with: str) -> str:
        """Order mugs and pay for them on Stripe's page; gives the session's ID."""
        begun = self.begin()
        self.pay(begun["url"], **(paid_with or CARD))
        return str(begun["id"])

    def pay(self, page: str, **form: str) -> None:
        """Send the form of Stripe's payment page, and follow no redirect."""
        found = self.shop.http.get(page)
        assert 'id="payment"' in found.text
        self.shop.http.post(found.url, data=form, follow_redirects=False)

    def events(self, *types: str) -> list[dict[str, Any]]:
        """The events of these types, the newest last."""
        found = self.shop.stripe("GET", "/events", limit="100")["data"]
        return [event for event in found[::-1] if event["type"] in types]

    def delivered(self, *types: str) -> bool:
        """Whether the store has taken all events of these types, and there are some of each."""
        events = self.events(*types)
        return {event["type"] for event in events} == set(types) and not any(
            event["pending_webhooks"] for event in events
        )
