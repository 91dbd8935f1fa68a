"""The claims of the ID token of a session's login, kept for the side-by-side page.

They are in the shared state, because a cookie has no room for them. If they are lost, the page says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from webstore.errors import StateUnavailable

from . import services
from .session_cookie import ABSOLUTE_S, current_shopper

#: Claims of more characters are not kept.
_MAX_TEXT = 16_384
#: Claims that are of use only to the protocol.
_PROTOCOL = ("nonce", "at_hash", "c_hash", "s_hash")


def keep_claims(claims: Mapping[str, Any]) -> None:
    """Keep the claims for as long as the session lasts."""
    shopper = current_shopper()
    kept = {name: value for name, value in claims.items() if name not in _PROTOCOL}
    with suppress(StateUnavailable, TypeError, ValueError):
        text = json.dumps(kept)
        if shopper is not None and len(text) <= _MAX_TEXT:
            services().state.set(_key(shopper.mark.id), text, ABSOLUTE_S)


def kept_claims() -> Mapping[str, Any] | None:
    """The claims of this session's login; None if they are not kept."""
    shopper = current_shopper()
    if shopper is None:
        return None
    with suppress(StateUnavailable, ValueError):
        found = json.loads(services().state.get(_key(shopper.mark.id)) or "null")
        return found if isinstance(found, dict) else None
    return None


def _key(session_id: str) -> str:
    return f"login-claims:{session_id}"
