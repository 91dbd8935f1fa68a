"""The shared state: a small cache that the workers of the store share. `gateways/state.py` implements it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class State(Protocol):
    """A small shared cache. Every call may raise `StateUnavailable`; losing it never loses data."""

    def get(self, key: str) -> str | None:
        """The value, or None when absent or expired."""

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Those of the keys that are there, in one round."""

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Store the value for `ttl_s` seconds."""

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        """Store only when absent; whether it was."""

    def count(self, key: str, ttl_s: float) -> int:
        """Add one to a counter that lives `ttl_s` seconds from its first count; how many there are now."""

    def delete(self, key: str) -> None:
        """Forget the key."""
