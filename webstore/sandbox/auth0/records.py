"""Records of the tenant: JSON objects with IDs, as the Management API shows them."""

import secrets
import string
import threading
from collections.abc import Callable, Mapping
from typing import Any

# Any: a record is JSON. Nobody changes one in place: a change makes a new object.
Record = Mapping[str, Any]

_LETTERS = string.ascii_letters + string.digits


class Records:
    """The records of one kind, by their IDs, in the order of their creation. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._records: dict[str, Record] = {}

    def clear(self) -> None:
        """Remove all records."""
        with self._lock:
            self._records.clear()

    def all(self) -> list[Record]:
        """All records, oldest first."""
        with self._lock:
            return list(self._records.values())

    def get(self, record_id: str) -> Record | None:
        """The record with this ID, or None."""
        with self._lock:
            return self._records.get(record_id)

    def put(self, record_id: str, record: Record) -> None:
        """Add a record, or replace the one with this ID."""
        with self._lock:
            self._records[record_id] = record

    def change(self, record_id: str, how: Callable[[Record], Record]) -> Record | None:
        """Replace a record by `how(record)`, atomically. Returns the new one, or None for an unknown ID."""
        with self._lock:
            record = self.get(record_id)
            if record is None:
                return None
            changed = how(record)
            self._records[record_id] = changed
            return changed

    def remove(self, record_id: str) -> Record | None:
        """Remove a record and return it, or None for an unknown ID."""
        with self._lock:
            return self._records.pop(record_id, None)


def random_text(length: int) -> str:
    """Random letters and digits, of which Auth0 makes its IDs and secrets."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
