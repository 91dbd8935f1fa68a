"""Tables of objects in order of creation, for the API's paged lists."""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Row(Protocol):
    """The fields that a table needs of its objects."""

    @property
    def id(self) -> str:
        """The object's ID."""

    @property
    def created(self) -> int:
        """The time of creation in Unix seconds."""

    @property
    def deleted(self) -> bool:
        """Whether it was deleted. It keeps its position, because a cursor may name it."""


_Row = TypeVar("_Row", bound=Row)


class RowTable(Generic[_Row]):
    """Objects by position; 0 is the oldest. Not thread-safe by itself: the state's lock guards it."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._positions: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[_Row]:
        """The rows that are not deleted, oldest first."""
        return (row for row in self._rows if not row.deleted)

    def add(self, row: _Row) -> None:
        """Append a new row."""
        self._positions[row.id] = len(self._rows)
        self._rows.append(row)

    def change(self, row: _Row) -> None:
        """Replace the row with the same ID. Raises KeyError."""
        self._rows[self._positions[row.id]] = row

    def get(self, id: str) -> _Row | None:
        """The row with this ID, or None when it is unknown or deleted."""
        position = self._positions.get(id)
        row = None if position is None else self._rows[position]
        return None if row is None or row.deleted else row

    def position_of(self, id: str) -> int | None:
        """The position of the row with this ID, deleted or not; None when it is unknown."""
        return self._positions.get(id)

    def at(self, position: int) -> _Row:
        """The row at a position."""
        return self._rows[position]

    def created_at(self, position: int) -> int:
        """When the row at a position was created, in Unix seconds. It never decreases with the position."""
        return self._rows[position].created
