"""What all controls share: finding an object, and the call in whose name a control changes it."""

import contextlib
from collections.abc import Callable, Iterator

from webstore.sandbox.stripe.documents import Document, Documents
from webstore.sandbox.stripe.embedding import capped
from webstore.sandbox.stripe.errors import StripeError
from webstore.sandbox.stripe.payments.tables import Payments
from webstore.sandbox.stripe.routing import Call
from webstore.sandbox.stripe.state import State


class ControlBase:
    """The state that controls change."""

    state: State

    @contextlib.contextmanager
    def _on(
        self, kind: str, id: str, table: Callable[[Payments], Documents]
    ) -> Iterator[tuple[Call, Document]]:
        """Hold the lock and give the object, from any account and mode, with a call for its world.

        Raises LookupError for an unknown ID. A StripeError inside becomes a ValueError.
        """
        with self.state.lock:
            now = self.state.catch_up()
            for world in self.state.worlds():
                found = table(world.payments).get(id)
                if found is None:
                    continue
                try:
                    yield Call(self.state, world, now, ""), found
                except StripeError as error:
                    raise ValueError(error.message) from error
                return
        raise LookupError(f"{kind} {id}")

    @contextlib.contextmanager
    def _for_customer(self, id: str) -> Iterator[Call]:
        """Hold the lock and give a call for the world of this customer. Raises as `_on` does."""
        with self.state.lock:
            now = self.state.catch_up()
            for world in self.state.worlds():
                customer = world.customers.get(id)
                if customer is None or customer.deleted:
                    continue
                try:
                    yield Call(self.state, world, now, "")
                except StripeError as error:
                    raise ValueError(error.message) from error
                return
        raise LookupError(f"customer {id}")


def answer(document: Document) -> Document:
    """The object as the API returns it."""
    return capped(document)


def number(value: object, name: str, least: int = 1) -> int:
    """A whole number of at least `least`. Raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}")
    return value
