"""What the shared state knows of a shopper's link and subscriptions, read anew only as far as it may change.

A verdict does not change: it ends after a minute, or is forgotten, which another key says. So a process keeps
those that it has read.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, current_app

from webstore.errors import StateUnavailable
from webstore.linking.verdicts import VERDICT_S, keys_of
from webstore.shop.subscription_changes import marks_of

from . import services
from .bounded_memory import BoundedMemory
from .session_cookie import Shopper

_KEY = "webstore_known_links"
#: Bytes of the verdicts of one process, and bytes of what each has beside its text.
_MOST_BYTES, _EACH_BYTES = 1024 * 1024, 512

#: By the verdict's key in the state.
_Verdicts = BoundedMemory[str, str]


def install(app: Flask) -> None:
    """Give the application its memory of verdicts."""
    app.extensions[_KEY] = _Verdicts(_MOST_BYTES, VERDICT_S, lambda text: len(text) + _EACH_BYTES)


def known_of(shopper: Shopper) -> Mapping[str, str] | None:
    """The values under `keys_of(user)` and of the marks of the customer; None while the state fails."""
    verdict, forgotten = keys_of(shopper.user_id)
    fresh = (forgotten, *(marks_of(shopper.customer_id) if shopper.customer_id else ()))
    kept = _verdicts().get(verdict)
    try:
        if kept is not None:
            return {**services().state.get_many(fresh), verdict: kept}
        found = services().state.get_many((verdict, *fresh))
    except StateUnavailable:
        return None
    if verdict in found:
        _verdicts().put(verdict, found[verdict])
    return found


def drop_verdict(shopper: Shopper) -> None:
    """Read the verdict about this shopper from the state next time."""
    _verdicts().drop(keys_of(shopper.user_id)[0])


def _verdicts() -> _Verdicts:
    verdicts: _Verdicts = current_app.extensions[_KEY]
    return verdicts
