"""The shared state: what the workers of the store share. `gateways/` implements it, in files and in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

#: A key that nobody writes. Its value changes when the server of the state was restarted and may have lost
#: its last writes. It is absent where a restart loses none.
SERVER_RUN = "server-run"


class Records(Protocol):
    """Short texts that expire. Every call may raise `StateUnavailable`."""

    def get(self, key: str) -> str | None:
        """The value, or None when absent or expired."""

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Those of the keys that are there, in one round."""

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Store the value for `ttl_s` seconds."""

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        """Store only when absent; whether it was."""

    def delete(self, key: str) -> None:
        """Forget the key."""


class Counters(Protocol):
    """Counts that expire. Every call may raise `StateUnavailable`."""

    def count(self, key: str, ttl_s: float) -> int:
        """Add one to a counter that lives `ttl_s` seconds from its first count; how many there are now."""


class State(Records, Counters, Protocol):
    """A small shared cache; losing it never loses data."""
