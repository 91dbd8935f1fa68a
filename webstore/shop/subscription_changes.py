"""Marks in the shared state: while a customer has one, pages ask Stripe for the subscriptions each time.

Otherwise a process may show a list that it read within the last `KEPT_S` seconds. It reads the marks first. A
mark outlives all lists that were read before it, so no list is older than a change that was marked.
docs/decisions/0010-kept-subscriptions.md has the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from webstore.errors import StateUnavailable
from webstore.state import State

#: Seconds for which a list may be shown.
KEPT_S = 30.0
#: Seconds of the mark that an event leaves: longer than `KEPT_S` and the request that reads the list.
_EVENT_S = 300.0
#: Seconds of the mark that a shopper leaves who goes to Stripe's pages: longer than such a visit takes. A
#: Checkout Session ends within a day:
#: https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-expires_at
_VISIT_S = 24 * 3600.0
#: What the keys of all marks begin with, and the mark for every customer.
CHANGES = "subscriptions-change"


def marks_of(customer_id: str) -> tuple[str, str]:
    """The keys of the marks about this customer's subscriptions."""
    return f"{CHANGES}:{customer_id}", CHANGES


def is_unmarked(customer_id: str | None, found: Mapping[str, str]) -> bool:
    """Whether the customer has no mark. `found`: what the state has under the keys of `marks_of`."""
    return customer_id is not None and not any(key in found for key in marks_of(customer_id))


def mark_event(state: State, customer_id: str | None) -> None:
    """Something has changed at Stripe. None: the event does not name its customer, so it may be any.

    While the state cannot be used, pages show the change up to `KEPT_S` later.
    """
    key = CHANGES if customer_id is None else marks_of(customer_id)[0]
    with suppress(StateUnavailable):
        # A mark that is there already may hold longer.
        state.add(key, "1", _EVENT_S)


def mark_visit(state: State, customer_id: str) -> None:
    """The shopper may change the subscriptions from now on, at Stripe or here. As for `mark_event`."""
    with suppress(StateUnavailable):
        state.set(marks_of(customer_id)[0], "1", _VISIT_S)
