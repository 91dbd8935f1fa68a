"""Fakes of the store's ports, for tests that need no vendor."""

from __future__ import annotations

from collections.abc import Sequence

from webstore.errors import StateUnavailable


class Memory:
    """A shared state in memory whose entries never expire; `down`: it cannot be reached."""

    def __init__(self, *, down: bool = False) -> None:
        self.kept: dict[str, str] = {}
        self.down = down

    def get(self, key: str) -> str | None:
        return self.get_many((key,)).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        kept = self._reachable()
        return {key: kept[key] for key in keys if key in kept}

    def set(self, key: str, value: str, ttl_s: float) -> None:
        self._reachable()[key] = value

    def add(self, key: str, value: str, ttl_s: float) -> bool:
        new = key not in self._reachable()
        self.kept.setdefault(key, value)
        return new

    def count(self, key: str, ttl_s: float) -> int:
        self._reachable()[key] = str(int(self.kept.get(key, "0")) + 1)
        return int(self.kept[key])

    def delete(self, key: str) -> None:
        self._reachable().pop(key, None)

    def _reachable(self) -> dict[str, str]:
        if self.down:
            raise StateUnavailable("down")
        return self.kept
