"""The state of one machine in two places: keys that are often read and seldom written have their own.

Each page of an account asks whether something has changed, and the answer is nearly always no. In a folder of
records that costs one look at the folder, and in the file, where every login writes, a query.
"""

from __future__ import annotations

from collections.abc import Sequence

from webstore.state import Records, State


class NoticedState:
    """A `State` that keeps the keys with certain beginnings elsewhere."""

    def __init__(self, state: State, notices: Records, beginnings: tuple[str, ...]) -> None:
        """`notices`: has the keys that begin with one of `beginnings`. Counters are never among them."""
        self._state, self._notices, self._beginnings = state, notices, beginnings

    def _of(self, key: str) -> Records:
        return self._notices if key.startswith(self._beginnings) else self._state

    def get(self, key: str) -> str | None:
        """The value, or None when absent or expired."""
        return self._of(key).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Those of the keys that are there."""
        noticed = [key for key in keys if key.startswith(self._beginnings)]
        others = [key for key in keys if not key.startswith(self._beginnings)]
        # The notices last: they say whether the other values still count.
        found = self._state.get_many(others) if others else {}
        return {**found, **self._notices.get_many(noticed)} if noticed else found

    def set(self, key: str, value: str, ttl_s: float) -> None:
        """Store the value for `ttl_s` seconds."""
        self._of(key).set(key, value, ttl_s)

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        """Store only when absent; whether it was."""
        return self._of(key).add(key, value, ttl_s)

    def delete(self, key: str) -> None:
        """Forget the key."""
        self._of(key).delete(key)

    def count(self, key: str, ttl_s: float) -> int:
        """Add one to a counter that lives `ttl_s` seconds from its first count; how many there are now."""
        return self._state.count(key, ttl_s)
