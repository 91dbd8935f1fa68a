"""Tables of API objects that are kept as JSON, in the shape that the API returns."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

# Any: a JSON object of the API. The contract tests compare its fields with the SDK's types.
Document = dict[str, Any]


class Documents:
    """The objects of one kind by position; 0 is the oldest. The state's lock guards them.

    `indexed` names the fields that lists filter by.
    """

    def __init__(self, *indexed: str) -> None:
        self._rows: list[Document] = []
        self._positions: dict[str, int] = {}
        self._indexed = indexed
        self._index: defaultdict[tuple[str, str], set[int]] = defaultdict(set)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, document: Document) -> None:
        """Append a new object."""
        self._positions[document["id"]] = len(self._rows)
        self._rows.append(document)
        self._note(document)

    def change(self, document: Document, **changes: object) -> Document:
        """Change fields of an object in the table. Returns the old values of the fields that changed."""
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
        """In ascending order, every position that has or once had this value in an indexed field."""
        return sorted(self._index.get((field, value), ()))

    def newest(self) -> Iterable[Document]:
        """All objects, newest first."""
        return reversed(self._rows)

    def at(self, position: int) -> Document:
        """The object at a position."""
        return self._rows[position]

    def position_of(self, id: str) -> int | None:
        """The position of the object with this ID, or None."""
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
