"""A table of objects in order of creation, as lists page through them."""

from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Row(Protocol):
    """What a table needs of the objects in it."""

    @property
    def id(self) -> str:
        """The object's ID."""

    @property
    def created(self) -> int:
        """When it was created, in Unix seconds."""

    @property
    def deleted(self) -> bool:
        """Whether it is gone; it keeps its place, because a cursor may name it."""


_Row = TypeVar("_Row", bound=Row)


class RowTable(Generic[_Row]):
    """Objects by position, 0 the oldest. Not safe for threads by itself: the state's lock guards it."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._positions: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[_Row]:
        """The living rows, oldest first."""
        return (row for row in self._rows if not row.deleted)

    def add(self, row: _Row) -> None:
        """Put a new row at the end."""
        self._positions[row.id] = len(self._rows)
        self._rows.append(row)

    def change(self, row: _Row) -> None:
        """Put a row's new state in the place of its old one. Raises KeyError."""
        self._rows[self._positions[row.id]] = row

    def get(self, id: str) -> _Row | None:
        """The living row with this ID, or None."""
        position = self._positions.get(id)
        row = None if position is None else self._rows[position]
        return None if row is None or row.deleted else row

    def position_of(self, id: str) -> int | None:
        """Where the row with this ID is, deleted or not."""
        return self._positions.get(id)

    def at(self, position: int) -> _Row:
        """The row at a position."""
        return self._rows[position]

    def created_at(self, position: int) -> int:
        """When the row at a position was created; never less than at the position before."""
        return self._rows[position].created
