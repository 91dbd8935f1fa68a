"""Shows what the linking protocol would do for a user, without doing it.

The protocol's calls are made one after the other, up to the first one that would write something.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from webstore.errors import WebstoreError

from .calls import Call, CreateCustomer, NoteFailure, RecordLink, UpdateCustomer
from .models import LinkOutcome
from .protocol import Steps, advance

#: The calls that write something at a vendor.
WRITES: tuple[type[Call[Any]], ...] = (CreateCustomer, UpdateCustomer, RecordLink, NoteFailure)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that was made, and its answer: what the vendor gave, or the error."""

    call: Call[Any]
    answer: object


@dataclass(frozen=True, slots=True)
class Explanation:
    """The calls that were made, and how it went on: with a write, or to the end without one."""

    asked: tuple[Asked, ...]
    #: The first call that would write something. It was not made, so what would follow is not known.
    write: Call[Any] | None = None
    outcome: LinkOutcome | None = None


def until_write(
    steps: Steps[LinkOutcome], writes: tuple[type[Call[Any]], ...] = WRITES
) -> Steps[Explanation]:
    """The same steps, which end before the first call that would write something.

    `writes`: before which calls they end; others are made.
    """
    asked: list[Asked] = []
    following: Call[Any] | LinkOutcome = next(steps)
    while isinstance(following, Call):
        call = following
        if isinstance(call, writes):
            steps.close()
            return Explanation(tuple(asked), write=call)
        try:
            answer: object = yield call
        except WebstoreError as exc:
            answer = exc
        asked.append(Asked(call, answer))
        following = advance(steps, call, _given(answer))
    return Explanation(tuple(asked), outcome=following)


def _given(answer: object) -> Any:
    """Gives the answer to any call, or raises it if it is an error."""

    def give(_call: Call[Any]) -> object:
        if isinstance(answer, WebstoreError):
            raise answer
        return answer

    return give
