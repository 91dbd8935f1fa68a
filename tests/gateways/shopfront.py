"""The sandbox's Stripe, and gateways to it as several workers have them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from urllib.parse import parse_qs

import pytest

from tests.support import ADA, STRIPE_KEYS
from webstore.gateways.stripe import StripePayments, stripe_client
from webstore.gateways.wire import Wire
from webstore.linking.models import CustomerDraft
from webstore.sandbox.server import Server
from webstore.sandbox.stripe import ACCOUNT, TEST_KEY, Stripe
from webstore.state import State

METADATA = {"auth0_user_id": ADA, "auth0_tenant": "shop.eu.auth0.com", "link_generation": "0"}
DRAFT = CustomerDraft("ada@example.com", "Ada Example", "of the web store", METADATA)

Act = Callable[[StripePayments], object]
EVERY_CALL = [
    pytest.param(lambda payments: payments.account(), id="account"),
    pytest.param(lambda payments: payments.get_customer("cus_1"), id="get"),
    pytest.param(lambda payments: payments.create_customer(DRAFT, "key"), id="create"),
    pytest.param(lambda payments: payments.update_customer("cus_1", DRAFT, "key"), id="update"),
    pytest.param(lambda payments: payments.list_by_email("ada@example.com"), id="by email"),
    pytest.param(lambda payments: payments.list_created_since(0), id="since"),
    pytest.param(lambda payments: payments.search_by_owner(ADA), id="search"),
]


@dataclass
class Shopfront:
    """The sandbox's Stripe, and gateways to it as several workers have them."""

    stripe: Stripe
    server: Server
    state: State
    held: ExitStack

    def payments(
        self, key: str = TEST_KEY, *, state: State | None = None, total_s: float = 20
    ) -> StripePayments:
        """A gateway as one worker has it."""
        wire = Wire("Stripe", connect_s=total_s, total_s=total_s)
        self.held.callback(wire.close)
        client = stripe_client(wire, api_key=key, api_base=self.server.url)
        _, livemode = STRIPE_KEYS.get(key, (None, False))
        return StripePayments(client, state or self.state, livemode=livemode, account_key=f"account of {key}")

    def asked(self) -> list[str]:
        """Method and path of each request since the last call, in order."""
        asked = [f"{seen.method} {seen.path}" for seen in self.stripe.control.requests()]
        self.stripe.control.clear_requests()
        return asked

    def queries(self) -> list[dict[str, list[str]]]:
        """The query parameters of each request, in order."""
        return [parse_qs(seen.query) for seen in self.stripe.control.requests()]

    def fault(self, **spec: object) -> None:
        self.stripe.control.add_fault(**spec)

    def settings(self, **changes: object) -> None:
        self.stripe.control.change_settings(changes)


def named(user_id: str, email: str | None = None) -> CustomerDraft:
    """A draft that names a user."""
    return CustomerDraft(email, None, None, {"auth0_user_id": user_id})


def delete(shopfront: Shopfront, customer_id: str) -> None:
    """Delete a customer as somebody at the dashboard would."""
    world = shopfront.stripe.state.world(ACCOUNT, livemode=False)
    with shopfront.stripe.state.lock:
        kept = world.customers.get(customer_id)
        assert kept is not None
        world.customers.change(replace(kept, deleted=True), shopfront.stripe.state.clock.now())
