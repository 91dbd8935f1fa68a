"""Paged lists with cursors, newest first. Source: https://docs.stripe.com/api/pagination"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Protocol, TypeVar, cast

from webstore.sandbox.stripe import params
from webstore.sandbox.stripe.errors import StripeError, no_such

_Row_co = TypeVar("_Row_co", covariant=True)
_Row = TypeVar("_Row")

# The parameters of every list: https://docs.stripe.com/api/pagination
LIST_PARAMS: params.Schema = {
    "limit": params.integer(1, 100),
    "starting_after": params.text(),
    "ending_before": params.text(),
    "created": params.either(
        params.integer(), params.fields({name: params.integer() for name in ("gt", "gte", "lt", "lte")})
    ),
}


class Table(Protocol[_Row_co]):
    """Rows by position, in order of creation."""

    def __len__(self) -> int: ...

    def at(self, position: int) -> _Row_co:
        """The row at a position."""

    def position_of(self, id: str) -> int | None:
        """The position of the row with this ID, or None."""

    def created_at(self, position: int) -> int:
        """When the row at a position was created, in Unix seconds."""


def list_page(
    table: Table[_Row],
    given: Mapping[str, object],
    *,
    url: str,
    kind: str,
    keep: Callable[[_Row], bool],
    show: Callable[[_Row], Mapping[str, object]],
    candidates: Sequence[int] | None = None,
) -> dict[str, object]:
    """One page of the rows for which `keep` is true, each converted by `show`.

    `candidates` are the positions to consider, in ascending order (None: all). `kind` names the objects
    in error messages. Raises StripeError for a cursor that is not the ID of an object.
    """
    positions: Sequence[int] = range(len(table)) if candidates is None else candidates
    low, high = _created_span(table, given.get("created"))
    after = _cursor(table, given, "starting_after", kind)
    before = _cursor(table, given, "ending_before", kind)
    if after is not None and before is not None:
        raise StripeError(
            400, "Received both starting_after and ending_before parameters. Please pass in only one."
        )
    high = min(high, after) if after is not None else high
    low = max(low, before + 1) if before is not None else low
    chosen = positions[bisect_left(positions, low) : bisect_left(positions, high)]
    limit = cast(int, given.get("limit", 10))
    walk: Iterable[int] = chosen if before is not None else reversed(chosen)
    found = list(islice((row for row in map(table.at, walk) if keep(row)), limit + 1))
    page = found[:limit]
    if before is not None:
        page.reverse()
    return {
        "object": "list",
        "data": [show(row) for row in page],
        "has_more": len(found) > limit,
        "url": url,
    }


def _cursor(table: Table[_Row], given: Mapping[str, object], name: str, kind: str) -> int | None:
    id = given.get(name)
    if id is None:
        return None
    position = table.position_of(str(id))
    if position is None:
        raise no_such(kind, str(id), param=name, status=400)
    return position


def _created_span(table: Table[_Row], created: object) -> tuple[int, int]:
    """The range of the rows created in an interval: the first position, and the one after the last."""
    everything = range(len(table))
    if isinstance(created, int):
        created = {"gte": created, "lte": created}
    low, high = 0, len(table)
    for name, moment in cast(Mapping[str, int], created or {}).items():
        if name in ("gte", "gt"):
            cut = bisect_left if name == "gte" else bisect_right
            low = max(low, cut(everything, moment, key=table.created_at))
        else:
            cut = bisect_left if name == "lt" else bisect_right
            high = min(high, cut(everything, moment, key=table.created_at))
    return low, high
