"""Closing an account: the user is deleted, and nothing that the store shares still speaks for them."""

from __future__ import annotations

from contextlib import suppress

from webstore.errors import StateUnavailable
from webstore.linking import Linker
from webstore.linking.verdicts import forget_verdict
from webstore.state import State

from . import revocation


def close_account(
    linker: Linker, state: State, issuer: str, user_id: str, *, now: float, kept_s: float
) -> None:
    """Delete the user in Auth0 and end their sessions on every device; the Stripe customer stays.

    `now`: Unix seconds; `kept_s`: how long a session can live. Raises `DirectoryError`, and `OverBudget`
    when there is no answer in time: the user may be deleted all the same.
    """
    linker.within_budget(lambda: linker.directory.delete_user(user_id))
    with suppress(StateUnavailable):
        forget_verdict(state, user_id)
        revocation.revoke_at_provider(state, issuer, sid=None, user_id=user_id, now=now, kept_s=kept_s)
