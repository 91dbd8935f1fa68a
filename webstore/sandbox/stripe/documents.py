"""Objects kept as the JSON that the API answers, for the resources whose fields are mostly given."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

# Any: an object of the API, whose fields its builder gives; the contract tests hold it to the SDK's types.
Document = dict[str, Any]


class Documents:
    """The objects of one kind by position, 0 the oldest. The state's lock guards it.

    `indexed` are the fields by which lists are filtered.
    """

    def __init__(self, *indexed: str) -> None:
        self._rows: list[Document] = []
        self._positions: dict[str, int] = {}
        self._indexed = indexed
        self._index: defaultdict[tuple[str, str], set[int]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, document: Document) -> None:
        """Put a new object at the end."""
        self._positions[document["id"]] = len(self._rows)
        self._rows.append(document)
        self._note(document)

    def change(self, document: Document, **changes: object) -> Document:
        """Change fields of an object that is in here; gives the old values of those that differ."""
        previous = {
            name: document.get(name) for name, value in changes.items() if document.get(name) != value
        }
        document.update(changes)
        self._note(document)
        return previous

    def get(self, id: str) -> Document | None:
        """The object with this ID, or None."""
        position = self._positions.get(id)
        return None if position is None else self._rows[position]

    def having(self, field: str, value: str) -> list[Document]:
        """The objects with this value in an indexed field, oldest first."""
        rows = (self._rows[position] for position in self.candidates(field, value))
        return [row for row in rows if row.get(field) == value]

    def candidates(self, field: str, value: str) -> list[int]:
        """In order, every position that has or had this value in an indexed field."""
        return sorted(self._index.get((field, value), ()))

    def newest(self) -> Iterable[Document]:
        """All objects, newest first."""
        return reversed(self._rows)

    def at(self, position: int) -> Document:
        """The object at a position."""
        return self._rows[position]

    def position_of(self, id: str) -> int | None:
        """Where the object with this ID is."""
        return self._positions.get(id)

    def created_at(self, position: int) -> int:
        """When the object at a position was created, in Unix seconds."""
        return int(self._rows[position]["created"])

    def _note(self, document: Document) -> None:
        position = self._positions[document["id"]]
        for field in self._indexed:
            value = document.get(field)
            if isinstance(value, str):
                self._index[field, value].add(position)
