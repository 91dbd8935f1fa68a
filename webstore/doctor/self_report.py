"""How the running store reports to `flask doctor`, which proves that it knows APP_SECRET_KEY.

The report has no secret and no setting's value: settings are compared by digests that are keyed with
APP_SECRET_KEY.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import fields

from webstore.settings import Settings
from webstore.state import State

#: Where the report is, and the header with the proof.
PATH, HEADER = "/doctor", "X-Webstore-Doctor"
#: Seconds for which a proof counts.
_FRESH_S = 120
#: Settings that differ between the machines of one store.
_OF_ONE_MACHINE = frozenset({"bind", "web_concurrency", "web_threads", "state_dir", "log_format"})
_STATE_KEY = "doctor:state"
#: Seconds for which a shared state keeps its identity.
_STATE_S = 3600.0


def proof(key: str, now: Callable[[], float] = time.time) -> str:
    """The header's value for a question that is asked now."""
    at = str(int(now()))
    return f"{at}.{_mac(key, 'question', at)}"


def is_signed(value: str, key: str, now: Callable[[], float] = time.time) -> bool:
    """Whether the header's value was made with this key, a moment ago."""
    at, _, mac = value.partition(".")
    if not (at.isascii() and at.isdecimal() and len(at) < 12) or abs(now() - int(at)) > _FRESH_S:
        return False
    return hmac.compare_digest(mac.encode(), _mac(key, "question", at).encode())


def digests(settings: Settings) -> Mapping[str, str]:
    """A digest of each setting by its name in `Settings`."""
    return {
        it.name: _mac(settings.app_secret_key, it.name, repr(getattr(settings, it.name)))[:16]
        for it in fields(settings)
        if it.name not in _OF_ONE_MACHINE and it.name != "app_secret_key"
    }


def state_id(state: State) -> str | None:
    """The identity of the shared state, for all processes that share it. Raises `StateUnavailable`."""
    state.add(_STATE_KEY, secrets.token_hex(8), _STATE_S)
    return state.get(_STATE_KEY)


def _mac(key: str, purpose: str, text: str) -> str:
    return hmac.new(key.encode(), f"webstore doctor {purpose}\n{text}".encode(), "sha256").hexdigest()
