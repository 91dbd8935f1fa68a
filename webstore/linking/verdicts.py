"""Verdicts: verified links, kept in the shared state for a minute.

Pages that only show data use a verdict, so that not each of them reads both vendors.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress

from webstore.errors import StateUnavailable
from webstore.state import State

from .attempt import Linker, verified_customer
from .models import LinkOutcome, LinkStatus

#: Seconds that a verdict counts.
VERDICT_S = 60.0


def verdict(linker: Linker, state: State, user_id: str, remembered: str | None = None) -> LinkOutcome:
    """The customer whose data may be shown: verified within the last minute, else verified now.

    `remembered`: the session's copy of the customer's ID. If it is another one than a minute ago, the link
    has changed since then, and is verified again.
    """
    key = _of_user(user_id)
    with suppress(StateUnavailable, ValueError, KeyError, TypeError):
        stored = json.loads(state.get(key) or "null")
        if stored is not None and remembered in (None, stored["customer"]):
            return LinkOutcome(
                LinkStatus.VERIFIED,
                str(stored["customer"]),
                "verified within the last minute",
                predecessors=tuple(map(str, stored["predecessors"])),
                identities=tuple(map(str, stored["identities"])),
            )
    outcome = verified_customer(linker, user_id, remembered)
    if outcome.customer_id is not None:
        found = {
            "customer": outcome.customer_id,
            "predecessors": outcome.predecessors,
            "identities": outcome.identities,
        }
        with suppress(StateUnavailable):
            # The way back first: `forget_verdict_of` finds the verdict through it.
            state.set(_of_customer(outcome.customer_id), key, 2 * VERDICT_S)
            state.set(key, json.dumps(found), VERDICT_S)
    return outcome


def forget_verdict(state: State, user_id: str) -> None:
    """Have this user verified again before their data is shown. Raises `StateUnavailable`."""
    state.delete(_of_user(user_id))


def forget_verdict_of(state: State, customer_id: str) -> None:
    """Have the user of this customer verified again before their data is shown. Raises `StateUnavailable`."""
    key = state.get(_of_customer(customer_id))
    if key:
        # The way back stays: another worker may be writing a verdict just now, and relies on it.
        state.delete(key)


def _of_user(user_id: str) -> str:
    return f"verdict:{hashlib.sha256(user_id.encode()).hexdigest()}"


def _of_customer(customer_id: str) -> str:
    return f"verdict-of:{customer_id}"
