"""Verdicts: verified links, kept in the shared state for a minute.

Pages that only show data use a verdict, so that not each of them reads both vendors.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

from webstore.errors import StateUnavailable
from webstore.state import State

from .admission import still_counts
from .attempt import Linker, verified_customer
from .models import LinkOutcome, LinkStatus

#: Seconds that a verdict counts.
VERDICT_S = 60.0
#: Seconds by which the clocks of two machines may differ. One that was set back gives no verdict more time.
_CLOCKS_DIFFER_S = 5.0
#: Seconds for which it is known that verdicts were forgotten: longer than any attempt can be suspended.
_FORGOTTEN_S = 24 * 3600.0
#: What the keys begin with under which the state knows that.
FORGOTTEN = "verdict-forgotten:"


class Asked(NamedTuple):
    """The login for which a verdict is asked."""

    user_id: str
    #: The session's copy of the customer's ID. If it is another one than a minute ago, the link has changed
    #: since then, and is verified again.
    remembered: str | None = None
    #: When the user logged in. A verdict that was read before is not used: the ID may have been another
    #: account's then.
    since: float | None = None


def verdict(
    linker: Linker, state: State, user_id: str, remembered: str | None = None, since: float | None = None
) -> LinkOutcome:
    """The customer whose data may be shown: verified within the last minute, else verified now.

    `remembered` and `since`: as in `Asked`.
    """
    asked, found = Asked(user_id, remembered, since), None
    with suppress(StateUnavailable):
        found = state.get_many(keys_of(user_id))
    return kept_verdict(linker, found, asked) or new_verdict(linker, state, found, asked)


@lru_cache(maxsize=1024)
def keys_of(user_id: str) -> tuple[str, str]:
    """The keys of the state that `kept_verdict` and `new_verdict` need."""
    user = _digest(user_id)
    return _of_user(user), _forgotten(user)


def kept_verdict(linker: Linker, found: Mapping[str, str] | None, asked: Asked) -> LinkOutcome | None:
    """The verdict of the last minute; None if there is none that counts. Makes no call.

    `found`: what the state has under `keys_of(user_id)`; None while it cannot be used. The value of the first
    key may have been read earlier; that of the second must have been read just now.
    """
    key, forgotten_key = keys_of(asked.user_id)
    with suppress(ValueError, KeyError, TypeError):
        kept = json.loads(found.get(key, "null")) if found else None
        if (
            found
            and kept is not None
            and kept["forgotten"] == found.get(forgotten_key, "")
            and -_CLOCKS_DIFFER_S <= linker.now() - kept["read_at"] < VERDICT_S
            and _covers(kept, asked)
        ):
            linker.count_verdict("hit")
            return LinkOutcome(
                LinkStatus.VERIFIED,
                str(kept["customer"]),
                "verified within the last minute",
                predecessors=tuple(map(str, kept["predecessors"])),
                identities=tuple(map(str, kept["identities"])),
                logins_since=float(kept["logins_since"]),
            )
    linker.count_verdict("miss")
    return None


def new_verdict(linker: Linker, state: State, found: Mapping[str, str] | None, asked: Asked) -> LinkOutcome:
    """The customer, verified now, and kept for a minute. `found`: as for `kept_verdict`."""
    read_at = linker.now()
    outcome = verified_customer(linker, *asked)
    if outcome.customer_id is not None and found is not None:
        key, forgotten_key = keys_of(asked.user_id)
        kept = {
            "customer": outcome.customer_id,
            "predecessors": outcome.predecessors,
            "identities": outcome.identities,
            "logins_since": outcome.logins_since,
            "read_at": read_at,
            # If the user's verdicts were forgotten since, this one is never used.
            "forgotten": found.get(forgotten_key, ""),
        }
        with suppress(StateUnavailable):
            # The way back first: `forget_verdict_of` finds the verdict through it.
            state.set(_of_customer(outcome.customer_id), _digest(asked.user_id), 2 * VERDICT_S)
            state.set(key, json.dumps(kept), VERDICT_S)
    return outcome


def _covers(kept: Mapping[str, Any], asked: Asked) -> bool:
    """Whether the verdict is about this customer, and about the account that this login was for."""
    if asked.remembered not in (None, kept["customer"]):
        return False
    since = asked.since
    return since is None or (since <= kept["read_at"] and still_counts(since, kept["logins_since"]))


def forget_verdict(state: State, user_id: str) -> None:
    """Have this user verified again before their data is shown. Raises `StateUnavailable`.

    A verdict that another worker is reading just now is not used either.
    """
    _forget(state, _digest(user_id))


def forget_verdict_of(state: State, customer_id: str) -> None:
    """Have the user of this customer verified again before their data is shown. Raises `StateUnavailable`."""
    user = state.get(_of_customer(customer_id))
    if user:
        # The way back stays: another worker may be writing a verdict just now, and relies on it.
        _forget(state, user)


def _forget(state: State, user: str) -> None:
    try:
        state.set(_forgotten(user), secrets.token_urlsafe(9), _FORGOTTEN_S)
    finally:
        # The mark alone is enough. Without it, this still helps the processes that do not keep the verdict.
        with suppress(StateUnavailable):
            state.delete(_of_user(user))


def _digest(user_id: str) -> str:
    return hashlib.sha256(user_id.encode()).hexdigest()


def _of_user(user: str) -> str:
    return f"verdict:{user}"


def _forgotten(user: str) -> str:
    return f"{FORGOTTEN}{user}"


def _of_customer(customer_id: str) -> str:
    return f"verdict-of:{customer_id}"
