"""The verdict about a shopper's link, and the marks that end it, with few reads of the shared state.

A verdict ends after a minute, or is forgotten: another key of the state says so. A process therefore keeps
the verdicts that it has read, and reads only that key for each page.
"""

from __future__ import annotations

from collections.abc import Mapping

from flask import Flask, current_app

from webstore.errors import StateUnavailable
from webstore.linking.models import LinkOutcome
from webstore.linking.verdicts import VERDICT_S, Asked, kept_verdict, keys_of
from webstore.shop.subscription_changes import marks_of

from . import services
from .bounded_memory import BoundedMemory

_KEY = "webstore_known_links"
#: Bytes of the verdicts of one process, and bytes of what each has beside its text.
_MOST_BYTES, _EACH_BYTES = 1024 * 1024, 512

#: By the verdict's key in the state.
_Verdicts = BoundedMemory[str, str]


def install(app: Flask) -> None:
    """Give the application its memory of verdicts."""
    app.extensions[_KEY] = _Verdicts(_MOST_BYTES, VERDICT_S, lambda text: len(text) + _EACH_BYTES)


def known_link(asked: Asked) -> tuple[Mapping[str, str] | None, LinkOutcome | None]:
    """The values under `keys_of(user)` and under the marks of the remembered customer, and the verdict.

    The values are None while the state fails. The verdict is None if none counts.
    """
    verdicts: _Verdicts = current_app.extensions[_KEY]
    state, linker = services().state, services().linker
    key, forgotten = keys_of(asked.user_id)
    fresh = (forgotten, *(marks_of(asked.remembered) if asked.remembered else ()))
    try:
        if (kept := verdicts.get(key)) is not None:
            found = {**state.get_many(fresh), key: kept}
            if (outcome := kept_verdict(linker, found, asked)) is not None:
                return found, outcome
            # Another process may have written a newer one.
            verdicts.drop(key)
        found = state.get_many((key, *fresh))
    except StateUnavailable:
        return None, kept_verdict(linker, None, asked)
    if key in found:
        verdicts.put(key, found[key])
    return found, kept_verdict(linker, found, asked)
